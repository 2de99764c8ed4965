"""Connections that stand for all those that a rule could decide.

Policies that select a pod cannot tell two peers apart when every selector in them matches both or
neither, nor two ports between which no rule begins or ends. One of each kind is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from netpol.graph import Connection
from netpol.lint.case import Case
from netpol.lint.finding import Direction, RuleAt
from netpol.lint.stand_ins import is_stranger
from netpol.net import PORT_PROTOCOLS, PortSet
from netpol.peers import Peer, Workload, label
from netpol.policy import Selector

__all__ = ["Candidates", "pieces"]

_Key: TypeAlias = tuple[tuple[int, ...], PortSet | None, frozenset[int]]
"""(policies that select a pod, what their port names mean at it, their conditions that it meets)"""


def pieces(ports: PortSet, cuts: Iterable[PortSet]) -> Iterator[tuple[str, int]]:
    """(protocol, number): one for each part of ``ports`` between the edges of ``cuts``."""
    edges: dict[str, set[int]] = {}
    for cut in cuts:
        for protocol, low, high in cut:
            edges.setdefault(protocol, set()).update((low, high + 1))
    for protocol, low, high in ports:
        # Port 0 is in sets, never on the wire.
        first = max(low, 1) if protocol in PORT_PROTOCOLS else low
        if first <= high:
            inner = {edge for edge in edges.get(protocol, ()) if first < edge <= high}
            yield from ((protocol, number) for number in sorted({first, *inner}))


@dataclass(frozen=True, slots=True)
class _Group:
    """Pods that the same policies select, and what these tell apart."""

    subject: Workload
    policies: tuple[int, ...]
    rules: tuple[RuleAt, ...]
    peers: tuple[tuple[Peer, frozenset[int]], ...]
    """One peer of each kind, with the numbers of the selectors that match it."""


@dataclass(frozen=True)
class Candidates:
    """The candidates of one direction."""

    case: Case
    direction: Direction
    _groups: dict[_Key, _Group] = field(default_factory=dict)

    def of(self, at: RuleAt) -> Iterator[Connection]:
        """Those that the rule matches: peers and ports as far as something tells them apart."""
        for group in self.groups(at):
            for peer, signature in group.peers:
                if self._matches(at, signature):
                    yield from self._connections(at, group, peer)

    def neighbours(self, at: RuleAt) -> frozenset[int]:
        """The places of the policies that select some pod for which the rule is."""
        return frozenset(place for group in self.groups(at) for place in group.policies)

    def groups(self, at: RuleAt) -> list[_Group]:
        """The groups of pods that the rule is for."""
        found = {self._key(pod): pod for pod in sorted(self._subjects(at), reverse=True)}
        return [self._group(key, pod) for key, pod in sorted(found.items(), key=lambda kv: kv[1])]

    def _subjects(self, at: RuleAt) -> set[Workload]:
        found = set(self._pods(at.policy.subject))
        return found if at.rule.subject is None else found & self._pods(at.rule.subject)

    def _pods(self, selector: Selector) -> set[Workload]:
        """Strangers too: a rule may be for pods that are not there yet."""
        found = {one for one in self.case.matched[selector] if isinstance(one, Workload)}
        return found - self.case.on_host - self.case.doubtful(self.direction)

    @cached_property
    def _selected(self) -> dict[Peer, frozenset[int]]:
        """For each endpoint the numbers of the selectors that match it."""
        found: dict[Peer, set[int]] = {one: set() for one in self._endpoints}
        for number, selector in enumerate(self.case.selectors):
            for one in self.case.matched[selector]:
                if one in found:
                    found[one].add(number)
        return {one: frozenset(numbers) for one, numbers in found.items()}

    @cached_property
    def _endpoints(self) -> list[Peer]:
        """Strangers last: a pod that is there is the better example.

        A pod's own node is let in whatever the rules say, so they cannot be judged by it.
        """
        pods = [one for one in self.case.known.workloads if one not in self.case.on_host]
        outer = (
            one.peer
            for one in self.case.world.outside
            if self.direction == "egress" or "host" not in one.entities
        )
        return [*sorted(pods, key=is_stranger), *outer]

    @cached_property
    def _numbers(self) -> dict[Selector, int]:
        return {selector: number for number, selector in enumerate(self.case.selectors)}

    @cached_property
    def _by_policy(self) -> dict[int, list[RuleAt]]:
        found: dict[int, list[RuleAt]] = {}
        for at in self.case.rules:
            if at.direction == self.direction:
                found.setdefault(at.index, []).append(at)
        return found

    @cached_property
    def _chosen(self) -> dict[Workload, list[int]]:
        found: dict[Workload, list[int]] = {}
        for place, policy in enumerate(self.case.policies.policies):
            if policy.rules(self.direction) is not None:
                for pod in self._pods(policy.subject):
                    found.setdefault(pod, []).append(place)
        return found

    def _key(self, pod: Workload) -> _Key:
        """What makes two pods the same to the policies that select them."""
        policies = tuple(self._chosen.get(pod, ()))
        rules = [at for place in policies for at in self._by_policy.get(place, ())]
        own = {self._numbers[at.rule.subject] for at in rules if at.rule.subject is not None}
        return policies, self._named(pod, rules, "ingress"), self._selected[pod] & own

    def _group(self, key: _Key, pod: Workload) -> _Group:
        if key not in self._groups:
            rules = tuple(at for place in key[0] for at in self._by_policy.get(place, ()))
            numbers = frozenset(self._numbers[s] for at in rules for s in _selectors(at))
            self._groups[key] = _Group(pod, key[0], rules, self._kinds(numbers, rules))
        return self._groups[key]

    def _kinds(
        self, numbers: frozenset[int], rules: Iterable[RuleAt]
    ) -> tuple[tuple[Peer, frozenset[int]], ...]:
        found: dict[object, tuple[Peer, frozenset[int]]] = {}
        for one in self._endpoints:
            signature = self._selected[one] & numbers
            found.setdefault((signature, self._named(one, rules, "egress")), (one, signature))
        return tuple(sorted(found.values(), key=lambda pair: _order(pair[0])))

    def _named(self, one: Peer, rules: Iterable[RuleAt], direction: str) -> PortSet | None:
        """What the rules' port names mean at a server."""
        if self.direction != direction or not isinstance(one, Workload):
            return None
        names = {name for at in rules for name in at.rule.named_ports}
        return self.case.resolved(names, one) if names else None

    def _matches(self, at: RuleAt, signature: frozenset[int]) -> bool:
        named = at.rule.peers is None or any(self._numbers[s] in signature for s in at.rule.peers)
        return named and not any(self._numbers[s] in signature for s in at.rule.without)

    def _connections(self, at: RuleAt, group: _Group, peer: Peer) -> Iterator[Connection]:
        ends: tuple[Peer, Peer] = (group.subject, peer)
        client, server = ends if self.direction == "egress" else ends[::-1]
        cuts, ports = [one.rule.ports for one in group.rules], at.rule.ports
        if isinstance(server, Workload):
            names = {name for one in group.rules for name in one.rule.named_ports}
            cuts += self.case.resolved(names, server).split()
            ports |= self.case.resolved(at.rule.named_ports, server)
        for protocol, port in pieces(ports, cuts):
            if self.case.profile.icmp or protocol in PORT_PROTOCOLS:
                yield Connection(client, server, protocol, port)


def _selectors(at: RuleAt) -> Iterator[Selector]:
    yield from at.rule.peers or ()
    yield from at.rule.without


def _order(peer: Peer) -> tuple[bool, str]:
    return isinstance(peer, Workload) and is_stranger(peer), label(peer)

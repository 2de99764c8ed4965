"""Everything that a finding may look at; what several of them need is computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, TypeAlias

from netpol.evaluate import Judge
from netpol.inventory import Inventory, Pod
from netpol.lint.finding import DIRECTIONS, Direction, RuleAt
from netpol.lint.stand_ins import is_stranger, parties, stand_ins
from netpol.lint.who import who
from netpol.manifests import Document
from netpol.net import PortSet
from netpol.peers import ENTITIES, Peer, Workload, label
from netpol.policy import CidrSelector, FqdnSelector, PodSelector, Policy, PolicySet, Selector
from netpol.profile import Profile
from netpol.world import Outside, World, world

__all__ = ["Case", "Read", "listed"]

_MOST: Final = 2_000
"""Combinations of blocks with names and entities; some hundred blocks beside rules that deny."""

Read: TypeAlias = Callable[[Iterable[Document]], PolicySet]
"""How documents become policies; what is wrong with them has been told elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Policies, the documents they were read from, the cluster and the engine."""

    policies: PolicySet
    documents: tuple[Document, ...]
    inventory: Inventory
    profile: Profile
    read: Read

    @cached_property
    def rules(self) -> tuple[RuleAt, ...]:
        """Every rule of every policy."""
        return tuple(
            RuleAt(index=index, policy=policy, direction=direction, place=place, rule=rule)
            for index, policy in enumerate(self.policies.policies)
            for direction in DIRECTIONS
            for place, rule in enumerate(policy.rules(direction) or ())
        )

    @cached_property
    def selectors(self) -> tuple[Selector, ...]:
        """Every selector that some policy, rule or undecided object uses."""
        subjects = [one.subject for one in self.policies.policies]
        subjects += [one.subject for one in self.policies.undecided]
        subjects += [at.rule.subject for at in self.rules if at.rule.subject is not None]
        peers = (one for at in self.rules for one in (*(at.rule.peers or ()), *at.rule.without))
        places = (one for at in self.rules for one in at.rule.at or ())
        return tuple(dict.fromkeys([*subjects, *peers, *places]))

    @cached_property
    def known(self) -> Inventory:
        """The inventory by stand-ins."""
        blocks = [one for one in self.selectors if isinstance(one, CidrSelector)]
        return stand_ins(self.inventory, blocks if self.profile.cidr_matches_pods else ())

    @cached_property
    def world(self) -> World:
        """The stand-ins and the parties that the policies can tell apart."""
        return world(self.known, self.parties)

    @cached_property
    def parties(self) -> list[Outside]:
        """Everybody outside whom some rule can tell from others, as far as :attr:`complete`."""
        return parties(self.selectors, crossed=self.complete and not self._only_allows)

    @cached_property
    def complete(self) -> bool:
        """Whether :attr:`parties` has every combination that the rules can tell apart.

        Where some rule denies, there may be too many for that.
        """
        blocks = sum(isinstance(one, CidrSelector) for one in self.selectors)
        others = sum(isinstance(one, FqdnSelector) for one in self.selectors) + len(ENTITIES)
        return self._only_allows or blocks * others <= _MOST

    @cached_property
    def _only_allows(self) -> bool:
        return all(at.rule.action == "allow" for at in self.rules)

    @cached_property
    def judge(self) -> Judge:
        """What the policies that were understood say."""
        return Judge(
            policies=replace(self.policies, undecided=()), world=self.world, profile=self.profile
        )

    @cached_property
    def matched(self) -> dict[Selector, frozenset[Peer]]:
        """For each selector whom it matches: stand-ins (strangers too) and parties.

        hostNetwork pods are matched as if they were pods; see :meth:`pods` and :meth:`hosted`.
        """
        pods = {key: replace(pod, host_network=False) for key, pod in self.known.pods.items()}
        inventory = replace(self.known, pods=pods)
        return who(self.selectors, inventory, self.parties, self.profile)

    @cached_property
    def on_host(self) -> frozenset[Workload]:
        """The stand-ins of hostNetwork pods, which no engine takes for pods."""
        return self.world.on_host

    def pods(self, selector: Selector) -> frozenset[Workload]:
        """The pods (stand-ins) of the inventory that a selector matches."""
        return frozenset(self._present(selector) - self.on_host)

    def hosted(self, selector: Selector) -> frozenset[Workload]:
        """The hostNetwork pods whose labels a selector meets, in vain."""
        return frozenset(self._present(selector) & self.on_host)

    def _present(self, selector: Selector) -> set[Workload]:
        found = (one for one in self.matched[selector] if isinstance(one, Workload))
        return {one for one in found if not is_stranger(one)}

    def subjects(self, at: RuleAt) -> frozenset[Workload]:
        """The pods that a rule is for."""
        found = self.pods(at.policy.subject)
        return found if at.rule.subject is None else found & self.pods(at.rule.subject)

    def servers(self, at: RuleAt) -> frozenset[Workload]:
        """The pods at whose ports a rule is aimed."""
        if at.direction == "ingress":
            return self.subjects(at)
        if at.rule.peers is None:
            return self.everyone
        return frozenset(pod for one in at.rule.peers for pod in self.pods(one))

    @cached_property
    def everyone(self) -> frozenset[Workload]:
        """The pods of the inventory but those on the host's network."""
        return frozenset(one for one in self.known.workloads if not is_stranger(one)) - self.on_host

    @cached_property
    def selecting(self) -> dict[Workload, tuple[Policy, ...]]:
        """For each pod the policies whose subject it is."""
        found: dict[Workload, list[Policy]] = {one: [] for one in self.everyone}
        for policy in self.policies.policies:
            for pod in self.pods(policy.subject):
                found[pod].append(policy)
        return {pod: tuple(policies) for pod, policies in found.items()}

    def doubtful(self, direction: Direction) -> frozenset[Workload]:
        """The pods about which a policy that was not understood may have a say."""
        unclear = [one.subject for one in self.policies.undecided if direction in one.directions]
        unsure = (at for at in self.rules if at.rule.unsure and at.direction == direction)
        unclear += [at.policy.subject for at in unsure]
        return frozenset(pod for one in unclear for pod in self.pods(one))

    def some(self, one: Workload) -> Pod:
        """One of the pods behind a stand-in."""
        return self.known.workloads[one][0]

    def names(self, stand_ins: Iterable[Workload]) -> str:
        """The workloads behind stand-ins, as a person reads them."""
        pods = (pod for one in stand_ins for pod in self.known.workloads[one])
        return listed({label(self.inventory.pods[p.namespace, p.name].workload) for p in pods})

    def resolved(self, names: Iterable[tuple[str, str]], server: Workload) -> PortSet:
        """The ports that a server's pods declare under these (protocol, name)s."""
        wanted = frozenset(names)
        ports = (p for p in self.some(server).ports if (p.protocol, p.name) in wanted)
        return PortSet.union(PortSet.of(p.protocol, p.port) for p in ports)

    def peer_selectors(self) -> Iterator[tuple[RuleAt, PodSelector]]:
        """Every rule with each selector of pods among its peers."""
        for at in self.rules:
            for one in at.rule.peers or ():
                if isinstance(one, PodSelector):
                    yield at, one


def listed(names: Iterable[str], most: int = 3) -> str:
    """``a, b, c and 2 more``, sorted."""
    every = sorted(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more

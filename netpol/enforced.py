"""A policy set as a CNI acts upon it: what it adds by itself, and what it does not understand.

Policies stay in their places, and so do their rules; what the CNI adds comes after them, as
policies of its own, so that a verdict can name it. What a profile says of labels and addresses is
not in here: :mod:`netpol.evaluate` looks at that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from netpol.families import families
from netpol.inventory import Inventory, Pod
from netpol.net import ALL_PORTS, NO_PORTS, PortSet, contains, host_cidr, network
from netpol.policy import (
    DENY_TIER,
    CidrSelector,
    EntitySelector,
    PodSelector,
    Policy,
    PolicySet,
    Rule,
    Selector,
)
from netpol.profile import Profile
from netpol.virtual import opened, picks

__all__ = ["as_enforced"]


def as_enforced(policies: PolicySet, profile: Profile, inventory: Inventory) -> PolicySet:
    """What ``profile`` makes of ``policies`` in a cluster."""
    if not profile.enforces:
        return replace(policies, policies=(), undecided=())
    reading = _Reading(profile=profile, inventory=inventory)
    read = tuple(reading.policy(one) for one in policies.policies)
    return replace(policies, policies=(*read, *reading.added(policies.policies)))


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """One policy set on its way into a CNI."""

    profile: Profile
    inventory: Inventory

    def policy(self, one: Policy) -> Policy:
        """The policy, with what is understood of its rules."""
        ingress, egress = (
            None if rules is None else tuple(self._rule(rule, one, direction) for rule in rules)
            for direction, rules in (("ingress", one.ingress), ("egress", one.egress))
        )
        return replace(one, ingress=ingress, egress=egress)

    def _rule(self, rule: Rule, policy: Policy, direction: str) -> Rule:
        ports = rule.ports
        if not self.profile.end_port:
            ports = PortSet.union(_first(*one) for one in ports)
        if self.profile.sctp == "no" and ports != ALL_PORTS:
            ports -= PortSet.of("SCTP")
        if self._falls_open(rule, policy, direction):
            ports = ALL_PORTS
        names = () if self.profile.named_ports == "no" else rule.named_ports
        return replace(rule, ports=ports, named_ports=names, peers=self._peers(rule.peers))

    def _peers(self, peers: tuple[Selector, ...] | None) -> tuple[Selector, ...] | None:
        """Without blocks of a family that the cluster has not."""
        if peers is None or not self.profile.one_family:
            return peers
        return tuple(
            one
            for one in peers
            if not isinstance(one, CidrSelector) or network(one.cidr).version in self._families
        )

    @cached_property
    def _families(self) -> frozenset[int]:
        return families(self.inventory)

    def _falls_open(self, rule: Rule, policy: Policy, direction: str) -> bool:
        """Only names, none of which is on any pod concerned, and some pod as a peer."""
        if self.profile.named_ports != "open when unresolved" or rule.ports != NO_PORTS:
            return False
        pods = [one for one in rule.peers or () if isinstance(one, PodSelector)]
        servers = [policy.subject] if direction == "ingress" else pods
        names = set(rule.named_ports)
        found = (pod for pod in self.inventory.pods.values() if self._any(pod, servers))
        return bool(pods and names) and not any(
            (port.protocol, port.name) in names for pod in found for port in pod.ports
        )

    def _any(self, pod: Pod, selectors: Iterable[PodSelector]) -> bool:
        return any(picks(one, pod.namespace, pod.labels, self.inventory) for one in selectors)

    def added(self, policies: Iterable[Policy]) -> Iterator[Policy]:
        """What the CNI allows or denies beside the rules."""
        policies = tuple(policies)
        opened = tuple(self._openings(policies))
        yield from opened
        if self.profile.excepts == "all rules":
            for one in policies:
                yield from self._leaks(one, (*policies, *opened))

    def _openings(self, policies: Iterable[Policy]) -> Iterator[Policy]:
        """The own node, and the addresses of Services."""
        if self.profile.pod_to_node:
            host = Rule(peers=(EntitySelector("host"),), ports=ALL_PORTS)
            yield self._own("own node", PodSelector(), egress=(host,))
        for one in policies:
            if self.profile.before_dnat and (rules := tuple(self._addresses(one))):
                added = self._own(f"Services of {one.name}", one.subject, egress=rules)
                yield replace(added, namespace=one.namespace)

    def _own(
        self,
        what: str,
        subject: PodSelector,
        *,
        ingress: tuple[Rule, ...] | None = None,
        egress: tuple[Rule, ...] | None = None,
    ) -> Policy:
        return Policy(
            name=f"{self.profile.name} ({what})",
            namespace="",
            subject=subject,
            ingress=ingress,
            egress=egress,
            isolates=False,
            origin=f"added by {self.profile.name}: {what}",
        )

    def _addresses(self, policy: Policy) -> Iterator[Rule]:
        """The Services that the pod peers of egress rules open."""
        for rule in policy.egress or ():
            for peer in rule.peers or ():
                if isinstance(peer, PodSelector):
                    for service, ports in opened(peer, rule.ports, self.inventory):
                        blocks = tuple(
                            CidrSelector(host_cidr(one)) for one in sorted(service.cluster_ips)
                        )
                        yield Rule(peers=blocks, ports=ports)

    def _leaks(self, policy: Policy, policies: Iterable[Policy]) -> Iterator[Policy]:
        """Every exception denies in all rules, but for narrower blocks and blocks that equal it."""
        policies = tuple(policies)
        ingress, egress = (_denials(policy, policies, d) for d in ("ingress", "egress"))
        if ingress or egress:
            what = f"exceptions of {policy.name}"
            own = self._own(what, policy.subject, ingress=ingress or None, egress=egress or None)
            yield replace(own, tier=DENY_TIER.name)


def _denials(policy: Policy, policies: Iterable[Policy], direction: str) -> tuple[Rule, ...]:
    """Denials of a policy's exceptions, after what is more to the point than they are.

    The longest prefix decides: pods that are peers, and blocks within an exception or equal to it,
    whichever policy of the same pods names them.
    """
    holes = sorted({hole for one in _cidrs(policy, direction) for hole in one.excluded})
    passes = [
        Rule(action="pass", peers=(peer,), ports=ALL_PORTS, subject=one.subject, without=without)
        for one in policies
        if one.namespace in ("", policy.namespace)
        for peer in _peers(one, direction)
        for without in _within(peer, holes)
    ]
    denials = (Rule(action="deny", peers=(CidrSelector(h),), ports=ALL_PORTS) for h in holes)
    return (*passes, *denials) if holes else ()


def _within(peer: Selector, holes: Iterable[str]) -> Iterator[tuple[Selector, ...]]:
    """Nothing for a peer to which exceptions apply; else what of it they apply to all the same."""
    match peer:
        case PodSelector() | EntitySelector():
            yield ()
        case CidrSelector(cidr, excluded) if any(contains(hole, cidr) for hole in holes):
            inner = (hole for hole in holes if hole != cidr and contains(cidr, hole))
            yield tuple(CidrSelector(one) for one in sorted({*excluded, *inner}))
        case _:
            pass


def _first(protocol: str, low: int, high: int) -> PortSet:
    """The first port of a range; a whole protocol is no range."""
    whole = PortSet.of(protocol)
    return whole if PortSet.of(protocol, low, high) == whole else PortSet.of(protocol, max(low, 1))


def _peers(policy: Policy, direction: str) -> Iterator[Selector]:
    return (one for rule in policy.rules(direction) or () for one in rule.peers or ())


def _cidrs(policy: Policy, direction: str) -> Iterator[CidrSelector]:
    return (one for one in _peers(policy, direction) if isinstance(one, CidrSelector))

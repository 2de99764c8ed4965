"""NP112: what an engine does not enforce: kinds, features, objects.

Sources: docs/semantics.md#calico-tiers (staged kinds),
docs/semantics.md#cilium-entities-and-blocks, docs/semantics.md#identity-labels,
docs/semantics.md#who-enforces-what.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, assert_never

from netpol.evaluate.identity import identity_relevant
from netpol.lint.case import Case
from netpol.lint.documents import objects
from netpol.lint.finding import Finding, RuleAt, about
from netpol.net import ALL_PORTS, ICMP_PROTOCOLS, NOT_INTERNET, contains
from netpol.policy import (
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Selector,
)

__all__ = ["not_enforced"]

_GROUPS: Final = frozenset(
    {
        "cilium.io",
        "crd.antrea.io",
        "crd.projectcalico.org",
        "k8s.ovn.org",
        "networking.gke.io",
        "networking.k8s.aws",
        "policy.networking.k8s.io",
        "projectcalico.org",
    }
)
"""API groups of policy kinds that only some engines enforce."""

_PLAIN: Final = ("Tier", "NetworkSet", "GlobalNetworkSet", "CiliumCIDRGroup", "HostEndpoint")
"""Kinds of these groups that policies refer to."""
_EVERYWHERE: Final = ("all", "cluster")


def not_enforced(case: Case) -> Iterator[Finding]:
    """Kinds first, then what single rules ask for in vain."""
    yield from _kinds(case)
    for policy in case.policies.policies:
        for key in _unseen(case, policy.subject):
            yield about(policy, "NP112", f"its subject: {_label(key)}")
    for at in case.rules:
        for what in dict.fromkeys(_features(case, at)):
            yield at.finding("NP112", what)


def _kinds(case: Case) -> Iterator[Finding]:
    engine = case.profile.title
    for one in objects(case.documents):
        policy = one.kind.endswith(("Policy", "EgressFirewall")) or one.kind in _PLAIN
        if one.kind.startswith("Staged") and one.group in _GROUPS:
            yield one.finding(
                "NP112", f"{one.kind} is shown in flow logs and never enforced; stage it no more"
            )
        elif policy and one.group in _GROUPS - case.profile.groups:
            yield one.finding(
                "NP112",
                f"{engine} does not enforce {one.kind} of {one.group}; write it in what {engine}"
                " reads",
            )


def _features(case: Case, at: RuleAt) -> Iterator[str]:
    profile, ports = case.profile, at.rule.ports
    if not profile.icmp and ports != ALL_PORTS and any(map(ports.ranges, ICMP_PROTOCOLS)):
        yield f"{profile.title} has no rules about ICMP; what happens to it is up to the engine"
    for one in (*(at.rule.peers or ()), *at.rule.without):
        yield from _peer(case, one)


def _peer(case: Case, one: Selector) -> Iterator[str]:
    profile = case.profile
    match one:
        case PodSelector():
            yield from map(_label, _unseen(case, one))
        case FqdnSelector(name):
            if not profile.fqdn:
                yield f"{profile.title} has no rules about DNS names; {name} needs address blocks"
        case EntitySelector(name):
            if name not in profile.entities and not (profile.entities and name in _EVERYWHERE):
                yield f"{profile.title} has no word for {name}; name its addresses"
        case CidrSelector(cidr):
            found = sorted(_nodes(case, cidr))
            if found and not profile.cidr_matches_nodes:
                yield (
                    f"{cidr} holds nodes ({', '.join(found[:2])}), which blocks never match under"
                    f" {profile.title}; name host or remote-node"
                )
        case unknown:
            assert_never(unknown)


def _nodes(case: Case, cidr: str) -> Iterable[str]:
    """The nodes in a block; a block that reaches into the internet does not mean them."""
    if not any(contains(block, cidr) for block in NOT_INTERNET):
        return []
    return (
        node.name
        for node in case.inventory.nodes.values()
        if any(contains(cidr, address) for address in node.addresses)
    )


def _unseen(case: Case, selector: PodSelector) -> Iterable[str]:
    """The label keys that the engine does not look at."""
    if not case.profile.identity_labels_only:
        return []
    custom = case.profile.identity_filter
    return (one.key for one in selector.pods if not identity_relevant(one.key, custom))


def _label(key: str) -> str:
    return (
        f"the label {key} is not among those that make a Cilium identity, so a selector never sees"
        " it; select by another label"
    )

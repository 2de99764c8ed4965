"""AdminNetworkPolicy, BaselineAdminNetworkPolicy (v1alpha1) and ClusterNetworkPolicy (v1alpha2).

Policies of the whole cluster from policy.networking.k8s.io: ordered rules that allow, deny or pass,
before the NetworkPolicies (tier Admin) or after them, for pods that none selects (tier Baseline).
They never isolate. Read only: netpol writes no such policies.

Refused is what the CRDs refuse (network-policy-api v0.1.8 and v0.2.0, experimental channel); what
they take and the comments of the API leave open is undecided.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from generators.admin_rules import FIRST, SECOND, Version, check_peers, pods, rule
from generators.generator import Reader
from generators.reading import PolicyObject, read
from netpol.fields import Field
from netpol.manifests import Document
from netpol.notices import Notice, Tell
from netpol.policy import DEFAULT_TIER, DENY_TIER, Policy, PolicySet, Rule, Tier, Undecided

__all__ = ["ADMIN", "ADMIN_TIER", "BASELINE_TIER", "parse"]

ADMIN_TIER: Final = Tier(1_000, "kube-admin", "pass")
BASELINE_TIER: Final = Tier(10_000_000, "kube-baseline", "pass")
"""Order and name of both tiers are those that Calico gives them."""

_GROUP: Final = "policy.networking.k8s.io"
_KINDS: Final = frozenset(
    {
        (f"{_GROUP}/v1alpha1", "AdminNetworkPolicy"),
        (f"{_GROUP}/v1alpha1", "BaselineAdminNetworkPolicy"),
        (f"{_GROUP}/v1alpha2", "ClusterNetworkPolicy"),
    }
)
_TIERS: Final = {"Admin": ADMIN_TIER, "Baseline": BASELINE_TIER}
_AFTER_ALL: Final = 1_001
"""The one policy without a priority, where there are ClusterNetworkPolicies beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a policy stands: its tier, and its priority there."""

    tier: Tier
    priority: int


def parse(documents: Iterable[Document], tell: Tell) -> PolicySet:
    """The policies among the documents, with the tiers that they are in."""
    found = read(
        documents,
        tell,
        _KINDS,
        lambda one: (_policy(one),),
        scope=_scope,
        cluster=frozenset(kind for _, kind in _KINDS),
    )
    _tell_of_ties(found, tell)
    return PolicySet(
        policies=found.policies,
        undecided=found.undecided,
        tiers=(ADMIN_TIER, DENY_TIER, DEFAULT_TIER, BASELINE_TIER),
    )


def _policy(one: PolicyObject) -> Policy:
    version, spec = _version(one), one.body["spec"]
    check_peers(one, spec)
    if one.kind == "BaselineAdminNetworkPolicy" and one.name != "default":
        one.body["metadata"]["name"].refuse("the only one there can be is called default")
    place = _place(one, spec)
    ingress, egress = (_rules(one, spec[name], version, name) for name in ("ingress", "egress"))
    return Policy(
        name=one.name,
        namespace="",
        subject=pods(spec["subject"]),
        ingress=ingress or None,
        egress=egress or None,
        tier=place.tier.name,
        order=place.priority,
        isolates=False,
        origin=one.origin,
    )


def _scope(one: PolicyObject) -> Undecided:
    spec = one.body["spec"]
    return Undecided(
        subject=pods(spec["subject"]),
        directions=tuple(name for name in ("ingress", "egress") if spec[name].given),
        tier=_place(one, spec).tier.name,
        reason="",
    )


def _version(one: PolicyObject) -> Version:
    return SECOND if one.kind == "ClusterNetworkPolicy" else FIRST


def _place(one: PolicyObject, spec: Field) -> _Place:
    if one.kind == "BaselineAdminNetworkPolicy":
        return _Place(tier=BASELINE_TIER, priority=_AFTER_ALL)
    priority = spec["priority"].whole(0, 1000)
    if one.kind == "AdminNetworkPolicy":
        return _Place(tier=ADMIN_TIER, priority=priority)
    return _Place(tier=_TIERS[spec["tier"].choice(tuple(_TIERS))], priority=priority)


def _rules(one: PolicyObject, field: Field, version: Version, direction: str) -> tuple[Rule, ...]:
    return tuple(rule(one, entry, version, direction) for entry in field.entries())


def _tell_of_ties(found: PolicySet, tell: Tell) -> None:
    """Policies of one priority are asked in an order that the API leaves open."""
    seen: dict[tuple[str, float, str], Policy] = {}
    for one in sorted(found.policies, key=lambda policy: policy.name):
        for direction in ("ingress", "egress"):
            if one.rules(direction) is None:
                continue
            other = seen.setdefault((one.tier, one.order, direction), one)
            if other is not one:
                message = (
                    f"{one.kind} {one.name} has the {direction} priority {one.order:.0f} of"
                    f" {other.name}: which of them is asked first is not defined; netpol asks"
                    f" {other.name} first"
                )
                tell(Notice(code="NP078", message=message, where=one.origin))


ADMIN: Final = Reader(
    name="admin",
    summary="AdminNetworkPolicy, BaselineAdminNetworkPolicy and ClusterNetworkPolicy of"
    " policy.networking.k8s.io, beside the policies of any dialect",
    kinds=_KINDS,
    parse=parse,
)

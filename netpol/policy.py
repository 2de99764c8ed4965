"""The vendor-neutral policy model: every dialect is read into it and written from it.

``PolicySet = policies in tiers``. A tier's policies that select an endpoint are asked in order;
the first rule that matches decides (allow or deny) or leaves the tier (pass). When none matches,
the tier's default applies — ``deny`` only if some selecting policy *isolates*. After the last tier:
allow.

============================  ====================================================================
Kubernetes NetworkPolicy      tier ``default``, order 1000, allow rules only, isolates
Calico NetworkPolicy          its tier and order; isolates
Cilium policy                 allow rules in tier ``default``; deny sections in tier
                              ``cilium-deny`` before it; ``isolates`` from enableDefaultDeny
default deny                  a policy that selects a namespace and has no rules: not a special case
============================  ====================================================================

Sources: Kubernetes API networking/v1, Calico "Policy" reference (tiers), Cilium "Policy
Enforcement" pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias, assert_never

from netpol.net import PortSet

__all__ = [
    "ANY",
    "DEFAULT_TIER",
    "DENY_TIER",
    "NAMESPACE",
    "OPPOSITE",
    "SERVICE_ACCOUNT",
    "Action",
    "CidrSelector",
    "EntitySelector",
    "FqdnSelector",
    "PodSelector",
    "Policy",
    "PolicySet",
    "Requirement",
    "Rule",
    "Selector",
    "Tier",
    "Undecided",
    "in_namespace",
    "normal",
    "turn",
]

NAMESPACE: Final = "kubernetes.io/metadata.name"
"""The label that the API server keeps on every namespace; each dialect's own way of naming a
namespace is read into a requirement on it."""

SERVICE_ACCOUNT: Final = "netpol/serviceaccount"
"""A label that every pod has in the model: the name of its ServiceAccount. Dialects that select by
service account are read into requirements on it; labels of the account itself are
``netpol/serviceaccount.<key>``."""

Operator: TypeAlias = Literal[
    "In",
    "NotIn",
    "Exists",
    "DoesNotExist",
    "Contains",
    "StartsWith",
    "EndsWith",
    "NotContains",
    "NotStartsWith",
    "NotEndsWith",
]


OPPOSITE: Final[Mapping[Operator, Operator]] = {
    "In": "NotIn",
    "NotIn": "In",
    "Exists": "DoesNotExist",
    "DoesNotExist": "Exists",
    "Contains": "NotContains",
    "NotContains": "Contains",
    "StartsWith": "NotStartsWith",
    "NotStartsWith": "StartsWith",
    "EndsWith": "NotEndsWith",
    "NotEndsWith": "EndsWith",
}
"""For each operator the one that holds exactly where it does not."""


@dataclass(frozen=True, slots=True, order=True)
class Requirement:
    """One condition on a label, with the truth table of metav1.LabelSelector.

    ``NotIn`` and ``DoesNotExist`` hold where the key is absent. ``values`` is sorted without
    duplicates; ``key: value`` is ``In`` with one value. ``Contains``, ``StartsWith`` and
    ``EndsWith`` (Calico) hold where the key is present and one of ``values`` is part of its value;
    ``NotContains``, ``NotStartsWith`` and ``NotEndsWith`` wherever those do not.
    """

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def holds(self, value: str | None) -> bool:
        """Whether it holds for what carries its key with this value; None: without that key."""
        match self.operator:
            case "In":
                return value in self.values
            case "Exists":
                return value is not None
            case "Contains":
                return value is not None and any(part in value for part in self.values)
            case "StartsWith":
                return value is not None and value.startswith(self.values)
            case "EndsWith":
                return value is not None and value.endswith(self.values)
            case (
                "NotIn" | "DoesNotExist" | "NotContains" | "NotStartsWith" | "NotEndsWith"
            ) as negated:
                return not replace(self, operator=OPPOSITE[negated]).holds(value)
            case unknown:
                assert_never(unknown)


@dataclass(frozen=True, slots=True, order=True)
class PodSelector:
    """Pods whose labels meet all of ``pods``, in namespaces that meet all of ``namespaces``.

    Both are sorted conjunctions; an empty one holds for everything. So ``PodSelector()`` is every
    pod of the cluster, and nothing but pods: never nodes, hostNetwork pods or outside addresses.
    """

    namespaces: tuple[Requirement, ...] = ()
    pods: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class CidrSelector:
    """Addresses in ``cidr`` and in none of ``excluded``; canonical text, excluded sorted."""

    cidr: str
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class FqdnSelector:
    """Addresses to which a DNS name (or a pattern with ``*``) resolves."""

    name: str


@dataclass(frozen=True, slots=True, order=True)
class EntitySelector:
    """One of ``netpol.peers.ENTITIES``, or Cilium's ``all``, ``cluster``."""

    name: str


Selector: TypeAlias = PodSelector | CidrSelector | FqdnSelector | EntitySelector
Action: TypeAlias = Literal["allow", "deny", "pass"]

ANY: Final = None
"""As ``Rule.peers``: no condition on the other side, everyone inside and outside the cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What happens to connections with these peers on these ports.

    ``peers`` is :data:`ANY` or a tuple of alternatives; the empty tuple matches nobody. Ports are
    those of the server's pod, in both directions. ``named_ports`` are (protocol, name) pairs that
    each server pod resolves by its own container ports; they add to ``ports``.
    """

    action: Action = "allow"
    peers: tuple[Selector, ...] | None
    ports: PortSet
    named_ports: tuple[tuple[str, str], ...] = ()
    without: tuple[Selector, ...] = ()
    """Peers that the rule does not match though ``peers`` does (Calico's notSelector, notNets)."""
    subject: PodSelector | None = None
    """The rule is for those of the policy's pods that this selects too (Calico: a condition on the
    policed side inside a rule); None: for all of them."""
    at: tuple[CidrSelector, ...] | None = None
    """The rule is for the policy's pods only where their own address is in one of these (Calico:
    nets on the policed side); None: wherever they are. A pod without a known address is nowhere."""
    unsure: str = ""
    """Why it is not known which of these connections the rule matches; empty: it matches all. What
    it could change is then undecided, and all else is as if the rule were not there."""
    dns: tuple[str, ...] = ()
    """Patterns of names that may be asked through this rule where the engine inspects DNS
    (Cilium); empty where it does not. Not part of what is allowed at L4."""
    entry: int = field(default=0, compare=False)
    """Which entry of its section it was read from, counted from 1, where entries are not rules one
    to one: one that only logs is none, others are several. 0: the place among the rules tells."""

    @property
    def simple(self) -> bool:
        """Whether peers and ports are all there is: no exceptions, conditions or doubts."""
        return not (self.without or self.subject or self.unsure) and self.at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules for the pods that ``subject`` selects, per direction.

    A direction that is ``None`` is not restricted by this policy; ``()`` allows nothing.
    ``isolates`` False: the rules add to what others say and trigger no default deny.
    """

    name: str
    namespace: str
    subject: PodSelector
    ingress: tuple[Rule, ...] | None = None
    egress: tuple[Rule, ...] | None = None
    tier: str = "default"
    order: float = 1000
    isolates: bool = True
    kind: str = ""
    """Kind of the object it was read from, ``NetworkPolicy`` …; for people, never part of equality
    of meaning."""
    origin: str = ""
    """Where it was read from (``file: document n, Kind ns/name``); never part of equality of
    meaning, see :func:`normal`."""

    def rules(self, direction: str) -> tuple[Rule, ...] | None:
        """The rules of ``"ingress"`` or ``"egress"``."""
        return self.ingress if direction == "ingress" else self.egress

    def number(self, direction: str, place: int) -> int:
        """What people call the rule at a place (from 0): its entry in the object, from 1."""
        here = (self.rules(direction) or ())[place : place + 1]
        return next((one.entry for one in here), 0) or place + 1


@dataclass(frozen=True, slots=True, order=True)
class Tier:
    """A layer of policies; lower ``order`` is asked first."""

    order: float
    name: str
    default: Literal["deny", "pass"] = "deny"


DEFAULT_TIER: Final = Tier(1_000_000, "default", "deny")
DENY_TIER: Final = Tier(999_999, "cilium-deny", "pass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """Something that was read but cannot be modelled: verdicts it could change are not known.

    It would apply to the pods of ``subject`` in ``directions``, from ``tier`` on.
    """

    subject: PodSelector
    directions: tuple[str, ...]
    tier: str
    reason: str
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet:
    """Policies and the tiers that they are in."""

    policies: tuple[Policy, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    """Policies that were left out, with the pods for which that matters."""
    tiers: tuple[Tier, ...] = (DENY_TIER, DEFAULT_TIER)

    @property
    def certain(self) -> bool:
        """Whether everything was understood, so that every verdict is known."""
        return not self.undecided and not any(
            rule.unsure
            for one in self.policies
            for rule in (*(one.ingress or ()), *(one.egress or ()))
        )


def turn(policy: Policy) -> tuple[float, str]:
    """By what the policies of one tier are sorted: order, then ``name/namespace`` as one text.

    That is Calico's tie-break since it tells policies apart by kind (releases from the end of 2025:
    ``name/namespace/kind``); before, it was the name alone. As one text ``web-a`` comes before
    ``web``, since ``-`` sorts before ``/``. What one object became (``name#2``) has one place.
    """
    return policy.order, f"{policy.name.partition('#')[0]}/{policy.namespace}/"


def in_namespace(name: str) -> tuple[Requirement, ...]:
    """The namespace requirements of "the namespace called ``name``"."""
    return (Requirement(NAMESPACE, "In", (name,)),)


def normal(policies: PolicySet) -> PolicySet:
    """One value for all ways to write the same allow rules: sorted, merged, without origins.

    Rules of a policy that only allows are re-cut: the union of ports per peer, peers with equal
    ports together. Rule lists that deny or pass keep their order. Tiers of which nothing is there
    are dropped. Two sets with equal normal forms mean the same; the reverse need not hold.
    """
    kept = sorted((_normal_policy(one) for one in policies.policies), key=_identity)
    used = {one.tier for one in kept} | {one.tier for one in policies.undecided}
    return PolicySet(
        policies=tuple(kept),
        undecided=policies.undecided,
        tiers=tuple(sorted(t for t in policies.tiers if t.name in used)),
    )


def _identity(policy: Policy) -> tuple[str, float, str, str]:
    return policy.tier, policy.order, policy.namespace, policy.name


def _normal_policy(policy: Policy) -> Policy:
    ingress, egress = (
        None if rules is None else _normal_rules(rules) for rules in (policy.ingress, policy.egress)
    )
    return replace(policy, ingress=ingress, egress=egress, kind="", origin="")


def _normal_rules(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    rules = tuple(rules)
    if any(rule.action != "allow" or not rule.simple for rule in rules):
        return rules
    ports: dict[tuple[Selector | None, tuple[str, ...]], PortSet] = {}
    named: dict[tuple[Selector | None, tuple[str, ...]], set[tuple[str, str]]] = {}
    for rule in rules:
        for peer in (None,) if rule.peers is None else rule.peers:
            key = (peer, rule.dns)
            ports[key] = ports.get(key, PortSet()) | rule.ports
            named.setdefault(key, set()).update(rule.named_ports)
    groups: dict[tuple[bool, PortSet, tuple[tuple[str, str], ...], tuple[str, ...]], list[Selector]]
    groups = {}
    for (peer, dns), allowed in ports.items():
        group = groups.setdefault(
            (peer is None, allowed, tuple(sorted(named[(peer, dns)])), dns), []
        )
        if peer is not None:
            group.append(peer)
    merged = [
        Rule(
            peers=None if anyone else tuple(sorted(peers, key=_selector_key)),
            ports=allowed,
            named_ports=names,
            dns=dns,
        )
        for (anyone, allowed, names, dns), peers in groups.items()
    ]
    return tuple(sorted(merged, key=_rule_key))


def _selector_key(selector: Selector) -> tuple[str, Selector]:
    return type(selector).__name__, selector


def _rule_key(rule: Rule) -> tuple[object, ...]:
    peers = () if rule.peers is None else tuple(_selector_key(peer) for peer in rule.peers)
    return rule.peers is not None, peers, rule.ports.parts, rule.named_ports, rule.dns

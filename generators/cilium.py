"""CiliumNetworkPolicy, cilium.io/v2.

An empty rule selects nobody and only switches isolation on: ``ingress: [{}]`` is default deny, the
opposite of Kubernetes. Deny sections are policies of the tier ``cilium-deny``, which is asked
first; the isolation that they cause is a policy of the tier ``default``. Sources: Cilium "Policy
Language" pages and ``pkg/policy/api/{rule,rule_validation}.go``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from generators.cilium_peers import endpoints, peers, written_peers
from generators.cilium_traffic import Traffic, traffic, written_traffic
from generators.generator import Dialect, Manifest, cannot_say, manifest, subject
from generators.reading import PolicyObject, numbered, only, read, undecided
from generators.selectors import label_selector
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.manifests import Document
from netpol.net import ALL_PORTS
from netpol.notices import Tell
from netpol.policy import (
    ANY,
    DEFAULT_TIER,
    DENY_TIER,
    Action,
    EntitySelector,
    PodSelector,
    Policy,
    PolicySet,
    Rule,
)
from netpol.profile import CILIUM as PROFILE

__all__ = ["CILIUM", "parse", "render"]

_VERSION: Final = "cilium.io/v2"
_KIND: Final = "CiliumNetworkPolicy"
_KINDS: Final = frozenset({(_VERSION, _KIND)})
_DIRECTIONS: Final = (("ingress", "from"), ("egress", "to"))
_SECTIONS: Final = ("ingress", "ingressDeny", "egress", "egressDeny")
_ACTIONS: Final[dict[str, Action]] = {DEFAULT_TIER.name: "allow", DENY_TIER.name: "deny"}


# Writing


def render(policies: PolicySet) -> tuple[Manifest, ...]:
    """One CiliumNetworkPolicy per policy. Raises NetpolError for what Cilium has no words for."""
    return tuple(manifest(one, _VERSION, _KIND, _written_spec(one)) for one in policies.policies)


def _written_spec(policy: Policy) -> dict[str, object]:
    if policy.tier not in _ACTIONS:
        raise cannot_say("cilium", policy, f"the tier {policy.tier}")
    denying = policy.tier == DENY_TIER.name
    spec: dict[str, object] = {"endpointSelector": label_selector(subject("cilium", policy))}
    restricted = [one for one in _DIRECTIONS if policy.rules(one[0]) is not None]
    if denying or not policy.isolates:
        # A deny section would isolate as well, which the neutral deny tier never means.
        spec["enableDefaultDeny"] = {direction: False for direction, _ in restricted}
    for direction, prefix in restricted:
        rules = [
            written
            for rule in policy.rules(direction) or ()
            for written in _written_rules(policy, rule, direction, prefix)
        ]
        spec[direction + ("Deny" if denying else "")] = rules or [{}]
    return spec


def _written_rules(
    policy: Policy, rule: Rule, direction: str, prefix: str
) -> Iterator[dict[str, object]]:
    if rule.action != _ACTIONS[policy.tier]:
        raise cannot_say("cilium", policy, f"the action {rule.action} in the tier {policy.tier}")
    # Without any member a rule would select nobody.
    everything = rule.peers is ANY and rule.ports == ALL_PORTS
    far = (EntitySelector("all"),) if everything else rule.peers
    wanted = Traffic(rule.ports, rule.named_ports, rule.dns)
    try:
        for member in written_peers(far, policy.namespace, prefix):
            for ports in written_traffic(wanted, direction):
                yield {**member, **ports}
    except NetpolError as error:
        error.where = error.where or f"{policy.namespace}/{policy.name}"
        raise


# Reading


def parse(documents: Iterable[Document], tell: Tell) -> PolicySet:
    """The CiliumNetworkPolicies among the documents."""
    return read(documents, tell, _KINDS, _policies)


def _policies(one: PolicyObject) -> tuple[Policy, ...]:
    specs = [one.body["spec"]] if one.body["spec"].present else []
    specs += one.body["specs"].entries()
    if not specs:
        one.body["spec"].refuse("either spec or specs is required")
    found = [policy for spec in specs for policy in _spec_policies(spec, one)]
    by_tier = ([policy for policy in found if policy.tier == tier] for tier in _ACTIONS)
    return tuple(policy for policies in by_tier for policy in numbered(policies))


@dataclass(frozen=True, slots=True)
class _Section:
    """One direction of a spec: its rules, None where there is no such section."""

    allow: tuple[Rule, ...] | None
    deny: tuple[Rule, ...] | None
    isolates: bool

    @property
    def default(self) -> tuple[Rule, ...] | None:
        """The rules in the tier ``default``: deny sections isolate, too."""
        return () if self.allow is None and self.deny is not None and self.isolates else self.allow


def _spec_policies(spec: Field, one: PolicyObject) -> Iterator[Policy]:
    extra = ("endpointSelector", "nodeSelector", "enableDefaultDeny", "labels", "description")
    only(spec, (*_SECTIONS, *extra, "log"))
    if spec["nodeSelector"].present:
        spec["nodeSelector"].refuse("only in a CiliumClusterwideNetworkPolicy")
    if not any(spec[name].given for name in _SECTIONS):
        spec.refuse(f"at least one of {', '.join(_SECTIONS)} must have a rule")
    only(spec["enableDefaultDeny"], ("ingress", "egress"))
    selected = endpoints(spec["endpointSelector"].need(), one.namespace, own=True)
    if not isinstance(selected, PodSelector):
        undecided(spec["endpointSelector"], "a subject that is no pod is not read")
    ingress, egress = (_section(spec, one, *direction) for direction in _DIRECTIONS)

    def policy(tier: str, isolates: bool, rules: Iterable[tuple[Rule, ...] | None]) -> Policy:
        incoming, outgoing = rules
        return Policy(
            name=one.name,
            namespace=one.namespace,
            subject=selected,
            ingress=incoming,
            egress=outgoing,
            tier=tier,
            isolates=isolates,
            origin=one.origin,
        )

    # A policy isolates in all its directions or in none, so a spec that differs becomes two.
    for isolates in (True, False):
        rules = [one.default if one.isolates is isolates else None for one in (ingress, egress)]
        if rules != [None, None]:
            yield policy(DEFAULT_TIER.name, isolates, rules)
    if ingress.deny is not None or egress.deny is not None:
        yield policy(DENY_TIER.name, False, (ingress.deny, egress.deny))


def _section(spec: Field, one: PolicyObject, direction: str, prefix: str) -> _Section:
    return _Section(
        allow=_listed(spec[direction], one, prefix, "allow"),
        deny=_listed(spec[f"{direction}Deny"], one, prefix, "deny"),
        isolates=spec["enableDefaultDeny"][direction].flag(True),
    )


def _listed(
    field: Field, one: PolicyObject, prefix: str, action: Action
) -> tuple[Rule, ...] | None:
    """The rules of a section; an empty list is no section."""
    if not field.given:
        return None
    return tuple(rule for entry in field.entries() for rule in _rules(entry, one, prefix, action))


def _rules(field: Field, one: PolicyObject, prefix: str, action: Action) -> Iterator[Rule]:
    """The neutral rules of one rule; none when it selects nobody."""
    deny = action == "deny"
    names = ("Endpoints", "CIDR", "CIDRSet", "Entities", "Requires", "FQDNs")
    only(field, (*(prefix + name for name in names), "toPorts", "icmps"))
    if field[f"{prefix}Requires"].given:
        undecided(field[f"{prefix}Requires"], "this field is not read")
    if field["toFQDNs"].present and (deny or prefix == "from"):
        field["toFQDNs"].refuse("only in an egress rule that allows")
    far = peers(field, one.namespace, prefix)
    wanted = traffic(field, one, egress=prefix == "to", deny=deny)
    members = [name for name, member in field.children() if member.given]
    if far == () or (far is ANY and not members):
        return
    for each in wanted:
        yield Rule(action=action, peers=far, ports=each.ports, named_ports=each.named, dns=each.dns)


CILIUM: Final = Dialect(
    name="cilium",
    summary="CiliumNetworkPolicy of cilium.io/v2, with DNS names, entities and ICMP",
    profile=PROFILE,
    kinds=_KINDS,
    render=render,
    parse=parse,
)

"""Calico NetworkPolicy, projectcalico.org/v3 (``crd.projectcalico.org/v1`` is read, too).

Sources: Calico "Network policy" reference; scoping of peer selectors from
``libcalico-go/lib/backend/syncersv1/updateprocessors/rules.go``. Tier ``default`` only: what a
policy of another tier does depends on that tier's order, and tiers are not read yet.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import Final

from generators.calico_selectors import Conjunction, alternatives, written
from generators.calico_traffic import traffic, written_traffic
from generators.generator import Dialect, Manifest, cannot_say, manifest, subject
from generators.reading import PolicyObject, block, excluding, numbered, only, read, undecided
from generators.selectors import positive
from netpol.fields import Field
from netpol.manifests import Document
from netpol.net import PortSet, network
from netpol.notices import Tell
from netpol.policy import (
    ANY,
    NAMESPACE,
    Action,
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Policy,
    PolicySet,
    Requirement,
    Rule,
    Selector,
    in_namespace,
)
from netpol.profile import CALICO as PROFILE

__all__ = ["CALICO", "parse", "render"]

_VERSION: Final = "projectcalico.org/v3"
_STORED: Final = "crd.projectcalico.org/v1"
_KINDS: Final = frozenset({(_VERSION, "NetworkPolicy"), (_STORED, "NetworkPolicy")})
_DIRECTIONS: Final = (("Ingress", "ingress", "source"), ("Egress", "egress", "destination"))
_ACTIONS: Final[dict[str, Action]] = {"Allow": "allow", "Deny": "deny", "Pass": "pass"}
_WRITTEN: Final = {action: name for name, action in _ACTIONS.items()}
_NAME: Final = "projectcalico.org/name"
_POD_NAMESPACE: Final = "projectcalico.org/namespace"
_ORCHESTRATOR: Final = "projectcalico.org/orchestrator"
_EVERYWHERE: Final = {4: "0.0.0.0/0", 6: "::/0"}
_MAX_RULES: Final = 1024
_MAX_NETS: Final = 256
_MAX_SELECTOR: Final = 1024


# Writing


def render(policies: PolicySet) -> tuple[Manifest, ...]:
    """One NetworkPolicy per policy. Raises NetpolError for what Calico has no words for."""
    return tuple(
        manifest(one, _VERSION, "NetworkPolicy", _written_spec(one)) for one in policies.policies
    )


def _written_spec(policy: Policy) -> dict[str, object]:
    if policy.tier != "default" or not policy.isolates:
        raise cannot_say("calico", policy, "a tier that it does not know, or not to isolate")
    spec: dict[str, object] = {"tier": policy.tier}
    if policy.order != math.inf:
        whole = policy.order == int(policy.order)
        spec["order"] = int(policy.order) if whole else policy.order
    spec["selector"] = _written_selector(policy, subject("calico", policy))
    spec["types"] = [
        kind for kind, direction, _ in _DIRECTIONS if policy.rules(direction) is not None
    ]
    for _, direction, side in _DIRECTIONS:
        rules = policy.rules(direction) or ()
        if entries := [one for rule in rules for one in _written_rules(policy, rule, side)]:
            spec[direction] = entries
            if len(entries) > _MAX_RULES:
                raise cannot_say("calico", policy, f"more than {_MAX_RULES} rules in one policy")
    return spec


def _written_selector(policy: Policy, wanted: Conjunction) -> str:
    text = written(wanted)
    if len(text) > _MAX_SELECTOR:
        raise cannot_say("calico", policy, f"a selector of more than {_MAX_SELECTOR} characters")
    return text


def _written_rules(policy: Policy, rule: Rule, side: str) -> Iterator[dict[str, object]]:
    """One Calico rule per peer and protocol."""
    for entity in _written_peers(policy, rule.peers):
        for head, ports in written_traffic(rule.ports, rule.named_ports):
            destination: dict[str, object] = {"ports": ports} if ports else {}
            sides = {"source": entity, "destination": destination}
            if side == "destination":
                sides = {"destination": {**entity, **destination}}
            yield {
                "action": _WRITTEN[rule.action],
                **head,
                **{name: one for name, one in sides.items() if one},
            }


def _written_peers(
    policy: Policy, peers: tuple[Selector, ...] | None
) -> Iterator[dict[str, object]]:
    """Pods one by one; plain address blocks together, one family at a time."""
    if peers is ANY:
        yield {}
        return
    plain: dict[int, list[str]] = {4: [], 6: []}
    for peer in peers:
        match peer:
            case PodSelector():
                yield _written_pods(policy, peer)
            case CidrSelector(cidr, ()):
                plain[network(cidr).version].append(cidr)
            case CidrSelector(cidr, excluded):
                yield {"nets": [cidr], "notNets": list(excluded)}
            case FqdnSelector(name):
                raise cannot_say("calico", policy, f"the DNS name {name}")
            case EntitySelector(name):
                raise cannot_say("calico", policy, f"the entity {name}")
    for nets in plain.values():
        for start in range(0, len(nets), _MAX_NETS):
            yield {"nets": nets[start : start + _MAX_NETS]}


def _written_pods(policy: Policy, peer: PodSelector) -> dict[str, object]:
    pods: dict[str, object] = {"selector": _written_selector(policy, peer.pods)}
    if peer.namespaces == in_namespace(policy.namespace):
        return pods
    wanted = [
        replace(one, key=_NAME if one.key == NAMESPACE else one.key) for one in peer.namespaces
    ]
    if wanted and not positive(wanted):
        wanted.insert(0, Requirement(_NAME, "Exists"))
    namespaces = {"namespaceSelector": _written_selector(policy, tuple(wanted))}
    return {**namespaces, **(pods if peer.pods else {})}


# Reading


def parse(documents: Iterable[Document], tell: Tell) -> PolicySet:
    """The NetworkPolicies among the documents, with Calico's defaults filled in."""
    return read(documents, tell, _KINDS, _policies)


def _policies(one: PolicyObject) -> tuple[Policy, ...]:
    """One policy per alternative of the policy's selector."""
    spec = one.body["spec"]
    only(spec, ("tier", "order", "selector", "types", "ingress", "egress", "performanceHints"))
    if spec["tier"].text("default") not in ("", "default"):
        undecided(spec["tier"], "tiers other than default are not read yet")
    kinds = _types(spec)
    ingress, egress = (
        _rules(spec[direction], side, one.namespace) for _, direction, side in _DIRECTIONS
    )
    # The storage group keeps objects under "<tier>.<name>".
    stored = one.api_version == _STORED
    policy = Policy(
        name=one.name.removeprefix("default.") if stored else one.name,
        namespace=one.namespace,
        subject=PodSelector(),
        ingress=ingress if "Ingress" in kinds else None,
        egress=egress if "Egress" in kinds else None,
        order=spec["order"].number() if spec["order"].present else math.inf,
        origin=one.origin,
    )
    own = in_namespace(one.namespace)
    return numbered(
        replace(policy, subject=_pods(spec["selector"], own, pods))
        for pods in alternatives(spec["selector"])
    )


def _types(spec: Field) -> tuple[str, ...]:
    """The directions; unlike Kubernetes, rules for egress alone leave ingress out."""
    kinds = tuple(entry.choice(("Ingress", "Egress")) for entry in spec["types"].entries())
    ingress, egress = spec["ingress"].given, spec["egress"].given
    found = (*(("Ingress",) if ingress or not egress else ()), *(("Egress",) if egress else ()))
    return kinds or found


def _rules(field: Field, side: str, namespace: str) -> tuple[Rule, ...]:
    rules = (_rule(entry, side, namespace) for entry in field.entries())
    return tuple(rule for rule in rules if rule is not None)


def _rule(field: Field, side: str, namespace: str) -> Rule | None:
    """A rule; None for one that only logs or that nothing can match."""
    only(field, (*_RULE_FIELDS, "source", "destination"))
    action = field["action"].choice((*_ACTIONS, "Log"))
    _check_sides(field, side)
    ports, named = traffic(field, field["destination"])
    peers = _of_family(field["ipVersion"], _peers(field[side], namespace), ports)
    if action == "Log" or not (ports or named) or peers == ():
        return None
    return Rule(action=_ACTIONS[action], peers=peers, ports=ports, named_ports=named)


_RULE_FIELDS: Final = (
    *("action", "ipVersion", "protocol", "notProtocol", "icmp", "notICMP", "http", "metadata"),
)
_PEER_FIELDS: Final = ("nets", "notNets", "selector", "namespaceSelector")
_PORT_FIELDS: Final = ("ports", "notPorts")


def _check_sides(field: Field, side: str) -> None:
    """Peers may be named on the far side only, ports at the destination only."""
    for name in ("source", "destination"):
        known = _PEER_FIELDS if name == side else ()
        given = Field({k: v.value for k, v in field[name].children() if v.given}, field[name].path)
        only(given, (*known, *(_PORT_FIELDS if name == "destination" else ())))


def _of_family(
    version: Field, peers: tuple[Selector, ...] | None, ports: PortSet
) -> tuple[Selector, ...] | None:
    """The peers that ``ipVersion`` leaves."""
    if not version.present:
        return peers
    family = version.whole(4, 6)
    if family not in _EVERYWHERE:
        version.expected("4 or 6")
    if ports <= PortSet.of("ICMP" if family == 4 else "ICMPv6"):
        return peers  # the protocol says it already
    if peers is ANY:
        return (CidrSelector(_EVERYWHERE[family]),)
    blocks = [peer for peer in peers if isinstance(peer, CidrSelector)]
    if len(blocks) < len(peers):
        undecided(version, "not read together with a selector")
    return tuple(one for one in blocks if network(one.cidr).version == family)


def _peers(field: Field, namespace: str) -> tuple[Selector, ...] | None:
    """Neither nets nor selectors: any address. A selector alone: the policy's own namespace."""
    selecting = field["selector"].given or field["namespaceSelector"].given
    if field["nets"].given or field["notNets"].given:
        if selecting:
            undecided(field["nets"], "not read together with a selector")
        return _blocks(field)
    return _selected(field, namespace) if selecting else ANY


def _blocks(field: Field) -> tuple[CidrSelector, ...]:
    nets = [block(entry, bare=True) for entry in field["nets"].entries()]
    without = [block(entry, bare=True) for entry in field["notNets"].entries()]
    families = {network(one).version for one in without}
    if not nets:
        # Felix renders a rule with notNets only for the families that they name
        # (FilterRuleToIPVersion), so the other family is not let through.
        nets = [_EVERYWHERE[family] for family in sorted(families)]
    elif without and families != {network(one).version for one in nets}:
        undecided(field["notNets"], "not read with other address families than nets")
    return tuple(peer for net in nets for peer in excluding(net, without))


def _selected(field: Field, namespace: str) -> tuple[PodSelector, ...]:
    selector, scope = field["selector"], field["namespaceSelector"]
    namespaces: tuple[Conjunction, ...] = (in_namespace(namespace),)
    if scope.given:
        namespaces = tuple(_namespaces(scope, one) for one in alternatives(scope))
    return tuple(
        _pods(selector, where, pods) for where, pods in product(namespaces, alternatives(selector))
    )


def _namespaces(field: Field, wanted: Conjunction) -> Conjunction:
    if wanted and not positive(wanted):
        undecided(field, f"without has({_NAME}) it also matches what is in no namespace")
    renamed = (replace(one, key=NAMESPACE if one.key == _NAME else one.key) for one in wanted)
    return tuple(sorted({one for one in renamed if one != Requirement(NAMESPACE, "Exists")}))


def _pods(field: Field, where: Conjunction, wanted: Conjunction) -> PodSelector:
    """Calico's own labels on pods taken for what they say; the others are the pod's."""
    namespaces, pods = set(where), []
    for one in wanted:
        if one.key == _POD_NAMESPACE and one.operator != "DoesNotExist":
            namespaces.add(replace(one, key=NAMESPACE))
        elif one.key == _ORCHESTRATOR and one in _ALWAYS:
            continue
        elif one.key.startswith(("projectcalico.org/", "pcns.", "pcsa.")):
            undecided(field, f"the label {one.key} is not read")
        else:
            pods.append(one)
    namespaces.discard(Requirement(NAMESPACE, "Exists"))
    return PodSelector(tuple(sorted(namespaces)), tuple(pods))


_ALWAYS: Final = (
    Requirement(_ORCHESTRATOR, "In", ("k8s",)),
    Requirement(_ORCHESTRATOR, "Exists"),
)

CALICO: Final = Dialect(
    name="calico",
    summary="NetworkPolicy of projectcalico.org/v3, with order, deny and ICMP",
    profile=PROFILE,
    kinds=_KINDS,
    render=render,
    parse=parse,
)

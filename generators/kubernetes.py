"""Kubernetes NetworkPolicy, networking.k8s.io/v1.

Defaulting and validation are those of the API server (kubernetes/kubernetes
``pkg/apis/networking/v1/defaults.go`` and ``validation/validation.go``): offline nobody else does
them. Allow rules only, one tier, no order; ICMP, DNS names and entities have no words here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv6Address
from typing import Final

from generators.generator import Dialect, Manifest, cannot_say, subject, united
from generators.naming import is_port_name
from generators.reading import (
    PolicyObject,
    block,
    excluding,
    inside,
    port_range,
    read,
    whole_scope,
)
from generators.selectors import label_key, label_selector, requirements
from generators.stored import SELECTOR, Shape, pruned
from netpol.fields import Field
from netpol.manifests import Document
from netpol.net import ALL_PORTS, PORT_PROTOCOLS, PortSet, network
from netpol.notices import Tell
from netpol.numbered import grouped
from netpol.policy import (
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Policy,
    PolicySet,
    Rule,
    Selector,
    Undecided,
    in_namespace,
)
from netpol.profile import KUBERNETES as PROFILE

__all__ = ["KUBERNETES", "parse", "render"]

_VERSION: Final = "networking.k8s.io/v1"
_KINDS: Final = frozenset({(_VERSION, "NetworkPolicy")})
_DIRECTIONS: Final = (("Ingress", "ingress", "from"), ("Egress", "egress", "to"))
_SIDES: Final[Shape] = {"podSelector": SELECTOR, "namespaceSelector": SELECTOR}
_PEER: Final[Shape] = {**_SIDES, "ipBlock": {"cidr": None, "except": None}}
_PORT: Final[Shape] = {"protocol": None, "port": None, "endPort": None}
_SHAPE: Final[Shape] = {
    "apiVersion": None,
    "kind": None,
    "metadata": None,
    "spec": {
        "podSelector": SELECTOR,
        "policyTypes": None,
        "ingress": {"from": _PEER, "ports": _PORT},
        "egress": {"to": _PEER, "ports": _PORT},
    },
    "status": None,
}
_LEADING_ZEROS: Final = re.compile(r"(?<![0-9A-Fa-f:])0+(?=[0-9]+([./]|$))")


# Writing


def render(policies: PolicySet) -> tuple[Manifest, ...]:
    """One NetworkPolicy per policy. Raises NetpolError for what the kind has no words for."""
    return tuple(
        united(((one, _written_spec(one)) for one in some), _VERSION, "NetworkPolicy")
        for some in grouped(policies.policies)
    )


def _written_spec(policy: Policy) -> dict[str, object]:
    if policy.tier != "default" or not policy.isolates:
        raise cannot_say("kubernetes", policy, "tiers or policies that do not isolate")
    spec: dict[str, object] = {"podSelector": label_selector(subject("kubernetes", policy))}
    spec["policyTypes"] = [
        kind for kind, direction, _ in _DIRECTIONS if policy.rules(direction) is not None
    ]
    for _, direction, side in _DIRECTIONS:
        rules = [_written_rule(policy, one, side) for one in policy.rules(direction) or ()]
        if any(rule is not None for rule in rules):
            spec[direction] = [rule for rule in rules if rule is not None]
    return spec


def _written_rule(policy: Policy, rule: Rule, side: str) -> dict[str, object] | None:
    """The rule; None when it matches nothing (an absent list would mean everything)."""
    if rule.action != "allow":
        raise cannot_say("kubernetes", policy, f"the action {rule.action}")
    if not rule.simple:
        raise cannot_say("kubernetes", policy, "exceptions from a rule")
    written: dict[str, object] = {}
    if rule.peers is not None:
        written[side] = [_written_peer(policy, peer) for peer in rule.peers]
    if rule.ports != ALL_PORTS:
        written["ports"] = list(_written_ports(policy, rule))
    return written if all(written.values()) else None


def _written_peer(policy: Policy, peer: Selector) -> dict[str, object]:
    match peer:
        case PodSelector(namespaces, pods):
            if namespaces == in_namespace(policy.namespace):
                return {"podSelector": label_selector(pods)}
            narrowed = {"podSelector": label_selector(pods)} if pods else {}
            return {"namespaceSelector": label_selector(namespaces), **narrowed}
        case CidrSelector(cidr, excluded):
            if _mapped(cidr):
                raise cannot_say("kubernetes", policy, f"{cidr}, which is IPv4 to most engines")
            but = {"except": list(excluded)} if excluded else {}
            return {"ipBlock": {"cidr": cidr, **but}}
        case FqdnSelector(name):
            raise cannot_say("kubernetes", policy, f"the DNS name {name}")
        case EntitySelector(name):
            raise cannot_say("kubernetes", policy, f"the entity {name}")


def _written_ports(policy: Policy, rule: Rule) -> Iterator[dict[str, object]]:
    for protocol, ranges in rule.ports.parts:
        if protocol not in PORT_PROTOCOLS:
            raise cannot_say("kubernetes", policy, f"{protocol}; only TCP, UDP and SCTP")
        if PortSet.of(protocol) <= rule.ports:
            yield {"protocol": protocol}
            continue
        for low, high in ranges:
            # Port 0 exists in sets (as in "all but 80"), never on the wire or in the API.
            first = max(low, 1)
            if first == high:
                yield {"protocol": protocol, "port": high}
            elif first < high:
                yield {"protocol": protocol, "port": first, "endPort": high}
    for protocol, name in rule.named_ports:
        yield {"protocol": protocol, "port": name}


# Reading


def parse(documents: Iterable[Document], tell: Tell) -> PolicySet:
    """The NetworkPolicies among the documents, with the API server's defaults filled in."""
    return read(documents, tell, _KINDS, _policy, scope=_scope)


def _scope(one: PolicyObject) -> Undecided:
    pods = requirements(_stored(one)["spec"]["podSelector"], label_key)
    return replace(whole_scope(one), subject=PodSelector(in_namespace(one.namespace), pods))


def _stored(one: PolicyObject, tell: bool = False) -> Field:
    """The object as the API server keeps it; fields that it drops are told once (NP076)."""

    def dropped(field: Field) -> None:
        if tell:
            one.warn("NP076", field, "NetworkPolicy has no such field; it is read without it")

    return pruned(one.body, _SHAPE, dropped)


def _policy(one: PolicyObject) -> tuple[Policy, ...]:
    spec = _stored(one, tell=True)["spec"]
    # Rules of a direction that policyTypes leaves out do nothing, but the API server reads them.
    rules = {
        kind: tuple(_rule(entry, side, one) for entry in spec[direction].entries(nulls=True))
        for kind, direction, side in _DIRECTIONS
    }
    kinds = _policy_types(spec, bool(rules["Egress"]))
    policy = Policy(
        name=one.name,
        namespace=one.namespace,
        subject=PodSelector(
            in_namespace(one.namespace), requirements(spec["podSelector"], label_key)
        ),
        ingress=rules["Ingress"] if "Ingress" in kinds else None,
        egress=rules["Egress"] if "Egress" in kinds else None,
        origin=one.origin,
    )
    return (policy,)


def _policy_types(spec: Field, has_egress: bool) -> tuple[str, ...]:
    entries = spec["policyTypes"].entries(nulls=True)
    if len(entries) > 2:
        spec["policyTypes"].refuse("at most two entries")
    kinds = tuple(entry.choice(("Ingress", "Egress")) for entry in entries)
    return kinds or (("Ingress", "Egress") if has_egress else ("Ingress",))


def _rule(field: Field, side: str, one: PolicyObject) -> Rule:
    peers = [peer for entry in field[side].entries(nulls=True) for peer in _peer(entry, one)]
    ports, named = ALL_PORTS, set[tuple[str, str]]()
    if field["ports"].entries(nulls=True):
        ports = PortSet()
        for entry in field["ports"].entries(nulls=True):
            numbers, names = _port(entry)
            ports |= numbers
            named.update(names)
    return Rule(
        peers=tuple(peers) if field[side].given else None,
        ports=ports,
        named_ports=tuple(sorted(named)),
    )


def _peer(field: Field, one: PolicyObject) -> tuple[Selector, ...]:
    pods, namespaces, cidr = (field[n] for n in ("podSelector", "namespaceSelector", "ipBlock"))
    if cidr.present:
        if pods.present or namespaces.present:
            cidr.refuse("not together with podSelector or namespaceSelector")
        return _ip_block(cidr, one)
    if not pods.present and not namespaces.present:
        field.refuse("a peer must have a podSelector, namespaceSelector or ipBlock")
    where = in_namespace(one.namespace)
    if namespaces.present:
        where = requirements(namespaces, label_key)
    return (PodSelector(where, requirements(pods, label_key)),)


def _ip_block(field: Field, one: PolicyObject) -> tuple[CidrSelector, ...]:
    cidr = _block(field["cidr"], one)
    excluded = []
    for entry in field["except"].entries(nulls=True):
        excluded.append(_block(entry, one))
        # The server compares lengths as they are written, also of IPv4 in IPv6 clothes.
        if not inside(excluded[-1], cidr) or _length(entry) <= _length(field["cidr"]):
            entry.expected(f"a block strictly inside {cidr}")
    return excluding(cidr, excluded)


def _block(field: Field, one: PolicyObject) -> str:
    """A CIDR as Go's sloppy parser reads it; servers from 1.36 on want new ones to be tidy."""
    text = field.text()
    plain = _LEADING_ZEROS.sub("", text)
    cidr = block(Field(plain, field.path))
    tidy = plain == text and _first(cidr) == _first(plain.partition("/")[0])
    if (mapped := _mapped(cidr)) or not tidy:
        cidr = mapped or cidr
        one.warn("NP079", field, f"read as {cidr}; API servers from 1.36 on refuse this spelling")
    return cidr


def _length(block: Field) -> int:
    return int(block.text().rpartition("/")[2])


def _first(block_or_address: str) -> object:
    return network(block_or_address).network_address


def _mapped(cidr: str) -> str | None:
    """The IPv4 block that Go takes an IPv4-mapped IPv6 block for; None for any other."""
    whole = network(cidr)
    inner = whole.network_address
    if not isinstance(inner, IPv6Address) or not inner.ipv4_mapped or whole.prefixlen < 96:
        return None
    return f"{inner.ipv4_mapped}/{whole.prefixlen - 96}"


def _port(field: Field) -> tuple[PortSet, tuple[tuple[str, str], ...]]:
    """(numbers, names): a port without a protocol is TCP, a protocol without a port all of it."""
    protocol = field["protocol"].choice(PORT_PROTOCOLS) if field["protocol"].present else "TCP"
    port, end = field["port"], field["endPort"]
    if end.present and not (port.present and not isinstance(port.value, str)):
        end.refuse("needs a numeric port")
    if not port.present:
        return PortSet.of(protocol), ()
    if isinstance(port.value, str):
        if not is_port_name(port.value):
            port.expected("a port number or a port name")
        return PortSet(), ((protocol, port.value),)
    return PortSet.of(protocol, *port_range(port, end)), ()


KUBERNETES: Final = Dialect(
    name="kubernetes",
    summary="NetworkPolicy of networking.k8s.io/v1, for every engine that knows the standard",
    profile=PROFILE,
    kinds=_KINDS,
    render=render,
    parse=parse,
)

"""Subjects, rules, peers and ports of the policy.networking.k8s.io kinds, in both versions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final, TypeAlias

from generators.reading import PolicyObject, UndecidedError, block, port_range, undecided
from generators.selectors import label_key, requirements
from generators.stored import KEPT, SELECTOR, Shape
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.net import ALL_PORTS, PORT_PROTOCOLS, PortSet, network
from netpol.policy import (
    Action,
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Requirement,
    Rule,
    Selector,
)

__all__ = ["FIRST", "SECOND", "SUBJECT", "Version", "pods", "rule"]

# The class [A-z], with its six odd characters, is the CRD's.
_DOMAIN: Final = re.compile(
    r"(\*\.)?([a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\.)+[a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\.?"
)
_PEER_TYPES: Final = ("namespaces", "pods", "networks", "nodes", "domainNames")
_WITHOUT_NAMED_PORTS: Final = frozenset({"networks", "nodes", "domainNames"})
_PODS: Final[Shape] = {"namespaceSelector": SELECTOR, "podSelector": SELECTOR}
SUBJECT: Final[Shape] = {"namespaces": SELECTOR, "pods": _PODS}
"""What a subject consists of."""
_PEER: Final[Shape] = {
    **SUBJECT,
    "networks": None,
    "nodes": SELECTOR,
    "domainNames": None,
    KEPT: None,
}
_NUMBER: Final[Shape] = {
    "destinationPort": {"number": None, "range": {"start": None, "end": None}},
}

Named: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The words and limits of one API version."""

    actions: dict[str, Action]
    most: int
    """Most rules a direction, peers a rule, ports a rule."""
    ports: str
    """The name of a rule's list of ports."""
    port_shape: Shape
    port: Callable[[Field], tuple[PortSet, Named]]
    namespaces_required: bool
    """Whether ``pods`` needs a namespaceSelector, or selects in every namespace without."""

    def rule_shape(self, side: str) -> Shape:
        """What a rule consists of."""
        return {"name": None, "action": None, side: _PEER, self.ports: self.port_shape}


def rule(one: PolicyObject, field: Field, version: Version, direction: str) -> Rule:
    """One rule. Raises NetpolError for what the CRD refuses, UndecidedError for what it leaves
    open.
    """
    if len(field["name"].text("")) > 100:
        field["name"].refuse("at most 100 characters")
    word = field["action"].choice(_actions(one, version))
    action = version.actions[word]
    side = field["from" if direction == "ingress" else "to"].need()
    entries = _some(side, version.most)
    ports, named = _ports(field[version.ports], version)
    found = [_peer(one, entry, version, direction, action) for entry in entries]
    if named and any(_WITHOUT_NAMED_PORTS & entry.table().keys() for entry in entries):
        field[version.ports].refuse("networks, nodes and domainNames have no named ports")
    if None in found:
        return _closed(one, side, word, action)
    peers = tuple(peer for some in found for peer in some or ())
    return Rule(action=action, peers=peers, ports=ports, named_ports=named)


def _actions(one: PolicyObject, version: Version) -> tuple[str, ...]:
    baseline = one.kind == "BaselineAdminNetworkPolicy"
    return tuple(word for word in version.actions if not (baseline and word == "Pass"))


def _closed(one: PolicyObject, side: Field, word: str, action: Action) -> Rule:
    """A rule with a peer of a type from the future (§2.4: such rules fail closed)."""
    end = "matches nothing" if action == "allow" else "denies everything"
    one.warn("NP077", side, f"a peer is of no type that is known; the {word} rule {end}")
    if action == "allow":
        return Rule(action="allow", peers=(), ports=ALL_PORTS)
    return Rule(action="deny", peers=None, ports=ALL_PORTS)


def _some(field: Field, most: int) -> list[Field]:
    """The elements of a list with one to ``most`` of them."""
    entries = field.entries()
    if not 1 <= len(entries) <= most:
        field.refuse(f"needs 1 to {most} elements")
    return entries


def _one_of(field: Field, known: Iterable[str]) -> tuple[str, Field]:
    """The one member that an object must have."""
    members = [(name, member) for name, member in field.children() if name in known]
    if len(members) != 1:
        field.refuse(f"exactly one of {', '.join(known)} must be set")
    return members[0]


# Pods


def pods(field: Field, version: Version) -> PodSelector:
    """The pods of a subject or peer: all of some namespaces, or some of them."""
    name, member = _one_of(field, ("namespaces", "pods"))
    if name == "namespaces":
        return PodSelector(_labels(member))
    member["podSelector"].need()
    if version.namespaces_required:
        member["namespaceSelector"].need()
    return PodSelector(_labels(member["namespaceSelector"]), _labels(member["podSelector"]))


def _labels(field: Field) -> tuple[Requirement, ...]:
    """A selector: the CRD checks its types alone, the engine then fails on the rest."""
    for _, value in field["matchLabels"].children():
        value.text()
    for entry in field["matchExpressions"].entries():
        entry["key"].text()
        entry["operator"].text()
        entry["values"].texts()
    try:
        return requirements(field, label_key)
    except NetpolError as error:
        raise UndecidedError(f"no label selector: {error.what}", where=error.where) from error


# Peers


def _peer(
    one: PolicyObject, field: Field, version: Version, direction: str, action: Action
) -> tuple[Selector, ...] | None:
    """What a peer matches; None for one of a type that is not known."""
    known = _PEER_TYPES[: 2 if direction == "ingress" else 5]
    if one.kind == "BaselineAdminNetworkPolicy":
        known = tuple(name for name in known if name != "domainNames")
    strangers = [member for name, member in field.children() if name not in _PEER_TYPES]
    if strangers and not any(name in field.table() for name in _PEER_TYPES):
        return None
    for member in strangers:
        one.warn("NP076", member, f"{one.kind} has no such field; it is read without it")
    name, member = _one_of(field, known)
    match name:
        case "networks":
            return tuple(CidrSelector(_network(entry)) for entry in _different(member))
        case "nodes":
            return _nodes(member)
        case "domainNames":
            return tuple(_domain(entry, action) for entry in _different(member))
        case _:
            return (pods(field, version),)


def _different(field: Field) -> list[Field]:
    entries = _some(field, 25)
    if len({entry.text() for entry in entries}) < len(entries):
        field.refuse("an element is there twice")
    return entries


def _network(field: Field) -> str:
    """A CIDR as CEL's ``isCIDR`` has it: host bits may be set, IPv4 in IPv6 may not be."""
    text = field.text()
    address, _, length = text.partition("/")
    cidr = block(field)
    whole = network(address).network_address
    mapped = isinstance(whole, IPv6Address) and whole.ipv4_mapped is not None
    if mapped or (length.startswith("0") and length != "0") or len(text) > 43:
        field.expected("a CIDR such as 10.0.0.0/8")
    return cidr


def _nodes(field: Field) -> tuple[Selector, ...]:
    if _labels(field):
        undecided(field, "nodes are not told apart by their labels")
    return EntitySelector("host"), EntitySelector("remote-node")


def _domain(field: Field, action: Action) -> FqdnSelector:
    """A name; ``*.`` stands for one or more labels."""
    name = field.text()
    if not _DOMAIN.fullmatch(name):
        field.expected("a domain name such as example.org or *.example.org")
    if action != "allow":
        undecided(field, "domain names are for rules that allow")
    name = name.lower().rstrip(".")
    return FqdnSelector(f"*{name}" if name.startswith("*.") else name)


# Ports


def _ports(field: Field, version: Version) -> tuple[PortSet, Named]:
    if not field.present:
        return ALL_PORTS, ()
    found = [version.port(entry) for entry in _some(field, version.most)]
    named = {name for _, names in found for name in names}
    return PortSet.union(ports for ports, _ in found), tuple(sorted(named))


def _first_port(field: Field) -> tuple[PortSet, Named]:
    """v1alpha1: portNumber, portRange or namedPort."""
    name, member = _one_of(field, ("portNumber", "portRange", "namedPort"))
    if name == "namedPort":
        return _named(member)
    if name == "portNumber":
        low = high = member["port"].whole(1, 65535)
    else:
        low, high = member["start"].whole(1, 65535), member["end"].whole(1, 65535)
    protocol = member["protocol"].text("TCP")
    if protocol not in PORT_PROTOCOLS:
        undecided(member["protocol"], "neither TCP, UDP nor SCTP")
    if low > high:
        undecided(member, "a range that ends before it starts")
    return PortSet.of(protocol, low, high), ()


def _second_port(field: Field) -> tuple[PortSet, Named]:
    """v1alpha2: tcp, udp or sctp with a destinationPort, or destinationNamedPort."""
    name, member = _one_of(field, ("tcp", "udp", "sctp", "destinationNamedPort"))
    if name == "destinationNamedPort":
        return _named(member)
    kind, port = _one_of(member["destinationPort"].need(), ("number", "range"))
    if kind == "number":
        return PortSet.of(name.upper(), port.whole(1, 65535)), ()
    low, high = port_range(port["start"], port["end"].need())
    if low == high:
        port.refuse("start must be less than end")
    return PortSet.of(name.upper(), low, high), ()


def _named(field: Field) -> tuple[PortSet, Named]:
    """A port that the server's containers call so, whatever its protocol."""
    return PortSet(), tuple((protocol, field.text()) for protocol in PORT_PROTOCOLS)


_OTHERS: Final[dict[str, Action]] = {"Deny": "deny", "Pass": "pass"}
FIRST: Final = Version(
    actions={"Allow": "allow", **_OTHERS},
    most=100,
    ports="ports",
    port_shape={
        "portNumber": {"protocol": None, "port": None},
        "portRange": {"protocol": None, "start": None, "end": None},
        "namedPort": None,
    },
    port=_first_port,
    namespaces_required=True,
)
SECOND: Final = Version(
    actions={"Accept": "allow", **_OTHERS},
    most=25,
    ports="protocols",
    port_shape={"tcp": _NUMBER, "udp": _NUMBER, "sctp": _NUMBER, "destinationNamedPort": None},
    port=_second_port,
    namespaces_required=False,
)

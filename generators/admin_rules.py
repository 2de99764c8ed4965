"""Subjects, rules, peers and ports of the policy.networking.k8s.io kinds, in both versions.

What the CRDs refuse is gone before anything comes here (``admin_schema``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from generators.reading import PolicyObject, UndecidedError, block, port_range, undecided
from generators.selectors import label_key, requirements
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.net import ALL_PORTS, PORT_PROTOCOLS, PortSet
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

__all__ = ["FIRST", "SECOND", "Version", "check_peers", "pods", "rule"]

_PEER_TYPES: Final = ("namespaces", "pods", "networks", "nodes", "domainNames")

Named: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The words and limits of one API version."""

    actions: dict[str, Action]
    ports: str
    """The name of a rule's list of ports."""
    port: Callable[[Field], tuple[PortSet, Named]]


def check_peers(one: PolicyObject, spec: Field) -> None:
    """Refuse peers of no type that is known.

    So does the API server, unless it has a newer CRD: then the policy is in force somewhere.
    """
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for each in spec[direction].entries():
            for peer in each[side].entries():
                if not peer.table() and not one.live:
                    peer.refuse(f"exactly one of {', '.join(_PEER_TYPES)} must be set")


def rule(one: PolicyObject, field: Field, version: Version, direction: str) -> Rule:
    """One rule. Raises UndecidedError for what the CRD takes and the API leaves open."""
    word = field["action"].text()
    action = version.actions[word]
    side = field["from" if direction == "ingress" else "to"]
    ports, named = _ports(field[version.ports], version)
    found = [_peer(entry, action) for entry in side.entries()]
    if None in found:
        return _closed(one, side, word, action)
    peers = tuple(peer for some in found for peer in some or ())
    return Rule(action=action, peers=peers, ports=ports, named_ports=named)


def _closed(one: PolicyObject, side: Field, word: str, action: Action) -> Rule:
    """A rule with a peer of a type from the future (the API: such rules fail closed)."""
    end = "matches nothing" if action == "allow" else "denies everything"
    one.warn("NP077", side, f"a peer is of no type that is known; the {word} rule {end}")
    if action == "allow":
        return Rule(action="allow", peers=(), ports=ALL_PORTS)
    return Rule(action="deny", peers=None, ports=ALL_PORTS)


def _member(field: Field, known: Iterable[str]) -> tuple[str, Field]:
    """The one member that an object has."""
    return next((name, member) for name, member in field.children() if name in known)


# Pods


def pods(field: Field) -> PodSelector:
    """The pods of a subject or peer: all of some namespaces, or some of them."""
    name, member = _member(field, ("namespaces", "pods"))
    if name == "namespaces":
        return PodSelector(_labels(member))
    return PodSelector(_labels(member["namespaceSelector"]), _labels(member["podSelector"]))


def _labels(field: Field) -> tuple[Requirement, ...]:
    """A selector: the CRD checks its types alone, the engine then fails on the rest."""
    try:
        return requirements(field, label_key)
    except NetpolError as error:
        raise UndecidedError(f"no label selector: {error.what}", where=error.where) from error


# Peers


def _peer(field: Field, action: Action) -> tuple[Selector, ...] | None:
    """What a peer matches; None for one of a type that is not known."""
    if not field.table():
        return None
    name, member = _member(field, _PEER_TYPES)
    match name:
        case "networks":
            return tuple(CidrSelector(block(entry)) for entry in member.entries())
        case "nodes":
            return _nodes(member)
        case "domainNames":
            return tuple(_domain(entry, action) for entry in member.entries())
        case _:
            return (pods(field),)


def _nodes(field: Field) -> tuple[Selector, ...]:
    if _labels(field):
        undecided(field, "nodes are not told apart by their labels")
    return EntitySelector("host"), EntitySelector("remote-node")


def _domain(field: Field, action: Action) -> FqdnSelector:
    """A name; ``*.`` stands for one or more labels."""
    if action != "allow":
        undecided(field, "domain names are for rules that allow")
    name = field.text().lower().rstrip(".")
    return FqdnSelector(f"*{name}" if name.startswith("*.") else name)


# Ports


def _ports(field: Field, version: Version) -> tuple[PortSet, Named]:
    if not field.present:
        return ALL_PORTS, ()
    found = [version.port(entry) for entry in field.entries()]
    named = {name for _, names in found for name in names}
    return PortSet.union(ports for ports, _ in found), tuple(sorted(named))


def _first_port(field: Field) -> tuple[PortSet, Named]:
    """v1alpha1: portNumber, portRange or namedPort."""
    name, member = _member(field, ("portNumber", "portRange", "namedPort"))
    if name == "namedPort":
        return _named(member)
    ends = ("port", "port") if name == "portNumber" else ("start", "end")
    low, high = (member[end].whole(1, 65535) for end in ends)
    protocol = member["protocol"].text()
    if protocol not in PORT_PROTOCOLS:
        undecided(member["protocol"], "neither TCP, UDP nor SCTP")
    if low > high:
        undecided(member, "a range that ends before it starts")
    return PortSet.of(protocol, low, high), ()


def _second_port(field: Field) -> tuple[PortSet, Named]:
    """v1alpha2: tcp, udp or sctp, with a destinationPort or any, or destinationNamedPort."""
    name, member = _member(field, ("tcp", "udp", "sctp", "destinationNamedPort"))
    if name == "destinationNamedPort":
        return _named(member)
    kind, port = _member(member["destinationPort"], ("number", "range"))
    if kind == "number":
        return PortSet.of(name.upper(), port.whole(1, 65535)), ()
    return PortSet.of(name.upper(), *port_range(port["start"], port["end"])), ()


def _named(field: Field) -> tuple[PortSet, Named]:
    """A port that the server's containers call so, whatever its protocol."""
    return PortSet(), tuple((protocol, field.text()) for protocol in PORT_PROTOCOLS)


_OTHERS: Final[dict[str, Action]] = {"Deny": "deny", "Pass": "pass"}
FIRST: Final = Version(actions={"Allow": "allow", **_OTHERS}, ports="ports", port=_first_port)
SECOND: Final = Version(
    actions={"Accept": "allow", **_OTHERS}, ports="protocols", port=_second_port
)

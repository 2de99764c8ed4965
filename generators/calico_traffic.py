"""Calico's protocol, ports and icmp of one rule ↔ PortSet and named ports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from generators.naming import is_port_name
from generators.reading import only, undecided
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.net import ALL_PORTS, ICMP_PROTOCOLS, PORT_PROTOCOLS, PROTOCOLS, PortSet

__all__ = ["Named", "at_most", "client_ports", "traffic", "written_traffic"]

Named: TypeAlias = tuple[tuple[str, str], ...]
Ranges: TypeAlias = tuple[tuple[int, int], ...]
Written: TypeAlias = tuple[dict[str, object], list[object]]

_MAX_PORTS: Final = 50
_MAX_ICMP_TYPE: Final = 254
_NUMBERS: Final = {6: "TCP", 17: "UDP", 132: "SCTP", 1: "ICMP", 58: "ICMPv6"}
_NAMES: Final = {name.lower(): PortSet.of(name) for name in (*PORT_PROTOCOLS, *ICMP_PROTOCOLS)} | {
    "udplite": PortSet.of("OTHER", 136)
}
_RANGE: Final = re.compile(r"(\d{1,5})(?::(\d{1,5}))?", re.ASCII)


# Writing


def written_traffic(ports: PortSet, named: Named) -> Iterator[Written]:
    """(protocol and icmp, destination ports) of the rules that together match the traffic.

    Raises NetpolError for what Calico has no words for.
    """
    if ports == ALL_PORTS:
        yield {}, []
        return
    for protocol in PROTOCOLS:
        if protocol != "OTHER" and PortSet.of(protocol) <= ports:
            yield {"protocol": protocol}, []
        elif protocol in PORT_PROTOCOLS:
            yield from _numbered(protocol, ports, named)
        else:
            yield from ((head, []) for head in _unnumbered(protocol, ports.ranges(protocol)))


def _numbered(protocol: str, ports: PortSet, named: Named) -> Iterator[Written]:
    written: list[object] = []
    for low, high in ports.ranges(protocol):
        # Port 0 exists in sets (as in "all but 80"), never on the wire.
        if (first := max(low, 1)) <= high:
            written.append(first if first == high else f"{first}:{high}")
    written.extend(name for of, name in named if of == protocol)
    for start in range(0, len(written), _MAX_PORTS):
        yield {"protocol": protocol}, written[start : start + _MAX_PORTS]


def _unnumbered(protocol: str, ranges: Ranges) -> Iterator[dict[str, object]]:
    for low, high in ranges:
        if protocol not in ICMP_PROTOCOLS:
            for number in _others(low, high):
                yield {"protocol": number}
            continue
        for one in _icmp(low, high):
            yield {"protocol": protocol, "icmp": one}


def _icmp(low: int, high: int) -> Iterator[dict[str, object]]:
    """Whole types as far as possible, single codes for the rest."""
    while low <= high:
        if low // 256 > _MAX_ICMP_TYPE:
            raise NetpolError("calico cannot say ICMP type 255")
        if low % 256 == 0 and low + 255 <= high:
            yield {"type": low // 256}
            low += 256
        else:
            yield {"type": low // 256, "code": low % 256}
            low += 1


def _others(low: int, high: int) -> Iterator[int]:
    for number in range(low, high + 1):
        if number == 0 or number in _NUMBERS:
            raise NetpolError(f"calico cannot say protocol number {number}")
        yield number


# Reading


def traffic(rule: Field, server: Field) -> tuple[PortSet, Named]:
    """(numbers, named ports) that a rule matches; ``server`` is its ``destination``."""
    protocol = _icmp_types(rule, _protocol(rule["protocol"]))
    if rule["notProtocol"].given:
        protocol -= _protocol(rule["notProtocol"])
    wanted, unwanted = _port_list(server["ports"]), _port_list(server["notPorts"])
    if not wanted.given and not unwanted.given:
        return protocol, ()
    name = _ported(rule, wanted if wanted.given else unwanted)
    ports, named = _ports(wanted, name) if wanted.given else (PortSet.of(name), ())
    refused, refused_names = _ports(unwanted, name)
    if refused_names or (named and refused):
        undecided(unwanted, "named ports together with notPorts are not modelled")
    return (ports - refused) & protocol, named if protocol else ()


def at_most(rule: Field) -> tuple[PortSet, Named]:
    """What a rule could match at most, by its protocol alone."""
    return _protocol(rule["protocol"]), ()


def client_ports(rule: Field) -> Literal["all", "some", "none"]:
    """How many ports the ``ports`` and ``notPorts`` of a client (``source``) leave it.

    A connection does not say from which port it comes: any one, so "some" may or may not match.
    """
    side = rule["source"]
    wanted, unwanted = _port_list(side["ports"]), _port_list(side["notPorts"])
    if not wanted.given and not unwanted.given:
        return "all"
    name = _ported(rule, wanted if wanted.given else unwanted)
    every = PortSet.of(name, 1, 65535)
    ports, names = _ports(wanted, name) if wanted.given else (every, ())
    refused, refused_names = _ports(unwanted, name)
    left = ports - refused
    if every <= left and not refused_names:
        return "all"
    return "some" if left or names else "none"


def _port_list(field: Field) -> Field:
    if len(field.entries()) > _MAX_PORTS:
        field.refuse(f"at most {_MAX_PORTS} entries")
    return field


def _ported(rule: Field, ports: Field) -> str:
    """The rule's protocol, which must be one with ports."""
    protocol = _protocol(rule["protocol"])
    if protocol not in [PortSet.of(name) for name in PORT_PROTOCOLS]:
        ports.refuse("ports need the protocol TCP, UDP or SCTP")
    (name, _), *_ = protocol.parts
    return name


def _protocol(field: Field) -> PortSet:
    if not field.given:
        return ALL_PORTS
    text = field.value
    if isinstance(text, str) and not text.isdecimal():
        if text.lower() not in _NAMES:
            field.expected("a protocol")
        return _NAMES[text.lower()]
    number = Field(int(text) if isinstance(text, str) and len(text) < 4 else text, field.path)
    value = number.whole(1, 255)
    return PortSet.of(_NUMBERS[value]) if value in _NUMBERS else PortSet.of("OTHER", value)


def _icmp_types(rule: Field, protocol: PortSet) -> PortSet:
    """What ``icmp`` and ``notICMP`` leave of the protocol."""
    wanted, unwanted = rule["icmp"], rule["notICMP"]
    names = [name for name, _ in protocol.parts]
    if len(names) != 1 or names[0] not in ICMP_PROTOCOLS:
        if wanted.present:
            wanted.refuse("needs the protocol ICMP or ICMPv6")
        if _icmp_set(unwanted, "ICMP"):
            undecided(unwanted, "not modelled without the protocol ICMP or ICMPv6")
        return protocol
    found = _icmp_set(wanted, names[0])
    return (protocol if found is None else found) - (_icmp_set(unwanted, names[0]) or PortSet())


def _icmp_set(field: Field, protocol: str) -> PortSet | None:
    """The messages of an ICMP match; None where it does not name a type."""
    only(field, ("type", "code"))
    code = field["code"].whole(0, 255) if field["code"].present else None
    if not field["type"].present:
        if code is not None:
            field["code"].refuse("needs a type")
        return None
    return PortSet.icmp(protocol, field["type"].whole(0, _MAX_ICMP_TYPE), code)


def _ports(field: Field, protocol: str) -> tuple[PortSet, Named]:
    numbers, names = [], set()
    for entry in field.entries():
        found = _RANGE.fullmatch(entry.value) if isinstance(entry.value, str) else None
        if found:
            low = Field(int(found[1]), entry.path).whole(1, 65535)
            high = Field(int(found[2] or low), entry.path).whole(low, 65535)
            numbers.append(PortSet.of(protocol, low, high))
        elif isinstance(entry.value, str):
            if not is_port_name(entry.value):
                entry.expected("a port, a range such as '8000:8010' or a port name")
            names.add((protocol, entry.value))
        else:
            numbers.append(PortSet.of(protocol, entry.whole(1, 65535)))
    return PortSet.union(numbers), tuple(sorted(names))

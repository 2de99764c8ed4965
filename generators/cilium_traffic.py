"""Cilium's ``toPorts`` and ``icmps`` of one rule ↔ PortSet, named ports and DNS patterns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from generators.reading import PolicyObject, only, undecided
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.net import ALL_PORTS, ICMP_PROTOCOLS, PORT_PROTOCOLS, PortSet

__all__ = ["Traffic", "dns_name", "dns_names", "traffic", "written_dns", "written_traffic"]

_MAX_FIELDS: Final = 40
_FAMILIES: Final = {"IPv4": "ICMP", "IPv6": "ICMPv6"}
_OTHERS: Final = {"IGMP": 2, "IPIP": 4, "IPV6": 41, "GRE": 47, "ESP": 50, "AH": 51, "VRRP": 112}
_PORT_NAME: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9](-?[A-Za-z0-9]){0,62}")
_DNS: Final = re.compile(r"[-A-Za-z0-9_.]{1,255}")
_DNS_PATTERN: Final = re.compile(r"[-A-Za-z0-9_.*]{1,255}")
_FOUR: Final = {
    "EchoReply": 0,
    "DestinationUnreachable": 3,
    "Redirect": 5,
    "Echo": 8,
    "EchoRequest": 8,
    "RouterAdvertisement": 9,
    "RouterSelection": 10,
    "TimeExceeded": 11,
    "ParameterProblem": 12,
    "Timestamp": 13,
    "TimestampReply": 14,
    "Photuris": 40,
    "ExtendedEchoRequest": 42,
    "ExtendedEchoReply": 43,
    "ExtendedEcho Reply": 43,
}
_SIX: Final = {
    "DestinationUnreachable": 1,
    "PacketTooBig": 2,
    "TimeExceeded": 3,
    "ParameterProblem": 4,
    "EchoRequest": 128,
    "EchoReply": 129,
    "MulticastListenerQuery": 130,
    "MulticastListenerReport": 131,
    "MulticastListenerDone": 132,
    "RouterSolicitation": 133,
    "RouterAdvertisement": 134,
    "NeighborSolicitation": 135,
    "NeighborAdvertisement": 136,
    "RedirectMessage": 137,
    "RouterRenumbering": 138,
    "ExtendedEchoRequest": 160,
    "ExtendedEchoReply": 161,
}
_TYPES: Final = {"ICMP": _FOUR, "ICMPv6": _SIX}
"""Names of ICMP types (IANA registries, in Cilium's spelling); others are undecided."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one neutral rule says of protocols and ports."""

    ports: PortSet = ALL_PORTS
    named: tuple[tuple[str, str], ...] = ()
    dns: tuple[str, ...] = ()


# Writing


def written_traffic(wanted: Traffic, direction: str) -> Iterator[dict[str, object]]:
    """The L4 member of each rule that is needed: none, ``toPorts`` or ``icmps``.

    Raises NetpolError for what Cilium has no words for.
    """
    _check(wanted, direction)
    if wanted.ports == ALL_PORTS:
        yield {}
        return
    entries = list(_written_ports(wanted))
    rules = {"rules": {"dns": [written_dns(name) for name in wanted.dns]}} if wanted.dns else {}
    if entries:
        yield {"toPorts": [{"ports": chunk, **rules} for chunk in _chunks(entries)]}
    fields = [one for name in ICMP_PROTOCOLS for one in _written_types(name, wanted.ports)]
    if fields:
        yield {"icmps": [{"fields": chunk} for chunk in _chunks(fields)]}


def _chunks(entries: Sequence[object]) -> Iterator[list[object]]:
    for start in range(0, len(entries), _MAX_FIELDS):
        yield list(entries[start : start + _MAX_FIELDS])


def _check(wanted: Traffic, direction: str) -> None:
    if wanted.ports != ALL_PORTS and wanted.ports.ranges("OTHER"):
        raise NetpolError("cilium cannot say protocols beyond TCP, UDP, SCTP and ICMP")
    if not wanted.dns:
        return
    plain = all(name in ("TCP", "UDP") and low == high for name, low, high in wanted.ports)
    if direction != "egress" or not plain:
        raise NetpolError("cilium cannot say DNS names but for single TCP and UDP ports in egress")


def _written_ports(wanted: Traffic) -> Iterator[dict[str, object]]:
    for protocol in PORT_PROTOCOLS:
        if PortSet.of(protocol) <= wanted.ports:
            yield {"port": "0", "protocol": protocol}
            continue
        for low, high in wanted.ports.ranges(protocol):
            # Port 0 exists in sets (as in "all but 80"); written out it would mean every port.
            first = max(low, 1)
            if first == high:
                yield {"port": str(high), "protocol": protocol}
            elif first < high:
                yield {"port": str(first), "endPort": high, "protocol": protocol}
        for of, name in wanted.named:
            if of == protocol:
                yield {"port": name, "protocol": protocol}


def _written_types(protocol: str, ports: PortSet) -> Iterator[dict[str, object]]:
    family = next(name for name, one in _FAMILIES.items() if one == protocol)
    for low, high in ports.ranges(protocol):
        if low % 256 or high % 256 != 255:
            raise NetpolError("cilium cannot say ICMP codes, only types")
        for number in range(low // 256, high // 256 + 1):
            yield {"family": family, "type": number}


def written_dns(name: str) -> dict[str, object]:
    """A DNS name or pattern. Raises NetpolError for one that Cilium does not take."""
    if not _DNS_PATTERN.fullmatch(name):
        raise NetpolError("cilium cannot say this DNS name", where=repr(name))
    return {"matchPattern" if "*" in name else "matchName": name}


# Reading


def traffic(rule: Field, one: PolicyObject, *, egress: bool, deny: bool) -> list[Traffic]:
    """What a rule says of protocols and ports: one Traffic per ``toPorts`` item."""
    items, icmps = rule["toPorts"], rule["icmps"]
    if items.given and icmps.given:
        icmps.refuse("not together with toPorts")
    if icmps.given:
        return [Traffic(PortSet.union(_types(entry) for entry in icmps.entries()))]
    if not items.given:
        return [Traffic()]
    return [_item(entry, one, egress=egress, deny=deny) for entry in items.entries()]


_SEVEN: Final = ("terminatingTLS", "originatingTLS", "serverNames")


def _item(field: Field, one: PolicyObject, *, egress: bool, deny: bool) -> Traffic:
    only(field, ("ports", "rules", *_SEVEN))
    for name in (*_SEVEN, "rules"):
        if deny and field[name].given:
            field[name].refuse("not in a deny rule")
    for name in _SEVEN:
        if field[name].given:
            one.note(field[name], "read as if every connection on these ports matched")
    dns = _rules(field["rules"], one, egress=egress)
    if not field["ports"].given:
        return Traffic(dns=dns)
    found = [_port(entry) for entry in field["ports"].entries()]
    named = {name for _, names in found for name in names}
    return Traffic(PortSet.union(ports for ports, _ in found), tuple(sorted(named)), dns)


def _rules(field: Field, one: PolicyObject, *, egress: bool) -> tuple[str, ...]:
    """The DNS patterns; what else is said about L7 becomes a notice."""
    for name, member in field.children():
        if name != "dns" and member.given:
            one.note(member, "L7 rules are read as if every request matched")
    dns = field["dns"]
    if dns.given and not egress:
        dns.refuse("DNS rules are for egress only")
    return tuple(sorted({name for entry in dns.entries() for name in dns_names(entry)}))


def dns_names(field: Field) -> tuple[str, ...]:
    """The one name or pattern of a ``{matchName | matchPattern}``, in canonical form."""
    only(field, ("matchName", "matchPattern"))
    name, pattern = field["matchName"], field["matchPattern"]
    if name.given == pattern.given:
        field.refuse("either matchName or matchPattern")
    return (dns_name(name, _DNS) if name.given else dns_name(pattern, _DNS_PATTERN),)


def dns_name(field: Field, form: re.Pattern[str]) -> str:
    """A name in lower case, without the final dot."""
    text = field.text()
    if not form.fullmatch(text):
        field.expected("a DNS name")
    return text.lower().removesuffix(".")


def _port(field: Field) -> tuple[PortSet, tuple[tuple[str, str], ...]]:
    """(numbers, names): port 0 is every port, no protocol is TCP, UDP and SCTP."""
    only(field, ("port", "endPort", "protocol"))
    port, end, kind = field["port"].text("0"), field["endPort"], field["protocol"].text("ANY")
    if kind in _OTHERS:
        if port != "0":
            field["port"].refuse(f"{kind} has no ports")
        return PortSet.of("OTHER", _OTHERS[kind]), ()
    if kind not in (*PORT_PROTOCOLS, "ANY", ""):
        field["protocol"].expected("a protocol")
    protocols = PORT_PROTOCOLS if kind in ("ANY", "") else (kind,)
    if not port.isdecimal():
        if not _PORT_NAME.fullmatch(port):
            field["port"].expected("a port number or a port name")
        return PortSet(), tuple((protocol, port.lower()) for protocol in protocols)
    low, high = _range(Field(int(port[:9]), field["port"].path), end)
    sets = (PortSet.of(one, *((low, high) if low else ())) for one in protocols)
    return PortSet.union(sets), ()


def _range(port: Field, end: Field) -> tuple[int, int]:
    low = port.whole(0, 65535)
    if not end.present or end.value == 0:
        return low, low
    if not low:
        undecided(end, "a range from port 0 is not read")
    return low, end.whole(low, 65535)


def _types(field: Field) -> PortSet:
    only(field, ("fields",))
    if not field["fields"].given:
        undecided(field, "icmps without fields are not read")
    return PortSet.union(_type(entry) for entry in field["fields"].entries())


def _type(field: Field) -> PortSet:
    only(field, ("family", "type"))
    protocol = _FAMILIES[field["family"].choice(_FAMILIES) if field["family"].given else "IPv4"]
    kind = field["type"]
    if not isinstance(kind.value, str):
        return PortSet.icmp(protocol, kind.whole(0, 255))
    if kind.value.isdecimal():
        return PortSet.icmp(protocol, Field(int(kind.value[:9]), kind.path).whole(0, 255))
    if kind.value not in _TYPES[protocol]:
        undecided(kind, "this name of an ICMP type is not known")
    return PortSet.icmp(protocol, _TYPES[protocol][kind.value])

"""Cilium's ``toPorts`` and ``icmps`` of one rule ↔ PortSet, named ports and DNS patterns.

Sources: Cilium "Layer 4" and "Layer 7" pages, ``pkg/policy/api/{l4,fqdn,rule_validation}.go``,
``pkg/iana``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from generators.cilium_icmp import MAX_FIELDS, types, written_types
from generators.reading import PolicyObject, undecided
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.net import ALL_PORTS, PORT_PROTOCOLS, PortSet

__all__ = ["Traffic", "dns_name", "dns_names", "traffic", "written_dns", "written_traffic"]

_OTHERS: Final = {"IGMP": 2, "IPIP": 4, "IPV6": 41, "GRE": 47, "ESP": 50, "AH": 51, "VRRP": 112}
_PORT_NAME: Final = re.compile(r"(?=.{1,15}\Z)(?=[-0-9]*[A-Za-z])[A-Za-z0-9]+(-[A-Za-z0-9]+)*")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,4}|0[0-7]{1,6}", re.ASCII)
_DNS: Final = re.compile(r"(?=.{1,255}\Z)([-A-Za-z0-9_]+\.)*[-A-Za-z0-9_]+\.?")
_DNS_PATTERN: Final = re.compile(r"(?=.{1,255}\Z)([-A-Za-z0-9_*]+\.)*[-A-Za-z0-9_*]+\.?")


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
    fields = list(written_types(wanted.ports))
    if fields:
        yield {"icmps": [{"fields": chunk} for chunk in _chunks(fields)]}


def _chunks(entries: Sequence[object]) -> Iterator[list[object]]:
    for start in range(0, len(entries), MAX_FIELDS):
        yield list(entries[start : start + MAX_FIELDS])


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


def written_dns(name: str) -> dict[str, object]:
    """A DNS name or pattern. Raises NetpolError for one that Cilium does not take."""
    if not _DNS_PATTERN.fullmatch(name):
        raise NetpolError("cilium cannot say this DNS name", where=repr(name))
    return {"matchPattern" if "*" in name else "matchName": name}


# Reading


def traffic(rule: Field, one: PolicyObject, *, egress: bool, host: bool = False) -> list[Traffic]:
    """What a rule says of protocols and ports: one Traffic per ``toPorts`` item.

    An item without ports, and ICMP without fields, mean no traffic at all. ``host``: the rule is
    for nodes, which have no L7 rules. Raises NetpolError for what Cilium refuses.
    """
    items, icmps = rule["toPorts"], rule["icmps"]
    if items.given and icmps.given:
        icmps.refuse("not together with toPorts")
    if icmps.given:
        return [Traffic(PortSet.union(types(entry) for entry in icmps.entries()))]
    if not items.given:
        return [Traffic()]
    return [_item(entry, one, egress=egress, host=host) for entry in items.entries()]


_TLS: Final = ("terminatingTLS", "originatingTLS", "serverNames")
_SEVEN: Final = ("http", "kafka", "dns", "l7", "l7proto")


def _item(field: Field, one: PolicyObject, *, egress: bool, host: bool) -> Traffic:
    ports = field["ports"].entries()
    if len(ports) > MAX_FIELDS:
        field["ports"].refuse(f"more than {MAX_FIELDS} ports")
    found = [_port(entry, one, egress=egress) for entry in ports]
    _check_seven(field, egress=egress, host=host)
    for name in (*_TLS, "listener"):
        if field[name].given:
            one.note(field[name], "read as if every connection on these ports matched")
    for name, member in field["rules"].children():
        if name != "dns" and member.given:
            one.note(member, "L7 rules are read as if every request matched")
    dns = {name for entry in field["rules"]["dns"].entries() for name in dns_names(entry)}
    named = {name for _, names in found for name in names}
    return Traffic(
        PortSet.union(numbers for numbers, _ in found), tuple(sorted(named)), tuple(sorted(dns))
    )


def _check_seven(field: Field, *, egress: bool, host: bool) -> None:
    """What Cilium checks of L7 rules, names of servers and listeners."""
    rules, servers = field["rules"], field["serverNames"]
    kinds = [name for name in _SEVEN if rules[name].present]
    if any(not name for name in servers.texts()):
        servers.refuse("the name of a server is empty")
    if field["listener"].given and not egress:
        field["listener"].refuse("not in ingress")
    if not {*kinds} - {"l7proto"}:
        return
    if "l7" in kinds and "l7proto" not in kinds:
        rules["l7"].refuse("not without l7proto")
    if len({*kinds} - {"l7"}) > 1:
        rules.refuse("one kind of L7 rule only")
    if host and kinds != ["dns"]:
        rules.refuse("nodes have no L7 rules")
    if servers.given and not field["terminatingTLS"].present:
        servers.refuse("not with L7 rules, unless TLS is terminated")
    if field["listener"].given:
        field["listener"].refuse("not with L7 rules")
    _check_seven_ports(field, rules, egress=egress)


def _check_seven_ports(field: Field, rules: Field, *, egress: bool) -> None:
    dns = rules["dns"].given
    if dns and not egress:
        rules["dns"].refuse("DNS rules are for egress only")
    if rules["dns"].present and not field["ports"].given:
        rules["dns"].refuse("a port must be named for DNS rules")
    for entry in field["ports"].entries():
        port, kind = entry["port"], entry["protocol"]
        if not dns and kind.value != "TCP":
            kind.refuse("L7 rules are for TCP")
        number = _number(port) if _NUMBER.fullmatch(port.text("")) else None
        if number == 0:
            port.refuse("port 0 is not for L7 rules")
        last = entry["endPort"].whole(0, 65535) if entry["endPort"].present else 0
        if dns and number is not None and last > number:
            entry["endPort"].refuse("DNS rules are for single ports")


def dns_names(field: Field) -> tuple[str, ...]:
    """The one name or pattern of a ``{matchName | matchPattern}``, in canonical form."""
    name, pattern = field["matchName"], field["matchPattern"]
    if name.given == pattern.given:
        field.refuse("either matchName or matchPattern")
    return (dns_name(name, _DNS) if name.given else dns_name(pattern, _DNS_PATTERN),)


def dns_name(field: Field, form: re.Pattern[str]) -> str:
    """A name in lower case, without the final dot; a pattern of stars alone is every name."""
    text = field.text()
    if not form.fullmatch(text):
        field.expected("a DNS name")
    name = text.lower().removesuffix(".")
    return "*" if set(name) == {"*"} else name


def _port(
    field: Field, one: PolicyObject, *, egress: bool
) -> tuple[PortSet, tuple[tuple[str, str], ...]]:
    """(numbers, names): port 0 is every port, no protocol is TCP, UDP and SCTP."""
    port, end = field["port"].text(""), field["endPort"]
    kind = field["protocol"].text("") or "ANY"
    if kind in _OTHERS:
        if port not in ("", "0"):
            field["port"].refuse(f"{kind} has no ports")
        return PortSet.of("OTHER", _OTHERS[kind]), ()
    if kind not in (*PORT_PROTOCOLS, "ANY"):
        field["protocol"].expected("a protocol")
    protocols = PORT_PROTOCOLS if kind == "ANY" else (kind,)
    if _PORT_NAME.fullmatch(port):
        # Peers resolve the name alone; the policed pod's own port begins a range (``l4.go``).
        if end.present and end.whole(0, 65535) and not egress:
            undecided(end, "a range that begins with a named port is not read")
        return PortSet(), tuple((protocol, port.lower()) for protocol in protocols)
    low, high = _range(field, one)
    # Port 0 is every port, whatever endPort says (``keysForRange`` in l4.go).
    sets = (PortSet.of(name, *((low, high) if low else ())) for name in protocols)
    return PortSet.union(sets), ()


def _range(field: Field, one: PolicyObject) -> tuple[int, int]:
    low = _number(field["port"])
    high = field["endPort"].whole(0, 65535) if field["endPort"].present else 0
    if 0 < high < low:
        one.warn("NP075", field["endPort"], f"it ends before it begins; port {low} alone is meant")
    return low, max(low, high)


def _number(field: Field) -> int:
    """A port number; a leading zero makes it octal, as Go has it."""
    text = field.text()
    if not _NUMBER.fullmatch(text):
        field.expected("a port number or a port name")
    number = int(text, 8 if text.startswith("0") else 10)
    return Field(number, field.path).whole(0, 65535)

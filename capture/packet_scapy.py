"""Packets by scapy, one by one: what the walk over whole windows does not know.

The only door to scapy. It knows MPLS, PPPoE, 802.2, 802.11, ERSPAN and many more, at some thousand
packets a second. Its answers are rows like those of :mod:`capture.packet_transport`; a test holds
both to the same rows for the packets that both know.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import numpy as np

from capture import packet_layers as layers
from capture.packet_rows import Addresses, Numbers, Rows, Window
from capture.packet_transport import DNS_PORTS, marked

if TYPE_CHECKING:
    from types import ModuleType

    from scapy.packet import Packet

__all__ = ["fill"]

_QUIC_SMALLEST: Final = 1208


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What scapy found in one packet; without a ``layer`` that is a transport, nothing else."""

    layer: int
    source: tuple[str, int] = ("0.0.0.0", 0)  # noqa: S104 - nothing is bound to it
    target: tuple[str, int] = ("0.0.0.0", 0)  # noqa: S104
    protocol: int = 0
    kind: int = layers.PLAIN
    opening: int = 0
    words: tuple[int, int] = (0, 0)
    size: int = 0
    identity: int = 0
    head: int = 0
    """The first eight bytes of the transport header."""
    payload: bytes = b""


def fill(rows: Rows, window: Window, addresses: Addresses, chosen: Numbers) -> None:
    """Ask scapy about the chosen packets and put what it says into their rows."""
    for one in chosen.tolist():
        start = int(window.start[one])
        data = window.data.raw[start : start + int(window.size[one])]
        seen = _seen(int(window.link[one]), data)
        rows.layer[one] = seen.layer
        if layers.DONE <= seen.layer < layers.REASONS:
            for side, column in ((seen.source, rows.source), (seen.target, rows.target)):
                column[one] = addresses.number(ip_address(side[0])) << 16 | side[1]
            rows.protocol[one], rows.kind[one] = seen.protocol, seen.kind
            rows.opening[one] = seen.opening
            columns = (np.array([n], np.uint64) for n in (*seen.words, seen.size, seen.identity))
            rows.mark[one] = marked(*columns)[0]
            at = start + max(data.rfind(seen.payload), 0)
            rows.payload[one], rows.end[one] = at, at + len(seen.payload)


@cache
def _scapy() -> ModuleType:
    """The package, with the layers that captures have."""
    logging.getLogger("scapy").setLevel(logging.CRITICAL)
    import scapy
    import scapy.config
    import scapy.contrib.erspan
    import scapy.contrib.geneve
    import scapy.contrib.mpls
    import scapy.layers.dot11
    import scapy.layers.inet
    import scapy.layers.inet6
    import scapy.layers.l2
    import scapy.layers.ppp
    import scapy.layers.sctp
    import scapy.layers.vxlan

    scapy.packet.bind_bottom_up(scapy.layers.inet.UDP, scapy.layers.vxlan.VXLAN, dport=8472)
    scapy.config.conf.debug_dissector = False
    return scapy


def _seen(link: int, data: bytes) -> _Seen:
    scapy = _scapy()
    first = scapy.config.conf.l2types.num2layer.get(link)
    if first is None:
        return _Seen(layer=layers.STRANGE)
    try:
        return _innermost(list(first(data).iterpayloads()))
    except Exception:  # noqa: BLE001 - whatever scapy stumbles over is a broken packet
        return _Seen(layer=layers.BROKEN)


def _innermost(found: list[Packet], *, quoted: bool = False) -> _Seen:
    """What the innermost IP header and what follows it say."""
    net = _scapy().layers
    inner = [n for n, one in enumerate(found) if type(one) in (net.inet.IP, net.inet6.IPv6)]
    if not inner:
        return _Seen(layer=layers.NOT_IP)
    head, behind = found[inner[-1]], found[inner[-1] + 1 :]
    four = type(head) is net.inet.IP
    seen = _Seen(layer=layers.OTHER, source=(head.src, 0), target=(head.dst, 0))
    size = max(head.len - head.ihl * 4, 0) if four else head.plen
    seen = replace(seen, identity=head.id if four else 0, size=size)
    if four and head.frag:
        return _Seen(layer=layers.FRAGMENT)
    return _behind(seen, head.proto if four else head.nh, behind, quoted=quoted)


def _behind(seen: _Seen, protocol: int, behind: list[Packet], *, quoted: bool) -> _Seen:
    """Through the extension headers to the transport."""
    six = _scapy().layers.inet6
    extensions = six.IPv6ExtHdrHopByHop, six.IPv6ExtHdrRouting, six.IPv6ExtHdrDestOpt
    while behind and isinstance(behind[0], (*extensions, six.IPv6ExtHdrFragment)):
        one, behind = behind[0], behind[1:]
        taken = 8
        if isinstance(one, six.IPv6ExtHdrFragment):
            if one.offset:
                return _Seen(layer=layers.FRAGMENT)
            seen = replace(seen, identity=one.id)
        else:
            taken = (one.len + 1) * 8
        protocol, seen = one.nh, replace(seen, size=max(seen.size - taken, 0))
    return _transport(replace(seen, protocol=protocol), behind, quoted=quoted)


def _transport(seen: _Seen, behind: list[Packet], *, quoted: bool) -> _Seen:
    data = behind[0].original if behind else b""
    need = {6: 14, 17: 8, 132: 13, 1: 8, 58: 8}.get(seen.protocol, 0)
    if len(data) < (min(need, 8) if quoted else need):
        return _Seen(layer=layers.CUT)
    seen = replace(seen, head=int.from_bytes(data[:8]))
    if quoted:
        data = data.ljust(need, b"\0")
    match seen.protocol:
        case 6:
            return _tcp(seen, data)
        case 17:
            return _udp(seen, data)
        case 132:
            return _sctp(seen, data)
        case 1 | 58:
            return _icmp(seen, behind, data)
        case 50:
            return _Seen(layer=layers.SEALED)
        case 59:
            return _Seen(layer=layers.NOT_IP)
        case number if number in layers.ROUTER_PROTOCOLS:
            return _Seen(layer=layers.ROUTERS)
    word = int.from_bytes(data[:8])
    return replace(seen, words=(word, word), payload=data)


def _with_ports(seen: _Seen, data: bytes) -> _Seen:
    ports = int.from_bytes(data[:2]), int.from_bytes(data[2:4])
    source, target = (seen.source[0], ports[0]), (seen.target[0], ports[1])
    return replace(seen, source=source, target=target)


def _tcp(seen: _Seen, data: bytes) -> _Seen:
    number, answer, flags = int.from_bytes(data[4:8]), int.from_bytes(data[8:12]), data[13]
    syn, reset, ack = flags & 2, flags & 4, flags & 16
    going = layers.CLOSE if flags & 1 else layers.ONGOING
    kind = going if ack else layers.PLAIN
    opening = 0
    if reset:
        kind = layers.REFUSE
    elif syn:
        kind = layers.ACCEPT if ack else layers.OPEN
        opening = (answer - 1) % (1 << 32) if ack else number
    return replace(
        _with_ports(seen, data),
        layer=layers.TCP,
        kind=kind,
        opening=opening,
        words=(number << 32 | answer, flags),
        payload=data[max((data[12] >> 4) * 4, 20) :],
    )


def _udp(seen: _Seen, data: bytes) -> _Seen:
    seen, payload = _with_ports(seen, data), data[8:]
    source, target = seen.source[1], seen.target[1]
    if {source, target} & set(layers.OPAQUE_PORTS) and (
        len(payload) < 4 or (payload[0] in range(1, 5) and not any(payload[1:4]))
    ):
        return _Seen(layer=layers.SEALED)
    kind = layers.PLAIN
    if len(payload) >= 12 and payload[2] & 0x80 and source in DNS_PORTS:
        kind = layers.ACCEPT
    elif len(payload) >= 12 and not payload[2] & 0x80 and target in DNS_PORTS:
        kind = layers.OPEN
    initial = payload[:1] and (payload[0] & 0xF0, payload[1:5]) in (
        (0xC0, b"\0\0\0\1"),
        (0xD0, b"\x6b\x33\x43\xcf"),
    )
    if initial and seen.size >= _QUIC_SMALLEST and not source < 1024 <= target:
        kind = layers.OPEN
    word = int.from_bytes(payload[:8])
    return replace(seen, layer=layers.UDP, kind=kind, words=(word, word), payload=payload)


def _sctp(seen: _Seen, data: bytes) -> _Seen:
    tag, chunk = int.from_bytes(data[4:8]), data[12]
    known = {1: layers.OPEN, 2: layers.ACCEPT, 6: layers.REFUSE}
    known |= dict.fromkeys((7, 8, 14), layers.CLOSE)
    kind = known.get(chunk, layers.ONGOING)
    opening = tag if kind == layers.ACCEPT else 0
    if kind == layers.OPEN and len(data) >= 20:
        opening = int.from_bytes(data[16:20])
    words = int.from_bytes(data[12:20]), tag
    return replace(
        _with_ports(seen, data), layer=layers.SCTP, kind=kind, opening=opening, words=words
    )


def _icmp(seen: _Seen, behind: list[Packet], data: bytes) -> _Seen:
    kind, code = data[0], data[1]
    place = seen.protocol, kind, code
    if place in layers.DENIED or place in layers.UNREACHABLE:
        return _quoted(seen, behind[1:], data[8:], denied=place in layers.DENIED)
    reason = layers.MESSAGES[seen.protocol].get(kind)
    if reason:
        return _Seen(layer=reason)
    pairs = layers.REQUESTS if seen.protocol == 1 else {129: 128}
    request = pairs.get(kind, kind)
    paired = kind in {*pairs, *pairs.values()}
    number = int.from_bytes(data[4:6]) if paired else 0
    word = int.from_bytes(data[:8]) & 0xFFFF0000FFFFFFFF
    return replace(
        seen,
        layer=layers.ICMP,
        source=(seen.source[0], number),
        target=(seen.target[0], number),
        protocol=seen.protocol | request << 8 | code << 16,
        kind=layers.OPEN if request == kind else layers.ACCEPT,
        words=(word, word),
    )


def _quoted(seen: _Seen, behind: list[Packet], data: bytes, *, denied: bool) -> _Seen:
    """The packet of which an ICMP error speaks."""
    net = _scapy().layers
    four = seen.protocol == 1
    inner = (net.inet.IP if four else net.inet6.IPv6)(data)
    quoted = _innermost(list(inner.iterpayloads()), quoted=True)
    if not layers.DONE <= quoted.layer < layers.REASONS:
        return _Seen(layer=layers.ICMP_ERROR)
    kind = layers.DENY if denied else layers.REFUSE
    if not denied:
        quoted = replace(quoted, source=quoted.target, target=quoted.source)
    return replace(quoted, kind=kind, opening=0, words=(quoted.head, kind), payload=b"")

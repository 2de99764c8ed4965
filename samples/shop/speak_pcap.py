"""What three people captured in that hour, each in another way.

`worker-1-pods.pcapng`: on the veths of all pods of worker-1, before a Service's address is
translated, whole packets. `worker-1-eth0.pcap`: on the network card, after it, in VXLAN, cut at
128 bytes, on a machine of the other byte order. `worker-2-any.pcap`: on the device `any`, so with a
copy of each packet for each device that it passes.
"""

from __future__ import annotations

import struct
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from chance import letters, mac, number
from clock import MICRO, SECOND
from describe import HOUR, LENGTH, NODES, ONE, TWO
from played import ICMP, Conversation, ident
from points import Seen, sightings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from describe import Node
    from pods import Pod

NUMBERS = {"TCP": 6, "UDP": 17, "ICMP": 1, "ICMPv6": 58}
TUNNEL_PORT = 8472
CUT, CUT_ANY, WHOLE = 128, 160, 262144
ETHERNET, COOKED = 1, 276
IP4, IP6, ARP = 0x0800, 0x86DD, 0x0806


@cache
def _packed(ip: str) -> bytes:
    return ip_address(ip).packed


@cache
def hardware(name: str) -> bytes:
    return bytes.fromhex(mac(name).replace(":", ""))


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_packet(source: str, target: str, protocol: int, data: bytes, number: int, ttl: int) -> bytes:
    if ":" in source:
        head = struct.pack("!IHBB", 6 << 28, len(data), protocol, ttl)
        return head + _packed(source) + _packed(target) + data
    fields = (0x45, 0, 20 + len(data), number, 0x4000, ttl, protocol)
    ends = _packed(source) + _packed(target)
    blank = struct.pack("!BBHHHBBH", *fields, 0) + ends
    return struct.pack("!BBHHHBBH", *fields, checksum(blank)) + ends + data


def _ping(seen: Seen) -> bytes:
    talk, reply = seen.one.talk, seen.segment.reply
    answer = 0 if talk.protocol == "ICMP" else talk.port + 1
    kind = answer if reply else talk.port
    blank = struct.pack("!BBHHH", kind, 0, 0, ident(seen.one), 1) + seen.segment.data
    return blank[:2] + struct.pack("!H", checksum(blank)) + blank[4:]


def inner(seen: Seen) -> bytes:
    """Give the packet itself: the same bytes on every device but for addresses, ports and TTL."""
    talk, segment = seen.one.talk, seen.segment
    source, target = seen.source, seen.target
    if talk.protocol in ICMP:
        data = _ping(seen)
    elif talk.protocol == "TCP":
        data = segment.tcp(source[1], target[1])
    else:
        data = segment.udp(source[1], target[1])
    first = number(f"{seen.one.begin}/{segment.reply}", 0, 0xFFFF)
    plain = 0 if segment.flags == ("SYN", "ACK") else (first + seen.number) & 0xFFFF
    ttl = 64 if seen.device == "veth" and seen.arrives else 63
    return ip_packet(source[0], target[0], NUMBERS[talk.protocol], data, plain, ttl)


def kind_of(packet: bytes) -> int:
    return IP4 if packet[0] >> 4 == 4 else IP6


def ethernet(target: str, source: str, packet: bytes) -> bytes:
    return hardware(target) + hardware(source) + struct.pack("!H", kind_of(packet)) + packet


def _tunnel(seen: Seen, outer: tuple[Node, Node]) -> bytes:
    """Wrap: between the nodes, with the sender's identity as the network's number."""
    sender = seen.one.talk.sender(reply=seen.segment.reply)
    frame = ethernet(f"{outer[1].name}/vxlan", f"{outer[0].name}/vxlan", inner(seen))
    mark = struct.pack("!II", 0x08 << 24, sender.far.get("identity", 0) << 8)
    port = number(f"{seen.one.begin}", 32768, 60999)
    head = struct.pack("!HHHH", port, TUNNEL_PORT, 16 + len(frame), 0)
    return ip_packet(outer[0].ip4, outer[1].ip4, 17, head + mark + frame, 0, 64)


def packet(seen: Seen) -> bytes:
    return _tunnel(seen, seen.outer) if seen.outer else inner(seen)


def _frame(seen: Seen) -> bytes:
    """Give it with its Ethernet header."""
    near = f"{seen.pod.key}" if seen.pod else f"{seen.node.name}/eth0"
    far = f"{near}/peer" if seen.pod else "gateway"
    target, source = (far, near) if seen.arrives == bool(seen.pod) else (near, far)
    return ethernet(target, source, packet(seen))


def _arp(node: Node, other: Node) -> bytes:
    """Ask who has an address: there is more on a network than connections."""
    head = b"\xff" * 6 + hardware(f"{node.name}/eth0") + struct.pack("!H", ARP)
    asks = struct.pack("!HHBBH", 1, IP4, 6, 4, 1) + hardware(f"{node.name}/eth0")
    return head + asks + _packed(node.ip4) + bytes(6) + _packed(other.ip4)


# ---------------------------------------------------------------- the files


def _ordered(found: Iterable[Seen]) -> list[Seen]:
    """Sort by time; packets of before or after the hour are in no file."""
    end = (HOUR + LENGTH) * SECOND
    inside = (seen for seen in found if HOUR * SECOND <= seen.at < end)
    return sorted(inside, key=lambda seen: (seen.at, seen.source, seen.target))


def classic(
    rows: Iterable[tuple[int, bytes]], *, order: str, magic: int, link: int, cut: int
) -> bytes:
    """Write a pcap file."""
    unit = 1 if magic == 0xA1B23C4D else MICRO
    parts = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, cut, link)]
    for at, data in rows:
        second, rest = divmod(at, SECOND)
        kept = data[:cut]
        parts.append(struct.pack(f"{order}IIII", second, rest // unit, len(kept), len(data)) + kept)
    return b"".join(parts)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + size + body + size


def _option(code: int, data: bytes) -> bytes:
    return struct.pack("<HH", code, len(data)) + _padded(data)


NO_MORE = bytes(4)


def veth(pod: Pod) -> str:
    return f"lxc{letters(pod.key, 12)}"


def pods_of(node: Node, conversations: list[Conversation]) -> bytes:
    """Write a pcapng file of all pods' devices, in nanoseconds."""
    found = _ordered(seen for seen in sightings(conversations, node) if seen.pod)
    interfaces: dict[str, int] = {}
    parts = [_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
    for seen in found:
        assert seen.pod is not None
        name = veth(seen.pod)
        if name not in interfaces:
            interfaces[name] = len(interfaces)
            options = _option(2, name.encode()) + _option(9, b"\x09") + NO_MORE
            parts.append(_block(1, struct.pack("<HHI", ETHERNET, 0, WHOLE) + options))
        data = _frame(seen)
        high, low = divmod(seen.at, 1 << 32)
        head = struct.pack("<IIIII", interfaces[name], high, low, len(data), len(data))
        parts.append(_block(6, head + _padded(data)))
    return b"".join(parts)


def card_of(node: Node, conversations: list[Conversation]) -> bytes:
    """Write a pcap file of the network card."""
    found = (seen for seen in sightings(conversations, node) if seen.device == "eth0")
    rows = [(seen.at, _frame(seen)) for seen in _ordered(found)]
    others = [other for other in NODES if other != node]
    for minute in range(LENGTH // 60):
        at = (HOUR + minute * 60 + 17) * SECOND
        rows.append((at, _arp(node, others[minute % 2])))
    return classic(sorted(rows), order=">", magic=0xA1B2C3D4, link=ETHERNET, cut=CUT)


def _cooked(seen: Seen) -> bytes:
    """Put the header of the device `any` in front: which device it was, and which way it went."""
    data = packet(seen)
    name = seen.pod.key if seen.pod else f"{seen.node.name}/{seen.device}"
    index = {"eth0": 2, "tunnel": 6}.get(seen.device) or number(name, 10, 90)
    way = 0 if seen.arrives else 4
    head = struct.pack("!HHIHBB", kind_of(data), 0, index, 1, way, 6)
    return head + hardware(name) + bytes(2) + data


def any_of(node: Node, conversations: list[Conversation]) -> bytes:
    """Write a pcap file of all devices at once."""
    rows = ((seen.at, _cooked(seen)) for seen in _ordered(sightings(conversations, node)))
    return classic(rows, order="<", magic=0xA1B23C4D, link=COOKED, cut=CUT_ANY)


def files(conversations: list[Conversation]) -> dict[str, bytes]:
    return {
        "pcap/worker-1-pods.pcapng.gz": pods_of(ONE, conversations),
        "pcap/worker-1-eth0.pcap.gz": card_of(ONE, conversations),
        "pcap/worker-2-any.pcap.gz": any_of(TWO, conversations),
    }

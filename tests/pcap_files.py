"""Capture files and packets, written by hand: nothing that the reader under test uses."""

from __future__ import annotations

import io
import struct
from ipaddress import ip_address

from capture.pcap import PCAP
from capture.source import Reading
from netpol.flow import Account

EPOCH = 1_793_700_047_512_345_000
SYN, SYN_ACK, ACK, PSH, FIN, RST = 2, 18, 16, 24, 17, 4
WEB, API, DNS = "10.244.1.7", "10.244.2.9", "10.244.0.12"
WEB6, API6 = "fd00:1::7", "fd00:2::9"


def read(data, era=None):
    """The flows of a capture, its account, and what was told."""
    account, told = Account(), []
    more = {} if era is None else {"era": era}
    reading = Reading(where="a.pcap", tell=told.append, account=account, **more)
    flows = list(PCAP.read(io.BytesIO(data), reading))
    assert account.balanced()
    assert sum(flow.records for flow in flows) == account.folded
    return flows, account, told


def row(flow):
    """What tests compare of a flow."""
    ends = flow.client.ip, flow.server.ip, flow.protocol, flow.port
    return (*ends, flow.count, flow.records, *sorted(flow.signals))


def tcp(sport, dport, flags, *, seq=1000, ack=0, payload=b""):
    return struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 64240, 0, 0) + payload


def udp(sport, dport, payload=b""):
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def sctp(sport, dport, tag, chunk, value=b"\0" * 16):
    return struct.pack("!HHIIBBH", sport, dport, tag, 0, chunk, 0, 4 + len(value)) + value


def icmp(kind, code, number=0, payload=b"ping" * 4):
    return struct.pack("!BBHHH", kind, code, 0, number, 1) + payload


_counter = iter(range(1, 1 << 62))


def ip(source, target, protocol, payload, *, identity=None, fragment=0):
    """An IP packet; the next identification of this run where none is given."""
    one, other = ip_address(source), ip_address(target)
    if one.version == 6:
        head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64)
        return head + one.packed + other.packed + payload
    identity = next(_counter) % 65535 + 1 if identity is None else identity
    size = 20 + len(payload)
    head = struct.pack("!BBHHHBBH", 0x45, 0, size, identity, fragment, 64, protocol, 0)
    return head + one.packed + other.packed + payload


def ethernet(packet, kind=None):
    kind = kind or (0x86DD if packet[0] >> 4 == 6 else 0x0800)
    return b"\2\0\0\0\0\1\2\0\0\0\0\2" + struct.pack("!H", kind) + packet


def pcap(packets, *, link=1, order="<", nano=False, gap=10_000_000, snap=262144):
    """A pcap file: packets ``gap`` nanoseconds apart, or (time, packet) pairs."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap, link)]
    for n, packet in enumerate(packets):
        time, data = packet if isinstance(packet, tuple) else (EPOCH + n * gap, packet)
        second, part = divmod(time, 10**9)
        cut = data[:snap]
        part = part if nano else part // 1000
        out.append(struct.pack(order + "IIII", second, part, len(cut), len(data)) + cut)
    return b"".join(out)


def block(kind, body, order="<"):
    body += b"\0" * (-len(body) % 4)
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def section(order="<"):
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def option(code, value, order="<"):
    return struct.pack(order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def interface(link=1, order="<", *, snap=0, resolution=None, offset=None):
    body = struct.pack(order + "HHI", link, 0, snap)
    if resolution is not None:
        body += option(9, bytes([resolution]), order)
    if offset is not None:
        body += option(14, struct.pack(order + "q", offset), order)
    return block(1, body + option(0, b"", order), order)


def enhanced(packet, stamp, order="<", number=0):
    head = struct.pack(order + "IIIII", number, stamp >> 32, stamp & 0xFFFFFFFF, *[len(packet)] * 2)
    return block(6, head + packet, order)


def simple(packet, order="<"):
    return block(3, struct.pack(order + "I", len(packet)) + packet, order)


def dialogue(client=WEB, server=API, sport=43512, dport=8080, *, seq=1000, payload=b"GET / x"):
    """A TCP connection: handshake, request, answer, both sides close. Eight packets."""
    there, back = (client, server), (server, client)
    a, b = seq + 1, seq + 5001
    n = len(payload)
    steps = [
        (there, SYN, seq, 0, b""),
        (back, SYN_ACK, seq + 5000, a, b""),
        (there, ACK, a, b, b""),
        (there, PSH, a, b, payload),
        (back, PSH, b, a + n, b"answer"),
        (there, FIN, a + n, b + 6, b""),
        (back, FIN, b + 6, a + n + 1, b""),
        (there, ACK, a + n + 1, b + 7, b""),
    ]
    out = []
    for ends, flags, number, ack, data in steps:
        ports = (sport, dport) if ends is there else (dport, sport)
        out.append(ip(*ends, 6, tcp(*ports, flags, seq=number, ack=ack, payload=data)))
    return out


def answered(name, addresses, *, number=7):
    """A DNS answer."""
    asked = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0\0\1\0\1"
    out = struct.pack("!HHHHHH", number, 0x8180, 1, len(addresses), 0, 0) + asked
    for text in addresses:
        packed = ip_address(text).packed
        kind = 1 if len(packed) == 4 else 28
        out += struct.pack("!HHHIH", 0xC00C, kind, 1, 30, len(packed)) + packed
    return out


def question(name, *, number=7):
    asked = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0\0\1\0\1"
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + asked

"""The bytes of a conversation above IP: what its programs and kernels send each other.

There is less of it than in life, a packet or two of data where a program would send hundreds; but
handshakes, questions and answers, names in the clear and resets are all there.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from chance import number
from clock import MICRO
from needs import LEDGER, NAMES, PAY_API
from people import server_names
from played import ICMP, Conversation, Lookup
from records import ACK
from traffic import cluster_answers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sides import Talk

FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16}
# Largest segment, a filler, scaling of the window: what a kernel says when it opens.
OPENING = bytes.fromhex("0204058201030307")
DNS_KINDS = {"A": 1, "CNAME": 5, "AAAA": 28}
SHOP_NAME = "shop.example.org"


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One packet without addresses; for UDP and ICMP there are no numbers and flags."""

    at: int
    reply: bool
    data: bytes = b""
    flags: tuple[str, ...] = ()
    seq: int = 0
    ack: int = 0

    def tcp(self, source: int, target: int) -> bytes:
        options = OPENING if "SYN" in self.flags else b""
        bits = sum(FLAGS[flag] for flag in self.flags)
        words = (20 + len(options)) // 4 << 4
        head = (source, target, self.seq, self.ack, words, bits, 64240, 0, 0)
        return struct.pack("!HHIIBBHHH", *head) + options + self.data

    def udp(self, source: int, target: int) -> bytes:
        return struct.pack("!HHHH", source, target, 8 + len(self.data), 0) + self.data


# ---------------------------------------------------------------- what is in a packet


def _labels(name: str) -> bytes:
    parts = name.rstrip(".").split(".")
    return b"".join(bytes([len(part)]) + part.encode() for part in parts) + b"\0"


def question(asked: Lookup) -> bytes:
    head = struct.pack("!HHHHHH", asked.at // MICRO & 0xFFFF, 0x0100, 1, 0, 0, 0)
    return head + _labels(asked.query) + struct.pack("!HH", DNS_KINDS[asked.kind], 1)


def answer(asked: Lookup) -> bytes:
    """Answer; a name that is repeated is a pointer to where it was first."""
    records, owner = [], 12
    place = len(question(asked))
    for alias in asked.cnames:
        data = _labels(alias)
        records.append(struct.pack("!HHHIH", 0xC000 | owner, 5, 1, 30, len(data)) + data)
        owner = place + 12
        place += 12 + len(data)
    for ip in asked.ips:
        data = ip_address(ip).packed
        kind = DNS_KINDS["A" if len(data) == 4 else "AAAA"]
        records.append(struct.pack("!HHHIH", 0xC000 | owner, kind, 1, 30, len(data)) + data)
    head = struct.pack(
        "!HHHHHH", asked.at // MICRO & 0xFFFF, 0x8180 | asked.rcode, 1, len(records), 0, 0
    )
    return head + question(asked)[12:] + b"".join(records)


def client_hello(name: str) -> bytes:
    """Give a short ClientHello; without a name, as where an address is called, it has no SNI."""
    extensions = b""
    if name:
        host = name.encode()
        entry = struct.pack("!BH", 0, len(host)) + host
        extensions += struct.pack("!HHH", 0, len(entry) + 2, len(entry)) + entry
    extensions += bytes.fromhex("002b0003020304")  # supported_versions: 1.3
    body = b"\x03\x03" + bytes(32) + b"\0" + bytes.fromhex("0004130113020100")
    body += struct.pack("!H", len(extensions)) + extensions
    shake = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack("!H", len(shake)) + shake


SERVER_HELLO = bytes.fromhex("160303002a0200002603030000") + bytes(30) + bytes.fromhex("00130100")
RECORD = bytes.fromhex("1703030010") + bytes(16)


def _tls(one: Conversation) -> tuple[bytes, bytes]:
    if not one.opens:
        return RECORD, RECORD
    return client_hello(_called(one)), SERVER_HELLO


def _called(one: Conversation) -> str:
    """Give the name by which the server was called, empty if by its address."""
    client, dialled = one.client_pod, one.dialled
    if one.talk.server.name:
        return one.talk.server.name
    if dialled and dialled.outside:
        return SHOP_NAME
    if not dialled or dialled.name == "kubernetes" or (client and client.workload.key == LEDGER):
        return ""
    return f"{dialled.name}.{dialled.namespace}.svc"


def _http(one: Conversation) -> tuple[bytes, bytes]:
    host = _called(one)
    if not host:
        ip, port = one.talk.server.ip, one.talk.port
        host = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
    asked = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"
    return asked.encode(), b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


SPOKEN = {
    5432: (bytes.fromhex("0000000804d2162f"), b"N"),
    6379: (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
    24224: (bytes.fromhex("93a36c6f67ce6a"), b"\x80"),
    7777: (b"EUR/USD?", b"1.08"),
    8125: (b"cart.items:3|c", b""),
}
ENCRYPTED = (443, 6443, 8443)


def _spoken(one: Conversation) -> tuple[bytes, bytes]:
    """Give what the client says and what the server answers."""
    talk = one.talk
    if talk.protocol in ICMP:
        return bytes(8), bytes(8)
    if talk.port == 53:
        asked = _asked(one)
        return _framed(question(asked), talk), _framed(answer(asked), talk)
    if talk.port in SPOKEN:
        return SPOKEN[talk.port]
    return _tls(one) if talk.port in ENCRYPTED else _http(one)


def _framed(message: bytes, talk: Talk) -> bytes:
    """Put its length before a message that goes over TCP."""
    return struct.pack("!H", len(message)) + message if talk.protocol == "TCP" else message


def _asked(one: Conversation) -> Lookup:
    """Give the question of a client of which no one logs the questions."""
    client = one.client_pod
    assert client is not None
    if not one.server_pod:  # the resolver outside: for what is no name of the cluster
        alias = ("edge.pay.example.com.",)
        ips = tuple(NAMES[PAY_API])
        return Lookup(at=one.begin, took=0, query=f"{PAY_API}.", kind="A", ips=ips, cnames=alias)
    names = server_names(client.workload.key)
    if not names:
        ips = ("10.96.0.1",)
        query = "kubernetes.default.svc.cluster.local."
        return Lookup(at=one.begin, took=0, query=query, kind="A", ips=ips)
    name = names[number(str(one.begin), 0, len(names) - 1)]
    return cluster_answers(client.workload.namespace, name)[1].given(one.begin, 0)


# ---------------------------------------------------------------- the packets


def _datagrams(one: Conversation) -> Iterator[Segment]:
    if one.lookups and one.talk.port == 53:
        for asked in one.lookups:
            yield Segment(at=asked.at, reply=False, data=question(asked))
            yield Segment(at=asked.at + asked.took, reply=True, data=answer(asked))
        return
    said = _spoken(one)
    for packet in one.packets:
        yield Segment(at=packet.at, reply=packet.reply, data=said[packet.reply])


def _acknowledged(one: Conversation) -> Iterator[tuple[int, bool, tuple[str, ...]]]:
    """Add what a kernel answers by itself: the third packet of a handshake, the last of an end."""
    cut = any("RST" in packet.flags for packet in one.packets)
    for packet in one.packets:
        yield packet.at, packet.reply, packet.flags
        if packet.reply and not cut and {"SYN", "FIN"} & set(packet.flags):
            yield packet.at + 120 * MICRO, False, ACK


def _stream(one: Conversation) -> Iterator[Segment]:
    name = f"{one.talk.client.ip}:{one.talk.client_port}>{one.talk.server.ip}:{one.talk.port}"
    turn = {False: number(f"{name}/c", 1, 2**31), True: number(f"{name}/s", 1, 2**31)}
    said = _spoken(one)
    for at, reply, flags in _acknowledged(one):
        data = said[reply] if "PSH" in flags else b""
        refuses = "RST" in flags and "ACK" in flags
        yield Segment(
            at=at,
            reply=reply,
            data=data,
            flags=flags,
            seq=0 if refuses else turn[reply],
            ack=turn[not reply] if "ACK" in flags else 0,
        )
        again = flags == ("SYN",) and not one.replied  # sent once more with the same number
        if not again:
            turn[reply] += len(data) + bool({"SYN", "FIN"} & set(flags))


def segments(one: Conversation) -> tuple[Segment, ...]:
    """Give the packets of a conversation in the order of their times."""
    found = _stream(one) if one.talk.protocol == "TCP" else _datagrams(one)
    return tuple(sorted(found, key=lambda segment: segment.at))


def sizes(one: Conversation, *, reply: bool) -> list[int]:
    """Give the lengths of the packets in one direction, with their headers."""
    head = (40 if one.ip6 else 20) + (20 if one.talk.protocol == "TCP" else 8)
    return [
        head + len(OPENING) * ("SYN" in segment.flags) + len(segment.data)
        for segment in segments(one)
        if segment.reply == reply
    ]

"""Names in packets: DNS answers, the server name of TLS, the host of HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv6Address
from socket import inet_ntoa
from struct import Struct
from typing import Final

import numpy as np

from capture import packet_layers as layers
from capture.packet_rows import Bytes, Numbers, Rows
from capture.packet_transport import DNS_PORTS
from netpol.answers import Answer
from netpol.net import is_hostname

__all__ = ["answers", "host_name", "server_name", "speaking"]

_HEADER: Final = Struct(">HHHHHH")
_RECORD: Final = Struct(">HHIH")
_HOPS: Final = 128
"""Labels and pointers of a name."""
_QUESTION: Final = b"\xc0\x0c"
"""A pointer to the name that was asked for."""
_ALIAS: Final = 5
_METHODS: Final = tuple(
    int.from_bytes(word) for word in (b"GET ", b"POST", b"PUT ", b"HEAD", b"DELE", b"OPTI", b"PATC")
)
_HOST: Final = re.compile(rb"\r\nhost:[ \t]*([^\s:]+)(?::\d+)?[ \t]*\r\n", re.IGNORECASE)


def speaking(rows: Rows, data: Bytes) -> tuple[Numbers, Numbers, Numbers]:
    """Rows whose payload may name somebody: DNS answers, TLS hellos, HTTP requests."""
    udp = np.flatnonzero((rows.layer == layers.UDP) & (rows.kind == layers.ACCEPT))
    room = rows.end - rows.payload
    tcp = np.flatnonzero((rows.layer == layers.TCP) & (room >= 16))
    word = data.eight(rows.payload[tcp])
    record = word >> np.uint64(40)  # a handshake of TLS 1.0 to 1.3
    hello = (record >= 0x160301) & (record <= 0x160303)
    hello &= word >> np.uint64(16) & np.uint64(0xFF) == 1
    spoken = np.isin(word >> np.uint64(32), _METHODS)
    told = np.isin(rows.source[tcp] & np.uint64(0xFFFF), DNS_PORTS)
    return np.concatenate([udp, tcp[told]]), tcp[hello], tcp[spoken]


def answers(message: bytes, time: int) -> list[Answer]:
    """What a DNS answer of that time tells of the name that was asked for.

    Aliases are followed, and an answer holds for as long as its shortest link. Empty for what is no
    whole, successful answer: so a name of the search list that is none (NXDOMAIN) says nothing, and
    the one that was meant comes later.
    """
    try:
        return list(_answers(message, time))
    except (IndexError, ValueError):
        return []


def _answers(message: bytes, time: int) -> Iterator[Answer]:
    if len(message) < _HEADER.size:
        return
    _, flags, questions, count, _, _ = _HEADER.unpack_from(message)
    if flags & 0xF80F != 0x8000 or questions != 1 or not count:
        return
    at = message.index(0, _HEADER.size) + 1
    asked = message[_HEADER.size : at]
    name = _name(asked)
    if not name:
        return
    aliases: dict[bytes, tuple[bytes, int]] = {}
    found: list[tuple[bytes, str, int]] = []
    for owner, kind, seconds, start, end in _records(message, at + 4, count, asked.lower()):
        value = message[start:end]
        if kind == _ALIAS:
            aliases[owner] = _called(message, start)[0], seconds
        elif (kind, len(value)) == (1, 4):
            found.append((owner, inet_ntoa(value), seconds))
        elif (kind, len(value)) == (28, 16):
            found.append((owner, str(IPv6Address(value)), seconds))
    holds = _chain(asked.lower(), aliases)
    for owner, address, seconds in found:
        if owner in holds:
            last = time + min(seconds, holds[owner]) * 10**9
            yield Answer(name, address, time, last)


def _records(
    message: bytes, at: int, count: int, asked: bytes
) -> Iterator[tuple[bytes, int, int, int, int]]:
    """(owner, type, lifetime in seconds, where its data begins and ends) of each record."""
    for _ in range(count):
        if message[at : at + 2] == _QUESTION:
            owner, at = asked, at + 2
        else:
            owner, at = _called(message, at)
        if len(message) < at + _RECORD.size:
            return
        kind, family, seconds, size = _RECORD.unpack_from(message, at)
        at += _RECORD.size
        if family == 1:  # a lifetime with the highest bit is none (RFC 2181, section 8)
            yield owner, kind, 0 if seconds >> 31 else seconds, at, at + size
        at += size


def _chain(asked: bytes, aliases: dict[bytes, tuple[bytes, int]]) -> dict[bytes, int]:
    """The names that the one asked for leads to, and for how many seconds."""
    holds = {asked: 1 << 31}
    owner = asked
    while owner in aliases:
        target, seconds = aliases[owner]
        if target in holds:
            break
        holds[target] = min(holds[owner], seconds)
        owner = target
    return holds


@lru_cache(maxsize=8192)
def _name(question: bytes) -> str:
    """The name of a question, which is never compressed; empty where it is no host's."""
    labels: list[bytes] = []
    at = 0
    while size := question[at]:
        labels.append(question[at + 1 : at + 1 + size])
        at += 1 + size
    return _hostname(b".".join(labels))


def _called(message: bytes, at: int) -> tuple[bytes, int]:
    """A name as in a question, in small letters, and the place behind it."""
    labels, behind = b"", 0
    for _ in range(_HOPS):
        size = message[at]
        if size >= 0xC0:
            behind = behind or at + 2
            at = (size & 0x3F) << 8 | message[at + 1]
        elif size == 0:
            return (labels + b"\0").lower(), behind or at + 1
        else:
            labels += message[at : at + 1 + size]
            at += 1 + size
    raise ValueError


def server_name(payload: bytes) -> str:
    """The name that a TLS ClientHello gives (RFC 6066); empty where it gives none."""
    try:
        at = 5 + 4 + 2 + 32
        at += 1 + payload[at]
        at += 2 + int.from_bytes(payload[at : at + 2])
        at += 1 + payload[at]
        end = at + 2 + int.from_bytes(payload[at : at + 2])
        at += 2
        while at + 4 <= min(end, len(payload)):
            kind, size = payload[at : at + 2], int.from_bytes(payload[at + 2 : at + 4])
            if kind == b"\0\0" and size > 5 and payload[at + 6] == 0:
                length = int.from_bytes(payload[at + 7 : at + 9])
                name = payload[at + 9 : at + 9 + length]
                return _hostname(name) if len(name) == length else ""
            at += 4 + size
    except IndexError:
        pass
    return ""


def host_name(payload: bytes) -> str:
    """The host that an HTTP request is for (RFC 9110); empty where it does not say."""
    found = _HOST.search(payload.partition(b"\r\n\r\n")[0] + b"\r\n")
    return _hostname(found[1]) if found else ""


def _hostname(name: bytes) -> str:
    text = name.decode("ascii", "replace").lower().removesuffix(".")
    return text if is_hostname(text) else ""

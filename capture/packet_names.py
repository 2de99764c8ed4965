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
from netpol.net import is_hostname

__all__ = ["answers", "host_name", "server_name", "speaking"]

_HEADER: Final = Struct(">HHHHHH")
_RECORD: Final = Struct(">HHIH")
_HOPS: Final = 64
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


def answers(message: bytes) -> list[tuple[str, str]]:
    """(name that was asked for, address) pairs of a DNS answer, whatever aliases led there.

    Empty for what is no whole, successful answer.
    """
    try:
        return list(_answers(message))
    except (IndexError, ValueError):
        return []


def _answers(message: bytes) -> Iterator[tuple[str, str]]:
    if len(message) < _HEADER.size:
        return
    _, flags, questions, count, _, _ = _HEADER.unpack_from(message)
    if flags & 0xF80F != 0x8000 or questions != 1 or not count:
        return
    at = message.index(0, _HEADER.size) + 1
    name = _name(message[_HEADER.size : at])
    if not name:
        return
    at += 4
    for _ in range(count):
        at = _skipped(message, at)
        if len(message) < at + _RECORD.size:
            return
        kind, family, _, size = _RECORD.unpack_from(message, at)
        at += _RECORD.size
        value = message[at : at + size]
        at += size
        if (kind, family, len(value)) == (1, 1, 4):
            yield name, inet_ntoa(value)
        elif (kind, family, len(value)) == (28, 1, 16):
            yield name, str(IPv6Address(value))


@lru_cache(maxsize=8192)
def _name(question: bytes) -> str:
    """The name of a question, which is never compressed; empty where it is no host's."""
    labels: list[bytes] = []
    at = 0
    while size := question[at]:
        labels.append(question[at + 1 : at + 1 + size])
        at += 1 + size
    return _hostname(b".".join(labels))


def _skipped(message: bytes, at: int) -> int:
    """Behind the name of a record."""
    for _ in range(_HOPS):
        size = message[at]
        if size >= 0xC0:
            return at + 2
        if size == 0:
            return at + 1
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

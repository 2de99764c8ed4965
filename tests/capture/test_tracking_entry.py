"""Entries of the connection tracking, built as the kernel builds them."""

from __future__ import annotations

import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from capture.tracking_entry import Half, Translation, translation

TCP, ICMP, ICMP6 = 6, 1, 58
_NESTED = 0x8000
PORTS = st.integers(0, 65535)


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def half(one: Half) -> bytes:
    first, number = (1 if len(one.source) == 4 else 3), one.protocol & 255
    ip = attribute(first, one.source) + attribute(first + 1, one.target)
    if number in (ICMP, ICMP6):
        at = 4 if number == ICMP else 7
        rest = attribute(at, struct.pack(">H", one.source_port))
        rest += attribute(at + 1, bytes([one.protocol >> 8 & 255]))
        rest += attribute(at + 2, bytes([one.protocol >> 16]))
    else:
        rest = attribute(2, struct.pack(">H", one.source_port))
        rest += attribute(3, struct.pack(">H", one.target_port))
    protocol = attribute(1, bytes([number])) + rest
    return attribute(1 | _NESTED, ip) + attribute(2 | _NESTED, protocol)


def entry(one: Translation, status: int = 0x1A8, between: bytes = b"") -> bytearray:
    tuples = attribute(1 | _NESTED, half(one.original)) + attribute(2 | _NESTED, half(one.reply))
    return bytearray(
        tuples + between + attribute(3, struct.pack(">I", status)) + attribute(8, b"x")
    )


@st.composite
def translations(draw: st.DrawFn) -> Translation:
    size = draw(st.sampled_from([4, 16]))
    sides = [draw(st.binary(min_size=size, max_size=size)) for _ in range(4)]
    if draw(st.booleans()):
        ports = [draw(PORTS) for _ in range(4)]
        return Translation(
            Half(*sides[:2], TCP, *ports[:2]), Half(*sides[2:], TCP, *ports[2:])
        )  # fmt: skip
    same = draw(PORTS)
    number = ICMP | 8 << 8 if size == 4 else ICMP6 | 128 << 8
    return Translation(*(Half(*two, number, same, same) for two in (sides[:2], sides[2:])))


@given(translations(), st.sampled_from([b"", attribute(12, bytes(4)), attribute(9, bytes(8))]))
def test_what_was_written_is_read(one: Translation, between: bytes) -> None:
    """In whatever order entries of several kinds come, and whatever else is in them."""
    data = entry(one, between=between)
    assert translation(data, 0, len(data)) == one
    assert translation(bytearray(b"??") + data, 2, len(data) + 2) == one


@given(translations())
def test_what_is_not_translated_is_none(one: Translation) -> None:
    assert translation(entry(one, status=0x188), 0, len(entry(one))) is None


def test_of_what_is_not_whole_nothing_is_said() -> None:
    four = [socket.inet_aton(f"10.0.0.{n}") for n in range(4)]
    one = Translation(Half(*four[:2], TCP, 1, 2), Half(*four[2:], TCP, 3, 4))
    data, found = entry(one), set()
    for end in range(len(data)):
        found.add(translation(bytearray(data[:end]), 0, end))
    for at in range(0, len(data), 2):  # another length, another kind
        broken = bytearray(data)
        broken[at] ^= 5
        translation(broken, 0, len(broken))
    assert found <= {None, one}
    assert translation(data, 0, len(data)) == one

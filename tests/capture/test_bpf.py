"""The program in the kernel against a plain reading of what it is to let through."""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from capture.bpf import HEADERS, NAMES, program

IP4, IP6, VLAN, QINQ = 0x0800, 0x86DD, 0x8100, 0x88A8
LOOPBACK = 772


class Machine:
    """A classic BPF machine (bpf(4), linux/filter.h)."""

    def __init__(self, packet: bytes, protocol: int, hatype: int) -> None:
        self.packet, self.known = packet, {0xFFFFF000: protocol, 0xFFFFF000 + 28: hatype}
        self.a = self.x = 0
        self.memory = [0] * 16

    def run(self, code: bytes) -> int:
        steps = [struct.unpack_from("=HBBI", code, at) for at in range(0, len(code), 8)]
        at = 0
        try:
            while steps[at][0] & 7 != 6:
                at += 1 + self.step(*steps[at])
        except IndexError:  # of the packet
            return 0
        return steps[at][3]

    def step(self, kind: int, yes: int, no: int, k: int) -> int:
        """Execute one; how many are jumped over."""
        match kind & 7:
            case 0:
                self.a = self.loaded(kind, k)
            case 1:
                self.x = k
            case 2:
                self.memory[k] = self.a
            case 4:
                self.a = self.reckoned(kind & 0xF0, self.x if kind & 8 else k)
            case 5:
                return self.jump(kind & 0xF0, yes, no, k)
            case 7 if kind & 0x80:
                self.a = self.x
            case 7:
                self.x = self.a
        return 0

    def loaded(self, kind: int, k: int) -> int:
        if kind & 0xE0 == 0x60:
            return self.memory[k]
        if k in self.known:
            return self.known[k]
        place = k + (self.x if kind & 0xE0 == 0x40 else 0)
        size = {0x00: 4, 0x08: 2, 0x10: 1}[kind & 0x18]
        if place + size > len(self.packet):
            raise IndexError
        return int.from_bytes(self.packet[place : place + size])

    def reckoned(self, kind: int, value: int) -> int:
        a = self.a
        if kind in (0x60, 0x70):
            return (a << value if kind == 0x60 else a >> value) & 0xFFFFFFFF
        found = a + value if kind == 0 else a & value
        return found & 0xFFFFFFFF

    def jump(self, kind: int, yes: int, no: int, k: int) -> int:
        if kind == 0:
            return k
        return yes if (self.a & k if kind == 0x40 else self.a == k) else no


def executed(code: bytes, packet: bytes, protocol: int, hatype: int = 1) -> int:
    return Machine(packet, protocol, hatype).run(code)


def wanted(family: int, protocol: int, fragment: int, transport: bytes) -> int:
    """How much of a packet is wanted; ``transport`` is at least 20 bytes."""
    if family == IP4 and fragment:
        return 0
    if protocol == (1 if family == IP4 else 58):
        return HEADERS if transport[0] in ((0, 3, 8) if family == IP4 else (1, 128, 129)) else 0
    if protocol in (2, 50, 112):
        return 0
    dns = int.from_bytes(transport[:2]) in (53, 5353)
    if protocol == 17:
        return NAMES if dns else HEADERS
    if protocol != 6:
        return HEADERS
    if transport[13] & 2:
        return HEADERS
    if transport[13] & 4:
        return 0 if any(transport[4:8]) else HEADERS
    payload = transport[(transport[12] >> 4) * 4 :]
    if dns:
        return NAMES if len(payload) > 14 else 0
    return NAMES if len(payload) > 5 and payload[:2] == b"\x16\x03" and payload[5] == 1 else 0


tcp = st.builds(
    lambda ports, number, size, flags, options, payload: (
        struct.pack(">HHIIBBHHH", *ports, number, 7, (5 + size) << 4, flags, 0, 0, 0)
        + options[: size * 4]
        + payload
    ),
    st.tuples(st.sampled_from([53, 5353, 443, 40000]), st.sampled_from([53, 443, 40000])),
    st.sampled_from([0, 1, 1 << 31]),
    st.integers(0, 10),
    st.integers(0, 255) | st.sampled_from([2, 18, 16, 24, 20, 4, 17]),
    st.binary(min_size=40, max_size=40),
    st.sampled_from([b"", b"x" * 14, b"x" * 15, b"\x16\x03\x01\x02\x00\x01" + bytes(40)])
    | st.binary(max_size=60),
)
datagram = st.builds(
    lambda source, payload: struct.pack(">HHHH", source, 9999, 8 + len(payload), 0) + payload,
    st.sampled_from([53, 5353, 443]),
    st.binary(min_size=12, max_size=40),
)
other = st.builds(
    lambda first, rest: bytes([first]) + rest,
    st.integers(0, 255) | st.sampled_from([0, 1, 3, 8, 128, 129]),
    st.binary(min_size=30, max_size=60),
)
carried = st.one_of(
    st.tuples(st.just(6), tcp),
    st.tuples(st.just(17), datagram),
    st.tuples(st.sampled_from([1, 58, 2, 4, 41, 47, 50, 112, 132, 0, 43, 44, 89]), other),
)


def packet(family: int, protocol: int, fragment: int, words: int, transport: bytes) -> bytes:
    if family == IP6:
        return struct.pack(">IHBB32x", 6 << 28, len(transport), protocol, 64) + transport
    head = struct.pack(">BBHHHBBHII", 0x45 + words, 0, 0, 1, fragment, 64, protocol, 0, 1, 2)
    return head + bytes(words * 4) + transport


@settings(max_examples=1000, derandomize=True)
@given(
    st.sampled_from([IP4, IP6]),
    carried,
    st.sampled_from([0, 0, 0x2000, 1, 0x1FFF]),
    st.integers(0, 10),
    st.sampled_from([(), (VLAN,), (QINQ,), (QINQ, VLAN), (VLAN, VLAN)]),
)
def test_the_kernel_lets_through_what_is_wanted(family, inside, fragment, words, tags):
    protocol, transport = inside
    data = packet(family, protocol, fragment, words, transport)
    outermost = family
    for tag in reversed(tags):
        data, outermost = struct.pack(">HH", 5, outermost) + data, tag
    expected = wanted(family, protocol, fragment & 0x1FFF, transport)
    assert executed(program(), data, outermost) == expected
    assert executed(program(loopback=True), data, outermost, LOOPBACK) == expected
    assert executed(program(), data, outermost, LOOPBACK) == 0


@settings(max_examples=300, derandomize=True)
@given(st.sampled_from([IP4, IP6]), carried, st.sampled_from([VLAN, QINQ]))
def test_tags_may_be_in_front_of_the_packet(family, inside, tag):
    """The kernel says that it is tagged, and gives what is behind the tag."""
    data = packet(family, inside[0], 0, 0, inside[1])
    assert executed(program(), data, tag) == wanted(family, inside[0], 0, inside[1])


@settings(max_examples=300, derandomize=True)
@given(st.binary(max_size=80), st.sampled_from([IP4, IP6, VLAN, QINQ, 0x0806, 0]))
def test_no_bytes_stop_it(data, protocol):
    assert executed(program(), data, protocol) in (0, HEADERS, NAMES)


def test_every_jump_goes_forward_and_lands():
    steps = [struct.unpack_from("=HBBI", program(), at) for at in range(0, len(program()), 8)]
    assert len(steps) < 4096
    for at, (kind, yes, no, k) in enumerate(steps):
        if kind & 7 == 5:
            for ahead in (k,) if kind & 0xF0 == 0 else (yes, no):
                assert at + 1 + ahead < len(steps)
    assert steps[-1][0] & 7 == 6

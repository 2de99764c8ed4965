"""Whatever the bytes: every packet is accounted for, nothing is raised, nothing is invented."""

import struct

import pcap_files as p
import pytest
import scapy_packets as s
from hypothesis import given, settings
from hypothesis import strategies as st

FRAMES = [
    (link, bytes(wrap(one)))
    for _, link, wrap in (*s.links(), *s.strange())
    for family in (s.ends(), s.ends(four=False), s.extended(), s.fragments())
    for _, one in family
]
FRAMES += [
    (1, bytes(s.Ether(**s.MACS) / wrap(one))) for _, wrap in s.tunnels() for _, one in s.ends()
]
BY_LINK = {link: [frame for n, frame in FRAMES if n == link] for link, _ in FRAMES}
LINKS = st.sampled_from([*BY_LINK, 12, 14, 108, 228, 229, 239, 105, 65535])


@st.composite
def mutated(draw, frames):
    """A frame that was whole before some of its bytes were changed, left out or put in."""
    data = bytearray(draw(st.sampled_from(frames)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(data[: draw(st.integers(0, len(data))) or None])


@st.composite
def captures(draw):
    """(number of packets, file)."""
    link = draw(LINKS)
    frames = BY_LINK.get(link) or BY_LINK[101]
    packets = draw(st.lists(mutated(frames), max_size=8))
    order = draw(st.sampled_from("<>"))
    if draw(st.booleans()):
        gap = draw(st.sampled_from([0, 1000, 10**7, 10**15]))
        return len(packets), p.pcap(packets, link=link, order=order, gap=gap)
    out = p.section(order) + p.interface(link, order, resolution=draw(st.integers(0, 255)))
    for packet in packets:
        stamp = draw(st.integers(0, (1 << 64) - 1))
        number = draw(st.sampled_from([0, 0, 0, 7]))
        simple = draw(st.integers(0, 4)) == 0
        out += p.simple(packet, order) if simple else p.enhanced(packet, stamp, order, number)
    return len(packets), out


@settings(deadline=None, max_examples=300, derandomize=True)
@given(captures())
def test_every_packet_is_accounted_for(given):
    number, data = given
    flows, account, _ = p.read(data)
    assert account.read == number
    assert all(flow.records > 0 < flow.count <= flow.records for flow in flows)


@settings(deadline=None, max_examples=300, derandomize=True)
@given(captures(), st.data())
def test_broken_files(given, data):
    """Cut anywhere, or with other bytes in it."""
    _, whole = given
    broken = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(broken)))
        broken[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    p.read(bytes(broken[: data.draw(st.integers(0, len(broken)))]))


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.sampled_from([p.pcap([]), p.pcap([], link=101, order=">"), p.section()]), st.binary())
def test_any_bytes_behind_a_header(head, data):
    p.read(head + data)
    p.read(head + struct.pack("<IIII", 1, 1, len(data), len(data)) + data)


@pytest.mark.parametrize("order", "<>")
def test_cut_anywhere(order):
    """What was whole is read, and that there was more is told."""
    packets = p.dialogue()
    blocks = p.section(order) + p.interface(101, order)
    blocks += b"".join(p.enhanced(one, p.EPOCH // 1000, order) for one in packets)
    for data in (p.pcap(packets, link=101, order=order), blocks):
        before = 0
        for end in range(28, len(data)):
            flows, account, told = p.read(data[:end])
            records = sum(flow.records for flow in flows)
            assert before <= records == account.read - len(told)
            before = records
        assert before == 7


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.lists(st.sampled_from(BY_LINK[101]), max_size=12), st.sampled_from([1, 100, 333]))
def test_windows_do_not_show(packets, size):
    """However the stream was cut into windows."""
    data = p.pcap(packets, link=101)
    whole = p.read(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("capture.pcap_frames.WINDOW", size)
        assert p.read(data) == whole

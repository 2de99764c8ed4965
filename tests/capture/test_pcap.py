"""Capture files: formats, byte orders, units of time, link types, and what is wrong with them."""

import struct

import pcap_files as p
import pytest

from capture import SOURCES

CONNECTION = (p.WEB, p.API, "TCP", 8080, 1, 8, "answered", "forward", "opened")
HOUR = p.EPOCH // 3_600_000_000_000


def only(data):
    flows, account, told = p.read(data)
    assert (account.held, told) == ({}, [])
    (flow,) = flows
    return flow


def blocks(order="<", *, resolution=None, unit=1000, offset=None):
    """A pcapng file of one dialogue; ``unit``: nanoseconds of a tick."""
    head = p.section(order) + p.interface(101, order, resolution=resolution, offset=offset)
    start = p.EPOCH - (offset or 0) * 10**9
    return head + b"".join(
        p.enhanced(one, (start + n * 10**7) // unit, order) for n, one in enumerate(p.dialogue())
    )


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("nano", [False, True])
def test_pcap_in_every_byte_order_and_unit(order, nano):
    flow = only(p.pcap(p.dialogue(), link=101, order=order, nano=nano))
    assert p.row(flow) == CONNECTION
    assert (flow.first, flow.last, flow.hours) == (p.EPOCH, p.EPOCH + 7 * 10**7, {HOUR})


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("resolution", "unit", "offset"),
    [(None, 1000, None), (6, 1000, 3600), (9, 1, None), (3, 10**6, None), (0, 10**9, None)],
)
def test_pcapng_in_every_byte_order_and_unit(order, resolution, unit, offset):
    flow = only(blocks(order, resolution=resolution, unit=unit, offset=offset))
    assert p.row(flow)[:5] == CONNECTION[:5]
    assert flow.first == p.EPOCH // unit * unit


def test_pcapng_units_that_are_powers_of_two_or_very_small():
    data = p.section() + p.interface(101, resolution=0x80 | 20)
    data += p.enhanced(p.dialogue()[0], (p.EPOCH << 20) // 10**9)
    assert abs(only(data).first - p.EPOCH) < 1000
    data = p.section() + p.interface(101, resolution=12) + p.enhanced(p.dialogue()[0], 5 * 10**12)
    assert only(data).first == 5 * 10**9


def test_sections_with_their_own_byte_order_and_interfaces():
    syn, accept, *rest = p.dialogue()
    data = p.section("<") + p.interface(101) + p.enhanced(syn, p.EPOCH // 1000)
    data += p.section(">") + p.interface(1, ">") + p.interface(101, ">")
    data += p.enhanced(p.ethernet(accept), p.EPOCH // 1000 + 9000, ">")
    for n, one in enumerate(rest):
        data += p.enhanced(one, p.EPOCH // 1000 + 10_000 * (n + 2), ">", number=1)
    assert p.row(only(data)) == CONNECTION


def test_simple_and_old_packets():
    data = p.section() + p.interface(101, snap=60)
    syn, accept, ack, *_ = p.dialogue()
    head = struct.pack("<HHIIII", 0, 0, *divmod(p.EPOCH // 1000, 1 << 32), len(syn), len(syn))
    data += p.block(2, head + syn) + p.simple(accept) + p.simple(ack)
    flow = only(data)
    assert (flow.records, flow.first, flow.last) == (3, flow.first, flow.first)
    assert flow.first == p.EPOCH // 1000 * 1000


def test_lost_packets_are_told():
    drops = struct.pack("<III", 0, 0, 0) + p.option(5, struct.pack("<Q", 3))
    final = struct.pack("<III", 0, 0, 0) + p.option(5, struct.pack("<Q", 7))
    _, account, told = p.read(blocks() + p.block(5, drops) + p.block(5, final))
    assert account.lost_events == 7
    assert [(n.code, n.message) for n in told] == [("NP002", "7 packets lost")]


FRAMES = {
    0: lambda one: struct.pack("<I", 2) + one,
    12: bytes,
    14: bytes,
    101: bytes,
    108: lambda one: struct.pack(">I", 2) + one,
    113: lambda one: struct.pack("!HHH8sH", 0, 1, 6, b"", 0x0800) + one,
    228: bytes,
    276: lambda one: struct.pack("!HHIHBB8s", 0x0800, 0, 3, 1, 4, 6, b"") + one,
    1: p.ethernet,
}


@pytest.mark.parametrize("link", FRAMES)
def test_link_types(link):
    data = p.pcap([FRAMES[link](one) for one in p.dialogue()], link=link)
    assert p.row(only(data)) == CONNECTION


@pytest.mark.parametrize("family", [10, 24, 28, 30])
@pytest.mark.parametrize("order", "<>")
def test_address_families_of_loopback(family, order):
    head = struct.pack(order + "I", family)
    data = p.pcap([head + one for one in p.dialogue(p.WEB6, p.API6)], link=0)
    assert p.row(only(data))[:5] == (p.WEB6, p.API6, "TCP", 8080, 1)


@pytest.mark.parametrize("order", "<>")
def test_nflog(order):
    def attribute(kind, value):
        head = struct.pack(order + "HH", 4 + len(value), kind)
        return head + value + b"\0" * (-len(value) % 4)

    head = b"\2\0\0\0" + attribute(10, b"prefix\0") + attribute(1, b"\x08\0\1\0")
    data = p.pcap([head + attribute(9, one) for one in p.dialogue()], link=239, order=order)
    assert p.row(only(data)) == CONNECTION


def test_frame_check_sequence_flag_is_no_link_type():
    data = bytearray(p.pcap(map(p.ethernet, p.dialogue())))
    data[20:24] = struct.pack("<I", 0x24000001)
    assert p.row(only(bytes(data))) == CONNECTION


def test_padding_is_no_payload():
    data = p.pcap([p.ethernet(one) + b"\xff" * 20 for one in p.dialogue()])
    assert p.row(only(data)) == CONNECTION


def test_an_authentication_header():
    syn = p.tcp(40000, 80, p.SYN)
    header = struct.pack("!BBHII", 6, 4, 0, 1, 1) + bytes(12)
    flow = only(p.pcap([p.ip(p.WEB, p.API, 51, header + syn)], link=101))
    assert (flow.protocol, flow.port) == ("TCP", 80)


def test_segments_that_the_card_was_to_cut():
    one = bytearray(p.ip(p.WEB, p.API, 6, p.tcp(40000, 80, p.PSH, payload=b"x" * 3000)))
    one[2:4] = b"\0\0"
    assert only(p.pcap([bytes(one)], link=101)).port == 80


def test_every_packet_is_accounted_for():
    packets = [
        *map(p.ethernet, p.dialogue()),
        p.ethernet(b"\0\1\x08\0" + bytes(24), 0x0806),
        p.ethernet(p.ip(p.WEB, p.API, 17, bytes(64), fragment=90)),
        p.ethernet(p.ip(p.WEB, p.API, 50, bytes(64))),
        p.ethernet(p.ip(p.WEB, p.API, 17, p.udp(51820, 51820, b"\4\0\0\0" + bytes(40)))),
        p.ethernet(p.ip(p.WEB, "224.0.0.22", 2, bytes(8))),
        p.ethernet(p.ip(p.API, p.WEB, 1, p.icmp(11, 0))),
        p.ethernet(p.ip(p.WEB6, p.API6, 58, p.icmp(135, 0))),
        p.ethernet(p.ip(p.WEB6, "ff02::16", 58, p.icmp(143, 0))),
        p.ethernet(p.ip(p.WEB, p.API, 6, p.tcp(1, 2, p.SYN)[:10])),
        p.ethernet(b"\x55" * 30, 0x0800),
        p.ethernet(b"\x45" * 9),
    ]
    flows, account, told = p.read(p.pcap(packets))
    assert [p.row(flow) for flow in flows] == [CONNECTION]
    assert account.other == {
        "not IP": 1,
        "later fragment of a packet": 1,
        "encrypted tunnel": 2,
        "VRRP or IGMP": 1,
        "ICMP error": 1,
        "neighbour discovery": 1,
        "broadcast or multicast": 1,
    }
    assert account.held == {"packet cut before its ports": 2, "broken packet header": 1}
    assert [str(one) for one in told] == [
        "NP001 a.pcap: 1 packets: broken packet header",
        "NP001 a.pcap: 2 packets: packet cut before its ports",
    ]


def test_an_unknown_link_type():
    flows, account, _ = p.read(p.pcap(p.dialogue(), link=147))
    assert (flows, account.held) == ([], {"a link type that is not known": 8})


def test_a_short_snap_length():
    """Payloads are cut: nothing is lost but names."""
    assert p.row(only(p.pcap(map(p.ethernet, p.dialogue()), snap=54))) == CONNECTION
    _, account, _ = p.read(p.pcap(map(p.ethernet, p.dialogue()), snap=40))
    assert account.held == {"packet cut before its ports": 8}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"neither", "neither pcap nor pcapng"),
        (p.pcap([])[:20], "the file ends within its header"),
        (p.pcap(p.dialogue(), link=101)[:-1], "the file ends within a packet"),
        (p.pcap([]) + struct.pack("<IIII", 1, 1, 1 << 31, 60), "a packet of 2147483648 bytes"),
        (blocks()[:-1], "the file ends within a block"),
        (blocks() + struct.pack("<II", 6, 4) + bytes(8), "a block of 4 bytes"),
        (blocks() + struct.pack("<II", 6, 1 << 30) + bytes(8), "a block of 1073741824 bytes"),
        (blocks() + p.section()[:8] + bytes(16), "a section in no byte order"),
        (blocks() + p.section()[:20], "the file ends within a block"),
    ],
)
def test_damage_ends_the_capture_and_is_told(data, message):
    _, account, told = p.read(data)
    assert account.held == {"damaged capture": 1}
    assert [(one.code, one.message) for one in told] == [("NP001", message)]


def test_what_came_before_the_damage_is_kept():
    flows, _, told = p.read(p.pcap(p.dialogue(), link=101) + b"\0\1")
    assert [p.row(flow) for flow in flows] == [CONNECTION]
    assert told[0].where == f"a.pcap:byte {len(p.pcap(p.dialogue(), link=101))}"


def test_detection():
    for data in (p.pcap([]), p.pcap([], order=">", nano=True), p.section(), p.section(">")):
        sure = {source.name: source.detect(data) for source in SOURCES}
        assert max(sure, key=sure.__getitem__) == "pcap"

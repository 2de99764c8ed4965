"""One connection captured at several places: copies, tunnels, translated addresses."""

import pcap_files as p
from scenes import told

VIP, NODE, OUTSIDE = "10.96.12.5", "192.0.2.1", "203.0.113.9"
MS = 10**6


def timed(packets, start=0, gap=10 * MS):
    return [(p.EPOCH + start + n * gap, one) for n, one in enumerate(packets)]


def translated(packets, old, new):
    """The same packets with other addresses and ports; their numbers and identifications stay."""
    out = []
    for time, one in packets:
        data = bytearray(one)
        for side, port in ((12, 20), (16, 22)):
            here = bytes(data[side : side + 4]), bytes(data[port : port + 2])
            if here == packed(old):
                data[side : side + 4], data[port : port + 2] = packed(new)
        out.append((time + 100_000, bytes(data)))
    return out


def packed(side):
    address, port = side
    return bytes(map(int, address.split("."))), port.to_bytes(2)


def read(*captured, link=101):
    every = sorted((one for each in captured for one in each), key=lambda one: one[0])
    flows, account, told = p.read(p.pcap(every, link=link, nano=True))
    assert told == []
    return flows, account


def row(flow):
    return (*p.row(flow)[:6], flow.service_port)


def test_copies_within_milliseconds_count_once():
    once = timed(p.dialogue())
    for gaps in ([1 * MS], [1 * MS, 4 * MS, 8 * MS]):
        again = [[(time + gap, one) for time, one in once] for gap in gaps]
        flows, account = read(once, *again)
        assert [p.row(flow) for flow in flows] == [p.row(one) for one in read(once)[0]]
        assert account.other == {"copy of a packet": 8 * len(gaps)}


def test_what_is_sent_again_is_no_copy():
    syn = p.tcp(43512, 8080, p.SYN, seq=9)
    same = p.ip(p.WEB, p.API, 6, syn, identity=5)
    late = [(p.EPOCH, same), (p.EPOCH + 6 * MS, same)]
    other = [(p.EPOCH, same), (p.EPOCH + MS, p.ip(p.WEB, p.API, 6, syn, identity=6))]
    for packets in (late, other):
        flows, account = read(packets)
        assert (flows[0].records, flows[0].count, account.other) == (2, 1, {})


def test_datagrams_that_differ_are_no_copies():
    packets = [
        (p.EPOCH + n, p.ip(p.WEB6, p.API6, 17, p.udp(40000, 9999, bytes([n]) * 3)))
        for n in range(5)
    ]
    assert read(packets)[0][0].records == 5


def test_copies_in_a_window_and_the_next(monkeypatch):
    monkeypatch.setattr("capture.pcap_frames.WINDOW", 100)
    once = timed(p.dialogue())
    flows, account = read(once, [(time + MS, one) for time, one in once])
    assert (flows[0].records, account.other) == (8, {"copy of a packet": 8})


def test_inside_and_outside_of_a_tunnel():
    """At the pod, and on the node's interface in VXLAN."""
    inside = [(time, p.ethernet(one)) for time, one in timed(p.dialogue())]
    head = b"\x08\0\0\0\0\0\1\0"
    outside = [
        (time + MS, p.ethernet(p.ip(NODE, "192.0.2.2", 17, p.udp(50000, 8472, head + frame))))
        for time, frame in inside
    ]
    flows, account = read(inside, outside, link=1)
    assert [row(flow) for flow in flows] == [(p.WEB, p.API, "TCP", 8080, 1, 8, None)]
    assert account.other == {"copy of a packet": 8}
    assert [row(flow) for flow in read(outside, link=1)[0]] == [row(flows[0])]


def test_a_service_before_and_behind_its_translation():
    before = timed(p.dialogue(p.WEB, VIP, 43512, 80, seq=70000))
    behind = translated(before, (VIP, 80), (p.API, 8080))
    flows, account = read(before, behind)
    assert [row(flow) for flow in flows] == [(p.WEB, p.API, "TCP", 8080, 1, 8, 80)]
    assert account.other == {"copy of a packet": 8}


def test_whom_one_client_reached_behind_a_service_says_nothing_of_another():
    before = timed(p.dialogue(p.WEB, VIP, 43512, 80, seq=70000))
    behind = translated(before, (VIP, 80), (p.API, 8080))
    other = timed(p.dialogue(p.DNS, VIP, 50000, 80, seq=90000), start=10**9)
    flows, _ = read(before, behind, other)
    assert [row(flow) for flow in flows] == [
        (p.DNS, VIP, "TCP", 80, 1, 8, None),
        (p.WEB, p.API, "TCP", 8080, 1, 8, 80),
    ]


def test_names_stay_with_the_connection():
    before = timed(
        [
            p.ip(p.WEB, VIP, 17, p.udp(40000, 53, p.question("a.example.org"))),
            p.ip(VIP, p.WEB, 17, p.udp(53, 40000, p.answered("a.example.org", ["203.0.113.7"]))),
        ]
    )
    (flow,), account = read(before, translated(before, (VIP, 53), (p.DNS, 53)))
    assert row(flow) == (p.WEB, p.DNS, "UDP", 53, 1, 2, 53)
    assert (told(flow), account.other) == (
        {("a.example.org", "203.0.113.7")},
        {"copy of a packet": 2},
    )


def test_a_masqueraded_client():
    before = timed(p.dialogue(p.WEB, OUTSIDE, 43512, 443, seq=70000))
    behind = translated(before, (p.WEB, 43512), (NODE, 61000))
    (flow,), _ = read(before, behind)
    assert row(flow) == (p.WEB, OUTSIDE, "TCP", 443, 1, 8, None)


def test_a_node_port_translates_both():
    before = timed(p.dialogue(OUTSIDE, NODE, 43512, 30080, seq=70000))
    behind = translated(before, (NODE, 30080), (p.API, 8080))
    masked = translated(behind, (OUTSIDE, 43512), ("10.244.1.1", 61000))
    for captured in ((before, behind, masked), (before, masked)):
        (flow,), account = read(*captured)
        assert row(flow) == (OUTSIDE, p.API, "TCP", 8080, 1, 8, 30080)
        assert account.other == {"copy of a packet": 8 * len(captured) - 8}


def test_equal_numbers_alone_are_no_translation():
    """Two clients that count from the same small number, at the same time."""
    one = timed(p.dialogue(p.WEB, p.API, 43512, 8080, seq=1))
    other = timed(p.dialogue(p.DNS, "10.244.3.3", 50000, 9090, seq=1), start=MS)
    flows, account = read(one, other)
    assert (len(flows), account.other) == (2, {})


def test_the_same_question_to_two_servers_is_no_translation():
    """musl asks all of them at once, with one number, from one port."""
    asked = p.udp(40000, 53, p.question("a.example.org"))
    packets = [
        (p.EPOCH, p.ip(p.WEB, p.DNS, 17, asked, identity=0)),
        (p.EPOCH + 9, p.ip(p.WEB, "10.244.0.13", 17, asked, identity=0)),
    ]
    flows, account = read(packets)
    assert (len(flows), account.other) == (2, {})

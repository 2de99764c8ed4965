"""What packets say about connections: who opened them, what became of them, how many there were."""

import random
import struct

import pcap_files as p
import pytest
from scenes import told


def flows(*packets, gap=10_000_000, **more):
    found, account, told = p.read(p.pcap(packets, link=101, gap=gap, **more))
    assert (account.held, told) == ({}, [])
    return found


def only(*packets, **more):
    (flow,) = flows(*packets, **more)
    return flow


def there(protocol, payload):
    return p.ip(p.WEB, p.API, protocol, payload)


def back(protocol, payload):
    return p.ip(p.API, p.WEB, protocol, payload)


def talk(ends, *, syn=False, answer=False):
    """A TCP connection that was captured in part."""
    every = p.dialogue(*ends[:2], *ends[2:])
    return every[0 if syn else 1 if answer else 2 :]


OPENED = there(6, p.tcp(43512, 8080, p.SYN, seq=9))
REFUSED = back(6, p.tcp(8080, 43512, p.RST | p.ACK, ack=10))


def test_outcomes_of_tcp():
    assert only(OPENED).signals == {"forward": 1, "opened": 1}
    again = there(6, p.tcp(43512, 8080, p.SYN, seq=9))
    found = only(OPENED, again)
    assert (found.count, found.signals) == (1, {"forward": 2, "opened": 2})
    found = only(OPENED, REFUSED)
    assert (found.port, found.certain) == (8080, True)
    assert found.signals == {"forward": 1, "opened": 1, "refused": 1}
    accepted = only(back(6, p.tcp(8080, 43512, p.SYN_ACK, seq=5, ack=10)))
    assert (accepted.client.ip, accepted.port, accepted.certain) == (p.WEB, 8080, True)
    assert accepted.signals == {"answered": 1}


def test_a_reset_after_the_handshake_refuses_nothing():
    found = only(*p.dialogue()[:5], back(6, p.tcp(8080, 43512, p.RST, seq=6001)))
    assert "refused" not in found.signals
    assert found.signals["answered"] == 4


def test_a_scan_by_acknowledgements_is_not_answered():
    """nmap -sA: the server resets what it knows nothing of."""
    found = only(there(6, p.tcp(50000, 8080, p.ACK, ack=3)), back(6, p.tcp(8080, 50000, p.RST)))
    assert (found.certain, found.signals) == (False, {"forward": 1, "refused": 1})


@pytest.mark.parametrize("answer", [False, True])
def test_a_connection_without_its_start(answer):
    found = only(*talk((p.WEB, p.API, 43512, 8080), answer=answer))
    assert (found.client.ip, found.port, found.certain) == (p.WEB, 8080, answer)
    assert found.signals["answered"] > 0


def test_the_servers_that_were_seen_tell_more_than_ports():
    """50051 above a client's port that is lower: by the ports it would be the client."""
    whole = p.dialogue(p.WEB, p.API, 40000, 50051)
    part = talk((p.DNS, p.API, 33000, 50051))
    (alone,) = flows(*part)
    assert (alone.client.ip, alone.port) == (p.API, 33000)
    for packets in ((*part, *whole), (*whole, *part)):
        first, second = flows(*packets)
        assert {(f.client.ip, f.server.ip, f.port) for f in (first, second)} == {
            (p.DNS, p.API, 50051),
            (p.WEB, p.API, 50051),
        }
        assert {f.client.ip: f.certain for f in (first, second)} == {p.DNS: False, p.WEB: True}


def test_connections_are_counted_and_not_packets():
    """The same ports once more, with another number, are another connection."""
    found = only(*p.dialogue(seq=1000), *p.dialogue(seq=90000), *p.dialogue(sport=50000))
    assert (found.count, found.records) == (3, 24)


def test_a_connection_without_its_start_and_another_of_the_same_ports():
    found = only(*p.dialogue(seq=1000)[3:], *p.dialogue(seq=90000))
    assert (found.count, found.records, found.certain) == (2, 13, True)


def test_udp_pairs():
    asked, told = p.udp(40000, 8125, b"abc"), p.udp(8125, 40000, b"ok")
    found = only(there(17, asked), back(17, told), there(17, asked))
    assert (found.client.ip, found.port, found.certain, found.count) == (p.WEB, 8125, True, 1)
    assert found.signals == {"answered": 1, "forward": 2, "opened": 1}
    assert only(there(17, asked)).signals == {"forward": 1, "opened": 1}


def test_udp_ports_against_the_first_packet():
    """The capture began after the question."""
    found = only(back(17, p.udp(514, 40000, b"ok")), there(17, p.udp(40000, 514, b"abc")))
    assert (found.client.ip, found.port, found.certain) == (p.WEB, 514, False)


def test_dns_says_itself_who_asks():
    found = only(back(17, p.udp(53, 40000, p.answered("a.example.org", ["203.0.113.7"]))))
    assert (found.client.ip, found.port, found.certain) == (p.WEB, 53, True)
    assert found.signals == {"answered": 1}
    assert told(found) == {("a.example.org", "203.0.113.7")}


def test_dns_over_tcp():
    message = p.answered("a.example.org", ["2001:db8::7"])
    data = len(message).to_bytes(2) + message
    found = only(*p.dialogue(dport=53)[:4], back(6, p.tcp(53, 43512, p.PSH, payload=data)))
    assert told(found) == {("a.example.org", "2001:db8::7")}


def test_aliases_lead_to_the_name_that_was_asked_for():
    message = bytearray(p.answered("a.example.org", ["203.0.113.7"]))
    message[7] = 2
    alias = b"\xc0\x0c\0\5\0\1\0\0\0\x1e\0\4\1b\xc0\x0e"
    at = len(message) - 16
    data = bytes(message[:at]) + alias + bytes(message[at:])
    assert told(only(back(17, p.udp(53, 40000, data)))) == {("a.example.org", "203.0.113.7")}


def chain(*records):
    """An answer to a.example.org: (owner, type, seconds, data), names as text."""

    def name(text):
        return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".")) + b"\0"

    message = bytearray(p.answered("a.example.org", []))
    message[7] = len(records)
    for owner, kind, seconds, data in records:
        data = name(data) if kind == 5 else bytes(map(int, data.split(".")))
        message += name(owner) + struct.pack("!HHIH", kind, 1, seconds, len(data)) + data
    return only(back(17, p.udp(53, 40000, bytes(message))))


@pytest.mark.parametrize("turned", [False, True])
def test_a_chain_of_aliases_holds_as_long_as_its_shortest_link(turned):
    links = [
        ("A.example.org", 5, 300, "b.example.net"),
        ("b.example.net", 5, 20, "C.example.net"),
        ("c.example.net", 1, 60, "203.0.113.7"),
    ]
    found = chain(*(reversed(links) if turned else links))
    (answer,) = found.answers
    assert answer[:2] == ("a.example.org", "203.0.113.7")
    assert (answer.first, answer.last) == (found.first, found.first + 20 * 10**9)


def test_a_record_that_no_alias_leads_to_is_no_answer():
    found = chain(("x.example.net", 1, 60, "203.0.113.8"), ("a.example.org", 1, 9, "203.0.113.7"))
    assert told(found) == {("a.example.org", "203.0.113.7")}


@pytest.mark.parametrize(
    "links",
    [[("a.example.org", "a.example.org")], [("a.example.org", "b.n"), ("b.n", "a.example.org")]],
)
def test_aliases_that_go_round_end(links):
    aliases = [(owner, 5, 60, target) for owner, target in links]
    found = chain(*aliases, (links[-1][0], 1, 60, "203.0.113.7"))
    assert told(found) == {("a.example.org", "203.0.113.7")}


def test_of_a_search_list_the_name_that_was_meant_is_left():
    wrong = bytearray(p.answered("a.example.org.shop.svc.cluster.local", []))
    wrong[3] = 0x83
    right = p.answered("a.example.org", ["203.0.113.7"])
    found = only(*(back(17, p.udp(53, 40000, bytes(one))) for one in (wrong, right)))
    assert told(found) == {("a.example.org", "203.0.113.7")}


@pytest.mark.parametrize("flags", [0x8182, 0x8183, 0xA980, 0x0100])
def test_only_answers_that_succeed_name_addresses(flags):
    message = bytearray(p.answered("a.example.org", ["203.0.113.7"]))
    message[2:4] = flags.to_bytes(2)
    assert told(only(back(17, p.udp(53, 40000, bytes(message))))) == set()


@pytest.mark.parametrize(
    ("kind", "size", "client"), [(b"\xc3\0\0\0\1", 1200, True), (b"\x43\0\0\0\1", 1200, False)]
)
def test_quic(kind, size, client):
    """Its first packet is opened by the client even where the ports say nothing."""
    found = only(there(17, p.udp(9000, 40000, kind + bytes(size))))
    assert (found.client.ip == p.WEB, found.certain) == (client, client)


def test_outcomes_of_sctp():
    init = there(132, p.sctp(40000, 3868, 0, 1, b"\0\0\0\7" + bytes(12)))
    accept = back(132, p.sctp(3868, 40000, 7, 2))
    data = there(132, p.sctp(40000, 3868, 9, 0))
    found = only(init, accept, data)
    assert (found.client.ip, found.protocol, found.port) == (p.WEB, "SCTP", 3868)
    assert (found.count, found.signals) == (1, {"answered": 2, "forward": 2, "opened": 1})
    assert only(accept).client.ip == p.WEB
    assert only(init, back(132, p.sctp(3868, 40000, 7, 6))).signals["refused"] == 1
    assert not only(data).certain


@pytest.mark.parametrize(
    ("ends", "protocol", "types", "name"),
    [
        ((p.WEB, p.API), 1, (8, 0), "ICMP"),
        ((p.WEB, p.API), 1, (13, 14), "ICMP"),
        ((p.WEB6, p.API6), 58, (128, 129), "ICMPv6"),
    ],
)
def test_ping(ends, protocol, types, name):
    asked = p.ip(*ends, protocol, p.icmp(types[0], 0, 7))
    told = p.ip(*ends[::-1], protocol, p.icmp(types[1], 0, 7))
    for packets, signals in (
        ((asked,), {"forward": 1, "opened": 1}),
        ((asked, told), {"answered": 1, "forward": 1, "opened": 1}),
        ((told,), {"answered": 1}),
    ):
        found = only(*packets)
        assert (found.client.ip, found.protocol) == (ends[0], name)
        assert (found.port, found.signals) == (types[0] * 256, signals)


@pytest.mark.parametrize("code", [9, 10, 13])
def test_a_filter_that_says_so(code):
    """The router between them rejects; it quotes eight bytes of the segment."""
    error = p.ip("10.0.0.1", p.WEB, 1, p.icmp(3, code, payload=OPENED[:28]))
    found = only(OPENED, error)
    assert (found.client.ip, found.server.ip, found.port) == (p.WEB, p.API, 8080)
    assert found.signals == {"denied": 1, "forward": 1, "opened": 1}
    alone = only(error)
    assert (alone.client.ip, alone.port, alone.signals) == (p.WEB, 8080, {"denied": 1})


def test_a_filter_that_says_so_in_ipv6():
    syn = p.ip(p.WEB6, p.API6, 6, p.tcp(43512, 8080, p.SYN, seq=9))
    error = p.ip("fd00::1", p.WEB6, 58, p.icmp(1, 1, payload=syn))
    assert only(syn, error).signals == {"denied": 1, "forward": 1, "opened": 1}


def test_nobody_listens():
    asked = there(17, p.udp(40000, 9999, b"abc"))
    found = only(asked, back(1, p.icmp(3, 3, payload=asked[:28])))
    assert (found.server.ip, found.signals) == (p.API, {"forward": 1, "opened": 1, "refused": 1})


def test_another_protocol():
    found = only(there(89, bytes(40)))
    assert (found.protocol, found.port, found.certain) == ("OTHER", 89, False)


def hello(name):
    """A TLS ClientHello with a server name."""
    host = name.encode()
    entry = b"\0" + len(host).to_bytes(2) + host
    value = len(entry).to_bytes(2) + entry
    extension = b"\0\x17\0\0" + b"\0\0" + len(value).to_bytes(2) + value
    body = b"\3\3" + bytes(32) + b"\x20" + bytes(32) + b"\0\2\x13\1" + b"\1\0"
    body += len(extension).to_bytes(2) + extension
    shake = b"\1" + len(body).to_bytes(3) + body
    return b"\x16\3\1" + len(shake).to_bytes(2) + shake


@pytest.mark.parametrize(
    ("payload", "names"),
    [
        (hello("Api.Example.org"), {"api.example.org"}),
        (hello("a b.example.org"), set()),
        (hello("api.example.org")[:-3], set()),
        (hello("api.example.org") + bytes(900), {"api.example.org"}),
        (b"\x16\3\3" + hello("api.example.org")[3:], {"api.example.org"}),
        (
            b"GET / HTTP/1.1\r\nAccept: */*\r\nHOST: api.example.org:8080\r\n\r\n",
            {"api.example.org"},
        ),
        (b"GET / HTTP/1.1\r\nHost: api.example.org", {"api.example.org"}),
        (b"POST / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n", set()),
        (b"POST / HTTP/1.1\r\n\r\n\r\nHost: b.example.org\r\n", set()),
        (b"\x16\3\1\0\5\1", set()),
    ],
)
def test_names_of_servers(payload, names):
    found = only(*p.dialogue(payload=payload))
    assert (found.server.names, found.client.names) == (names, set())


def test_the_order_of_packets_in_time_is_kept_however_long_the_capture_is(monkeypatch):
    """Windows and the table of connections are small here: what is added up is the same."""
    rng = random.Random(5)
    packets = []
    for n in range(300):
        start = p.EPOCH + rng.randrange(10**9)
        lost = rng.random() < 0.1
        every = p.dialogue(f"10.244.1.{n % 20 + 1}", p.API, 33000 + n, 8080, seq=n * 7919 + 70000)
        packets += [(start + k * 10**7, one) for k, one in enumerate(every[3 if lost else 0 :])]
    packets.sort()
    data = p.pcap(packets, link=101, nano=True)
    whole = p.read(data)
    monkeypatch.setattr("capture.pcap_frames.WINDOW", 700)
    assert p.read(data) == whole
    assert sum(flow.count for flow in whole[0]) == 300


def test_a_table_that_is_full_keeps_every_packet(monkeypatch):
    packets = [one for n in range(200) for one in p.dialogue(sport=33000 + n, seq=n + 1)]
    monkeypatch.setattr("capture.pcap_frames.WINDOW", 2000)
    monkeypatch.setattr("capture.packet_table.ROOM", 50)
    found = p.read(p.pcap(packets, link=101))[0]
    assert sum(flow.records for flow in found) == 1600
    assert {(f.client.ip, f.server.ip, f.port) for f in found} == {(p.WEB, p.API, 8080)}


def test_a_table_that_is_full_keeps_what_is_open(monkeypatch):
    """A connection that is quiet for a minute, while many begin and end."""
    quiet = p.dialogue(p.DNS, p.API, 50000, 8080, seq=70000)
    packets = [(p.EPOCH + n, one) for n, one in enumerate(quiet[:5])]
    for n in range(250):
        every = p.dialogue(sport=33000 + n, seq=n + 1)
        start = p.EPOCH + 10**9 + n * 2 * 10**8
        packets += [(start + k * 10**6, one) for k, one in enumerate(every)]
    packets += [(p.EPOCH + 62 * 10**9 + n, one) for n, one in enumerate(quiet[5:])]
    monkeypatch.setattr("capture.pcap_frames.WINDOW", 2000)
    monkeypatch.setattr("capture.packet_table.ROOM", 50)
    found = p.read(p.pcap(packets, link=101, nano=True))[0]
    assert {(f.client.ip, f.certain, f.count, f.records) for f in found} == {
        (p.DNS, True, 1, 8),
        (p.WEB, True, 250, 2000),
    }


def test_addresses_that_change_hands_are_kept_apart():
    cut = p.EPOCH + 95 * 10**6

    def era(address, time):
        return int(address == p.API and time >= cut)

    data = p.pcap([*p.dialogue(), *p.dialogue(sport=50000), *p.dialogue(sport=50001)], link=101)
    found, _, _ = p.read(data, era)
    assert sorted((f.first >= cut, f.count) for f in found) == [(False, 2), (True, 1)]

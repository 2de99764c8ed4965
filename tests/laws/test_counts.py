"""Laws of counting: a connection counts once, in however many files and at however many places."""

from __future__ import annotations

from collections import Counter, defaultdict
from io import BytesIO

import pcap_files as p
from hypothesis import given, settings
from hypothesis import strategies as st

from capture import SOURCES
from capture.records_write import write
from capture.source import Reading
from netpol.flow import Account
from netpol.graph import Evidence

READERS = {source.name: source for source in SOURCES}
CLIENTS = ("10.244.1.7", "10.244.1.8", "fd00:1::7")
SERVERS = {"10.244.2.9": "10.96.12.5", "fd00:2::9": "fd00:96::5"}
"""Pods by address, and the addresses of their Services."""
FILES = 3
SECOND = p.EPOCH // 10**9

# (client, its port, server): a client uses a port once.
Conversations = st.lists(
    st.tuples(
        st.sampled_from(CLIENTS), st.integers(40000, 40020), st.sampled_from(list(SERVERS))
    ).filter(lambda one: (":" in one[0]) == (":" in one[2])),
    unique_by=lambda one: one[:2],
    min_size=1,
    max_size=12,
)
Places = st.lists(st.sets(st.integers(0, FILES - 1), min_size=1), min_size=1, max_size=97)
"""In which files each record is."""


def conntrack(client, port, server, second):
    """The events of a connection, at the client's node and at the server's."""
    for target, number in ((SERVERS[server], 80), (server, 8080)):
        ends = (
            f"src={client} dst={target} sport={port} dport={number} src={server} dst={client}"
            f" sport=8080 dport={port}"
        )
        for event, state in (("NEW", "120 SYN_SENT"), ("UPDATE", "60 SYN_RECV"), ("DESTROY", "")):
            second += 1
            yield f"[{SECOND + second}.000001]\t[{event}] tcp      6 {state} {ends}\n".encode()


def aws(client, port, server, second):
    """Lines of the agents on both nodes, as new and as old ones write them."""
    for direction in ("", " Direction egress", " Direction ingress"):
        yield (
            f'{{"level":"debug","ts":"2026-11-02T09:14:{second % 60:02}.512Z","msg":"Flow Info: Src'
            f" IP: {client} Src Port: {port} Dest IP: {server} Dest Port: 8080 Proto TCP Verdict"
            f' ACCEPT{direction}"}}\n'
        ).encode()


def counted(files):
    """Connections by client, server and port, as the graph of several files counts them."""
    found = defaultdict(Evidence)
    for source, data in files:
        account = Account()
        reading = Reading(where="x", tell=lambda notice: None, account=account)
        for flow in READERS[source].read(BytesIO(data), reading):
            found[flow.client.ip, flow.server.ip, flow.port] += Evidence.of(flow)
        assert account.balanced()
    return {edge: evidence.count for edge, evidence in found.items()}


def as_records(source, data):
    """What ``netpol capture`` would have written."""
    reading = Reading(where="x", tell=lambda notice: None, account=Account())
    return b"".join(write(READERS[source].read(BytesIO(data), reading)))


def once(source, conversations, places, told, joined):
    """Deals what is told of conversations over files, and counts them."""
    dealt = [[] for _ in range(FILES)]
    each = [record for n, one in enumerate(conversations) for record in told(*one, 10 * n)]
    for number, record in enumerate(each):
        for file in places[number % len(places)]:
            dealt[file].append(record)
    files = [joined(records) for records in dealt if records]
    expected = Counter((client, server, 8080) for client, _, server in conversations)
    assert counted([(source, data) for data in files]) == expected
    records = [as_records(source, data) for data in files]
    assert counted([("netpol", data) for data in (*records, *records[:1])]) == expected


@settings(deadline=None, max_examples=60)
@given(Conversations, Places)
def test_connections_of_the_kernels_table_count_once(conversations, places):
    once("conntrack", conversations, places, conntrack, b"".join)


@settings(deadline=None, max_examples=60)
@given(Conversations, Places)
def test_connections_of_agents_count_once(conversations, places):
    once("aws", conversations, places, aws, b"".join)


@settings(deadline=None, max_examples=40)
@given(Conversations, Places)
def test_connections_of_captures_count_once(conversations, places):
    """Also those whose packets are dealt over the captures."""

    def told(client, port, server, second):
        each = p.dialogue(client, server, port, 8080)
        return [(p.EPOCH + (second * 10 + n) * 10**7, packet) for n, packet in enumerate(each)]

    def joined(packets):
        return p.pcap(packets, link=101)

    once("pcap", conversations, places, told, joined)

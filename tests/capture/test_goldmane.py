"""Goldmane's and Whisker's flows: every form of them says the same."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import replace

import calico_lines as c
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.goldmane import GOLDMANE
from netpol.peers import Endpoint

HOUR = 498_250
SECOND = 10**9


def read(*records, data: bytes = b""):
    return c.read_with(GOLDMANE, data or c.text(records))


def one(record):
    """The only flow of a record that is fine."""
    (flow,), account, told = read(record)
    assert (account.read, account.folded, told) == (1, 1, [])
    return flow


def signals(**changes):
    return set(one(c.emitted(**changes)).signals)


def sides(**changes):
    flow = one(c.emitted(**changes))
    return flow.client, flow.server


def test_a_flow_says_who_spoke_to_whom():
    flow = one(c.emitted(dest_service_name="orders", dest_service_namespace="shop",
                         dest_service_port=80))  # fmt: skip
    assert flow.client == Endpoint(namespace="shop", pods=(c.WEB,), labels=(("app", "storefront"),))
    assert flow.server == Endpoint(namespace="shop", pods=(c.API,), labels=(("app", "orders-api"),))
    assert (flow.protocol, flow.port, flow.certain) == ("TCP", 8080, True)
    assert (flow.service, flow.service_port, flow.count) == ("shop/orders", 80, 3)
    assert (flow.first, flow.last) == (c.START * SECOND, (c.START + 15) * SECOND - 1)
    assert flow.hours == {HOUR}


@pytest.mark.parametrize("camel", [True, False])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"reporter": c.SRC, "action": c.DENY, "policies": c.trace([c.END_OF_TIER])},
        {"policies": c.trace([c.hit()], [c.hit(c.PASS, 3), c.END_OF_TIER])},
        {"dest_type": c.NET, "dest_name": "pub", "dest_namespace": "-", "dest_port": 443},
        {"source_type": c.HEP, "source_name": "node-a", "source_namespace": "-"},
    ],
)
def test_both_encoders_say_the_same(changes, camel):
    emitted = c.emitted(**changes)
    other = c.proto_json(emitted, camel=camel)
    assert read(other)[0] == read(emitted)[0] != []


def test_every_frame_holds_the_same():
    flows = [c.emitted(dest_port=port) for port in (80, 443)]
    results = [{"id": str(n), "flow": c.proto_json(flow)} for n, flow in enumerate(flows)]
    expected = read(*flows)
    for whole in ({"meta": {"totalPages": 1}, "flows": results}, results):
        for indent in (None, 2):
            data = json.dumps(whole, indent=indent).encode() + b"\n"
            assert read(data=data) == expected
    assert read(data=b"\n".join(json.dumps(one, indent=2).encode() for one in results)) == expected


def test_whisker_says_the_same_but_how_many():
    flows = [c.whisker(), c.whisker(dest_port=80)]
    expected = read(*flows)
    assert [flow.signals for flow in expected[0]] == [{"allowed": 1}] * 2
    whole = {"meta": {"totalPages": 1}, "items": flows}
    events = b"".join(
        b"event: flow\nid: 1\ndata: " + json.dumps(f).encode() + b"\n\n" for f in flows
    )
    for data in (json.dumps(whole).encode(), json.dumps(whole, indent=1).encode(), events):
        assert read(data=data) == expected
    emitted = read(c.emitted())[0][0]
    ours = one(c.whisker())
    assert (ours.client, ours.server, ours.port) == (emitted.client, emitted.server, emitted.port)
    assert ours.first == 1_793_700_000 * SECOND


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"allowed", "answered", "traced"}),
        ({"action": c.DENY, "policies": c.trace([c.END_OF_TIER])}, {"denied"}),
        ({"action": c.DENY, "policies": c.trace([c.hit(c.DENY, 9)])}, {"denied"}),
        ({"action": c.DENY, "policies": c.trace([c.hit(c.PASS), c.hit(c.DENY, 2)])}, {"forbidden"}),
        ({"action": c.DENY, "policies": None}, {"denied"}),
        (
            {"policies": c.trace([c.hit()], [c.END_OF_TIER])},
            {"allowed", "audited", "answered", "traced"},
        ),
        (
            {"policies": c.trace([c.hit()], [c.hit(c.DENY, 3), c.hit()])},
            {"allowed", "answered", "traced"},
        ),
        ({"action": c.PASS}, {"forward", "answered", "traced"}),
        ({"action": None}, {"forward", "answered", "traced"}),
    ],
)
def test_what_became_of_it(changes, expected):
    assert signals(**changes) == expected


@pytest.mark.parametrize(
    ("protocol", "more", "expected"),
    [
        ("tcp", {"packets_in": 1, "packets_out": 1, "num_connections_started": 1}, {"traced"}),
        ("tcp", {"packets_in": 0, "packets_out": 9, "num_connections_started": 1}, {"traced"}),
        ("tcp", {"packets_in": 2, "packets_out": 9, "num_connections_started": 1},
         {"traced", "answered"}),
        ("tcp", {"packets_in": 9, "packets_out": 9, "num_connections_started": None}, set()),
        ("tcp", {"packets_in": None, "packets_out": None}, set()),
        ("udp", {"packets_in": 1, "packets_out": 1, "num_connections_started": 1},
         {"traced", "answered"}),
    ],
)  # fmt: skip
def test_packets_of_both_sides_show_an_answer(protocol, more, expected):
    """A refusal is a packet, too; hence more packets than openings."""
    assert set(one(c.emitted(proto=protocol, more=more)).signals) == {"allowed"} | expected


def test_both_reporters_tell_of_one_connection():
    src = c.emitted(reporter=c.SRC, dest_service_name="orders", dest_service_namespace="shop",
                    dest_service_port=80)  # fmt: skip
    denied = c.emitted(action=c.DENY, policies=c.trace([c.END_OF_TIER]), more={"packets_out": 0})
    flows, account, _ = read(src, denied)
    assert c.connections(flows) == 3
    assert {name for flow in flows for name in flow.signals} >= {"allowed", "denied"}
    assert account.folded == 2
    (flow,), *_ = read(c.emitted(reporter=c.SRC), c.emitted(reporter=c.DST))
    assert (flow.count, flow.signals["allowed"]) == (3, 2)


def test_a_connection_that_lasts_is_one():
    later = {"start_time": c.START + 15, "end_time": c.START + 30, "num_connections_started": None,
             "num_connections_live": 1, "packets_in": 1, "packets_out": 1}  # fmt: skip
    (flow,), *_ = read(c.emitted(more={"num_connections_started": 1}), c.emitted(more=later))
    assert (flow.records, flow.count, flow.signals["answered"]) == (2, 1, 2)
    assert one(c.emitted(more=later)).count == 1


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "expected"),
    [
        (c.WEP, "shop", "debug", Endpoint(namespace="shop", pods=("debug",))),
        (c.HEP, "-", "node-a", Endpoint(entities=frozenset({"remote-node"}))),
        (c.NET, "-", "pub", Endpoint(entities=frozenset({"world"}))),
        (c.NET, "-", "pvt", Endpoint(called="a private network")),
        (c.NET, "-", "aws", Endpoint(called="network aws")),
        (c.SET, "shop", "partners", Endpoint(called="NetworkSet shop/partners")),
        (c.SET, "-", "partners", Endpoint(called="NetworkSet partners")),
        (c.WEP, "-", "x", Endpoint(called="pod x")),
        (0, "shop", "x-*", Endpoint(namespace="shop", pods=("x-*",))),
        (0, "shop", "x", Endpoint(called="endpoint shop/x")),
        (0, "-", "pub", Endpoint(entities=frozenset({"world"}))),
        (0, "-", "x", Endpoint(called="endpoint x")),
    ],
)
def test_who_a_side_is(kind, namespace, name, expected):
    more = {"source_labels": None, "dest_labels": None}
    flow = one(c.emitted(more=more, source_type=kind, source_namespace=namespace, source_name=name))
    assert flow.client == expected
    flow = one(c.emitted(more=more, dest_type=kind, dest_namespace=namespace, dest_name=name))
    assert flow.server == (expected if kind != c.HEP else replace(expected, called="node node-a"))


def test_behind_the_service_of_the_api_server_is_the_api_server():
    dialled = {"dest_service_namespace": "default", "dest_service_name": "kubernetes"}
    private = {"dest_type": c.NET, "dest_name": "pvt", "dest_namespace": "-", "dest_port": 6443}
    node = {"dest_type": c.HEP, "dest_name": "node-a", "dest_namespace": "-", "dest_port": 6443}
    assert sides(**private, **dialled)[1].entities == {"kube-apiserver"}
    # The node's own report does not know which Service was dialled; attribution tells it.
    assert sides(**node)[1] == Endpoint(entities=frozenset({"remote-node"}), called="node node-a")
    dialling = sides(**node, **dialled)[1]
    assert dialling.entities == {"kube-apiserver", "remote-node"}
    assert dialling.called == "node node-a"


def test_an_interval_belongs_to_the_hours_that_it_touches():
    hour = HOUR * 3600
    spans = [(hour, hour + 15), (hour + 3600, hour + 3600), (hour + 7190, hour + 7200)]
    for order in (spans, spans[::-1]):
        records = [c.emitted(more={"start_time": s, "end_time": e}) for s, e in order]
        (flow,), *_ = read(*records)
        assert flow.hours == {HOUR, HOUR + 1}


def test_labels_are_what_all_intervals_share():
    records = [
        c.emitted(more={"source_labels": labels}, dest_port=port)
        for labels, port in ((["a=1", "n=0"], 80), (["a=1", "n=1"], 443), (None, 80))
    ]
    flows, *_ = read(*records)
    assert {flow.client.labels for flow in flows} == {(("a", "1"),)}
    assert sorted(flow.records for flow in flows) == [1, 2]


@pytest.mark.parametrize(
    ("protocol", "port", "expected"),
    [
        ("tcp", None, ("TCP", None)),
        ("TCP", 80, ("TCP", 80)),
        ("sctp", 3868, ("SCTP", 3868)),
        ("17", 53, ("UDP", 53)),
        ("icmp", None, ("ICMP", None)),
        ("icmp6", None, ("ICMPv6", None)),
        ("58", None, ("ICMPv6", None)),
        ("ipip", None, ("OTHER", None)),
        ("udplite", 9, ("OTHER", None)),
    ],
)
def test_protocols(protocol, port, expected):
    flow = one(c.emitted(proto=protocol, dest_port=port))
    assert (flow.protocol, flow.port) == expected


def test_traffic_between_nodes_is_nobodys():
    node = {"source_type": c.HEP, "source_namespace": "-", "source_name": "a"}
    _, account, told = read(c.emitted(**node, dest_type=c.HEP, dest_namespace="-", dest_name="b"))
    assert (account.other, told) == ({"between nodes": 1}, [])


@pytest.mark.parametrize(
    ("record", "reason", "where", "message"),
    [
        (b'{"Key": {"sour', "unreadable", "x:1", "not valid JSON"),
        (b"hello", "unreadable", "x:1", "not valid JSON"),
        (b"7", "unreadable", "x:1", "expected an object, found 7"),
        (b"{}", "incomplete", "x:1: .source_name", "missing"),
        (
            c.emitted(source_name=None, dest_name=None),
            "incomplete",
            "x:1: .Key.source_name",
            "missing",
        ),
        (
            c.emitted(dest_port=70000),
            "unreadable",
            "x:1: .Key.dest_port",
            "expected a whole number",
        ),
        (c.emitted(action=9), "unreadable", "x:1: .Key.action", "expected Allow, Deny or Pass"),
        (c.emitted(dest_type="Pod"), "unreadable", "x:1: .Key.dest_type", "expected a type"),
        (c.emitted(more={"start_time": None}), "incomplete", "x:1: .start_time", "missing"),
        (c.emitted(more={"end_time": 5}), "unreadable", "x:1: .end_time", "no end of an interval"),
        (c.emitted(more={"end_time": 2**33}), "unreadable", "x:1: .end_time", "no end"),
        (c.emitted(more={"packets_in": "x"}), "unreadable", "x:1: .packets_in", "expected a whole"),
        (c.emitted(more={"source_labels": 7}), "unreadable", "x:1: .source_labels", "expected a"),
        (c.whisker(start_time="noon"), "unreadable", "x:1: .start_time", "expected an RFC 3339"),
        (c.whisker(action="Drop"), "unreadable", "x:1: .action", "expected Allow, Deny or Pass"),
    ],
)
def test_what_cannot_be_read_is_told(record, reason, where, message):
    data = record if isinstance(record, bytes) else json.dumps(record).encode()
    flows, account, (notice, *more) = read(data=data + b"\n" + c.text([c.emitted()]))
    assert (len(flows), account.held, more) == (1, {reason: 1}, [])
    assert (notice.code, notice.where) == ("NP001", where)
    assert notice.message.startswith(message)


ENDS = st.sampled_from(
    [(c.WEP, "shop", c.WEB), (c.WEP, "shop", c.API), (c.WEP, "data", "db-*"),
     (c.HEP, "-", "node-a"), (c.NET, "-", "pub"), (c.NET, "-", "pvt"),
     (c.SET, "-", "partners"), (0, "shop", "x-*")]
)  # fmt: skip
HITS = st.lists(
    st.builds(c.hit, st.integers(0, 3), st.sampled_from([3, 6, 9, 10]), st.integers(-2, 1)),
    max_size=2,
)
COUNTS = st.sampled_from([None, 1, 2, 9])


@st.composite
def flows_of_goldmane(draw):
    """An emitted flow, whatever it says."""
    client, server = draw(ENDS), draw(ENDS)
    start = c.START + draw(st.sampled_from([0, 15, 3590, 3600]))
    names = ("packets_in", "packets_out", "num_connections_started", "num_connections_live")
    labels = st.sampled_from([None, ["a=1"], ["a=1", "b=2"], ["a=2"]])
    return c.emitted(
        more={name: draw(COUNTS) for name in names}
        | {"start_time": start, "end_time": start + draw(st.sampled_from([0, 15]))}
        | {"source_labels": draw(labels), "dest_labels": draw(labels)},
        **dict(zip(("source_type", "source_namespace", "source_name"), client, strict=True)),
        **dict(zip(("dest_type", "dest_namespace", "dest_name"), server, strict=True)),
        proto=draw(st.sampled_from(["tcp", "udp", "icmp"])),
        dest_port=draw(st.sampled_from([None, 80, 443])),
        dest_service_name=draw(st.sampled_from([None, "-", "orders"])),
        dest_service_namespace="shop",
        reporter=draw(st.sampled_from([c.SRC, c.DST])),
        action=draw(st.sampled_from([None, c.ALLOW, c.DENY, c.PASS])),
        policies=c.trace(draw(HITS), draw(HITS)),
    )


@settings(deadline=None, max_examples=150)
@given(st.lists(flows_of_goldmane(), max_size=8), st.randoms(use_true_random=False))
def test_neither_order_nor_form_shows(records, order):
    flows, account, told = read(*records)
    assert not told and account.folded + sum(account.other.values()) == len(records)
    shuffled = [c.proto_json(one) if order.random() < 0.5 else one for one in records]
    order.shuffle(shuffled)
    assert read(*shuffled) == (flows, account, told)


@settings(deadline=None, max_examples=300)
@given(
    flows_of_goldmane(), c.JUNK, st.integers(0, 2**32), st.sampled_from(["go", "proto", "result"])
)
def test_spoiled_records_are_held_or_read(record, junk, seed, form):
    whole: object = record if form == "go" else c.proto_json(record)
    whole = {"id": "1", "flow": whole} if form == "result" else whole
    broken = c.spoil(copy.deepcopy(whole), random.Random(seed), junk)
    data = json.dumps(broken).encode() + b"\n"
    _, account, told = read(data=c.text([c.emitted()]) + data + c.text([c.emitted()]))
    assert account.folded >= 2
    assert len(told) == sum(account.held.values())


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_read(data):
    for frame in (b"", b"[", b'{"items":[', b"data: ", b'{"Key":'):
        read(data=frame + data)


@pytest.mark.parametrize(
    ("head", "sure"),
    [
        (c.text([c.emitted()]), 0.95),
        (c.text([c.proto_json(c.emitted())]), 0.95),
        (json.dumps({"flows": [{"flow": c.emitted()}]}, indent=2).encode(), 0.95),
        (json.dumps({"items": [c.whisker()]}).encode(), 0.8),
        (c.text([c.enterprise()]), 0.0),
        (b'{"key": {"a": 1}}', 0.0),
        (b"", 0.0),
    ],
)
def test_detection(head, sure):
    assert GOLDMANE.detect(head) == sure

"""The shapes of Hubble's lines, and what of a record reaches the Flow."""

import hubble_lines as h
import pytest
from hubble_lines import API, WEB, one, read, read_bytes, record, text, wrapped
from scenes import told

from capture.hubble import HUBBLE
from netpol.peers import Endpoint

HOUR = 3600 * 10**9
NINE = 1793610000 * 10**9  # 2026-11-02T09:00:00Z


def test_a_connection_whole():
    flow = one(record(), record(verdict="FORWARDED", event_type={"type": 5}))
    assert flow.client == Endpoint(
        namespace="shop",
        pods=("web-6d9c7f8b45-x2k9q",),
        labels=(("app", "web"),),
        namespace_labels=(("team", "red"),),
        service_account="web-sa",
    )
    assert (flow.server.pods, flow.protocol, flow.port) == (("api-5c8d7bb9f6-qw4zt",), "TCP", 8080)
    assert flow.signals == {"opened": 2, "allowed": 1, "forward": 2, "traced": 1}
    assert (flow.records, flow.count, flow.certain, flow.source) == (2, 2, True, "hubble")
    assert flow.first == flow.last == NINE + (14 * 60 + 7) * 10**9 + 5 * 10**8
    assert flow.hours == {NINE // HOUR}


def test_every_shape_of_line_may_stand_in_one_file():
    export = {"flow": record(), "time": "2026-11-02T09:14:07.5Z", "unheard_of": {"a": [1]}}
    lines = [
        wrapped(record()),
        record(),
        export,
        b"",
        b"  \r",
        h.json.dumps(record()).encode() + b"\r",
    ]
    flows, account, told = read_bytes(b"\xef\xbb\xbf" + text(lines))
    assert not told
    assert (account.read, account.folded, len(flows)) == (4, 4, 1)


def test_lines_that_are_no_flows():
    lines = [
        {"lost_events": {"source": "HUBBLE_RING_BUFFER", "num_events_lost": "17"}},
        {"lost_events": {"num_events_lost": 3}},
        {"lost_events": {"source": 1}},
        {"node_status": {"state_change": "NODE_CONNECTED", "node_names": ["a"]}},
        {"node_status": {"state_change": 2, "node_names": ["a", "b"], "message": "refused"}},
        {"agent_event": {"type": "ENDPOINT_CREATED"}},
        {"debug_event": {"type": "DBG_CT_VERDICT"}, "time": "2026-11-02T09:14:07Z"},
    ]
    flows, account, told = read_bytes(text(lines))
    assert not flows
    assert account.other == {"lost events": 3, "node status": 2, "agent or debug event": 2}
    assert account.lost_events == 21
    assert [str(notice) for notice in told] == [
        "NP002 flows.jsonl:1: 17 events lost in HUBBLE_RING_BUFFER",
        "NP002 flows.jsonl:2: 3 events lost",
        "NP002 flows.jsonl:3: 1 event lost in 1",
        "NP003 flows.jsonl:5: a, b: NODE_UNAVAILABLE (refused)",
    ]


def test_replies_fold_into_their_forward_edge():
    back = record(source=API, destination=WEB, l4=h.tcp(8080, 43512, **h.SYN_ACK), is_reply=True)
    flow = one(record(), back)
    assert (flow.client.pods, flow.port) == ((WEB["pod_name"],), 8080)
    assert flow.signals == {"answered": 1, "forward": 1, "opened": 1, "traced": 2}
    alone = one(back)
    assert (alone.client, alone.server, alone.port) == (flow.client, flow.server, 8080)
    assert alone.signals == {"answered": 1, "traced": 1}


def test_the_old_reply_field_only_ever_means_yes():
    back = record(source=API, destination=WEB, l4=h.tcp(8080, 43512, ACK=True), is_reply=None)
    assert one(back | {"reply": True}).certain
    assert not one(back | {"reply": False}).certain
    assert one(record(reply=True)).port == 8080  # is_reply, where it is there, is the newer word


def test_the_direction_can_be_inferred_from_ports_alone():
    unsaid = {"is_reply": None, "event_type": {"type": 4, "sub_type": 4}}
    forward = record(l4=h.tcp(43512, 8080, ACK=True), **unsaid)
    back = record(source=API, destination=WEB, l4=h.tcp(8080, 43512, ACK=True), **unsaid)
    flow = one(forward, back)
    assert (flow.port, flow.certain) == (8080, False)
    assert flow.signals == {"answered": 2, "forward": 1, "traced": 2}
    assert len(read(record(), forward)) == 2  # what is certain stays apart from what is not


def test_enums_may_be_numbers():
    named = record(verdict="DROPPED", drop_reason_desc="POLICY_DENY", is_reply=None)
    numbered = record(verdict=2, drop_reason_desc=181, is_reply=None, Type=1, traffic_direction=1)
    assert one(named, numbered).signals == {"opened": 2, "forbidden": 2, "forward": 2, "traced": 2}


def test_aggregated_records_count_more_than_one():
    flow = one(
        record(aggregate={"ingress_flow_count": 7, "egress_flow_count": "5"}),
        record(aggregate={}),
        record(),
    )
    assert (flow.records, flow.count) == (3, 14)


@pytest.mark.parametrize(
    ("reason", "signal"),
    [
        ({"drop_reason_desc": "POLICY_DENIED"}, "denied"),
        ({"drop_reason_desc": "AUTH_REQUIRED"}, "denied"),
        ({"drop_reason_desc": "POLICY_DENY"}, "forbidden"),
        ({"drop_reason_desc": "CT_MAP_INSERTION_FAILED"}, "dropped"),
        ({"drop_reason": 133}, "denied"),
        ({"drop_reason": 181}, "forbidden"),
        ({"drop_reason": 155}, "dropped"),
        ({"event_type": {"type": 1, "sub_type": 133}}, "denied"),
        ({"event_type": {"type": 5}}, "denied"),
        ({}, "dropped"),
    ],
)
def test_drops(reason, signal):
    flow = one(record(verdict="DROPPED", is_reply=None, **{"event_type": {"type": 1}} | reason))
    assert flow.signals == {"opened": 1, signal: 1, "forward": 1}


def test_what_the_proxy_refuses_is_no_denied_connection():
    flow = one(
        record(verdict="DROPPED", l4=h.tcp(), l7={"type": "REQUEST"}, event_type={"type": 129})
    )
    assert flow.signals == {"forward": 1}


def test_dns_answers_are_kept_for_the_client():
    dns = {"query": "API.Example.org.", "ips": ["198.51.100.7", "2001:DB8::1"], "rcode": 0}
    answer = record(
        source=API,
        destination=WEB,
        l4=h.udp(53, 43512),
        is_reply=True,
        event_type={"type": 129},
        Type="L7",
        l7={"type": "RESPONSE", "latency_ns": "412", "dns": dns},
    )
    question = record(l4=h.udp(), l7={"type": 1, "dns": {"query": "API.Example.org."}})
    flow = one(question, answer)
    assert flow.client.pods == (WEB["pod_name"],)
    assert told(flow) == {
        ("api.example.org", "198.51.100.7"),
        ("api.example.org", "2001:db8::1"),
    }
    timed = answer | {"l7": {"type": "RESPONSE", "dns": dns | {"ttl": 30}}}
    assert {(a.last - a.first, a.first) for a in one(timed).answers} == {(30 * 10**9, flow.last)}
    missing = answer | {"l7": {"type": "RESPONSE", "dns": dns | {"rcode": 3}}}
    assert told(one(missing)) == set()
    untold = {key: value for key, value in answer.items() if key != "is_reply"}
    assert one(untold).answers == flow.answers


def test_names_and_services_go_to_the_right_side():
    said = {
        "destination_names": ["Pay.Example.ORG."],
        "destination_service": {"name": "pay", "namespace": "shop"},
    }
    out = record(destination=h.WORLD, **said)
    back = record(
        source=h.WORLD,
        destination=WEB,
        IP={"source": "10.244.2.9", "destination": "10.244.1.7"},
        l4=h.tcp(8080, 43512, ACK=True),
        is_reply=True,
        source_names=["old.example.org"],
        source_service={"name": "pay", "namespace": "shop"},
    )
    flow = one(out, back)
    assert flow.server.names == {"pay.example.org", "old.example.org"}
    assert flow.client.names == frozenset()
    assert flow.service == "shop/pay"
    other = {"name": "aid", "namespace": "shop"}
    found = read(out, back, record(destination=h.WORLD, destination_service=other))
    assert [(one.service, one.records) for one in found] == [("shop/aid", 1), ("shop/pay", 2)]


def test_times_of_any_precision_and_offset_compare_as_times():
    times = ("2026-11-02T09:00:20.5Z", "2026-11-02T09:00:20Z", "2026-11-02T11:00:20.25+02:00")
    flow = one(*(record(time=time) for time in times))
    assert (flow.first - NINE, flow.last - NINE) == (20 * 10**9, 20 * 10**9 + 5 * 10**8)
    late = one(record(time="2026-11-02t10:59:59.123456789123z"), record())
    assert late.last == NINE + HOUR + 3599 * 10**9 + 123456789
    assert late.hours == {NINE // HOUR, NINE // HOUR + 1}
    beside = {"flow": record(time=None), "time": "2026-11-02T09:00:01Z"}
    ((flow,), _, _) = read_bytes(text([beside]))
    assert flow.first == NINE + 10**9


def test_sctp_and_ipv6():
    addresses = {"source": "2001:DB8:0::7", "destination": "fd00::9", "ipVersion": "IPv6"}
    ports = {"SCTP": {"source_port": 40000, "destination_port": 3868}}
    flow = one(record(source=h.WORLD, IP=addresses, l4=ports, event_type={"type": 5}))
    assert (flow.protocol, flow.port) == ("SCTP", 3868)
    assert flow.client == Endpoint(entities=frozenset({"world"}), ip="2001:db8::7")
    assert flow.signals == {"opened": 1, "allowed": 1, "forward": 1}


def test_pings_and_their_answers_are_one_flow():
    there = record(l4={"ICMPv4": {"type": 8}}, is_reply=None)
    back = record(source=API, destination=WEB, l4={"ICMPv4": {}}, is_reply=None)
    flow = one(there, back)
    assert (flow.protocol, flow.port, flow.certain) == ("ICMP", 8 * 256, True)
    assert flow.signals == {"answered": 1, "forward": 1, "opened": 1, "traced": 2}
    six = one(record(l4={"ICMPv6": {"type": 129}}, source=API, destination=WEB))
    assert (six.protocol, six.port, six.client.pods) == ("ICMPv6", 128 * 256, (WEB["pod_name"],))


@pytest.mark.parametrize(
    ("head", "least"),
    [
        (text([wrapped(record())]), 0.9),
        (text([record()]), 0.7),
        (b"\xef\xbb\xbf" + text([b"", wrapped(record())]), 0.9),
        (text([b"broken{", wrapped(record())])[:400], 0.9),
        (text([{"lost_events": {}}]), 0.9),
    ],
)
def test_hubble_is_recognised(head, least):
    assert HUBBLE.detect(head) >= least


@pytest.mark.parametrize(
    "head", [b"", b"\x00\x01", b'{"start_time": 1}\n', b"apiVersion: v1\n", b"{}"]
)
def test_other_things_are_not(head):
    assert HUBBLE.detect(head) == 0

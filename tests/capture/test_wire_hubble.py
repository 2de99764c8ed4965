"""Hubble's messages say what its lines say: one flow, two forms, one meaning."""

from __future__ import annotations

import json
from typing import Any

import hubble_lines as h
import hubble_wire as w
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.live_seen import Seen
from capture.source import Reading
from capture.wire_hubble_decode import Decoder
from capture.wire_hubble_fold import WireFold
from netpol.flow import Account, Flow
from netpol.notices import Notice


def read_messages(messages: list[bytes]) -> tuple[list[Flow], Account, list[Notice]]:
    """What the fold makes of messages; the account balances."""
    account, told = Account(), list[Notice]()
    reading = Reading(where="hubble://relay", tell=told.append, account=account)
    fold = WireFold(reading, Decoder(Seen()))
    fold.feed(messages)
    fold.settle()
    flows = list(fold.flows())
    assert account.balanced()
    return flows, account, told


def same(lines: list[dict[str, Any]]) -> list[Flow]:
    """The flows of lines, which as messages must give the same, and the same account."""
    flows, account, told = h.read_bytes(h.text(lines))
    theirs, their_account, their_told = read_messages(w.responses(lines))
    assert theirs == flows
    assert [one.sightings for one in theirs] == [one.sightings for one in flows]
    assert their_account == account
    assert [one.code for one in their_told] == [one.code for one in told]
    return flows


ENDS = st.sampled_from([h.WEB, h.API, h.WORLD, h.HOST, h.HEALTH, {}, h.pod("db-0"), None])
ADDRESSES = st.sampled_from(["10.244.1.7", "10.244.2.9", "198.51.100.7", "2001:db8::1", "ff02::1"])
FLAGS = st.dictionaries(st.sampled_from(["SYN", "ACK", "RST", "FIN"]), st.just(True))
PORTS = st.sampled_from([53, 443, 8080, 40000, 50000])
L4 = st.one_of(
    st.builds(lambda s, d, f: h.tcp(s, d, **f), PORTS, PORTS, FLAGS),
    st.builds(h.udp, PORTS, PORTS),
    st.builds(lambda s, d: {"SCTP": h.udp(s, d)["UDP"]}, PORTS, PORTS),
    st.sampled_from(
        [
            *({"ICMPv4": {"type": n}} for n in (8, 3)),
            {"ICMPv4": {}},
            {"ICMPv6": {"type": 128}},
            {"ICMPv6": {"type": 135}},
            {"VRRP": {"vrid": 3}},
            {"IGMP": {}},
            {},
            None,
        ]
    ),
)
DNS = {"query": "Payments.example.org.", "ips": ["198.51.100.7", "2001:db8::1"], "qtypes": ["A"]}
SERVICE = {"name": "api", "namespace": "shop"}
RECORDS = st.builds(
    h.record,
    time=st.sampled_from(
        ["2026-11-02T09:14:07Z", "2026-11-02T09:14:07.5Z", "2026-11-02T10:00:00.123456789Z", None]
    ),
    verdict=st.sampled_from([*w.ENUMS["Verdict"].split()[1:], None]),
    l4=L4,
    source=ENDS,
    destination=ENDS,
    IP=st.one_of(
        st.none(), st.builds(lambda a, b: {"source": a, "destination": b}, ADDRESSES, ADDRESSES)
    ),
    is_reply=st.sampled_from([True, False, None]),
    reply=st.sampled_from([True, None]),
    event_type=st.sampled_from([{"type": n} for n in (1, 2, 4, 5, 7, 129, 130)]),
    drop_reason_desc=st.sampled_from([None, "POLICY_DENIED", "POLICY_DENY", "AUTH_REQUIRED"]),
    drop_reason=st.sampled_from([None, 133, 155]),
    l7=st.sampled_from(
        [None, {"type": "REQUEST"}, {"type": "RESPONSE", "dns": DNS},
         {"type": "RESPONSE", "dns": DNS | {"rcode": 3}}, {"type": "SAMPLE"}]
    ),
    destination_names=st.sampled_from([None, ["db.example.org"], ["A.example.", "b.example"]]),
    source_names=st.sampled_from([None, ["db.example.org"]]),
    destination_service=st.sampled_from([None, SERVICE]),
    source_service=st.sampled_from([None, SERVICE]),
    aggregate=st.sampled_from([None, {}, {"ingress_flow_count": 7, "egress_flow_count": 5}]),
)  # fmt: skip


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=12))
def test_a_flow_means_the_same_in_both_forms(records):
    same([h.wrapped(one) | {"time": "2026-11-02T09:14:09Z"} for one in records])


def test_what_is_drawn_is_mostly_understood():
    """The law above is not about records that are all held."""
    drawn = [
        h.record(l4=l4, is_reply=reply, event_type={"type": kind})
        for l4 in (h.tcp(SYN=True), h.udp(), {"ICMPv4": {"type": 8}})
        for reply in (False, None)
        for kind in (4, 5)
    ]
    assert len(same([h.wrapped(one) for one in drawn])) == 4


def test_messages_that_are_no_flows():
    lines = [
        {"lost_events": {"source": "HUBBLE_RING_BUFFER", "num_events_lost": "17"}},
        {"lost_events": {}},
        {"node_status": {"state_change": "NODE_CONNECTED", "node_names": ["a"]}},
        {"node_status": {"state_change": "NODE_GONE", "node_names": ["a", "b"], "message": "no"}},
    ]
    assert not same(lines)
    _, account, told = read_messages(w.responses(lines))
    assert account.lost_events == 18
    assert [str(one) for one in told] == [
        "NP002 hubble://relay:1: 17 events lost in HUBBLE_RING_BUFFER",
        "NP002 hubble://relay:2: 1 event lost",
        "NP003 hubble://relay:4: a, b: NODE_GONE (no)",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verdict": 9}, ".flow.verdict: expected a verdict, found 9"),
        ({"l4": h.tcp(70000, 80)},
         ".flow.l4.TCP.source_port: expected a whole number <= 65535, found 70000"),
        ({"l4": {"UDP": {"source_port": 9, "destination_port": 65536}}},
         ".flow.l4.UDP.destination_port: expected a whole number <= 65535, found 65536"),
        ({"l4": {"ICMPv4": {"type": 256}}}, ".flow.l4.ICMPv4: expected a byte, found 256"),
        ({"source": None}, ".flow.source: missing"),
        ({"l4": h.tcp(4000, 0, SYN=True)}, ".flow.l4.TCP.destination_port: missing"),
        ({"IP": {"source": "nobody"}, "source": h.WORLD},
         ".flow.IP: expected an address, found 'nobody'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_message_is_said(changes, message):
    flows, account, told = read_messages(w.responses([h.wrapped(h.record(**changes))]))
    assert not flows and sum(account.held.values()) == 1
    assert [str(one) for one in told] == [f"NP001 hubble://relay:1: {message}"]


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.data())
def test_any_bytes_are_flows_or_held(data):
    whole = w.responses([h.wrapped(h.record())])[0]
    at = data.draw(st.integers(0, len(whole)))
    torn = (
        whole[:at] + data.draw(st.binary(max_size=20)) + whole[at + data.draw(st.integers(0, 9)) :]
    )
    _, account, _ = read_messages([torn, data.draw(st.binary(max_size=30)), whole])
    assert account.read == 3 and account.folded >= 1


def test_unknown_fields_are_skipped():
    plain = w.responses([h.wrapped(h.record())])[0]
    unknown = b"\xca\xbb\x7f\x03abc"  # a field of a number that is not known, at the top
    assert read_messages([plain + unknown])[0] == read_messages([plain])[0]


def test_real_records_decode(shared):
    wire = shared / "data/hubble/wire/basic-sample-400-tcp-flows.pbdelim"
    text = shared / "data/hubble/basic-sample-400-tcp-flows.json"
    messages = w.delimited(wire.read_bytes())
    flows, account, told = read_messages(messages)
    theirs, their_account, their_told = h.read_bytes(text.read_bytes())
    assert (flows, account, told) == (theirs, their_account, their_told)
    assert account.read == len(messages) == len(text.read_text().splitlines()) == 400
    assert w.responses(map(json.loads, text.read_text().splitlines())) != []

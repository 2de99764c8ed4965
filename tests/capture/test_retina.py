"""Retina: Hubble's records, believed only as far as Retina knows; and the table of AKS."""

from __future__ import annotations

import io
import json

import hubble_lines as h
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import told
from source_samples import SAMPLES

from capture.hubble import HUBBLE
from capture.retina import RETINA
from capture.source import Reading
from netpol.flow import Account

METADATA = {"@type": "type.googleapis.com/utils.RetinaMetadata", "bytes": 66}


def record(**changes):
    return h.wrapped(h.record(extensions=METADATA, **changes))


def read(data):
    account, told = Account(), []
    reading = Reading(where="retina", tell=told.append, account=account)
    flows = list(RETINA.read(io.BytesIO(data), reading))
    assert account.balanced()
    assert sum(flow.records for flow in flows) == account.folded
    return flows, account, [str(notice) for notice in told]


def one(*records):
    (flow,), account, told = read(h.text(records))
    assert not told and not account.held and flow.source == "retina"
    return flow


def shown(flow):
    return f"{flow.client.pods[0][:3]} > {flow.server.pods[0][:3]} {flow.port} {flow.certain}"


BACK = {"source": h.API, "destination": h.WEB}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "web > api 8080 True"),
        ({"l4": h.tcp(8080, 43512, **h.SYN_ACK), **BACK}, "web > api 8080 True"),
        ({"l4": h.tcp(8080, 43512, **h.ACK), **BACK}, "web > api 8080 False"),
        ({"l4": h.tcp(**h.ACK)}, "web > api 8080 False"),
        ({"l4": h.udp(53, 43512), **BACK}, "web > api 53 False"),
        ({"l4": h.tcp(8080, 43512, **h.ACK), "is_reply": True, **BACK}, "web > api 8080 True"),
        (
            {"verdict": 16, "l4": h.udp(), "l7": {"type": "REQUEST", "dns": {"query": "a."}}},
            "web > api 53 True",
        ),
    ],
)
def test_no_reply_means_that_it_is_not_known(changes, expected):
    assert shown(one(record(**changes))) == expected


def test_an_answer_of_dns_is_one():
    dns = {"type": "RESPONSE", "dns": {"query": "a.org.", "ips": ["198.51.100.7"]}}
    answer = {"verdict": 16, "l4": h.udp(53, 43512), "l7": dns, "is_reply": True}
    flow = one(record(**answer, **BACK))
    assert shown(flow) == "web > api 53 True"
    assert told(flow) == {("a.org", "198.51.100.7")}


@pytest.mark.parametrize("desc", ["POLICY_DENIED", "DROP_REASON_UNKNOWN", "POLICY_DENY"])
def test_a_drop_is_no_denial(desc):
    flow = one(record(verdict="DROPPED", drop_reason_desc=desc, event_type={"type": 1}))
    assert not {"denied", "forbidden"} & set(flow.signals)
    assert flow.signals["dropped"] == 1


def test_a_retransmission_tells_of_nothing_new():
    flows, account, told = read(h.text([record(verdict=15)]))
    assert (flows, account.other, told) == ([], {"no verdict": 1}, [])


ROW = {
    "TimeGenerated": "2026-11-02T09:14:07.5Z",
    "Verdict": "FORWARDED",
    "Layer4": json.dumps(h.tcp(SYN=True)),
    "Ip": {"source": "10.244.1.7", "destination": "10.244.2.9"},
    "SourceNamespace": "shop",
    "SourcePodName": "web-6d9c7f8b45-x2k9q",
    "SourceLabels": ["k8s:app=web"],
    "SourceIdentity": "1234",
    "DestinationNamespace": "shop",
    "DestinationPodName": "api-5c8d7bb9f6-qw4zt",
    "DestinationLabels": "k8s:app=api, k8s:tier=back",
    "DestinationWorkloads": json.dumps([{"name": "api", "kind": "Deployment"}]),
    "EventType": "trace",
    "TrafficDirection": "INGRESS",
    "Reply": False,
    "IngressFlowCount": 3,
}


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(ROW),
        json.dumps([ROW], indent=2),
        json.dumps({"value": [ROW]}, indent=2),
        json.dumps(ROW | {"Layer4": {"TCP": h.tcp()["TCP"] | {"flags": "SYN"}}, "EventType": 4}),
    ],
    ids=["line", "query", "api", "words"],
)
def test_a_row_of_the_table_is_a_record(data):
    flows, account, told = read(data.encode())
    assert (len(flows), account.held, told) == (1, {}, [])
    (flow,) = flows
    assert shown(flow) == "web > api 8080 True"
    assert (flow.count, flow.records) == (3, 1)
    assert flow.server.labels == (("app", "api"), ("tier", "back"))
    assert flow.server.workload == ("Deployment", "api")
    assert RETINA.detect(data.encode()) > HUBBLE.detect(data.encode())


def test_the_table_knows_what_cilium_denied():
    row = ROW | {"Verdict": "DROPPED", "DropReason": "POLICY_DENIED", "EventType": {"type": 1}}
    (flow,), _, _ = read(json.dumps(row).encode())
    assert flow.signals["denied"] == 1
    (flow,), _, _ = read(json.dumps(ROW | {"IsReply": "true"}).encode())
    assert flow.client.pods == ("api-5c8d7bb9f6-qw4zt",)


@pytest.mark.parametrize(
    ("lines", "retina"),
    [
        ([record()], True),
        ([h.wrapped(h.record(verdict=16))], True),
        ([h.wrapped(h.record(l4=h.tcp(8080, 9, **h.SYN_ACK), is_reply=False))], True),
        ([h.wrapped(h.record(l4=h.tcp(8080, 9, **h.SYN_ACK), is_reply=True))], False),
        ([h.wrapped(h.record(Summary='say "verdict":15 and RetinaMetadat'))], False),
        ([h.wrapped(h.record())], False),
    ],
)
def test_retina_is_told_from_hubble(lines, retina):
    head = h.text(lines)
    assert (RETINA.detect(head) > HUBBLE.detect(head)) == retina


def test_the_shop_is_hubbles(root):
    import gzip

    with gzip.open(root / "samples" / "shop" / "hubble.jsonl.gz") as stream:
        assert RETINA.detect(stream.read(8 << 20)) == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (json.dumps(record(verdict=17)), ".flow.verdict"),
        (json.dumps(ROW | {"Layer4": "nonsense"}), ".l4"),
        (json.dumps(ROW | {"TimeGenerated": "x"}), "RFC 3339"),
        (json.dumps(ROW)[:-20], "not valid JSON"),
    ],
)
def test_what_cannot_be_read_is_held(line, message):
    flows, account, told = read(line.encode())
    assert not flows and sum(account.held.values()) == 1
    assert message in told[0]


@settings(deadline=None, max_examples=120)
@given(st.integers(0, 2000), st.binary(max_size=8), st.integers(0, 30), st.booleans())
def test_broken_bytes_make_no_traceback(at, junk, gone, table):
    data = json.dumps(ROW, indent=1).encode() if table else SAMPLES["retina"]
    at %= len(data)
    read(data[:at] + junk + data[at + gone :])

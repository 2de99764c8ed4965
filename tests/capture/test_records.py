"""netpol's own flow records: what is written is read back equal, however the lines are arranged."""

from __future__ import annotations

import io
import json
import re
from dataclasses import fields, replace

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_samples import SAMPLES

from capture import inputs
from capture.records import NETPOL
from capture.records_shape import Entity, Gap, Protocol, Record, Side, Signal
from capture.records_write import gap, write
from capture.snapshot import read_inventory
from capture.source import Reading
from capture.times import LATEST
from netpol.answers import Answer, union
from netpol.flow import SIGNALS, Account, Flow, Sighting
from netpol.learn import learn
from netpol.net import PROTOCOLS
from netpol.peers import ENTITIES, Endpoint
from netpol.report.graphs import graph_object
from netpol.sketch import Sketch

SCHEMA = "../../docs/reference/flow-record.schema.json"
NAMES = st.sampled_from(["", "shop", "web-1", 'a "quoted" näme', "x/y"])
PAIRS = st.dictionaries(NAMES, NAMES, max_size=2).map(lambda d: tuple(sorted(d.items())))
IPS = st.sampled_from(["", "10.0.0.1", "2001:db8::1", "203.0.113.9"])
ENDPOINTS = st.builds(
    Endpoint,
    namespace=NAMES,
    pods=st.sets(NAMES, max_size=3).map(lambda pods: tuple(sorted(pods))),
    labels=PAIRS,
    namespace_labels=PAIRS,
    service_account=NAMES,
    workload=st.none() | st.tuples(NAMES, NAMES),
    ip=IPS,
    entities=st.frozensets(st.sampled_from(ENTITIES), max_size=2),
    names=st.frozensets(NAMES, max_size=2),
    called=NAMES,
)
TIMES = st.integers(0, LATEST * 10**9 - 1)
ANSWERS = st.builds(
    lambda name, ip, times: Answer(name, ip, *sorted(times)),
    *(NAMES, IPS.filter(bool), st.tuples(TIMES, TIMES)),
)
PORTS = st.none() | st.integers(0, 65535)
FLOWS = st.builds(
    lambda times, count, distinct, **rest: Flow(
        first=min(times),
        last=max(times),
        count=distinct.count or count,
        distinct=distinct,
        **rest,
    ),
    times=st.tuples(TIMES, TIMES),
    client=ENDPOINTS,
    server=ENDPOINTS,
    protocol=st.sampled_from(PROTOCOLS),
    port=PORTS,
    service=NAMES,
    service_port=PORTS,
    certain=st.booleans(),
    records=st.integers(1, 2**40),
    count=st.integers(0, 2**40),
    distinct=st.lists(st.integers(0, 2**64 - 1), max_size=3).map(Sketch.of),
    reports=st.dictionaries(NAMES, st.integers(0, 2**40), max_size=2).map(
        lambda counts: tuple(sorted(counts.items()))
    ),
    hours=st.frozensets(st.integers(-5, 10**7), max_size=3),
    signals=st.dictionaries(st.sampled_from(list(SIGNALS)), st.integers(0, 2**40)),
    answers=st.lists(ANSWERS, max_size=3).map(union),
    sightings=st.frozensets(st.builds(Sighting, NAMES, NAMES, IPS, TIMES), max_size=2),
    source=st.sampled_from(["pcap", "hubble"]),
)
KEYS = ("client", "server", "protocol", "port", "service", "service_port", "certain", "source")
DISTINCT = st.lists(FLOWS, max_size=6, unique_by=lambda flow: tuple(getattr(flow, k) for k in KEYS))


def read(data, **more):
    account, told = Account(), []
    reading = Reading(where="flows", tell=told.append, account=account, **more)
    flows = list(NETPOL.read(io.BytesIO(data), reading))
    assert account.balanced()
    assert account.folded == sum(flow.records for flow in flows)
    return flows, account, [str(notice) for notice in told]


def ordered(flows):
    return sorted(flows, key=lambda flow: b"".join(write([flow])))


@settings(deadline=None, max_examples=80)
@given(DISTINCT)
def test_what_is_written_is_read_back(flows):
    found, account, told = read(b"".join(write(flows)))
    assert found == ordered(flows)
    assert not told
    assert account.sources == {flow.source for flow in flows}


@settings(deadline=None, max_examples=60)
@given(DISTINCT, st.integers(0, 6), st.randoms(use_true_random=False))
def test_files_may_be_cut_joined_and_shuffled(flows, cut, random):
    lines = list(write(flows))
    first, second = read(b"".join(lines[:cut]))[0], read(b"".join(lines[cut:]))[0]
    random.shuffle(lines)
    assert ordered(first + second) == read(b"".join(lines))[0] == ordered(flows)
    assert read(b"".join(write(second)) + b"".join(write(first)))[0] == ordered(flows)


@settings(deadline=None, max_examples=40)
@given(FLOWS, st.integers(1, 2**40), TIMES)
def test_lines_of_one_connection_add_up(flow, more, time):
    flow = replace(flow, records=min(flow.records, 2**62), count=min(flow.count, 2**62))
    other = replace(flow, records=more, first=time, last=time, hours=frozenset({7}))
    (found,), _, _ = read(b"".join(write([flow, other])))
    assert found == replace(
        flow,
        records=flow.records + more,
        count=flow.distinct.count or 2 * flow.count,
        reports=tuple((name, 2 * n) for name, n in flow.reports),
        first=min(flow.first, time),
        last=max(flow.last, time),
        hours=flow.hours | {7},
        signals={name: 2 * n for name, n in flow.signals.items()},
    )


def test_lines_do_not_add_up_over_the_time_at_which_an_address_changed_hands():
    flow = Flow(
        client=Endpoint(ip="10.0.0.1"),
        server=Endpoint(ip="10.0.0.2"),
        protocol="TCP",
        port=80,
        first=5,
        last=5,
        source="pcap",
    )
    lines = b"".join(write([flow, replace(flow, first=9, last=9)]))
    assert len(read(lines)[0]) == 1
    assert len(read(lines, era=lambda address, time: time // 8)[0]) == 2


@settings(deadline=None, max_examples=40)
@given(FLOWS)
def test_every_line_keeps_to_the_published_schema(flow):
    schema = msgspec.json.schema(Record)
    (line,) = write([flow])
    jsonschema.validate(json.loads(line), schema)


def test_the_page_shows_a_record_that_is_one(root):
    page = (root / "docs" / "reference" / "flow-records.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    line = json.dumps(json.loads(shown)).encode()
    (flow,), _, told = read(line)
    assert not told
    assert json.loads(b"".join(write([flow]))) == json.loads(shown)
    jsonschema.validate(json.loads(shown), msgspec.json.schema(Record))
    known = {*Record.__struct_fields__} - {"sightings"}
    assert all(f"`{name}`" in page for name in known)


def test_the_shop_is_the_same_by_way_of_records(root, tmp_path):
    """Nothing that is learned from flows is lost when they are exchanged."""
    shop = root / "samples" / "shop"
    inventory = read_inventory([str(shop / "watch.jsonl.gz")], lambda _: None)
    graphs = []
    path = str(shop / "hubble.jsonl.gz")
    for exchanged in (False, True):
        account = Account()
        flows = list(inputs.read(path, source=None, tell=lambda _: None, account=account))
        if exchanged:
            lines = list(write(flows))
            parts = [tmp_path / "a", tmp_path / "b"]
            parts[0].write_bytes(b"".join(lines[::2]))
            parts[1].write_bytes(b"".join(lines[1::2]))
            account = Account()
            flows = [
                flow
                for part in parts
                for flow in inputs.read(
                    str(part), source=None, tell=lambda _: None, account=account
                )
            ]
            assert account.blind.keys() == {"hubble"}
        graphs.append(graph_object(learn(flows, inventory, account))["connections"])
    assert graphs[0] == graphs[1]
    assert len(graphs[0]) > 100


@settings(derandomize=True)
@given(st.integers(0, 2**40), NAMES, NAMES, st.tuples(TIMES, TIMES), FLOWS)
def test_what_was_not_captured_is_counted_and_told(lost, why, where, times, flow):
    line = gap(lost, why, where, times)
    told, account = [], Account()
    reading = Reading(where="flows", tell=lambda one: told.append(str(one)), account=account)
    stream = io.BytesIO(line + b"".join(write([flow])) + line)
    assert len(list(NETPOL.read(stream, reading))) == 1
    assert account.balanced()
    assert account.lost_events == 2 * lost
    assert account.other == {"not everything was captured": 2}
    assert [one[:14] for one in told] == ["NP002 flows:1:", "NP002 flows:3:"]
    assert ("how much is not known" in told[0]) == (lost == 0)
    assert why in told[0]
    assert where in told[0]


def test_the_schema_is_published(golden):
    shapes, parts = msgspec.json.schema_components((Record, Gap), ref_template="#/$defs/{name}")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "netpol flow record, version 2",
        "anyOf": shapes,
        "$defs": parts,
    }
    golden(SCHEMA, json.dumps(schema, indent=2) + "\n")


def test_the_shape_knows_every_word():
    assert Protocol.__args__ == PROTOCOLS
    assert Entity.__args__ == ENTITIES
    assert Signal.__args__ == tuple(SIGNALS)
    shape = [name for name in Record.__struct_fields__ if name != "told"]  # answers, since 2
    assert shape == ["netpol", *(field.name for field in fields(Flow))]
    assert Side.__struct_fields__ == tuple(field.name for field in fields(Endpoint))


def test_records_of_version_1_are_read():
    """They had no ``distinct``; a count was all there was."""
    line = SAMPLES["netpol"].split(b"\n")[0]
    old = line.replace(b'"netpol":2', b'"netpol":1')
    assert old != line
    (found,), _, told = read(old)
    assert not told
    assert [found] == read(line)[0]


@pytest.mark.parametrize(
    ("change", "reason", "message"),
    [
        ({"netpol": 3}, "flow record of another version", "NP010 flows:1: version 3"),
        ({"netpol": None}, "unreadable", ".netpol: expected"),
        ({"distinct": "AAAA"}, "unreadable", ".distinct: expected up to 256 hashes"),
        ({"distinct": "?"}, "unreadable", ".distinct: "),
        ({"port": 65536}, "unreadable", ".port: expected"),
        ({"colour": "red"}, "unreadable", "unknown field `colour`"),
        ({"first": "yesterday"}, "unreadable", ".first: expected an RFC 3339 time"),
        ({"last": "1999-01-01T00:00:00Z"}, "unreadable", ".last: it is before the first"),
        ({"client": {"ip": "10.0.0.256"}}, "unreadable", ".client.ip: '10.0.0.256' does not"),
        ({"signals": {"seen": 1}}, "unreadable", "seen"),
    ],
)
def test_what_is_wrong_is_said(change, reason, message):
    record = json.loads(SAMPLES["netpol"].split(b"\n")[0]) | change
    flows, account, told = read(json.dumps(record).encode())
    assert not flows
    assert account.held == {reason: 1}
    assert message in told[0]

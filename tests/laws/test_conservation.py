"""Laws of every flow source: each record is accounted for, whatever its bytes and their order."""

from __future__ import annotations

import copy
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import hubble_lines as h
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture import SOURCES
from capture.inputs import read
from netpol.flow import Account

REAL = Path(__file__).parents[3] / "shared" / "data" / "hubble"

PODS = [h.pod(f"{app}-{n}") for app in ("web", "api", "db") for n in range(3)]
NAMELESS = {key: value for key, value in h.WEB.items() if key != "pod_name"}
LOCAL = h.API | {"ID": 7, "workloads": [{"name": "api", "kind": "Deployment"}]}
ENDS = st.sampled_from(
    [*PODS, LOCAL, NAMELESS, h.WORLD, h.HOST, h.HEALTH, {}, {"identity": 16777217}]
)
PORTS = st.sampled_from([53, 443, 8080, 32767, 32768, 43512, 50001])
FLAGS = st.sampled_from([h.SYN, h.SYN_ACK, h.ACK, h.RST, {}])
LAYER4 = st.one_of(
    st.builds(lambda a, b, flags: h.tcp(a, b, **flags), PORTS, PORTS, FLAGS),
    st.builds(h.udp, PORTS, PORTS),
    st.builds(lambda n: {"ICMPv4": {"type": n}}, st.sampled_from([0, 3, 8, 13])),
    st.builds(lambda n: {"ICMPv6": {"type": n}}, st.sampled_from([1, 128, 129, 135])),
    st.just({"SCTP": {"source_port": 40000, "destination_port": 3868}}),
)
LAYER7 = st.sampled_from(
    [
        None,
        None,
        {"type": "REQUEST", "http": {"method": "GET"}},
        {"type": 2, "dns": {"query": "a.org.", "ips": ["198.51.100.7", "198.51.100.8"]}},
    ]
)
ADDRESSES = st.sampled_from(["10.0.0.1", "198.51.100.7", "2001:db8::1", "224.0.0.1", "127.0.0.1"])
RECORDS = st.builds(
    h.record,
    time=st.sampled_from(
        [
            f"2026-11-02T{hour}:59:59{part}Z"
            for hour in ("08", "09")
            for part in ("", ".5", ".25", ".x")
        ]
    ),
    verdict=st.sampled_from(["FORWARDED", "DROPPED", "AUDIT", "REDIRECTED", "TRACED", 1, 2, 3]),
    drop_reason_desc=st.sampled_from([None, "POLICY_DENIED", 181, "CT_INVALID_HEADER"]),
    IP=st.fixed_dictionaries({"source": ADDRESSES, "destination": ADDRESSES}),
    l4=LAYER4,
    source=ENDS,
    destination=ENDS,
    event_type=st.sampled_from([None, {"type": 1}, {"type": 4}, {"type": 5}, {"type": 129}]),
    is_reply=st.sampled_from([None, True, False]),
    reply=st.sampled_from([None, None, True]),
    l7=LAYER7,
    aggregate=st.sampled_from([None, None, {"ingress_flow_count": 3}]),
    destination_names=st.sampled_from([None, ["a.example.org"], ["b.example.org."]]),
)
LINES = st.one_of(
    RECORDS.map(h.wrapped),
    RECORDS,
    st.just({"lost_events": {"num_events_lost": "4"}}),
    st.just({"node_status": {"state_change": "NODE_GONE"}}),
)
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=4),
    st.just([]),
    st.just({}),
    st.just([{"a": [None]}]),
)


def places(value: object, here: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The path to every member of a JSON value."""
    inside = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value if isinstance(value, list) else ())
    )
    return [path for key, one in inside for path in ((*here, key), *places(one, (*here, key)))]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A line that was valid before fields were deleted or changed, or bytes were."""
    line = copy.deepcopy(draw(LINES))
    for _ in range(draw(st.integers(0, 2))):
        paths = places(line)
        if not paths:
            break
        *above, last = draw(st.sampled_from(paths))
        parent = line
        for key in above:
            parent = parent[key]
        if draw(st.booleans()):
            del parent[last]
        else:
            parent[last] = copy.deepcopy(draw(JUNK))
    data = json.dumps(line).encode()
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=3)) + data[at + draw(st.integers(0, 30)) :]
    return data.replace(b"\n", b" ")


@settings(deadline=None, max_examples=150)
@given(st.lists(mutated(), max_size=8))
def test_every_line_is_accounted_for(lines):
    _, account, told = h.read_bytes(b"\n".join(lines))
    whole = b"\n".join(lines).removeprefix(b"\xef\xbb\xbf")
    assert account.read == sum(not (line + b"\n").isspace() for line in whole.split(b"\n"))
    assert sum(notice.code == "NP001" for notice in told) == sum(account.held.values())


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
@settings(deadline=None, max_examples=100)
@given(data=st.binary(max_size=400))
def test_any_bytes_are_read(source, tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(data)
    account = Account()
    flows = list(read(str(path), source=source.name, tell=lambda notice: None, account=account))
    assert account.balanced()
    assert sum(flow.records for flow in flows) == account.folded
    assert 0 <= source.detect(data) <= 1


@settings(deadline=None, max_examples=100)
@given(st.lists(LINES, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_matter(lines, random):
    flows, account, _ = h.read_bytes(h.text(lines))
    random.shuffle(lines)
    again, shuffled, _ = h.read_bytes(h.text(lines))
    assert again == flows
    assert shuffled == account


def totals(parts):
    """All that adds up, per edge; the owner that one part alone knows is left out."""
    table: dict[object, list[object]] = {}
    for flow in parts:
        bare = {"pods": (), "workload": None, "names": frozenset()}
        ends = replace(flow.client, **bare), replace(flow.server, **bare)
        key = (*ends, flow.protocol, flow.port, flow.certain)
        row = table.setdefault(
            key, [0, 0, flow.first, flow.last, *(set() for _ in range(6)), Counter()]
        )
        row[0] += flow.records
        row[1] += flow.count
        row[2], row[3] = min(row[2], flow.first), max(row[3], flow.last)
        sets = (flow.hours, flow.answers, flow.client.pods, flow.server.pods)
        for mine, theirs in zip(
            row[4:10], (*sets, flow.client.names, flow.server.names), strict=True
        ):
            mine |= set(theirs)
        row[10].update(flow.signals)
    return table


@settings(deadline=None, max_examples=100)
@given(st.lists(LINES, max_size=12), st.integers(0, 12))
def test_two_halves_add_up_to_the_whole(lines, cut):
    flows, account, _ = h.read_bytes(h.text(lines))
    first, one, _ = h.read_bytes(h.text(lines[:cut]))
    second, two, _ = h.read_bytes(h.text(lines[cut:]))
    one.add(two)
    assert one == account
    assert totals([*first, *second]) == totals(flows)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real exports in ../shared/data are not here")
@pytest.mark.parametrize(
    ("name", "records", "other"),
    [
        ("basic-sample-400-tcp-flows.json", 400, {"health check": 1}),
        ("basic-sample-330-dns-flows.json", 330, {}),
        ("basic-sample-10-flows.json", 10, {}),
    ],
)
def test_real_exports_balance(name, records, other):
    flows, account, told = h.read_bytes((REAL / name).read_bytes())
    assert (account.read, account.held, account.other, told) == (records, {}, other, [])
    assert all(flow.port is not None and flow.port < 32768 for flow in flows)

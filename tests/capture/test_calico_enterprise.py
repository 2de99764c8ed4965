"""Enterprise flow logs: aggregation levels, forms of policies, files and searches."""

from __future__ import annotations

import copy
import json
import random
from io import BytesIO

import calico_lines as c
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.calico_enterprise import CALICO_ENTERPRISE
from capture.source import Reading
from netpol.flow import Account
from netpol.peers import Endpoint

EXACT = {"source_name": "storefront-6d9c7f8b45-x2k9q", "dest_name": "orders-api-5c8d7bb9f6-qw4zt"}
OUTSIDE = {"dest_type": "net", "dest_name_aggr": "pub", "dest_namespace": "-", "dest_port": 443}
ADDRESS = "198.51.100.7"


def read(*records, data: bytes = b""):
    return c.read_with(CALICO_ENTERPRISE, data or c.text(records))


def one(**changes):
    """The only flow of a record that is fine."""
    (flow,), account, told = read(c.enterprise(**changes))
    assert (account.read, account.folded, told) == (1, 1, [])
    return flow


def signals(policies, action="allow"):
    return set(one(policies=policies, action=action).signals) - {"answered", "traced"}


def test_a_log_says_who_spoke_to_whom():
    flow = one(dest_service_namespace="shop", dest_service_name="orders", dest_service_port="http",
               dest_service_port_num=80)  # fmt: skip
    assert flow.client == Endpoint(namespace="shop", pods=(c.WEB,), labels=(("app", "storefront"),))
    assert flow.server == Endpoint(namespace="shop", pods=(c.API,), labels=(("app", "orders-api"),))
    assert (flow.protocol, flow.port, flow.certain, flow.count) == ("TCP", 8080, True, 4)
    assert (flow.service, flow.service_port) == ("shop/orders", 80)
    assert flow.signals == {"allowed": 1, "answered": 1, "traced": 1}


def test_files_searches_and_fluentd_hold_the_same():
    logs = [c.enterprise(), c.enterprise(dest_port=80), c.enterprise(**OUTSIDE)]
    expected = read(*logs)
    hits = [{"_index": "tigera_secure_ee_flows", "_source": log} for log in logs]
    search = {"took": 3, "hits": {"total": {"value": 3}, "hits": hits}}
    for whole in (search, {"responses": [search]}, hits, logs):
        for indent in (None, 1):
            assert read(data=json.dumps(whole, indent=indent).encode()) == expected
    assert read(*hits) == expected
    tagged = b"".join(
        b"2026-11-03T10:05:00+00:00\tflows\t" + json.dumps(log).encode() + b"\n" for log in logs
    )
    assert read(data=tagged) == expected


@pytest.mark.parametrize(
    ("policies", "action", "expected"),
    [
        (None, "allow", {"allowed"}),
        (None, "deny", {"denied"}),
        ({"all_policies": ["0|default|shop/knp.default.x|allow"]}, "allow", {"allowed"}),
        ({"all_policies": ["0|default|shop/default.x|deny"]}, "deny", {"denied"}),
        ({"all_policies": ["0|platform|platform.block|deny|0"]}, "deny", {"forbidden"}),
        ({"all_policies": ["0|default|shop/knp.default.x|deny|-1"]}, "deny", {"denied"}),
        ({"all_policies": ["0|default|default.x|deny|-2"]}, "deny", {"denied"}),
        (
            {"all_policies": ["0|default|default.staged:x|deny|-1", "1|default|default.y|allow|0"]},
            "allow",
            {"allowed", "audited"},
        ),
        (
            {"all_policies": ["0|a|a.staged:x|allow|0", "1|b|b.staged:y|deny|0", "2|b|z|allow|0"]},
            "allow",
            {"allowed"},
        ),
        (
            {
                "enforced_policies": ["0|__PROFILE__|__PROFILE__.kns.shop|allow|0"],
                "pending_policies": ["0|default|default.staged:default-deny|deny|-1"],
            },
            "allow",
            {"allowed", "audited"},
        ),
        (
            {"all_policies": ["0|default|sgnp:x|deny|-1", "1|default|knp:shop/x|allow|0"]},
            "allow",
            {"allowed", "audited"},
        ),
        (
            {"enforced_policies": ["0|p|p.x|pass|0", "1|default|gnp:y|deny|3"],
             "pending_policies": ["0|p|p.x|deny|0"]},
            "deny",
            {"forbidden"},
        ),
        ({"all_policies": ["", "|", "x|y|z|w|v"]}, "allow", {"allowed"}),
    ],
)  # fmt: skip
def test_what_policies_did(policies, action, expected):
    assert signals(policies, action) == expected


def test_names_of_their_own_come_first():
    flow = one(**EXACT)
    assert (flow.client.pods, flow.server.pods) == ((EXACT["source_name"],), (EXACT["dest_name"],))


def test_an_address_counts_where_nothing_is_aggregated():
    exact = EXACT | {"dest_name": "-"}
    assert one(**OUTSIDE, dest_ip=ADDRESS).server == Endpoint(entities=frozenset({"world"}))
    flow = one(**exact, **OUTSIDE, dest_ip=ADDRESS, dest_domains=["Pay.example.org."])
    assert flow.server == Endpoint(
        ip=ADDRESS, entities=frozenset({"world"}), names=frozenset({"pay.example.org"})
    )
    private = {**OUTSIDE, "dest_name_aggr": "pvt"}
    assert one(**exact, **private, dest_ip="10.1.2.3").server == Endpoint(ip="10.1.2.3")
    assert one(**exact, **private).server == Endpoint(called="a private network")
    nodes = {"dest_service_namespace": "default", "dest_service_name": "kubernetes"}
    assert one(**exact, **private, **nodes, dest_ip="10.1.2.3").server.entities == {
        "kube-apiserver"
    }


def test_a_connection_counts_where_it_began():
    first = c.enterprise(num_flows=2, num_flows_started=2)
    later = c.enterprise(num_flows=1, num_flows_started=0)
    assert c.connections(read(first, later, later)[0]) == 2
    assert c.connections(read(later)[0]) == 1
    assert c.connections(read(c.enterprise(num_flows=3, num_flows_started=None))[0]) == 3


@pytest.mark.parametrize(
    "left_out", [("packets_in",), ("packets_out",), ("packets_in", "packets_out")]
)
def test_counters_that_are_left_out_say_nothing_of_answers(left_out):
    record = {key: value for key, value in c.enterprise().items() if key not in left_out}
    (flow,), _, _ = read(record)
    assert flow.signals == {"allowed": 1}


def test_names_of_an_aggregated_network_are_kept():
    flow = one(**OUTSIDE, dest_domains=["payments.example.org"])
    assert flow.server.names == {"payments.example.org"}


def test_a_host_endpoint_is_the_pods_own_node_or_another():
    node = {"source_type": "hep", "source_namespace": "-", "source_labels": None}
    own = one(**node, source_name="node-a", source_name_aggr="node-a")
    other = one(**node, source_name="node-b", source_name_aggr="node-b")
    assert (own.client.entities, other.client.entities) == ({"host"}, {"remote-node"})
    told = one(**node, source_name="node-b", source_name_aggr="node-b", source_ip="192.0.2.1")
    # Whose node that is, an inventory may know by the address.
    assert told.client == Endpoint(ip="192.0.2.1", entities=frozenset({"host", "remote-node"}))


def test_without_the_port_the_flow_is_there_but_its_port_is_not():
    for port in (None, "-", 0):
        flow = one(dest_port=port, dest_service_port="-")
        assert (flow.protocol, flow.port) == ("TCP", None)


@pytest.mark.parametrize(
    ("number", "name", "expected"),
    [
        (80, "http", 80),
        (None, "80", 80),
        (None, "http", None),
        ("-", "-", None),
        (None, None, None),
    ],
)
def test_the_port_of_the_service(number, name, expected):
    flow = one(dest_service_namespace="shop", dest_service_name="orders",
               dest_service_port=name, dest_service_port_num=number)  # fmt: skip
    assert flow.service_port == expected


def test_both_reporters_tell_of_one_connection():
    service = {"dest_service_namespace": "shop", "dest_service_name": "orders"}
    flows, *_ = read(c.enterprise(reporter="src", **service), c.enterprise(num_flows_started=5))
    assert c.connections(flows) == 5
    assert sum(flow.records for flow in flows) == 2


def test_an_address_folds_within_its_eras():
    times = [c.START, c.START + 300, c.START + 900]
    exact = {**EXACT, "dest_name": "-", **OUTSIDE, "dest_name_aggr": "pvt", "dest_ip": "10.1.2.3"}
    records = [c.enterprise(**exact, start_time=t, end_time=t + 60) for t in times]
    told: list[object] = []
    reading = Reading(
        where="x", tell=told.append, account=Account(),
        era=lambda address, time: int(time > (c.START + 600) * 10**9),
    )  # fmt: skip
    flows = list(CALICO_ENTERPRISE.read(BytesIO(c.text(records)), reading))
    assert sorted(flow.records for flow in flows) == [1, 2]


@pytest.mark.parametrize(
    ("changes", "reason", "where", "message"),
    [
        ({"action": "drop"}, "unreadable", ".action", "expected allow or deny, found 'drop'"),
        ({"source_type": "pod"}, "unreadable", ".source_type", "expected wep, hep, ns or net"),
        ({"dest_port": 70000}, "unreadable", ".dest_port", "expected a port, found '70000'"),
        ({"dest_port": "http"}, "unreadable", ".dest_port", "expected a port, found 'http'"),
        ({"start_time": 0}, "incomplete", ".start_time", "missing"),
        ({"end_time": 7}, "unreadable", ".end_time", "no end of an interval"),
        ({"num_flows": "many"}, "unreadable", ".num_flows", "expected a whole number"),
        ({"dest_name_aggr": None}, "incomplete", ".dest_name_aggr", "missing"),
        ({"policies": 7}, "unreadable", ".policies", "expected an object, found 7"),
        ({"dest_labels": {"labels": [7]}}, "unreadable", ".dest_labels.labels[0]", "expected text"),
        (
            {**EXACT, **OUTSIDE, "dest_name": "-", "dest_ip": "10.1.2"},
            "unreadable", ".dest_ip", "expected an address, found '10.1.2'",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told(changes, reason, where, message):
    for hit in (False, True):
        log = c.enterprise(**changes)
        broken = {"_source": log} if hit else log
        flows, account, (notice,) = read(broken, c.enterprise())
        assert (len(flows), account.held) == (1, {reason: 1})
        assert notice.where == f"x:1: {'._source' if hit else ''}{where}"
        assert notice.message.startswith(message)


LOGS = st.builds(
    lambda source, target, **more: c.enterprise(**source, **target, **more),
    st.sampled_from(
        [{}, {"source_name": EXACT["source_name"]},
         {"source_type": "net", "source_name_aggr": "pvt"},
         {"source_type": "hep", "source_name": "node-a", "source_namespace": "-"}]
    ),
    st.sampled_from(
        [{}, OUTSIDE, {**OUTSIDE, "dest_ip": ADDRESS}, {"dest_name": EXACT["dest_name"]},
         {"dest_type": "ns", "dest_name_aggr": "partners", "dest_namespace": "-"}]
    ),
    start_time=st.sampled_from([c.START - 1, c.START - 290]),
    source_labels=st.sampled_from([None, {"labels": ["a=1"]}, {"labels": ["a=1", "b=2"]}]),
    proto=st.sampled_from(["tcp", "udp", 6, "icmp"]),
    action=st.sampled_from(["allow", "deny"]),
    reporter=st.sampled_from(["src", "dst", "fwd"]),
    num_flows=st.sampled_from([None, 0, 1, 7]),
    packets_in=st.sampled_from([None, 0, 1, 9]),
    dest_domains=st.sampled_from([None, ["a.example.org"], ["-"]]),
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(st.lists(LOGS, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_logs_does_not_matter(logs, order):
    expected = read(*logs)
    assert not expected[2]
    order.shuffle(logs)
    assert read(*logs) == expected


@settings(deadline=None, max_examples=300)
@given(LOGS, c.JUNK, st.integers(0, 2**32), st.booleans())
def test_spoiled_logs_are_held_or_read(log, junk, seed, hit):
    whole: object = {"_source": log} if hit else log
    broken = c.spoil(copy.deepcopy(whole), random.Random(seed), junk)
    data = json.dumps(broken).encode() + b"\n"
    _, account, told = read(data=c.text([c.enterprise()]) + data + c.text([c.enterprise()]))
    assert account.folded >= 2
    assert len(told) == sum(account.held.values())


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_read(data):
    for frame in (b"", b"[", b'{"hits":{"hits":[', b"a\tb\t", b'{"_source":'):
        read(data=frame + data)

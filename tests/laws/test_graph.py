"""Laws of evidence and graphs, and of learning: order and splits of the input do not show."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import HOUR, accepted, app, entity, flow, held, labels, world

from netpol.answers import Answer, union
from netpol.flow import SIGNALS, Account, Flow
from netpol.graph import Connection, Evidence, ServiceGraph
from netpol.inventory import Inventory
from netpol.learn import Learned, learn
from netpol.net import PortSet
from netpol.peers import Cidr, Endpoint, Entity, Fqdn, Workload

WORDS = st.frozensets(st.sampled_from("abc"))
TIMES = st.none() | st.integers(0, 5)
COUNTS = st.dictionaries(st.sampled_from("xyz"), st.integers(1, 3)).map(
    lambda found: tuple(sorted(found.items()))
)
evidences = st.builds(
    Evidence,
    records=st.integers(0, 5),
    counts=COUNTS,
    first=TIMES,
    last=TIMES,
    hours=st.frozensets(st.integers(0, 3)),
    sources=COUNTS,
    client_pods=WORDS,
    server_pods=WORDS,
    signals=COUNTS,
    names=WORDS,
    client_addresses=WORDS,
    server_addresses=WORDS,
    services=WORDS,
    service_ports=st.frozensets(st.integers(1, 3)),
    said=st.frozensets(st.tuples(st.sampled_from("xyz"), st.sampled_from(sorted(SIGNALS)))),
)
PEERS = (
    Workload("a", "Deployment", "w"),
    Workload("b", "Deployment", "w"),
    Cidr("198.51.100.7/32"),
    Fqdn("example.org"),
    Entity("host"),
)
connections = st.builds(
    Connection,
    st.sampled_from(PEERS),
    st.sampled_from(PEERS),
    st.sampled_from(("TCP", "UDP")),
    st.sampled_from((53, 80)),
)
observed = st.lists(st.tuples(connections, evidences), max_size=8)
graphs = observed.map(ServiceGraph.of)


def same(one: ServiceGraph, other: ServiceGraph) -> bool:
    return list(one) == list(other)


@given(evidences, evidences, evidences)
def test_evidence_adds_up_in_any_grouping(a: Evidence, b: Evidence, c: Evidence) -> None:
    assert (a + b) + c == a + (b + c)


@given(evidences, evidences)
def test_evidence_adds_up_in_any_order(a: Evidence, b: Evidence) -> None:
    assert a + b == b + a


@given(evidences)
def test_no_evidence_adds_nothing(a: Evidence) -> None:
    assert a + Evidence() == a == Evidence() + a


@given(evidences, evidences)
def test_added_evidence_forgets_nothing(a: Evidence, b: Evidence) -> None:
    both = a + b
    assert both.records == a.records + b.records
    assert both.names >= a.names | b.names
    assert all(both.signal(n) == a.signal(n) + b.signal(n) for n in "xyz")
    times = [t for t in (a.first, b.first) if t is not None]
    assert both.first == (min(times) if times else None)


@settings(deadline=None)
@given(graphs, graphs, graphs)
def test_graphs_merge_in_any_grouping(a: ServiceGraph, b: ServiceGraph, c: ServiceGraph) -> None:
    assert same((a | b) | c, a | (b | c))


@settings(deadline=None)
@given(graphs, graphs)
def test_graphs_merge_in_any_order(a: ServiceGraph, b: ServiceGraph) -> None:
    assert same(a | b, b | a)


@settings(deadline=None)
@given(graphs)
def test_an_empty_graph_adds_nothing(a: ServiceGraph) -> None:
    assert same(a | ServiceGraph(), a)
    assert same(ServiceGraph() | a, a)


@settings(deadline=None)
@given(graphs)
def test_a_graph_merged_with_itself_has_the_same_connections(a: ServiceGraph) -> None:
    assert [c for c, _ in a | a] == [c for c, _ in a]


@settings(deadline=None)
@given(observed)
def test_a_graph_holds_each_connection_once_and_all_records(found) -> None:
    graph = ServiceGraph.of(found)
    assert len(graph) == len(list(graph)) == len({c for c, _ in found})
    assert sum(e.records for _, e in graph) == sum(e.records for _, e in found)


@settings(deadline=None)
@given(graphs, graphs)
def test_merging_changes_neither_graph(a: ServiceGraph, b: ServiceGraph) -> None:
    before = list(a), list(b)
    assert (a | b) is not a
    assert (list(a), list(b)) == before


# --- ports of a connection


def port_set(protocol: str, port: int | None) -> PortSet:
    return Connection(*PEERS[:2], protocol, port).ports


def test_an_icmp_type_stands_for_all_of_its_codes() -> None:
    assert port_set("ICMP", 3 * 256 + 1) == PortSet.icmp("ICMP", 3)
    assert port_set("ICMPv6", 128 * 256) == PortSet.icmp("ICMPv6", 128)


@pytest.mark.parametrize("protocol", ["TCP", "UDP", "SCTP"])
def test_a_port_is_itself_alone(protocol: str) -> None:
    assert str(port_set(protocol, 65535)) == f"{protocol} 65535"


@pytest.mark.parametrize("protocol", ["TCP", "UDP", "SCTP"])
def test_a_connection_whose_port_is_not_known_does_not_ask_for_every_port(protocol: str) -> None:
    """One record without a port would open the whole range."""
    from scenes import learned

    what = learned([flow(app("a"), app("b"), None, protocol=protocol)])
    assert all(c.ports != PortSet.of(protocol) for c, _ in what.accepted)


# --- learning

ENDPOINTS = (
    app("web"),
    app("web", pod="web-6d9c7f8b45-qw4zt"),
    app("api", labels=labels(app="api", tier="back")),
    app("api"),
    Endpoint(namespace="shop", labels=labels(app="web")),
    app("web", ip="10.0.0.9", pod=""),
    entity("host", ip="10.0.0.9"),
    entity("remote-node", ip="10.0.0.8"),
    world("198.51.100.7"),
    world("198.51.100.8", names=frozenset({"api.example.org"})),
    app("coredns", "kube-system"),
)
ENDPOINTS = tuple(replace(e, pods=()) if e.pods == ("",) else e for e in ENDPOINTS)


@st.composite
def flows(draw) -> Flow:
    names = draw(st.sets(st.sampled_from(sorted(SIGNALS)), max_size=4))
    records = draw(st.integers(1, 3))
    protocol, port = draw(st.sampled_from((("TCP", 8080), ("TCP", 45000), ("UDP", 53))))
    answers = {Answer("api.example.org", "198.51.100.7", HOUR, HOUR)} if port == 53 else set()
    return flow(
        draw(st.sampled_from(ENDPOINTS)),
        draw(st.sampled_from(ENDPOINTS)),
        port,
        protocol=protocol,
        certain=draw(st.booleans()),
        signals={name: draw(st.integers(1, records)) for name in names},
        records=records,
        count=records,
        answers=frozenset(answers),
    )


def learnt(found: list[Flow]) -> Learned:
    records = sum(one.records for one in found)
    return learn(found, Inventory(), Account(read=records, folded=records))


def seen(what: Learned):
    return list(what.accepted), what.held, what.unattributed, what.records


@settings(deadline=None, max_examples=60)
@given(st.lists(flows(), max_size=12).flatmap(lambda f: st.tuples(st.just(f), st.permutations(f))))
def test_the_order_of_flows_does_not_show(two) -> None:
    first, second = two
    assert seen(learnt(first)) == seen(learnt(second))


@settings(deadline=None, max_examples=60)
@given(st.lists(flows(), max_size=12))
def test_learning_accounts_for_every_record(found: list[Flow]) -> None:
    r = learnt(found).records
    assert r.read == r.connections + r.held + r.other


def split(one: Flow) -> list[Flow]:
    """The same records as two inputs would report them: the first record, and the others."""
    if one.records == 1:
        return [one]
    head = dict.fromkeys(one.signals, 1)
    rest = {name: n - 1 for name, n in one.signals.items() if n > 1}
    n = one.records - 1
    return [
        replace(one, records=1, count=1, signals=head),
        replace(one, records=n, count=n, signals=rest),
    ]


def merged(found: list[Flow]) -> list[Flow]:
    """Equal flows as one, as a source folds them."""
    table: dict[object, Flow] = {}
    for one in found:
        key = (one.client, one.server, one.protocol, one.port, one.certain)
        known = table.get(key)
        table[key] = (
            one
            if known is None
            else replace(
                known,
                records=known.records + one.records,
                count=known.count + one.count,
                signals=dict(Counter(known.signals) + Counter(one.signals)),
                answers=union(known.answers, one.answers),
            )
        )
    return list(table.values())


def plain(found: list[Flow]) -> list[Flow]:
    """Without the entity that may be a proxy."""
    return [one for one in found if "host" not in one.client.entities]


@settings(deadline=None, max_examples=60)
@given(st.lists(flows(), max_size=10).map(plain))
def test_splitting_the_input_does_not_show(found: list[Flow]) -> None:
    whole = merged(found)
    assert seen(learnt(whole)) == seen(learnt([part for one in whole for part in split(one)]))


def test_splitting_the_input_does_not_prove_that_a_port_is_served() -> None:
    traced = flow(app("web"), app("api"), records=2, count=2, signals={"allowed": 2, "traced": 1})
    unsure = flow(app("web"), app("api"), certain=False, signals={})
    parts = [
        replace(traced, records=1, count=1, signals={"allowed": 1}),
        replace(traced, records=1, count=1, signals={"allowed": 1, "traced": 1}),
    ]
    assert seen(learnt([traced, unsure])) == seen(learnt([*parts, unsure]))


def test_splitting_the_input_does_not_show_behind_a_proxy() -> None:
    node = flow(ENDPOINTS[6], app("api"), signals={"forward": 1, "answered": 2}, records=2, count=2)
    pod = flow(ENDPOINTS[5], app("api"), signals={"opened": 1, "forward": 1})
    named = flow(app("web"), app("api"), 1)
    parts = [
        replace(node, records=1, count=1, signals={"answered": 1}),
        replace(node, records=1, count=1, signals={"forward": 1, "answered": 1}),
    ]
    assert seen(learnt([named, pod, node])) == seen(learnt([named, pod, *parts]))


@settings(deadline=None, max_examples=40)
@given(st.lists(flows(), max_size=10))
def test_the_same_input_twice_teaches_the_same(found: list[Flow]) -> None:
    once, twice = learnt(found), learnt(found * 2)
    assert accepted(once) == accepted(twice)
    assert held(once) == held(twice)

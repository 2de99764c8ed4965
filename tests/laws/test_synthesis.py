"""What holds for every synthesis, whatever was learned: the promises of the certificate."""

from __future__ import annotations

import random
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from generators import DIALECTS
from netpol.certificate import Certificate
from netpol.cli.proof import prove
from netpol.graph import Connection, Evidence, ServiceGraph
from netpol.inventory import Inventory, Node, Pod, Service, ServicePort
from netpol.learn import Learned, Records
from netpol.peers import Cidr, Entity, Peer, Workload, label
from netpol.synthesize import Options

NAMESPACES = ("a", "b", "kube-system")
NODE = "172.18.0.9"


@st.composite
def inventories(draw) -> Inventory:
    """A few workloads per namespace; some share labels, all have one that tells them apart."""
    pods: dict[tuple[str, str], Pod] = {}
    for namespace in NAMESPACES:
        for number in range(draw(st.integers(1, 4))):
            name = f"w{number}"
            labels = {"app": name} | draw(
                st.dictionaries(st.sampled_from(("tier", "team")), st.sampled_from("xy"))
            )
            for replica in range(draw(st.integers(1, 2))):
                pods[namespace, f"{name}-{replica}"] = Pod(
                    namespace=namespace,
                    name=f"{name}-{replica}",
                    workload=Workload(namespace, "StatefulSet", name),
                    labels=tuple(sorted(labels.items())),
                    addresses=(f"10.244.0.{len(pods) + 1}",),
                )
    public = Service(
        namespace="a",
        name="lb",
        type="LoadBalancer",
        selector=(("app", "w0"),),
        ports=(ServicePort(port=80), ServicePort(name="tls", port=443)),
        source_ranges=draw(st.sampled_from(((), ("198.51.100.0/24",), ("198.51.100.7/32",)))),
    )
    return Inventory(
        pods=pods,
        services={("a", "lb"): public} if draw(st.booleans()) else {},
        nodes={"n": Node(name="n", addresses=(NODE,), pod_cidrs=("10.244.0.0/24",))},
        api_servers=(NODE,),
    )


OUTSIDERS: tuple[Peer, ...] = (
    Cidr("198.51.100.7/32"),
    Cidr("198.51.100.6/32"),
    Cidr("2001:db8::5/128"),
    Cidr("10.200.0.5/32"),
    Entity("world"),
    Entity("host"),
    Entity("remote-node"),
    Entity("kube-apiserver"),
)


@st.composite
def learned(draw) -> Learned:
    inventory = draw(inventories())
    workloads = list(inventory.workloads)
    inside = st.tuples(st.sampled_from(workloads), st.sampled_from(workloads))
    outward = st.tuples(st.sampled_from(workloads), st.sampled_from(OUTSIDERS))
    inward = st.tuples(st.sampled_from(OUTSIDERS), st.sampled_from(workloads))
    ports = st.sampled_from(
        (("TCP", 80), ("TCP", 443), ("UDP", 53), ("TCP", 53), ("UDP", 9), ("ICMP", 2048))
    )
    found = draw(st.lists(st.tuples(st.one_of(inside, outward, inward), ports), max_size=25))
    return of(inventory, [Connection(c, s, *port) for (c, s), port in found])


def of(inventory: Inventory, connections: list[Connection]) -> Learned:
    return Learned(
        accepted=ServiceGraph.of((c, evidence(c)) for c in connections),
        held=(),
        unattributed=(),
        inventory=inventory,
        records=Records(read=len(connections), connections=len(connections), held=0, other=0),
        lost_events=0,
    )


def evidence(connection: Connection) -> Evidence:
    """One record; the first outside address has a name when it is called."""
    named = connection.server == OUTSIDERS[0]
    return Evidence(records=1, names=frozenset({"api.example.org"} if named else ()))


def proofs(what: Learned) -> dict[str, tuple[dict[str, str], Certificate]]:
    found = {}
    for dialect in DIALECTS:
        proof = prove(what, dialect, Options(), lambda _: None)
        found[dialect.name] = (proof.files, proof.certificate)
    return found


@settings(deadline=None, max_examples=60)
@given(learned())
def test_sufficient_tight_and_minimal_in_every_dialect(what: Learned) -> None:
    for name, (_, certificate) in proofs(what).items():
        assert not certificate.denied, name
        assert not certificate.without_witness, name
        assert {o.reason for o in certificate.opened} <= {"declared need: name resolution"}, name


@settings(deadline=None, max_examples=30)
@given(learned(), st.randoms(use_true_random=False))
def test_the_order_and_repetition_of_records_do_not_show(what: Learned, rng: random.Random) -> None:
    connections = [connection for connection, _ in what.accepted] * 2
    rng.shuffle(connections)
    again = of(what.inventory, connections)
    for dialect in DIALECTS:
        options = Options()
        first = prove(what, dialect, options, lambda _: None).files
        assert prove(again, dialect, options, lambda _: None).files == first


@settings(deadline=None, max_examples=30)
@given(learned(), st.data())
def test_more_traffic_never_removes_an_allowance(what: Learned, data) -> None:
    every = [connection for connection, _ in what.accepted]
    fewer = of(what.inventory, [c for c in every if data.draw(st.booleans())])
    for dialect in DIALECTS:
        small = prove(fewer, dialect, Options(), lambda _: None)
        large = prove(what, dialect, Options(), lambda _: None)
        policed = small.synthesis.policed
        for (client, server), ports in small.certificate.allowed.items():
            # Where only the larger set isolates, what was open because nobody policed it closes.
            if namespace(client) in policed and namespace(server) in policed:
                assert ports <= large.certificate.allowed.get((client, server), type(ports)()), (
                    f"{dialect.name}: {label(client)} → {label(server)}"
                )


def namespace(peer: Peer) -> str:
    return peer.namespace if isinstance(peer, Workload) else ""


@settings(deadline=None, max_examples=30)
@given(learned())
def test_all_dialects_allow_the_same_in_the_cluster(what: Learned) -> None:
    found = {name: certificate.allowed for name, (_, certificate) in proofs(what).items()}
    plain = {
        name: {pair: str(without_icmp(ports)) for pair, ports in allowed.items()}
        for name, allowed in found.items()
    }
    plain = {
        n: {p: t for p, t in allowed.items() if t != "nothing"} for n, allowed in plain.items()
    }
    assert plain["kubernetes"] == plain["calico"] == plain["cilium"]


def without_icmp(ports):
    from netpol.net import PortSet

    return ports - PortSet.of("ICMP") - PortSet.of("ICMPv6") - PortSet.of("OTHER")


def test_scratch_directories_are_left_behind_by_nobody(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", None)
    proofs(of(Inventory(), []))
    assert list(tmp_path.iterdir()) == []

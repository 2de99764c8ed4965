"""What holds for every level: enough is allowed, coarser opens more, openings have a reason."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from special_cases import of

from generators import DIALECTS
from netpol.cli.proof import Proof, dialect_named, prove
from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory, Pod, Service
from netpol.learn import Learned
from netpol.net import PortSet
from netpol.opened import is_declared
from netpol.peers import Cidr, Entity, Peer, Workload, label
from netpol.synthesize import LEVELS, Level, Options

APP = "app.kubernetes.io/"
OUTSIDERS: tuple[Peer, ...] = (Cidr("198.51.100.7/32"), Cidr("10.200.0.5/32"), Entity("world"))
PORTS = (("TCP", 80), ("TCP", 443), ("UDP", 53), ("TCP", 53))


@st.composite
def inventories(draw) -> Inventory:
    """Workloads with and without the recommended labels; one of kube-system resolves names."""
    pods: dict[tuple[str, str], Pod] = {}
    for namespace in ("a", "b", "kube-system"):
        for number in range(draw(st.integers(1, 4))):
            name = f"w{number}"
            labels = {"app": name} | draw(
                st.dictionaries(
                    st.sampled_from((f"{APP}part-of", f"{APP}instance", f"{APP}name")),
                    st.sampled_from(("x", "y")),
                )
            )
            if namespace == "kube-system" and number == 0:
                labels["k8s-app"] = "kube-dns"
            pods[namespace, f"{name}-0"] = Pod(
                namespace=namespace,
                name=f"{name}-0",
                workload=Workload(namespace, "StatefulSet", name),
                labels=tuple(sorted(labels.items())),
                addresses=(f"10.244.0.{len(pods) + 1}",),
            )
    public = Service(namespace="a", name="lb", type="LoadBalancer", selector=(("app", "w0"),))
    return Inventory(pods=pods, services={("a", "lb"): public} if draw(st.booleans()) else {})


@st.composite
def learned(draw) -> Learned:
    inventory = draw(inventories())
    workloads = list(inventory.workloads)
    ends = st.sampled_from(workloads)
    outside = st.sampled_from(OUTSIDERS)
    pairs = st.one_of(st.tuples(ends, ends), st.tuples(ends, outside), st.tuples(outside, ends))
    found = draw(st.lists(st.tuples(pairs, st.sampled_from(PORTS)), max_size=20))
    return of(((Connection(*pair, *port), Evidence(records=1)) for pair, port in found), inventory)


def made(what: Learned, target: str, level: Level, **more: bool) -> Proof:
    options = Options(level=level, **more)
    return prove(what, dialect_named(target, DIALECTS), options, lambda _: None)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(learned(), st.sampled_from(LEVELS), st.booleans())
def test_enough_is_allowed_and_every_opening_is_said(
    what: Learned, level: Level, dns: bool
) -> None:
    for dialect in DIALECTS:
        certificate = made(what, dialect.name, level, dns=dns).certificate
        assert not certificate.denied
        wider = {one.reason for one in certificate.opened if not is_declared(one)}
        allowed = set() if level == "workload" else {f"chosen generalisation: level {level}"}
        assert wider <= allowed


@settings(deadline=None, max_examples=40, derandomize=True)
@given(learned(), st.sampled_from(("kubernetes", "calico", "cilium")))
def test_a_coarser_level_allows_all_that_a_finer_one_does(what: Learned, target: str) -> None:
    fine, app, namespace = (made(what, target, level).certificate.allowed for level in LEVELS)
    for less, more in ((fine, app), (app, namespace)):
        for pair, ports in less.items():
            assert ports <= more.get(pair, PortSet()), [label(peer) for peer in pair]


@settings(deadline=None, max_examples=40, derandomize=True)
@given(learned())
def test_the_price_counts_what_is_open_and_was_not_observed(what: Learned) -> None:
    proof = made(what, "kubernetes", "namespace", dns=False)
    seen = {(c.client, c.server, c.protocol, c.port) for c, _ in what.accepted}
    policed = proof.synthesis.policed
    open_now = {
        (client, server, protocol, port)
        for (client, server), ports in proof.certificate.allowed.items()
        if {getattr(client, "namespace", ""), getattr(server, "namespace", "")} & policed
        for protocol, low, high in ports
        for port in range(low, high + 1)
    }
    assert proof.price.unobserved == len(open_now - seen)

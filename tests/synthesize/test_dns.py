"""Name resolution: who resolves, who may ask, and both halves of it."""

from __future__ import annotations

import pytest
from scenes import TARGETS, app, entity, flow, inventory, labels, learned, pod, proof

from netpol.inventory import Service
from netpol.learn import Learned
from netpol.peers import Endpoint, Workload
from netpol.synthesize.dns import clients, is_dns, needs, resolvers

KUBE_DNS = labels(**{"k8s-app": "kube-dns"})
COREDNS = Workload("kube-system", "Deployment", "coredns")


def coredns(**more) -> Endpoint:
    return app("coredns", "kube-system", **{"labels": KUBE_DNS, **more})


def ask(client: str = "web", server: Endpoint | None = None, port: int = 53, **more):
    return flow(app(client), server or coredns(), port, **{"protocol": "UDP", **more})


def serving(what: Learned):
    return resolvers(what.accepted, what.inventory)


# --- who resolves


def test_the_usual_resolver_is_known_by_its_labels() -> None:
    assert serving(learned([ask()])) == {COREDNS: frozenset({53})}


def test_a_resolver_is_known_by_its_service() -> None:
    one = Service(namespace="kube-system", name="kube-dns", selector=labels(app="coredns"))
    known = inventory(services={("kube-system", "kube-dns"): one})
    plain = app("coredns", "kube-system")
    assert serving(learned([ask(server=plain)], known)) == {COREDNS: frozenset({53})}


def test_a_resolver_is_known_by_clients_of_several_namespaces() -> None:
    server = app("unbound", "net")
    flows = [ask(server=server), flow(app("x", "y"), server, 53, protocol="UDP")]
    assert set(serving(learned(flows))) == {Workload("net", "Deployment", "unbound")}


def test_a_private_resolver_of_one_application_is_not_the_clusters() -> None:
    assert serving(learned([ask(server=app("unbound"))])) == {}


def test_a_resolver_that_only_listens_elsewhere_is_none() -> None:
    assert serving(learned([ask(port=9153, protocol="TCP")])) == {}


def test_openshifts_resolver_answers_on_5353() -> None:
    own = labels(**{"dns.operator.openshift.io/daemonset-dns": "default"})
    server = app("dns-default", "openshift-dns", labels=own)
    what = learned([ask(server=server, port=5353)])
    assert list(serving(what).values()) == [frozenset({5353})]
    assert "port: 5353" in proof(what).files["shop/allow-dns.yaml"]


def test_an_application_on_5353_that_never_spoke_udp_is_no_resolver() -> None:
    server = app("backend", "net")
    flows = [flow(app(c, ns), server, 5353) for c, ns in (("a", "x"), ("b", "y"))]
    assert serving(learned(flows)) == {}


def test_dns_is_udp_and_tcp() -> None:
    found = [c for c, _ in learned([ask(protocol=p) for p in ("UDP", "TCP", "SCTP")]).accepted]
    assert sorted(c.protocol for c in found if is_dns(c)) == ["TCP", "UDP"]


# --- who may ask


def test_resolvers_and_host_network_pods_need_no_names() -> None:
    known = inventory(pod("kp", "shop", kind="DaemonSet", host_network=True), pod("idle"))
    what = learned([ask()], known)
    found = clients(serving(what), what.inventory, ["shop", "kube-system", "empty"])
    assert [w.name for w in found["shop"]] == ["idle", "web"]
    assert found["kube-system"] == found["empty"] == ()


def test_without_resolvers_nobody_needs_them() -> None:
    what = learned([flow(app("a"), app("b"))])
    assert clients({}, what.inventory, ["shop"]) == {}
    assert needs(what.accepted, what.inventory, ["shop"]) == frozenset()


def test_a_need_is_udp_and_tcp_of_every_client() -> None:
    what = learned([ask(), flow(app("web"), app("api"))])
    found = needs(what.accepted, what.inventory, ["shop"])
    assert {(c.client.name, c.protocol) for c in found} == {
        (name, protocol) for name in ("api", "web") for protocol in ("TCP", "UDP")
    }


# --- both halves


@pytest.mark.parametrize("target", TARGETS)
def test_both_halves_are_written_and_suffice(target: str) -> None:
    found = proof(learned([ask(), flow(app("web"), app("api"))]), target)
    assert {"shop/allow-dns.yaml", "kube-system/coredns-serve-dns.yaml"} <= set(found.files)
    assert not (found.certificate.denied or found.certificate.without_witness)
    assert {o.reason for o in found.certificate.opened} == {"declared need: name resolution"}


@pytest.mark.parametrize("target", TARGETS)
def test_a_resolver_in_an_excluded_namespace_needs_no_second_half(target: str) -> None:
    found = proof(learned([ask()]), target, exclude=frozenset({"kube-system"}))
    assert not [name for name in found.files if name.startswith("kube-system/")]
    assert "shop/allow-dns.yaml" in found.files
    assert not (found.certificate.denied or found.certificate.without_witness)


@pytest.mark.parametrize("target", TARGETS)
def test_clients_in_an_excluded_namespace_keep_what_they_were_seen_to_use(target: str) -> None:
    found = proof(learned([ask()]), target, exclude=frozenset({"shop"}))
    assert not (found.certificate.denied or found.certificate.without_witness)


@pytest.mark.parametrize("target", TARGETS)
def test_without_declared_dns_only_what_was_seen_is_allowed(target: str) -> None:
    found = proof(learned([ask(), flow(app("web"), app("api"))]), target, dns=False)
    assert not (found.certificate.denied or found.certificate.opened)
    assert "shop/allow-dns.yaml" not in found.files


@pytest.mark.parametrize("target", TARGETS)
def test_a_cache_that_asks_the_resolver(target: str) -> None:
    local = app("node-local-dns", "kube-system", labels=labels(**{"k8s-app": "node-local-dns"}))
    found = proof(learned([ask(server=local), flow(local, coredns(), 53, protocol="TCP")]), target)
    assert not (found.certificate.denied or found.certificate.without_witness)
    assert {o.reason for o in found.certificate.opened} <= {"declared need: name resolution"}


@pytest.mark.parametrize("target", TARGETS)
def test_a_resolver_on_the_node_is_an_ordinary_destination(target: str) -> None:
    what = learned([ask(server=entity("host", ip="169.254.20.10"))])
    found = proof(what, target)
    assert set(found.files) == {"kustomization.yaml", "shop/default-deny.yaml", "shop/web.yaml"}
    assert not found.certificate.denied


# --- odd neighbours


@pytest.mark.parametrize("target", TARGETS)
def test_a_silent_pod_without_labels_beside_the_resolver_does_not_stop_the_run(target: str) -> None:
    known = inventory(pod("bare", "kube-system", kind="Pod", labels=()))
    assert (
        "shop/web.yaml"
        in proof(learned([ask(), flow(app("web"), app("api"))], known), target).files
    )


@pytest.mark.parametrize("target", TARGETS)
def test_a_workload_named_like_the_policy_of_a_resolver(target: str) -> None:
    other = app("coredns-serve-dns", "kube-system")
    assert not proof(learned([ask(), flow(app("web"), other)]), target).certificate.denied


@pytest.mark.parametrize("target", TARGETS)
def test_a_resolver_alone_in_what_is_policed_gets_no_empty_policy(target: str) -> None:
    found = proof(learned([ask()]), target, namespaces=frozenset({"kube-system"}))
    assert "kube-system/coredns-serve-dns.yaml" not in found.files


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("exclude", [frozenset(), frozenset({"tools"})])
def test_an_unlabelled_peer_is_held_and_the_rest_goes_on(
    target: str, exclude: frozenset[str]
) -> None:
    """An empty selector would mean everyone."""
    bare = app("x", "tools", pod="bare", labels=())
    what = learned([flow(bare, app("web")), flow(app("web"), app("api"))])
    found = proof(what, target, exclude=exclude)
    assert "shop/web.yaml" in found.files
    assert not found.certificate.denied
    (held,) = found.synthesis.learned.held
    assert held.reason == "no label names one of the sides"
    assert found.synthesis.learned.records.held == held.evidence.records


@pytest.mark.parametrize("target", TARGETS)
def test_a_resolver_that_asks_itself_needs_no_egress_rule_of_its_own(target: str) -> None:
    """The policy allow-dns is for every pod of its namespace, resolvers too."""
    own = flow(coredns(), coredns(), 53, protocol="UDP")
    beside = flow(app("probe", "kube-system"), coredns(), 53, protocol="UDP")
    found = proof(learned([own, beside]), target).certificate
    assert (found.denied, found.without_witness) == ((), ())

"""Name resolution: who resolves, who may ask, and both halves of it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import yaml
from scenes import TARGETS, app, flow, inventory, labels, learned, pod, proof, world

from generators import DIALECTS
from netpol.cli.proof import Proof, dialect_named, prove
from netpol.flow import Flow
from netpol.inventory import Inventory, Node, Pod, Service, ServicePort
from netpol.learn import Learned
from netpol.net import host_cidr
from netpol.peers import Endpoint, Workload, label
from netpol.profile import CNIS
from netpol.synthesize import Options
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


@pytest.mark.parametrize("target", TARGETS)
def test_the_resolver_of_the_inventory_serves_where_nobody_was_seen_to_ask(target: str) -> None:
    dns = Service(
        namespace="kube-system",
        name="kube-dns",
        selector=KUBE_DNS,
        ports=(ServicePort(name="dns", protocol="UDP", port=53, target=1053),),
    )
    known = inventory(
        pod("coredns", "kube-system", labels=KUBE_DNS), services={("kube-system", "kube-dns"): dns}
    )
    what = learned([flow(app("web"), app("api"))], known)
    assert serving(what) == {COREDNS: frozenset({1053})}
    assert "1053" in proof(what, target).files["shop/allow-dns.yaml"]


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


# --- resolvers that are no pods


def proved(what: Learned, target: str, **options) -> Proof:
    """Sufficient, minimal, and open for nothing but names."""
    found = proof(what, target, **options)
    assert not (found.certificate.denied or found.certificate.without_witness)
    assert {o.reason for o in found.certificate.opened} <= {"declared need: name resolution"}
    return found


def at(ip: str, **more) -> Endpoint:
    return Endpoint(ip=ip, **more)


def peers(found: Proof, namespace: str = "shop", name: str = "allow-dns") -> set[str]:
    """The addresses and entities of a policy."""
    text = found.files[f"{namespace}/{name}.yaml"]
    return set(re.findall(r"[0-9a-f.:]+/[0-9]+|\b(?:host|remote-node|world)\b", text))


def from_two(ip: str, **more) -> list[Flow]:
    """Pods of two namespaces ask somebody at an address."""
    spaces = ("shop", "blog")
    return [flow(app("x", s), at(ip, **more), 53, protocol="UDP") for s in spaces]


NODES = {"n": Node(name="n", addresses=("172.18.0.2",), pod_cidrs=("10.244.0.0/24",))}
PODS = pod("coredns-1", "kube-system", owner="coredns", labels=KUBE_DNS, addresses=("10.244.0.9",))
DNS = Service(
    namespace="kube-system",
    name="kube-dns",
    selector=KUBE_DNS,
    cluster_ips=("10.96.0.10",),
    ports=(ServicePort(protocol="UDP", port=53), ServicePort(protocol="TCP", port=53)),
)
CACHE = pod(
    "node-local-dns-1",
    "kube-system",
    kind="DaemonSet",
    owner="node-local-dns",
    labels=labels(**{"k8s-app": "node-local-dns"}),
    addresses=("172.18.0.2",),
    host_network=True,
    node="n",
)


def cluster(*pods: Pod) -> Inventory:
    return inventory(
        PODS, pod("idle"), *pods, nodes=NODES, services={("kube-system", "kube-dns"): DNS}
    )


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("said", [frozenset(), frozenset({"host"}), frozenset({"world"})])
@pytest.mark.parametrize("ip", ["169.254.20.10", "169.254.25.10", "fd00::a"])
def test_a_cache_on_the_node_is_the_resolver_of_every_pod(
    ip: str, said: frozenset[str], target: str
) -> None:
    """Whatever the source took it for. Cilium takes it for the host or not (issue 18644)."""
    found = proved(learned(from_two(ip, entities=said), cluster()), target)
    block = host_cidr(ip)
    assert peers(found) == ({"host", block} if target == "cilium" else {block})
    assert "shop/x.yaml" not in found.files
    opened = {label(o.client) for o in found.certificate.opened if label(o.server) == block}
    assert "shop/Deployment/idle" in opened


@pytest.mark.parametrize("target", TARGETS)
def test_the_cache_asks_the_pods_of_kube_dns_from_every_node(target: str) -> None:
    """Seen or not: where kube-dns is policed, the caches of other nodes would not reach it."""
    flows = [*from_two("169.254.20.10"), flow(app("x"), app("y", "kube-system"))]
    found = proved(learned(flows, cluster(CACHE)), target)
    text = {"cilium": "remote-node"}.get(target, "172.18.0.2/32")
    assert text in peers(found, "kube-system", "coredns-serve-dns")


@pytest.mark.parametrize("target", TARGETS)
def test_where_nobody_was_seen_to_ask_the_cache_is_asked_and_asks(target: str) -> None:
    flows = [flow(app("web"), app("api")), flow(app("x"), app("y", "kube-system"))]
    found = proved(learned(flows, cluster(CACHE)), target)
    assert {"169.254.20.10/32", "10.96.0.10/32"} <= peers(found)
    assert "fd00::a/128" not in peers(found)
    text = {"cilium": "remote-node"}.get(target, "172.18.0.2/32")
    assert text in peers(found, "kube-system", "coredns-serve-dns")


@pytest.mark.parametrize("target", TARGETS)
def test_the_cache_answers_at_the_address_of_the_service_too(target: str) -> None:
    """What looks like kube-dns in the flows never leaves the node."""
    found = proved(learned([ask(server=at("10.96.0.10"))], cluster(CACHE)), target)
    assert peers(found) == {"10.96.0.10/32"} | ({"host"} if target == "cilium" else set())
    without = proved(learned([ask(server=at("10.96.0.10"))], cluster()), target)
    assert peers(without) == set()


@pytest.mark.parametrize("profile", sorted(CNIS))
@pytest.mark.parametrize("ip", ["169.254.20.10", "10.96.0.10", "169.254.169.253"])
def test_every_plugin_lets_names_be_resolved(ip: str, profile: str) -> None:
    what = learned(from_two(ip), cluster(CACHE))
    one = CNIS[profile]
    dialect = dialect_named(one.words.name, DIALECTS)
    found = prove(what, dialect, Options(), lambda _: None, one)
    assert not (found.certificate.denied or found.certificate.without_witness)


@pytest.mark.parametrize("target", TARGETS)
def test_with_a_local_redirect_the_resolver_is_a_pod(target: str) -> None:
    """NodeLocal DNSCache without hostNetwork: on Cilium, GKE Dataplane V2."""
    cache = replace(CACHE, host_network=False, addresses=("10.244.0.7",))
    found = proved(learned(from_two("169.254.20.10"), cluster(cache)), target)
    assert peers(found) == set()
    assert "node-local-dns" in found.files["shop/allow-dns.yaml"]


CLOUDS = ["169.254.169.254", "168.63.129.16", "169.254.169.253", "fd00:ec2::253"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("ip", [*CLOUDS, "10.0.0.2", "198.51.100.53"])
def test_the_resolver_of_the_cloud_is_its_address(ip: str, target: str) -> None:
    """10.0.0.2: the third address of a VPC; or whatever else pods of two namespaces ask."""
    flows = from_two(ip, entities=frozenset({"world"}))
    assert peers(proved(learned(flows, cluster()), target)) == {host_cidr(ip)}


@pytest.mark.parametrize("ip", [*CLOUDS, "198.51.100.53"])
def test_whom_only_resolvers_ask_is_no_resolver_of_pods(ip: str) -> None:
    upstream = flow(coredns(), world(ip), 53, protocol="UDP")
    what = learned([upstream, ask()], cluster())
    assert serving(what) == {COREDNS: frozenset({53})}


def test_of_others_one_application_is_not_enough() -> None:
    assert set(serving(learned([ask(server=world("198.51.100.53"))], cluster()))) == {COREDNS}


def test_metadata_of_the_cloud_is_not_opened_with_its_resolver() -> None:
    found = proved(learned(from_two("169.254.169.254"), cluster()), "kubernetes")
    (rule,) = yaml.safe_load(found.files["shop/allow-dns.yaml"])["spec"]["egress"]
    assert {one["port"] for one in rule["ports"]} == {53}


@pytest.mark.parametrize("target", TARGETS)
def test_kube_dns_on_the_network_of_its_node_is_the_nodes(target: str) -> None:
    hosted = replace(PODS, host_network=True, addresses=("172.18.0.2",))
    known = inventory(hosted, nodes=NODES, services={("kube-system", "kube-dns"): DNS})
    found = proved(learned(from_two("10.96.0.10"), known), target)
    assert peers(found) == {"remote-node" if target == "cilium" else "172.18.0.2/32"}


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

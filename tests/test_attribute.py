"""Who is who: endpoints become peers over all flows together, or are held with a reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from scenes import (
    ANSWERED,
    HOUR,
    accepted,
    app,
    entity,
    flow,
    held,
    inventory,
    labels,
    learned,
    pod,
    world,
)

from netpol.answers import GRACE, Answer
from netpol.flow import Flow
from netpol.inventory import ContainerPort, Node, Service, ServicePort
from netpol.peers import Endpoint

OPENED = {"opened": 1, "forward": 1, "traced": 1}
REPLIES = {"answered": 1, "traced": 1}
NODES = {"n1": Node(name="n1", addresses=("10.0.0.1", "fd00::1"), pod_cidrs=("10.244.0.0/24",))}
BY_LABELS = Endpoint(namespace="shop", labels=labels(app="web"))


@pytest.mark.parametrize("namespace", ["Shop", "a/b", "..", "a b", "x" * 64, "\x1b[2J", "-a", "é"])
def test_a_namespace_that_cannot_be_is_held(namespace: str) -> None:
    what = learned([flow(app("web", namespace), app("api")), flow(app("web"), app("api"))])
    assert accepted(what) == {"shop/Deployment/web -> shop/Deployment/api TCP 8080"}
    assert list(held(what).values()) == ["no namespace can have that name"]


# --- pods by name


def test_a_named_pod_is_its_workload_in_the_inventory() -> None:
    known = inventory(pod("api-x", owner="api", kind="Rollout"))
    assert accepted(learned([flow(app("web"), app("api", pod="api-x"))], known)) == {
        "shop/Deployment/web -> shop/Rollout/api TCP 8080"
    }


def test_a_pod_that_is_gone_is_the_workload_that_its_name_shows() -> None:
    known = inventory(pod("api-6d9c7f8b45-zzzzz", owner="api"))
    flows = [flow(app("web"), app("api", pod="api-5c8d7bb9f6-qw4zt"))]
    assert accepted(learned(flows, known)) == {
        "shop/Deployment/web -> shop/Deployment/api TCP 8080"
    }


def test_a_gone_pod_of_a_known_workload_of_another_kind_is_no_second_workload() -> None:
    known = inventory(pod("api-6d9c7f8b45-zzzzz", owner="api", kind="Rollout"))
    flows = [flow(app("web"), app("api", pod="api-5c8d7bb9f6-qw4zt"))]
    assert accepted(learned(flows, known)) == {"shop/Deployment/web -> shop/Rollout/api TCP 8080"}


def test_a_pod_whose_labels_changed_is_still_itself() -> None:
    known = inventory(pod("api-x", owner="api", labels=labels(app="api", canary="yes")))
    assert accepted(learned([flow(app("web"), app("api", pod="api-x"))], known)) == {
        "shop/Deployment/web -> shop/Deployment/api TCP 8080"
    }


def test_one_pod_name_in_two_namespaces_is_two_workloads() -> None:
    flows = [flow(app("web", "a", "web-0"), app("web", "b", "web-0"))]
    assert accepted(learned(flows)) == {"a/StatefulSet/web -> b/StatefulSet/web TCP 8080"}


def test_an_endpoint_whose_pods_belong_to_two_workloads_is_held() -> None:
    both = Endpoint(namespace="shop", pods=("a-0", "b-0"), labels=labels(app="x"))
    known = inventory(pod("a-0", owner="a"), pod("b-0", owner="b"))
    assert set(held(learned([flow(app("web"), both)], known)).values()) == {"several workloads fit"}


def test_a_host_network_pod_is_a_node() -> None:
    known = inventory(pod("kp-1", owner="kp", kind="DaemonSet", host_network=True), nodes=NODES)
    assert accepted(learned([flow(app("web"), app("kp", pod="kp-1"))], known)) == {
        "shop/Deployment/web -> entity:remote-node TCP 8080"
    }


# --- pods by labels alone


def test_a_label_only_endpoint_is_the_one_workload_that_carries_the_labels() -> None:
    """A source that shows identity-relevant labels only shows fewer than the pod has."""
    known = inventory(pod("web-x", owner="web", labels=labels(app="web", hash="1")))
    assert accepted(learned([flow(BY_LABELS, app("api"))], known)) == {
        "shop/Deployment/web -> shop/Deployment/api TCP 8080"
    }


def test_a_label_only_endpoint_that_fits_two_workloads_is_held() -> None:
    known = inventory(
        pod("web-x", owner="web", labels=labels(app="web", tier="a")),
        pod("old-x", owner="old", labels=labels(app="web", tier="b")),
    )
    assert held(learned([flow(BY_LABELS, app("api"))], known)) == {
        "shop/?/app=web -> shop/Deployment/api TCP 8080": "several workloads fit"
    }


def test_labels_that_no_source_shows_do_not_settle_who_it_is() -> None:
    """Cilium shows no pod-template-hash: to it the pods of both workloads look alike."""
    hashed = labels(app="web", **{"pod-template-hash": "6d9c7f8b45"})
    known = inventory(
        pod("web-x", owner="web", labels=hashed),
        pod("nightly", kind="CronJob", labels=labels(app="web"), template=True),
    )
    assert accepted(learned([flow(BY_LABELS, app("api"))], known)) == set()


def test_a_label_only_endpoint_is_no_host_network_pod() -> None:
    known = inventory(
        pod("web-x", owner="web", labels=labels(app="web", tier="a")),
        pod("agent", kind="DaemonSet", labels=labels(app="web"), host_network=True),
    )
    assert accepted(learned([flow(BY_LABELS, app("api"))], known)) == {
        "shop/Deployment/web -> shop/Deployment/api TCP 8080"
    }


def test_a_label_only_endpoint_that_nobody_fits_is_held() -> None:
    assert set(held(learned([flow(BY_LABELS, app("api"))])).values()) == {
        "no known pod has these labels"
    }


def test_a_pod_without_name_and_labels_is_held() -> None:
    nobody = Endpoint(namespace="shop")
    assert set(held(learned([flow(nobody, app("api"))])).values()) == {
        "a pod without name or labels"
    }


def test_a_label_only_endpoint_is_known_by_a_pod_that_another_file_names() -> None:
    flows = [flow(BY_LABELS, app("api")), flow(app("web"), app("api"), 9090)]
    assert "shop/Deployment/web -> shop/Deployment/api TCP 8080" in accepted(learned(flows))


# --- addresses


def test_an_outside_address_is_a_block_of_its_own_in_either_family() -> None:
    flows = [
        flow(app("web"), world("198.51.100.7"), 443),
        flow(app("web"), world("2001:db8::7"), 443),
    ]
    assert accepted(learned(flows)) == {
        "shop/Deployment/web -> 198.51.100.7/32 TCP 443",
        "shop/Deployment/web -> 2001:db8::7/128 TCP 443",
    }


@pytest.mark.parametrize("ip", ["10.0.0.1", "fd00::1"])
def test_an_address_of_a_node_is_a_node_in_either_family(ip: str) -> None:
    known = inventory(nodes=NODES)
    assert accepted(learned([flow(app("web"), world(ip), 9100)], known)) == {
        "shop/Deployment/web -> entity:remote-node TCP 9100"
    }


def test_an_unknown_address_of_the_pod_range_is_never_outside() -> None:
    known = inventory(nodes=NODES)
    assert held(learned([flow(app("web"), world("10.244.0.77"), 80)], known)) == {
        "shop/Deployment/web -> 10.244.0.77 TCP 80": "an unknown address in the pod range"
    }


def test_the_address_of_a_host_network_pod_is_a_node_where_no_nodes_are_known() -> None:
    hosted = pod("kp-1", kind="DaemonSet", host_network=True, addresses=("10.0.0.2",))
    assert accepted(learned([flow(app("web"), world("10.0.0.2"), 9100)], inventory(hosted))) == {
        "shop/Deployment/web -> entity:remote-node TCP 9100"
    }


def test_an_endpoint_without_any_identity_is_held() -> None:
    unknown = Endpoint(ip="198.51.100.7")
    assert set(held(learned([flow(unknown, app("api"))])).values()) == {"unknown identity"}


# --- reserved identities


def test_an_api_server_on_a_node_is_the_api_server() -> None:
    server = entity("kube-apiserver", "remote-node", ip="10.0.0.1")
    assert accepted(learned([flow(app("web"), server, 6443)])) == {
        "shop/Deployment/web -> entity:kube-apiserver TCP 6443"
    }


def test_probes_of_a_control_plane_node_come_from_the_host() -> None:
    """A pod's own node is exempt in every engine, also where the API server runs on it."""
    kubelet = entity("kube-apiserver", "host", ip="10.0.0.1")
    assert accepted(learned([flow(kubelet, app("api"))])) == {
        "entity:host -> shop/Deployment/api TCP 8080"
    }


# --- Services


def service(**more) -> Service:
    given = {
        "namespace": "shop",
        "name": "web",
        "selector": labels(app="web"),
        "cluster_ips": ("10.96.0.5",),
        "ports": (ServicePort(port=80, target=8080),),
    }
    return Service(**{**given, **more})


def serving(one: Service, *pods) -> object:
    return inventory(
        *(pods or [pod("web-x", owner="web")]), services={("shop", one.name): one}, nodes=NODES
    )


def test_a_cluster_ip_is_the_pods_behind_it_at_their_own_port() -> None:
    flows = [flow(app("cart"), world("10.96.0.5"), 80)]
    assert accepted(learned(flows, serving(service()))) == {
        "shop/Deployment/cart -> shop/Deployment/web TCP 8080"
    }


@pytest.mark.parametrize(
    ("port", "selector"), [(81, labels(app="web")), (80, ()), (80, labels(app="nobody"))]
)
def test_a_cluster_ip_with_nothing_behind_it_is_never_outside(port: int, selector) -> None:
    flows = [flow(app("cart"), world("10.96.0.5"), port)]
    what = learned(flows, serving(service(selector=selector)))
    assert accepted(what) == set()
    assert set(held(what).values()) == {"a Service address that leads to no one workload"}


@pytest.mark.parametrize("address", ["10.96.0.5", "203.0.113.5", ""])
def test_what_the_source_calls_a_service_address_is_never_outside(address: str) -> None:
    flows = [replace(flow(app("cart"), world(address), 80), service="shop/web")]
    what = learned(flows)
    assert accepted(what) == set()
    assert set(held(what).values()) == {"a Service address that leads to no one workload"}


def test_what_was_outside_behind_a_service_is_outside() -> None:
    dialled = replace(
        flow(app("cart"), world("203.0.113.5"), 443), service="shop/bank", service_port=80
    )
    assert accepted(learned([dialled])) == {"shop/Deployment/cart -> 203.0.113.5/32 TCP 443"}


@pytest.mark.parametrize("port", [80, 81])
def test_an_external_ip_that_leads_to_no_one_workload_is_never_outside(port: int) -> None:
    """The engine sees the pods behind it, so a rule for the address would allow nothing."""
    both = [pod(f"{n}-x", owner=n, labels=labels(app="web", n=n)) for n in ("a", "b")]
    flows = [flow(app("cart"), world("203.0.113.5"), port)]
    assert accepted(learned(flows, serving(service(external_ips=("203.0.113.5",)), *both))) == set()


def test_a_named_target_port_that_differs_by_pod_is_all_its_numbers() -> None:
    ports = [(ContainerPort(name="http", port=n),) for n in (8080, 9090)]
    pods = [pod(f"web-{n}", owner="web", ports=p) for n, p in enumerate(ports)]
    one = service(ports=(ServicePort(port=80, target="http"),))
    found = learned([flow(app("cart"), world("10.96.0.5"), 80)], serving(one, *pods))
    to_web = "shop/Deployment/cart -> shop/Deployment/web TCP"
    assert accepted(found) == {f"{to_web} 8080", f"{to_web} 9090"}
    assert found.records.connections == found.records.read


def test_host_network_pods_behind_a_service_are_nodes() -> None:
    hosted = pod("web-x", owner="web", host_network=True, addresses=("10.0.0.1",))
    flows = [flow(app("cart"), world("10.96.0.5"), 80)]
    assert accepted(learned(flows, serving(service(), hosted))) == {
        "shop/Deployment/cart -> entity:remote-node TCP 8080"
    }


def test_the_cluster_ip_of_the_api_server_is_the_api_server() -> None:
    api = Service(
        namespace="default",
        name="kubernetes",
        cluster_ips=("10.96.0.1",),
        ports=(ServicePort(port=443, target=6443),),
    )
    known = inventory(services={("default", "kubernetes"): api}, api_servers=("10.0.0.1",))
    assert accepted(learned([flow(app("cart"), world("10.96.0.1"), 443)], known)) == {
        "shop/Deployment/cart -> entity:kube-apiserver TCP 6443"
    }


def test_a_node_port_is_the_pods_behind_it() -> None:
    one = service(type="NodePort", ports=(ServicePort(port=80, target=8080, node_port=30080),))
    flows = [flow(app("cart"), entity("remote-node", ip="10.0.0.1"), 30080)]
    assert accepted(learned(flows, serving(one))) == {
        "shop/Deployment/cart -> shop/Deployment/web TCP 8080"
    }


# --- directions


def guessed(port: int = 45000, **more) -> Flow:
    """A flow of which only the port numbers suggest who opened it."""
    return flow(app("a"), app("b"), port, certain=False, signals={"answered": 1}, **more)


def test_a_guessed_direction_alone_is_held() -> None:
    assert held(learned([guessed()])) == {
        "shop/Deployment/a -> shop/Deployment/b TCP 45000": "who opened it is not known"
    }


def test_a_guessed_direction_is_confirmed_by_a_connection_that_was_seen_to_open() -> None:
    flows = [guessed(), flow(app("c"), app("b"), 45000)]
    assert "shop/Deployment/a -> shop/Deployment/b TCP 45000" in accepted(learned(flows))


def test_a_guessed_direction_is_confirmed_by_a_declared_port() -> None:
    declared = pod("b-6d9c7f8b45-x2k9q", owner="b", ports=(ContainerPort(port=45000),))
    assert accepted(learned([guessed()], inventory(declared))) == {
        "shop/Deployment/a -> shop/Deployment/b TCP 45000"
    }


def test_a_port_of_another_protocol_confirms_nothing() -> None:
    flows = [guessed(), flow(app("c"), app("b"), 45000, protocol="UDP")]
    assert "shop/Deployment/a -> shop/Deployment/b TCP 45000" not in accepted(learned(flows))


@pytest.mark.parametrize("fate", ["dropped", "refused", "denied", "traced"])
def test_a_port_that_never_answered_confirms_no_direction(fate: str) -> None:
    """Else a scanner turns every client port that it knocks at into a listening one."""
    knock = flow(app("s"), app("b"), 45000, signals={"opened": 1, "forward": 1, fate: 1})
    assert "shop/Deployment/a -> shop/Deployment/b TCP 45000" not in accepted(
        learned([guessed(), knock])
    )


# --- the L7 proxy


NODE = entity("host", ip="10.0.0.9")


def behind_proxy(name: str = "web") -> Flow:
    """The pod's identity opens a connection from an address of the node."""
    return flow(app(name, ip="10.0.0.9"), app("api"), signals=OPENED)


def test_answers_to_the_proxy_are_answers_to_the_pod_behind_it() -> None:
    what = learned([behind_proxy(), flow(NODE, app("api"), signals=REPLIES)])
    assert accepted(what) == {"shop/Deployment/web -> shop/Deployment/api TCP 8080"}
    assert held(what) == {}


def test_a_node_that_opens_connections_itself_is_no_proxy() -> None:
    what = learned([behind_proxy(), flow(NODE, app("api"), signals=ANSWERED)])
    assert accepted(what) == {"entity:host -> shop/Deployment/api TCP 8080"}


@pytest.mark.parametrize(
    "other", [flow(NODE, app("api"), 9090), flow(entity("host", ip="10.0.0.8"), app("api"))]
)
def test_answers_at_another_port_or_address_are_not_the_pods(other: Flow) -> None:
    what = learned([behind_proxy(), replace(other, signals=REPLIES)])
    assert "shop/Deployment/web -> shop/Deployment/api TCP 8080" not in accepted(what)


def test_whether_a_node_is_a_proxy_does_not_depend_on_how_its_flows_were_split() -> None:
    parts = [flow(NODE, app("api"), signals=REPLIES), flow(NODE, app("api"), signals=OPENED)]
    whole = flow(NODE, app("api"), signals={**OPENED, **REPLIES, "traced": 2}, records=2, count=2)
    assert accepted(learned([behind_proxy(), *parts])) == accepted(learned([behind_proxy(), whole]))


def test_an_answer_that_two_pods_may_have_got_proves_neither() -> None:
    flows = [behind_proxy("a"), behind_proxy("b"), flow(NODE, app("api"), signals=REPLIES)]
    found = accepted(learned(flows))
    assert ("shop/Deployment/a -> shop/Deployment/api TCP 8080" in found) == (
        "shop/Deployment/b -> shop/Deployment/api TCP 8080" in found
    )


# --- names


def names(what) -> set[str]:
    return {name for _, evidence in what.accepted for name in evidence.names}


def asking(name: str, address: str, client: str = "web") -> Flow:
    dns = app("coredns", "kube-system")
    return flow(
        app(client), dns, 53, protocol="UDP", answers=frozenset({Answer(name, address, HOUR, HOUR)})
    )


def test_a_name_is_known_from_an_answer_in_any_input() -> None:
    call = flow(app("web"), world("198.51.100.7"), 443)
    assert names(learned([call, asking("api.example.org", "198.51.100.7")])) == {"api.example.org"}


def test_a_name_counts_at_the_time_for_which_it_was_told() -> None:
    """Of one address that several names had, those whose answers were still in use."""
    address, lifetime = "198.51.100.7", 60 * 10**9

    def named_at(*times: int) -> set[str]:
        told = ("old.example.org", 10 * HOUR), ("new.example.org", 20 * HOUR)
        answers = [Answer(name, address, at, at + lifetime) for name, at in told]
        dns = app("coredns", "kube-system")
        asked = [
            flow(app("web"), dns, 53, protocol="UDP", answers=frozenset({one})) for one in answers
        ]
        seen = {"first": min(times), "last": max(times)}
        hours = frozenset(time // HOUR for time in times)
        call = flow(app("web"), world(address), 443, hours=hours, **seen)
        found = names(learned([*asked, call]))
        assert found == names(learned([call, *reversed(asked)]))
        return found

    end = 10 * HOUR + lifetime + GRACE
    assert named_at(9 * HOUR) == set(), "before anybody asked"
    assert named_at(10 * HOUR) == named_at(end) == {"old.example.org"}
    assert named_at(end + HOUR // 4) == set(), "kept for too long"
    assert named_at(20 * HOUR + 1) == {"new.example.org"}
    assert named_at(10 * HOUR, 20 * HOUR) == {"old.example.org", "new.example.org"}
    assert named_at(5 * HOUR, 15 * HOUR) == set(), "not seen between its ends"


def test_a_name_that_another_workload_was_answered_says_nothing() -> None:
    call = flow(app("web"), world("198.51.100.7"), 443)
    assert names(learned([call, asking("x.example.org", "198.51.100.7", "other")])) == set()


def test_a_name_of_another_address_says_nothing() -> None:
    call = flow(app("web"), world("198.51.100.7"), 443)
    assert names(learned([call, asking("x.example.org", "198.51.100.8")])) == set()


def test_names_of_the_inside_party_are_not_names_of_the_outside_one() -> None:
    client = app("web", names=frozenset({"web.shop.svc.cluster.local"}))
    assert names(learned([flow(client, world("198.51.100.7"), 443)])) == set()


# --- addresses of entities


def test_the_address_of_a_proxy_is_no_address_of_the_server() -> None:
    api = entity("kube-apiserver", ip="10.0.0.1")
    flows: Iterable[Flow] = [
        flow(app("web", ip="10.0.0.9"), api, 6443, signals=OPENED),
        flow(NODE, api, 6443, signals=REPLIES),
    ]
    (edge,) = learned(flows).accepted
    assert edge[1].server_addresses == {"10.0.0.1"}


def test_a_name_that_a_later_pod_of_another_owner_has_is_not_that_one() -> None:
    later = pod("db-0", owner="other", kind="Job", started=10 * HOUR)
    client = app("db", pod="db-0", workload=("StatefulSet", "db"))
    found = learned([flow(client, app("web"))], inventory(later))
    assert set(held(found).values()) == {"only a later pod had its name"}
    same = pod("db-0", owner="db", kind="StatefulSet", started=10 * HOUR)
    found = learned([flow(client, app("web"))], inventory(same))
    assert accepted(found) == {"shop/StatefulSet/db -> shop/Deployment/web TCP 8080"}


# --- what clients call a server


@pytest.mark.parametrize("source", ["pcap", "capture"])
def test_what_a_client_calls_a_server_is_no_name_until_an_answer_proves_it(source: str) -> None:
    proxy = world("198.51.100.9", names=frozenset({"other.example.org", "pay.example.org"}))
    answer = Answer("pay.example.org", "198.51.100.9", HOUR, HOUR + 60 * 10**9)
    asked = flow(app("web"), app("dns"), 53, protocol="UDP", answers=frozenset({answer}))
    found = {
        proven: learned(
            [flow(app("web"), proxy, 3128, source=source), *([asked] if proven else [])]
        )
        for proven in (False, True)
    }
    names = {
        proven: [(e.names, e.claimed) for c, e in what.accepted if c.port == 3128]
        for proven, what in found.items()
    }
    assert names == {
        False: [(set(), {"other.example.org", "pay.example.org"})],
        True: [({"pay.example.org"}, {"other.example.org"})],
    }


def test_names_of_a_dns_proxy_are_proven() -> None:
    server = world("198.51.100.9", names=frozenset({"pay.example.org"}))
    ((_, evidence),) = learned([flow(app("web"), server, source="hubble")]).accepted
    assert (evidence.names, evidence.claimed) == ({"pay.example.org"}, set())

"""Sides of which only the address is known: pods, nodes, the API server, the outside, or nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from scenes import accepted, app, flow, held, inventory, learned, pod, world

from netpol.inventory import (
    Dated,
    EndpointSlice,
    Inventory,
    Node,
    Service,
    ServicePort,
    SliceEndpoint,
)
from netpol.peers import Endpoint

WORKER = Node(name="worker", addresses=("172.18.0.2",), pod_cidrs=("10.244.1.0/24",))
CONTROL = Node(name="control", addresses=("172.18.0.3",), pod_cidrs=("10.244.0.0/24",))
API, CART = "10.244.1.5", "10.244.1.6"


def at(ip: str) -> Endpoint:
    return Endpoint(ip=ip)


def cluster(**more: Any) -> Inventory:
    pods = (
        pod("api", addresses=(API, "fd00::5"), node="worker"),
        pod("cart", addresses=(CART,), node="worker"),
    )
    service = Service(
        namespace="shop",
        name="api",
        selector=(("app", "api"),),
        cluster_ips=("10.96.0.10",),
        ports=(ServicePort(port=80, target=8080, node_port=30080),),
    )
    given: dict[str, Any] = {
        "nodes": {"worker": WORKER, "control": CONTROL},
        "services": {("shop", "api"): service},
        "api_servers": ("172.18.0.3",),
    }
    return inventory(*pods, **{**given, **more})


def told(client: Endpoint, server: Endpoint, port: int = 8080, **more: Any) -> set[str]:
    return accepted(learned([flow(client, server, port)], cluster(**more)))


def why(client: Endpoint, server: Endpoint, port: int = 8080, **more: Any) -> set[str]:
    return set(held(learned([flow(client, server, port)], cluster(**more))).values())


@pytest.mark.parametrize(
    ("client", "server", "port", "connection"),
    [
        (CART, API, 8080, "shop/Deployment/cart -> shop/Deployment/api TCP 8080"),
        (CART, "fd00::5", 8080, "shop/Deployment/cart -> shop/Deployment/api TCP 8080"),
        (CART, "10.96.0.10", 80, "shop/Deployment/cart -> shop/Deployment/api TCP 8080"),
        (CART, "172.18.0.2", 30080, "shop/Deployment/cart -> shop/Deployment/api TCP 8080"),
        ("172.18.0.2", API, 8080, "entity:host -> shop/Deployment/api TCP 8080"),
        ("10.244.1.1", API, 8080, "entity:host -> shop/Deployment/api TCP 8080"),
        ("10.244.0.1", API, 8080, "entity:remote-node -> shop/Deployment/api TCP 8080"),
        ("172.18.0.3", API, 8443, "entity:kube-apiserver -> shop/Deployment/api TCP 8443"),
        (CART, "172.18.0.3", 6443, "shop/Deployment/cart -> entity:kube-apiserver TCP 6443"),
        (CART, "172.18.0.2", 9100, "shop/Deployment/cart -> entity:host TCP 9100"),
        (CART, "198.51.100.7", 443, "shop/Deployment/cart -> 198.51.100.7/32 TCP 443"),
        (CART, "10.9.9.9", 443, "shop/Deployment/cart -> 10.9.9.9/32 TCP 443"),
        (CART, "169.254.169.254", 80, "shop/Deployment/cart -> 169.254.169.254/32 TCP 80"),
    ],
)
def test_an_address_is_whoever_has_it(client: str, server: str, port: int, connection: str) -> None:
    assert told(at(client), at(server), port) == {connection}


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        ("10.244.1.99", "an unknown address in the pod range"),
        ("10.96.7.7", "a Service address that leads to no one workload"),
        ("224.0.0.251", "multicast or broadcast"),
        ("255.255.255.255", "multicast or broadcast"),
        ("127.0.0.1", "loopback"),
        ("169.254.7.7", "link-local address"),
        ("fe80::1", "link-local address"),
    ],
)
def test_what_is_nobody_known_is_held(server: str, reason: str) -> None:
    assert why(at(CART), at(server)) == {reason}


def test_noise_and_traffic_between_nodes_are_beside_the_question() -> None:
    flows = [flow(at("172.18.0.2"), at("172.18.0.3")), flow(at(API), at("224.0.0.1"), 5353)]
    found = learned(flows, cluster())
    assert found.records.other == 2 and not found.records.held
    assert set(found.records.reasons) == {"between nodes", "multicast or broadcast"}


def test_health_checks_of_the_network_plugin_are_beside_the_question_too() -> None:
    worker = replace(WORKER, health=("10.244.1.2",))
    found = learned([flow(at("172.18.0.3"), at("10.244.1.2"), 4240)], cluster(nodes={"w": worker}))
    assert (found.records.other, set(found.records.reasons)) == (1, {"health check"})


def test_what_the_source_says_of_a_side_counts_more_than_its_address() -> None:
    assert told(app("web", ip=CART), at(API)) == {
        "shop/Deployment/web -> shop/Deployment/api TCP 8080"
    }


def test_a_named_pods_own_node_is_its_host() -> None:
    named = app("api", pod="api")
    assert told(at("172.18.0.2"), named) == {"entity:host -> shop/Deployment/api TCP 8080"}


def test_a_private_address_is_outside_only_where_the_ranges_are_known() -> None:
    loose = {"nodes": {}, "api_servers": ()}
    assert why(at(CART), at("10.9.9.9"), **loose) == {"unknown identity"}
    assert told(at(CART), at("198.51.100.7"), 443, **loose) == {
        "shop/Deployment/cart -> 198.51.100.7/32 TCP 443"
    }


def test_without_any_inventory_an_address_is_nobody() -> None:
    found = learned([flow(app("cart"), at("198.51.100.7"))])
    assert set(held(found).values()) == {"unknown identity"}


def test_a_flow_over_the_time_at_which_an_address_changed_hands_is_held() -> None:
    api = pod("api", uid="1")
    holders = {API: (Dated(api, 0, 10**9 * 100), Dated(pod("cart", uid="2"), 10**9 * 100))}
    times = {"first": 10**9 * 50, "last": 10**9 * 150}
    found = learned([flow(world("198.51.100.7"), at(API), **times)], cluster(holders=holders))
    assert set(held(found).values()) == {"its address changed hands while the flow was seen"}


def test_an_address_is_the_api_servers_only_as_long_as_it_is() -> None:
    one = EndpointSlice(
        namespace="default",
        name="kubernetes",
        service="kubernetes",
        ports=(("https", "TCP", 6443),),
        endpoints=(SliceEndpoint(addresses=("198.51.100.9",)),),
    )
    slices = (Dated(one, 0, 10**9 * 100),)
    for second, connection in (
        (50, "shop/Deployment/cart -> entity:kube-apiserver TCP 6443"),
        (150, "shop/Deployment/cart -> 198.51.100.9/32 TCP 6443"),
    ):
        times = {"first": 10**9 * second, "last": 10**9 * second}
        known = cluster(slices=slices, api_servers=("198.51.100.9",))
        found = learned([flow(at(CART), at("198.51.100.9"), 6443, **times)], known)
        assert accepted(found) == {connection}


@pytest.mark.parametrize(
    ("ip", "client"),
    [
        ("172.18.0.2", "entity:host"),
        ("172.18.0.3", "entity:kube-apiserver"),
        ("192.0.2.7", "entity:remote-node"),
        ("", "entity:remote-node"),
    ],
)
def test_a_node_of_which_the_source_does_not_know_whose_it_is(ip: str, client: str) -> None:
    """Calico names nodes that have a host endpoint, not which pods are on them."""
    node = Endpoint(ip=ip, entities=frozenset({"host", "remote-node"}))
    found = accepted(learned([flow(node, at(API))], cluster()))
    assert found == {f"{client} -> shop/Deployment/api TCP 8080"}

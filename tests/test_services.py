"""Service addresses lead to workloads and pod ports, at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scenes import inventory, labels, pod

from netpol.inventory import (
    ContainerPort,
    Dated,
    EndpointSlice,
    Inventory,
    Pod,
    Service,
    ServicePort,
    SliceEndpoint,
)
from netpol.peers import Cidr, Entity, Workload
from netpol.services import EVERYWHERE, NODE, backends, exposed_ports

NOW = 1_000
WEB = Workload("shop", "Deployment", "web")
PORTS = (
    ServicePort(name="http", port=80, target="http"),
    ServicePort(name="admin", port=9000),
    ServicePort(name="dns", protocol="UDP", port=80, target=5353),
)


def web(name: str = "web-x", **more) -> Pod:
    given = {"owner": "web", "ports": (ContainerPort(name="http", port=8080),)}
    return pod(name, **{**given, **more})


def known(*pods: Pod, **more) -> Inventory:
    given = {
        "namespace": "shop",
        "name": "web",
        "selector": labels(app="web"),
        "cluster_ips": ("10.96.0.5", "fd00:96::5"),
        "external_ips": ("203.0.113.5",),
        "ports": PORTS,
    }
    one = Service(**{**given, **more})
    return inventory(*(pods or (web(),)), services={("shop", "web"): one})


@pytest.mark.parametrize("address", ["10.96.0.5", "fd00:96::5", "203.0.113.5"])
def test_every_address_of_a_service_leads_to_its_pods(address: str) -> None:
    assert backends(known()).of(address, "TCP", 80, NOW) == {(WEB, 8080)}


def test_a_port_without_target_is_the_same_at_the_pod() -> None:
    assert backends(known()).of("10.96.0.5", "TCP", 9000, NOW) == {(WEB, 9000)}


def test_ports_are_told_apart_by_protocol() -> None:
    assert backends(known()).of("10.96.0.5", "UDP", 80, NOW) == {(WEB, 5353)}
    assert backends(known()).of("10.96.0.5", "UDP", 9000, NOW) == set()
    assert backends(known()).of("10.96.0.5", "ICMP", None, NOW) == set()


def test_another_address_leads_nowhere() -> None:
    assert backends(known()).of("10.96.0.6", "TCP", 80, NOW) == set()


def test_a_named_port_that_no_pod_declares_leads_nowhere() -> None:
    assert backends(known(web(ports=()))).of("10.96.0.5", "TCP", 80, NOW) == set()


def test_a_named_port_of_another_protocol_does_not_count() -> None:
    udp = web(ports=(ContainerPort(name="http", protocol="UDP", port=8080),))
    assert backends(known(udp)).of("10.96.0.5", "TCP", 80, NOW) == set()


def test_a_named_port_that_differs_by_pod_leads_to_all_its_numbers() -> None:
    other = web("web-y", ports=(ContainerPort(name="http", port=9090),))
    found = backends(known(web(), other)).of("10.96.0.5", "TCP", 80, NOW)
    assert found == {(WEB, 8080), (WEB, 9090)}


def test_two_workloads_behind_one_service_are_both_there() -> None:
    other = pod("api-x", owner="api", labels=labels(app="web"))
    found = backends(known(web(), other)).of("10.96.0.5", "TCP", 9000, NOW)
    assert found == {(WEB, 9000), (other.workload, 9000)}


def test_finished_pods_and_other_namespaces_do_not_serve() -> None:
    done = pod("job-x", owner="job", labels=labels(app="web"), finished=True)
    far = pod("web-x", "other", owner="far", labels=labels(app="web"))
    assert backends(known(web(), done, far)).of("10.96.0.5", "TCP", 9000, NOW) == {(WEB, 9000)}


def test_a_service_without_selector_leads_to_no_pod() -> None:
    assert backends(known(selector=())).of("10.96.0.5", "TCP", 9000, NOW) == set()


def listed(pod: str, number: int, *span: int, address: str = "10.244.0.9", **more) -> Dated:
    given = {"namespace": "shop", "name": f"web-{pod}", "service": "web"}
    one = EndpointSlice(
        **{**given, **more},
        ports=(("http", "TCP", number),),
        endpoints=(SliceEndpoint(addresses=(address,), pod=pod),),
    )
    return Dated(one, *span)


def test_slices_tell_who_served_at_a_time() -> None:
    other = web("web-y", ports=(ContainerPort(name="http", port=9090),))
    slices = (listed("web-x", 8080, 0, 500), listed("web-y", 9090, 500))
    found = backends(replace(known(web(), other), slices=slices), guard=10)
    assert found.of("10.96.0.5", "TCP", 80, 489) == {(WEB, 8080)}
    assert found.of("10.96.0.5", "TCP", 80, 495) == {(WEB, 8080), (WEB, 9090)}
    assert found.of("10.96.0.5", "TCP", 80, 510) == {(WEB, 9090)}
    assert found.cuts("10.96.0.5") == (490, 510)


def test_where_no_slice_is_known_the_selector_tells() -> None:
    found = backends(replace(known(), slices=(listed("web-x", 9090, 600, 700),)))
    assert found.of("10.96.0.5", "TCP", 80, 599) == {(WEB, 8080)}
    assert found.of("10.96.0.5", "TCP", 80, 600) == {(WEB, 9090)}


def test_addresses_of_a_service_without_selector_are_outside() -> None:
    slices = (listed("", 5432, address="198.51.100.7"),)
    found = backends(replace(known(selector=()), slices=slices))
    assert found.of("10.96.0.5", "TCP", 80, NOW) == {(Cidr("198.51.100.7/32"), 5432)}


def test_the_service_of_the_api_server_leads_to_it() -> None:
    api = Service(
        namespace="default",
        name="kubernetes",
        cluster_ips=("10.96.0.1",),
        ports=(ServicePort(name="https", port=443, target=6443),),
    )
    cluster = inventory(services={("default", "kubernetes"): api})
    assert backends(cluster).of("10.96.0.1", "TCP", 443, NOW) == {(Entity("kube-apiserver"), 6443)}


def test_a_service_that_changed_leads_elsewhere_afterwards() -> None:
    before = replace(known().services["shop", "web"], selector=labels(app="api"))
    api = pod("api-x", owner="api")
    then = (Dated(before, 0, 500), Dated(known().services["shop", "web"], 500))
    found = backends(replace(known(web(), api), services_then=then))
    assert found.of("10.96.0.5", "TCP", 9000, 499) == {(api.workload, 9000)}
    assert found.of("10.96.0.5", "TCP", 9000, 500) == {(WEB, 9000)}


def test_a_node_port_leads_to_the_pods() -> None:
    ports = (ServicePort(port=80, target=8080, node_port=30080),)
    assert backends(known(ports=ports)).of(NODE, "TCP", 30080, NOW) == {(WEB, 8080)}
    assert backends(known(ports=ports)).of(NODE, "TCP", 80, NOW) == set()


def test_only_ports_of_public_services_are_exposed() -> None:
    assert exposed_ports(known(external_ips=())) == {}
    shown = exposed_ports(known(type="LoadBalancer", ports=PORTS[:1]))
    assert shown == {WEB: {("TCP", 8080): EVERYWHERE}}

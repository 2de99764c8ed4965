"""Service addresses lead to one workload and pod port, or to nobody."""

from __future__ import annotations

import pytest
from scenes import inventory, labels, pod

from netpol.inventory import ContainerPort, Inventory, Pod, Service, ServicePort
from netpol.peers import Workload
from netpol.services import backends, exposed_ports

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
    assert backends(known()).of(address, "TCP", 80) == (WEB, 8080)


def test_a_port_without_target_is_the_same_at_the_pod() -> None:
    assert backends(known()).of("10.96.0.5", "TCP", 9000) == (WEB, 9000)


def test_ports_are_told_apart_by_protocol() -> None:
    assert backends(known()).of("10.96.0.5", "UDP", 80) == (WEB, 5353)
    assert backends(known()).of("10.96.0.5", "UDP", 9000) is None
    assert backends(known()).of("10.96.0.5", "ICMP", None) is None


def test_another_address_leads_nowhere() -> None:
    assert backends(known()).of("10.96.0.6", "TCP", 80) is None


def test_a_named_port_that_no_pod_declares_leads_nowhere() -> None:
    assert backends(known(web(ports=()))).of("10.96.0.5", "TCP", 80) is None


def test_a_named_port_of_another_protocol_does_not_count() -> None:
    udp = web(ports=(ContainerPort(name="http", protocol="UDP", port=8080),))
    assert backends(known(udp)).of("10.96.0.5", "TCP", 80) is None


def test_a_named_port_that_differs_by_pod_leads_to_nobody_in_particular() -> None:
    other = web("web-y", ports=(ContainerPort(name="http", port=9090),))
    assert backends(known(web(), other)).of("10.96.0.5", "TCP", 80) is None


def test_two_workloads_behind_one_service_are_nobody_in_particular() -> None:
    other = pod("api-x", owner="api", labels=labels(app="web"))
    assert backends(known(web(), other)).of("10.96.0.5", "TCP", 9000) is None


def test_finished_pods_and_other_namespaces_do_not_serve() -> None:
    done = pod("job-x", owner="job", labels=labels(app="web"), finished=True)
    far = pod("web-x", "other", owner="far", labels=labels(app="web"))
    assert backends(known(web(), done, far)).of("10.96.0.5", "TCP", 9000) == (WEB, 9000)


def test_a_service_without_selector_leads_to_no_pod() -> None:
    assert backends(known(selector=())).of("10.96.0.5", "TCP", 9000) is None


def test_a_node_port_leads_to_the_pods() -> None:
    ports = (ServicePort(port=80, target=8080, node_port=30080),)
    assert backends(known(ports=ports)).of_node_port("TCP", 30080) == (WEB, 8080)
    assert backends(known(ports=ports)).of_node_port("TCP", 80) is None


def test_only_ports_of_public_services_are_exposed() -> None:
    assert exposed_ports(known(external_ips=())) == {}
    shown = exposed_ports(known(type="LoadBalancer", ports=PORTS[:1]))
    assert shown == {WEB: frozenset({("TCP", 8080)})}

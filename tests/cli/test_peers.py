"""CLIENT, SERVER and PORT as people type them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import inventory, pod

from netpol.cli.peers import port_of, resolved, workload_of
from netpol.errors import NetpolError
from netpol.inventory import ContainerPort, Inventory, Service
from netpol.net import PortSet
from netpol.peers import Cidr, Entity, Fqdn, Peer, Workload

HTTP = ContainerPort(name="http", port=8080)
DNS = ContainerPort(name="dns", protocol="UDP", port=53)
KNOWN = inventory(
    pod("web-0", owner="web", addresses=("10.0.0.1", "fd00::1"), ports=(HTTP, DNS)),
    pod("web-1", owner="web", addresses=("10.0.0.2",), ports=(HTTP,)),
    pod("api-0", owner="api", addresses=("10.0.0.3",), ports=(HTTP,)),
    pod("api-1", owner="api", ports=(ContainerPort(name="http", port=9090),)),
    pod("twin-0", owner="twin"),
    pod("twin-1", owner="twin", kind="CronJob"),
    pod("gone", addresses=("10.0.0.9",), finished=True),
    pod("agent", addresses=("192.168.0.1",), host_network=True),
    services={
        ("shop", "web"): Service(namespace="shop", name="web", cluster_ips=("10.96.0.1", "None"))
    },
)
WEB = Workload("shop", "Deployment", "web")


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("shop/Deployment/web", WEB),
        ("shop/deployment/web", WEB),
        ("shop/web", WEB),
        ("web", WEB),
        ("web-0", Workload("shop", "Pod", "web-0")),
        ("shop/CronJob/twin", Workload("shop", "CronJob", "twin")),
        ("shop/web-0", Workload("shop", "Pod", "web-0")),
        ("shop/Pod/web-0", Workload("shop", "Pod", "web-0")),
        ("shop/twin-0", Workload("shop", "Deployment", "twin")),
        ("10.0.0.2", Workload("shop", "Pod", "web-1")),
        ("fd00:0::1", Workload("shop", "Pod", "web-0")),
        ("10.0.0.9", Cidr("10.0.0.9/32")),
        ("192.168.0.1", Cidr("192.168.0.1/32")),
        ("10.0.0.0/24", Cidr("10.0.0.0/24")),
        ("10.0.0.7/24", Cidr("10.0.0.0/24")),
        ("2001:DB8::/32", Cidr("2001:db8::/32")),
        ("entity:world", Entity("world")),
        ("fqdn:Api.Example.org.", Fqdn("api.example.org")),
    ],
)
def test_who_is_meant(text: str, peer: Peer) -> None:
    assert resolved(text, KNOWN).peer == peer


@pytest.mark.parametrize("text", ["shop/front", "front", "shop/Service/front"])
def test_a_service_is_no_peer_and_those_behind_it_are_named(text: str) -> None:
    front = Service(namespace="shop", name="front", selector=(("app", "web"),))
    known = replace(KNOWN, services={**KNOWN.services, ("shop", "front"): front})
    with pytest.raises(NetpolError, match="shop/front is a Service") as error:
        resolved(text, known)
    assert error.value.hint == "name who is behind it: shop/Deployment/web"


def test_one_pod_is_taken_out_of_its_workload() -> None:
    found = resolved("shop/web-0", KNOWN)
    assert {w.name for w in found.inventory.workloads if w.namespace == "shop"} > {"web", "web-0"}
    assert found.inventory.pods["shop", "web-0"].labels == KNOWN.pods["shop", "web-0"].labels
    assert resolved("shop/web", KNOWN).inventory is KNOWN


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("shop/twin", "several", "shop/CronJob/twin, shop/Deployment/twin"),
        ("shop/wbe", "no workload or pod 'shop/wbe'", "shop/Deployment/web"),
        ("shop/nothing-like-it", "no workload", "shop/Deployment/api"),
        ("moon/Deployment/rover", "no workload", "namespace/Kind/name"),
        ("wbe", "no workload or pod 'wbe'", "shop/Deployment/web"),
        ("twin", "several", "shop/CronJob/twin, shop/Deployment/twin"),
        ("10.0.0.300", "no workload or pod", "an address or CIDR"),
        ("shop/Job/web-0", "no workload", "shop/Deployment/web"),
        ("", "not understood", "namespace/Kind/name"),
        ("a/b/c/d", "not understood", "namespace/Kind/name"),
        ("entity:moon", "no entity", "remote-node"),
        ("fqdn:", "not understood", "fqdn:name"),
        ("10.96.0.1", "the Service shop/web", "pods behind it"),
    ],
)
def test_nobody_is_an_error_that_helps(text: str, what: str, hint: str) -> None:
    with pytest.raises(NetpolError) as error:
        resolved(text, KNOWN)
    assert what in error.value.what
    assert hint in error.value.hint


def test_a_workload_alone() -> None:
    assert workload_of("shop/web", KNOWN.workloads) == WEB
    with pytest.raises(NetpolError):
        workload_of("shop/web-0", KNOWN.workloads)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("8080", ("TCP", 8080)),
        ("8080/tcp", ("TCP", 8080)),
        ("8080/UDP", ("UDP", 8080)),
        ("udp/53", ("UDP", 53)),
        ("sctp/1", ("SCTP", 1)),
        ("tcp", ("TCP", None)),
        ("icmp", ("ICMP", None)),
        ("icmp/8", ("ICMP", 2048)),
        ("icmpv6/128", ("ICMPv6", 32768)),
        ("other/47", ("OTHER", 47)),
        ("http", ("TCP", 8080)),
        ("dns/udp", ("UDP", 53)),
        ("udp/dns", ("UDP", 53)),
    ],
)
def test_ports(text: str, found: tuple[str, int | None]) -> None:
    assert port_of(text, WEB, KNOWN) == found


@pytest.mark.parametrize(
    ("text", "server", "what", "hint"),
    [
        ("65536", WEB, "65536 is no TCP number", "8080"),
        ("icmp/256", WEB, "256 is no ICMP number", "icmp/8"),
        ("80-90", WEB, "no TCP port named", "http"),
        ("tcp/udp", WEB, "no TCP port named 'udp'", "http"),
        ("80/sctp/1", WEB, "is no port", "8080"),
        ("-1", WEB, "is no port", "8080"),
        ("", WEB, "is no port", "8080"),
        ("١", WEB, "is no port", "8080"),
        ("https", WEB, "no TCP port named 'https'", "it has http"),
        ("http", Workload("shop", "Deployment", "api"), "8080 or 9090", "one pod"),
        ("http", Cidr("10.0.0.0/8"), "no TCP port named", "8080"),
    ],
)
def test_no_port_is_an_error_that_helps(text: str, server: Peer, what: str, hint: str) -> None:
    with pytest.raises(NetpolError) as error:
        port_of(text, server, KNOWN)
    assert what in error.value.what
    assert hint in error.value.hint


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=12), st.text(alphabet="0123456789/udpticmx-v", max_size=10))
def test_any_text_is_somebody_or_an_error(text: str, port: str) -> None:
    try:
        resolved(text, KNOWN)
    except NetpolError as error:
        assert error.hint
    try:
        protocol, number = port_of(port, WEB, Inventory())
    except NetpolError as error:
        assert error.hint
    else:
        assert PortSet.of(protocol, number)

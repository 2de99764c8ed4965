"""Which addresses are the cluster's own."""

from __future__ import annotations

import pytest
from scenes import inventory, pod

from netpol.inventory import Inventory, Node, Service
from netpol.ranges import ranges

DUAL = Node(
    name="n", addresses=("10.0.0.1", "fd00::1"), pod_cidrs=("10.244.0.0/24", "fd00:244::/64")
)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("10.0.0.1", "node"),
        ("fd00::1", "node"),
        ("10.244.0.7", "pod"),
        ("fd00:244::7", "pod"),
        ("10.96.0.1", "service"),
        ("192.168.7.7", "pod"),
        ("10.244.1.7", None),
        ("fd00:245::7", None),
        ("198.51.100.7", None),
    ],
)
def test_every_address_has_at_most_one_kind(address: str, kind: str | None) -> None:
    known = inventory(
        pod("a", addresses=("192.168.7.7", "10.244.0.3")),
        nodes={"n": DUAL},
        services={("a", "s"): Service(namespace="a", name="s", cluster_ips=("10.96.0.1",))},
    )
    assert ranges(known).kind(address) == kind


def test_nothing_is_known_of_an_empty_inventory() -> None:
    assert ranges(Inventory()).inside == ()
    assert ranges(Inventory()).kind("10.0.0.1") is None


def test_pods_inside_a_range_are_not_listed_singly() -> None:
    known = inventory(pod("a", addresses=("10.244.0.3",)), nodes={"n": DUAL})
    assert ranges(known).pods == ("10.244.0.0/24", "fd00:244::/64")


def test_blocks_are_canonical_sorted_and_without_duplicates() -> None:
    nodes = {
        n: Node(name=n, pod_cidrs=(c,))
        for n, c in (("a", "10.2.0.9/24"), ("b", "10.1.0.0/24"), ("c", "10.2.0.0/24"))
    }
    assert ranges(inventory(nodes=nodes)).pods == ("10.1.0.0/24", "10.2.0.0/24")


def test_the_address_of_a_host_network_pod_is_the_nodes() -> None:
    known = inventory(pod("kp", host_network=True, addresses=("10.0.0.2",)))
    assert ranges(known).kind("10.0.0.2") == "node"


def test_external_addresses_of_services_are_the_clusters() -> None:
    one = Service(namespace="a", name="s", type="LoadBalancer", external_ips=("203.0.113.5",))
    assert ranges(inventory(services={("a", "s"): one})).kind("203.0.113.5") == "service"

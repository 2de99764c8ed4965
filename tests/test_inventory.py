"""Inventories add up; what is known for sure wins over what flows suggest."""

from __future__ import annotations

from hypothesis import given, settings
from scenes import inventory, labels, pod
from strategies import inventories

from netpol.inventory import Inventory, Namespace, Node, Service
from netpol.peers import Workload


@settings(deadline=None, max_examples=30)
@given(inventories())
def test_an_empty_inventory_adds_nothing(one: Inventory) -> None:
    assert (one | Inventory()) == one
    assert (Inventory() | one) == one


@settings(deadline=None, max_examples=30)
@given(inventories(), inventories())
def test_nothing_is_lost_when_inventories_add_up(a: Inventory, b: Inventory) -> None:
    both = a | b
    assert set(both.pods) == set(a.pods) | set(b.pods)
    assert set(both.namespaces) == set(a.namespaces) | set(b.namespaces)
    assert set(both.api_servers) == set(a.api_servers) | set(b.api_servers)


@settings(deadline=None, max_examples=30)
@given(inventories(), inventories(), inventories())
def test_inventories_add_up_in_any_grouping(a: Inventory, b: Inventory, c: Inventory) -> None:
    assert (a | b) | c == a | (b | c)


def test_a_pod_known_from_flows_alone_never_replaces_a_real_one() -> None:
    real, seen = pod("a", labels=labels(app="a", tier="x")), pod("a", sparse=True)
    assert (inventory(real) | inventory(seen)).pods["shop", "a"] == real
    assert (inventory(seen) | inventory(real)).pods["shop", "a"] == real


def test_pods_are_grouped_by_workload_in_order() -> None:
    known = inventory(pod("w-1", owner="w"), pod("w-0", owner="w"), pod("a", kind="Pod"))
    assert {w: [p.name for p in pods] for w, pods in known.workloads.items()} == {
        Workload("shop", "Deployment", "w"): ["w-0", "w-1"],
        Workload("shop", "Pod", "a"): ["a"],
    }


def test_workloads_of_equal_name_and_other_kind_are_two() -> None:
    known = inventory(pod("w-0", owner="w", kind="StatefulSet"), pod("w-x", owner="w"))
    assert len(known.workloads) == 2


def test_a_service_selects_pods_of_its_own_namespace_only() -> None:
    services = {
        (ns, name): Service(namespace=ns, name=name, selector=selector)
        for ns, name, selector in (
            ("shop", "yes", labels(app="w")),
            ("shop", "more", labels(app="w", tier="x")),
            ("shop", "none", ()),
            ("other", "far", labels(app="w")),
        )
    }
    known = inventory(pod("w", owner="w"), services=services)
    assert [s.name for s in known.services_of(known.pods["shop", "w"])] == ["yes"]


def test_labels_of_a_namespace_add_up_and_the_left_side_wins() -> None:
    left = Inventory(namespaces={"a": Namespace(name="a", labels=labels(team="red"))})
    right = Inventory(namespaces={"a": Namespace(name="a", labels=labels(team="blue", env="x"))})
    assert (left | right).namespaces["a"].labels == labels(team="red", env="x")


def test_a_service_is_public_when_the_outside_is_meant_to_reach_it() -> None:
    made = {
        kind: Service(namespace="a", name="s", type=kind)
        for kind in ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
    }
    assert {kind for kind, one in made.items() if one.public} == {"NodePort", "LoadBalancer"}
    assert Service(namespace="a", name="s", external_ips=("203.0.113.5",)).public


def test_nodes_of_both_sides_are_there() -> None:
    a, b = (Inventory(nodes={n: Node(name=n)}) for n in "ab")
    assert set((a | b).nodes) == {"a", "b"}

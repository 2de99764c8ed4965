"""What flows say about the cluster, whatever their order."""

from __future__ import annotations

from itertools import permutations

from scenes import app, flow, labels, world

from netpol.inventory import Pod
from netpol.peers import Endpoint, Workload
from netpol.roster import roster


def only(*flows) -> Pod:
    (found,) = (p for p in roster(flows).pods.values() if p.name == "x")
    return found


def seen(**more):
    return flow(Endpoint(namespace="shop", pods=("x",), **more), world("198.51.100.7"))


def test_pods_that_flows_name_are_sparse() -> None:
    found = roster([flow(app("a"), app("b"))]).pods
    assert {pod.sparse for pod in found.values()} == {True}
    assert {pod.workload for pod in found.values()} == {
        Workload("shop", "Deployment", "a"),
        Workload("shop", "Deployment", "b"),
    }


def test_outside_parties_are_no_pods() -> None:
    assert roster([flow(world("198.51.100.7"), world("198.51.100.8"))]).pods == {}


def test_no_flows_no_cluster() -> None:
    assert roster([]).pods == {}


def test_the_owner_that_a_source_names_is_the_owner() -> None:
    assert only(seen(workload=("Rollout", "api"))).workload == Workload("shop", "Rollout", "api")


def test_the_sighting_with_more_labels_is_kept() -> None:
    few, many = seen(labels=labels(a="1")), seen(labels=labels(a="1", b="2"))
    assert only(few, many).labels == only(many, few).labels == labels(a="1", b="2")


def test_a_guessed_owner_never_beats_the_one_that_a_source_names() -> None:
    """The pod's own node names its owner, other nodes do not."""
    told, guessed = seen(workload=("Deployment", "api")), seen()
    assert {only(*order).workload for order in permutations((told, guessed))} == {
        Workload("shop", "Deployment", "api")
    }


def test_the_service_account_does_not_depend_on_the_order() -> None:
    told, silent = seen(service_account="api"), seen()
    assert {only(*order).service_account for order in permutations((told, silent))} == {"api"}


def test_labels_of_a_namespace_do_not_depend_on_the_order() -> None:
    flows = [seen(namespace_labels=labels(team=team)) for team in ("red", "blue")]
    assert roster(flows).namespaces == roster(reversed(flows)).namespaces

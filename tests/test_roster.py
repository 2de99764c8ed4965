"""What flows say about the cluster, whatever their order."""

from __future__ import annotations

from itertools import permutations

from scenes import app, flow, labels, world

from netpol.attribute import attribute
from netpol.inventory import Inventory, Pod
from netpol.peers import Endpoint, Workload, label
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


HASH = "5c8d7bb9f6"


def star(name: str, **more) -> Endpoint:
    return Endpoint(namespace="shop", pods=(f"{name}-*",), **more)


def real(name: str, kind: str, owner: str, **tags: str) -> Pod:
    return Pod(
        namespace="shop",
        name=name,
        workload=Workload("shop", kind, owner),
        labels=labels(**tags),
    )


def cluster(*pods: Pod) -> Inventory:
    return Inventory(pods={(pod.namespace, pod.name): pod for pod in pods})


def who(endpoint: Endpoint, known: Inventory) -> str:
    """The client that a flow of ``endpoint`` is attributed to."""
    flows = [flow(endpoint, world("198.51.100.7"))]
    found = attribute(flows, known | roster(flows, known))
    rows = [label(one.client) for one, _ in found.graph] + [one.reason for one in found.held]
    return ", ".join(rows)


def test_labels_of_an_aggregated_name_are_those_that_all_sightings_share() -> None:
    shown = [labels(a="1", n="0"), labels(a="1", n="1"), (), labels(a="1")]
    for order in permutations(shown):
        flows = [flow(star("api", labels=one), world("198.51.100.7")) for one in order]
        (pod,) = roster(flows).pods.values()
        assert pod.labels == labels(a="1")
        assert pod.sparse


def test_without_an_inventory_an_aggregated_name_is_a_pod_of_its_owner() -> None:
    assert who(star(f"api-{HASH}"), Inventory()) == "shop/Deployment/api"


def test_where_the_inventory_has_such_pods_they_are_meant() -> None:
    known = cluster(
        real("agent-x2k9q", "DaemonSet", "agent", app="agent"),
        real(f"agent-metrics-{HASH}-j2n72", "Deployment", "agent-metrics", app="agent"),
        real("db-0", "StatefulSet", "db", app="db"),
    )
    assert who(star("agent"), known) == "shop/DaemonSet/agent"
    assert who(star("db", labels=labels(app="db")), known) == "shop/StatefulSet/db"
    assert who(star(f"agent-metrics-{HASH}"), known) == "shop/Deployment/agent-metrics"
    assert not roster([flow(star("agent"), star("db"))], known).pods


def test_labels_tell_apart_what_an_aggregated_name_does_not() -> None:
    known = cluster(
        real("db-0", "StatefulSet", "db", app="db"),
        real("db-x2k9q", "Job", "db", app="db", task="restore"),
    )
    assert who(star("db", labels=labels(task="restore")), known) == "shop/Job/db"
    assert who(star("db", labels=labels(app="db")), known) == "several workloads fit"


def test_a_replica_set_of_former_days_is_its_deployment() -> None:
    known = cluster(real(f"api-{HASH}-x2k9q", "Rollout", "api", app="api"))
    old = star("api-6d9c7f8b45", labels=labels(app="api"))
    assert who(old, known) == "shop/Rollout/api"


def test_a_kind_that_another_source_names_is_better_than_a_guess() -> None:
    told = app("db", pod="db-x2k9q", workload=("Job", "db"))
    flows = [flow(star("db"), world("198.51.100.7")), flow(told, world("198.51.100.7"))]
    for order in permutations(flows):
        assert {pod.workload.kind for pod in roster(order).pods.values()} == {"Job"}

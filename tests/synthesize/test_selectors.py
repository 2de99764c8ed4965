"""Which labels a person would have chosen."""

from __future__ import annotations

import pytest

import netpol.synthesize.conjunctions as conjunctions
from netpol.evaluate.identity import identity_relevant
from netpol.inventory import Inventory, Pod, Service
from netpol.peers import Workload
from netpol.policy import Requirement
from netpol.synthesize.labels import changes_with_release, usable
from netpol.synthesize.selectors import choose

NAME, INSTANCE, COMPONENT = (
    f"app.kubernetes.io/{one}" for one in ("name", "instance", "component")
)


def deployment(name):
    return Workload("shop", "Deployment", name)


def world(*pods, selectors=None, services=()):
    """``pods``: (workload name, labels), each a pod of its own."""
    rows = {
        ("shop", f"{owner}-{number}"): Pod(
            namespace="shop",
            name=f"{owner}-{number}",
            workload=deployment(owner),
            labels=tuple(sorted(labels.items())),
        )
        for number, (owner, labels) in enumerate(pods)
    }
    return Inventory(
        pods=rows,
        selectors={
            deployment(owner): tuple(sorted(labels.items()))
            for owner, labels in (selectors or {}).items()
        },
        services={
            ("shop", f"s{number}"): Service(
                namespace="shop", name=f"s{number}", selector=tuple(sorted(selector.items()))
            )
            for number, selector in enumerate(services)
        },
    )


def chosen(name, inventory, *, cilium=False):
    return choose(deployment(name), inventory, identity_labels_only=cilium)


def equal(**labels):
    return tuple(Requirement(key, "In", (value,)) for key, value in sorted(labels.items()))


def test_the_own_selector_is_liked_best():
    labels = {"app": "web", "z-own": "web", NAME: "web"}
    found = chosen("web", world(("web", labels), selectors={"web": {"z-own": "web"}}))
    assert found.selectors[0].pods == equal(**{"z-own": "web"})


def test_then_that_of_its_service():
    inventory = world(("web", {"route": "x", NAME: "web"}), services=[{"route": "x"}])
    assert chosen("web", inventory).selectors[0].pods == equal(route="x")


@pytest.mark.parametrize(
    "keys",
    [
        (NAME, INSTANCE, COMPONENT),
        (COMPONENT, "app", "any"),
        ("app", "k8s-app", "name", "component", "any"),
        ("any", "helm.sh/chart"),
        ("any", "app.kubernetes.io/version"),
        ("any", "zone"),
    ],
)
def test_then_the_keys_that_people_use(keys):
    """The first of each row is taken, whatever the order of the labels."""
    inventory = world(("web", dict.fromkeys(keys, "x")))
    assert chosen("web", inventory).selectors[0].pods == equal(**{keys[0]: "x"})


def test_two_releases_of_one_chart():
    """The instance is enough, and the chart is not used though it differs."""
    pods = [
        (release, {NAME: "redis", INSTANCE: release, "helm.sh/chart": f"redis-{version}"})
        for release, version in (("cart", "17.1.0"), ("sessions", "18.2.1"))
    ]
    inventory = world(*pods, selectors={one: {NAME: "redis", INSTANCE: one} for one, _ in pods})
    for release, _ in pods:
        found = chosen(release, inventory)
        assert found.selectors[0].pods == equal(**{INSTANCE: release})
        assert (found.also, found.fragile) == ((), ())


def test_two_lasting_labels_beat_one_that_changes_with_a_release():
    inventory = world(
        ("a", {NAME: "redis", INSTANCE: "cart", "helm.sh/chart": "redis-17.1.0"}),
        ("b", {NAME: "redis", INSTANCE: "sessions", "helm.sh/chart": "redis-18.0.0"}),
        ("c", {NAME: "cart", INSTANCE: "cart"}),
    )
    assert chosen("a", inventory).selectors[0].pods == equal(**{NAME: "redis", INSTANCE: "cart"})


def test_a_version_where_nothing_else_tells_them_apart():
    inventory = world(
        ("v1", {"app": "reviews", "version": "v1"}),
        ("v2", {"app": "reviews", "version": "v2"}),
        ("details", {"app": "details", "version": "v1"}),
    )
    found = chosen("v1", inventory)
    assert found.selectors[0].pods == equal(app="reviews", version="v1")
    assert found.fragile == ("version",)
    assert "version may not last" in found.reason


def test_a_version_in_the_own_selector_cannot_change():
    labels = {"app": "reviews", "version": "v1"}
    inventory = world(
        ("v1", labels), ("v2", {"app": "reviews", "version": "v2"}), selectors={"v1": labels}
    )
    assert chosen("v1", inventory).selectors[0].pods == equal(version="v1")
    assert chosen("v1", inventory).fragile == ()


def test_a_workload_alone_is_still_named():
    assert chosen("web", world(("web", {"app": "web"}))).selectors[0].pods == equal(app="web")


def test_exclusion_only_beside_a_name():
    """What sets the stable track apart is what it lacks; that alone would match any newcomer."""
    inventory = world(("web", {"app": "web"}), ("canary", {"app": "web", "track": "canary"}))
    found = chosen("web", inventory)
    assert found.selectors[0].pods == (*equal(app="web"), Requirement("track", "DoesNotExist"))
    assert "track" in found.reason
    assert chosen("canary", inventory).selectors[0].pods == equal(track="canary")


def test_three_values_rather_than_one_exclusion():
    inventory = world(
        ("web", {"a": "x", "b": "x", "c": "x"}),
        ("one", {"a": "x", "b": "x", "old": "x"}),
        ("two", {"a": "x", "c": "x", "old": "x"}),
        ("six", {"b": "x", "c": "x", "old": "x"}),
    )
    assert chosen("web", inventory).selectors[0].pods == equal(a="x", b="x", c="x")


def test_only_the_values_that_are_needed_are_excluded():
    inventory = world(
        ("web", {"app": "web"}),
        ("web", {"app": "web", "role": "main"}),
        ("canary", {"app": "web", "role": "canary"}),
        ("db", {"app": "db", "role": "primary"}),
    )
    assert chosen("web", inventory).selectors[0].pods == (
        *equal(app="web"),
        Requirement("role", "NotIn", ("canary",)),
    )


def test_several_values_of_one_key():
    inventory = world(
        *[("db", {"app": "db", "role": role}) for role in ("main", "spare", "spare")],
        ("backup", {"app": "db", "role": "backup"}),
    )
    assert chosen("db", inventory).selectors[0].pods == (
        Requirement("role", "In", ("main", "spare")),
    )


def test_a_value_for_every_pod_is_no_name_but_its_key_tells():
    inventory = world(
        ("db", {"app": "db", "shard": "one"}),
        ("db", {"app": "db", "shard": "two"}),
        ("tool", {"app": "db"}),
    )
    assert chosen("db", inventory).selectors[0].pods == (
        *equal(app="db"),
        Requirement("shard", "Exists"),
    )


def test_siblings_with_equal_labels_are_reported():
    inventory = world(
        ("web", {"app": "web", "pod-template-hash": "6d4b75cb6d"}),
        ("twin", {"app": "web", "pod-template-hash": "7f9c8d5b44"}),
        ("db", {"app": "db"}),
    )
    found = chosen("web", inventory)
    assert found.selectors[0].pods == equal(app="web")
    assert found.also == (deployment("twin"),)
    assert "shop/Deployment/twin" in found.reason


@pytest.mark.parametrize(
    "pods",
    [
        [],
        [("web", {})],
        [("web", {"pod-template-hash": "6d4b75cb6d", "job-name": "x"})],
        [("web", {"app": "web"}), ("web", {})],
        [("web", {"id": one}) for one in ("one", "two", "three", "four")],
    ],
)
def test_no_usable_label_in_common(pods):
    assert chosen("web", world(*pods)) is None


def test_host_network_pods_of_others_are_no_pods():
    pods = {
        ("shop", name): Pod(
            namespace="shop",
            name=name,
            workload=deployment(name),
            labels=(("app", "x"),),
            host_network=name == "agent",
        )
        for name in ("web", "agent")
    }
    assert chosen("web", Inventory(pods=pods)).also == ()


def test_cilium_sees_fewer_labels():
    inventory = world(
        ("web", {"app": "x", "topology.kubernetes.io/zone": "a"}),
        ("twin", {"app": "x", "topology.kubernetes.io/zone": "b"}),
    )
    assert chosen("web", inventory).also == ()
    assert chosen("web", inventory, cilium=True).also == (deployment("twin"),)


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        ("app", True),
        ("app.kubernetes.io/name", True),
        ("io.kubernetes.pod.namespace", True),
        ("io.cilium.k8s.policy.serviceaccount", True),
        ("helm.sh/chart", True),
        ("io.kubernetes.container.name", False),
        ("kubernetes.io/arch", False),
        ("failure-domain.beta.kubernetes.io/zone", False),
        ("k8s.io/x", False),
        ("pod-template-hash", False),
        ("annotation.x", False),
        ("topology.kubernetes.io/zone", False),
        ("statefulset.kubernetes.io/pod-name", False),
    ],
)
def test_identity_labels(key, kept):
    assert identity_relevant(key) is kept


@pytest.mark.parametrize(
    "key",
    ["pod-template-hash", "controller-revision-hash", "job-name", "batch.kubernetes.io/job-name"],
)
def test_controller_labels_are_never_used(key):
    assert not usable(key, identity_labels_only=False)


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        ("v1", True),
        ("1.27", True),
        ("v2.0.1-rc1", True),
        ("redis-17.1.0", True),
        ("6d4b75cb6d", True),
        ("0a1b2c3", True),
        ("123e4567-e89b-12d3-a456-426614174000", True),
        ("web", False),
        ("redis", False),
        ("backend", False),
        ("1", False),
        ("zone-2", False),
        ("vault", False),
        ("facade", False),
        ("eu-west-1", False),
        ("ipv4", False),
    ],
)
def test_values_that_look_like_versions_or_hashes(value, changes):
    assert changes_with_release("x", [value]) is changes


def test_a_cut_search_says_so(monkeypatch):
    """The bound lowered, not the search replaced: the selector is still right."""
    monkeypatch.setattr(conjunctions, "SEARCH_LIMIT", 0)
    inventory = world(("web", {"app": "web"}), ("db", {"app": "db"}))
    found = chosen("web", inventory)
    assert found.selectors[0].pods == equal(app="web")
    assert not found.exact
    assert "cut" in found.reason


def test_a_version_alone_names_nobody_where_a_lasting_label_exists():
    pods = {
        ("shop", f"{name}-0"): Pod(
            namespace="shop",
            name=f"{name}-0",
            workload=Workload("shop", "Deployment", name),
            labels=(("app", app), ("version", version)),
        )
        for name, app, version in (
            ("reviews-v1", "reviews", "v1"),
            ("reviews-v2", "reviews", "v2"),
            ("ratings-v1", "ratings", "v1"),
        )
    }
    chosen = choose(
        Workload("shop", "Deployment", "reviews-v2"),
        Inventory(pods=pods),
        identity_labels_only=False,
    )
    assert [one.key for one in chosen.selectors[0].pods] == ["app", "version"]

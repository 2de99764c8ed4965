"""Which network plugin an inventory shows, how it is set, and what does not fit together."""

from __future__ import annotations

import pytest
from scenes import inventory, labels, pod

from netpol.detect import adjusted, detect, warnings
from netpol.inventory import Inventory, Node
from netpol.profile import CNIS, Profile
from netpol.profile.facts import FACTS

CILIUM_CONFIG = ("kube-system", "cilium-config")
AWS_CONFIG = ("kube-system", "amazon-vpc-cni")


def agents(*names: str, **more) -> Inventory:
    """A cluster in which these DaemonSets run in kube-system."""
    found = (pod(name, "kube-system", kind="DaemonSet", host_network=True) for name in names)
    return inventory(*found, **more)


def codes(known: Inventory, asked: Profile | None = None, *targets: str) -> list[str]:
    return [one.code for one in warnings(detect(known), asked, targets)]


@pytest.mark.parametrize(
    ("profile", "name"),
    [(one, name) for one in CNIS.values() for name in sorted(one.signs.workloads)],
)
def test_every_plugin_is_known_by_its_daemonset(profile: Profile, name: str) -> None:
    found = detect(agents(name))
    assert found.profile is not None
    assert found.profile.name == profile.name
    (one,) = found.evidence
    assert (one.where, one.shows) == (f"kube-system/DaemonSet/{name}", "its name")


@pytest.mark.parametrize("profile", CNIS.values(), ids=CNIS)
def test_every_plugin_is_known_by_the_labels_of_its_pods(profile: Profile) -> None:
    for key, value in sorted(profile.signs.labels):
        one = pod("renamed", "net", kind="DaemonSet", labels=labels(**{key: value}))
        found = detect(inventory(one)).profile
        assert found is not None
        assert found.name == profile.name


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("aws-node", "calico-node"), "calico"),
        (("aws-node", "cilium"), "cilium"),
        (("anetd", "cilium"), "gke-dataplane-v2"),
        (("calico-node", "kube-flannel-ds"), "calico"),
        (("canal",), "calico"),
        (("kindnet", "kube-network-policies"), "generic"),
    ],
)
def test_what_lies_beneath_another_plugin_is_not_taken_for_it(
    names: tuple[str, ...], expected: str
) -> None:
    found = detect(agents(*names))
    assert found.profile is not None
    assert (found.profile.name, found.others) == (expected, ())
    assert len(found.evidence) == len(names)


def test_what_a_plugin_left_behind_counts_only_where_none_runs() -> None:
    node = Node(name="n", annotations=(("projectcalico.org/IPv4Address", "172.18.0.2/16"),))
    left = {"nodes": {"n": node}, "settings": {CILIUM_CONFIG: {}}}
    assert detect(agents("antrea-agent", **left)).profile == CNIS["antrea"]
    both = detect(Inventory(**left))
    assert both.profile is not None
    assert {both.profile.name, *both.others} == {"calico", "cilium"}
    assert codes(Inventory(**left)) == ["NP121"]


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        ({"policy-cidr-match-mode": "nodes"}, "cidr_matches_nodes", True),
        ({"policy-cidr-match-mode": '["nodes"]'}, "cidr_matches_nodes", True),
        ({"enable-sctp": "true"}, "sctp", "yes"),
        ({"allow-localhost": "policy"}, "node_to_pod", False),
        ({"enable-policy": "never"}, "enforces", False),
        ({"policy-audit-mode": "true"}, "enforces", False),
    ],
)
def test_the_config_map_changes_what_cilium_does(settings, field: str, value: object) -> None:
    known = agents("cilium", settings={CILIUM_CONFIG: settings})
    found = detect(known)
    assert found.profile is not None
    assert getattr(found.profile, field) == value
    assert [setting.field for setting, _ in found.changed] == [field]
    assert adjusted(CNIS["cilium"], known)[0] == found.profile
    assert codes(known) == (["NP120"] if field == "enforces" else [])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({AWS_CONFIG: {"enable-network-policy-controller": "true"}}, []),
        ({AWS_CONFIG: {"enable-network-policy-controller": "false"}}, ["NP120"]),
        ({AWS_CONFIG: {}}, ["NP120"]),
        ({}, ["NP124"]),
    ],
)
def test_amazons_plugin_enforces_where_that_is_switched_on(settings, expected: list[str]) -> None:
    assert codes(agents("aws-node", settings=settings)) == expected


def test_what_is_wrong_is_told() -> None:
    assert codes(agents("kindnet")) == codes(agents("kube-flannel-ds")) == ["NP120"]
    assert codes(agents("kube-router", "weave-net")) == ["NP121"]
    assert codes(agents("antrea-agent"), None, "kubernetes") == []
    assert codes(agents("antrea-agent"), None, "calico") == ["NP122"]
    assert codes(agents("antrea-agent"), CNIS["calico"], "calico") == ["NP123"]
    assert codes(Inventory()) == []


@pytest.mark.parametrize("profile", CNIS.values(), ids=CNIS)
def test_every_fact_that_is_out_of_the_ordinary_has_a_source(profile: Profile) -> None:
    usual = CNIS["generic"]
    assert set(profile.sources) <= set(FACTS)
    odd = {name for name in FACTS if getattr(profile, name) != getattr(usual, name)}
    assert odd <= set(profile.sources)
    always = {"cidr_matches_pods", "cidr_matches_nodes", "before_dnat", "node_to_pod"}
    assert always | {"pod_to_node", "icmp_rule"} <= set(profile.sources)

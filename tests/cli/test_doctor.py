"""``netpol doctor``, and what ``--cni`` does to the other commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from netpol.cli import cli

AWS = {"enable-network-policy-controller": "true"}


def daemon_set(name: str, namespace: str = "kube-system") -> dict[str, Any]:
    template = {"metadata": {"labels": {"k8s-app": name}}, "spec": {"hostNetwork": True}}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"k8s-app": name}}, "template": template},
    }


def config_map(name: str, data: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "kube-system"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def cluster(tmp_path: Path, *objects: dict[str, Any]) -> str:
    path = tmp_path / "cluster.yaml"
    path.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
    return str(path)


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, args, catch_exceptions=False)


def doctor(path: str, *args: str) -> tuple[int, dict[str, Any]]:
    result = run("doctor", "--inventory", path, *args, "--format", "json")
    return result.exit_code, json.loads(result.stdout)


def test_the_profile_is_shown_with_who_says_so(tmp_path: Path) -> None:
    path = cluster(tmp_path, daemon_set("aws-node"), config_map("amazon-vpc-cni", AWS))
    code, shown = doctor(path)
    assert (code, shown["cni"], shown["enforces"], shown["warnings"]) == (
        0,
        "aws-vpc-cni",
        True,
        [],
    )
    assert [(one["object"], one["shows"]) for one in shown["evidence"]] == [
        ("kube-system/ConfigMap/amazon-vpc-cni", "it is there"),
        ("kube-system/DaemonSet/aws-node", "its name"),
    ]
    facts = {one["field"]: one for one in shown["facts"]}
    assert facts["port_entries"]["value"] == "24"
    assert facts["before_dnat"]["verified"]
    text = run("doctor", "--inventory", path).stdout
    assert "aws-vpc-cni: kube-system/DaemonSet/aws-node, its name" in text
    assert "ports and ranges per address: 24" in text


def test_what_nobody_verified_is_marked(tmp_path: Path) -> None:
    text = run("doctor", "--inventory", cluster(tmp_path, daemon_set("romana-agent"))).stdout
    assert "(U) older than SCTP in policies" in text


@pytest.mark.parametrize(
    ("names", "args", "codes"),
    [
        (("kindnet",), (), ["NP120"]),
        (("web",), (), ["NP120"]),
        (("kube-router", "weave-net"), (), ["NP121"]),
        (("antrea-agent",), ("--target", "cilium"), ["NP122"]),
        (("antrea-agent",), ("--cni", "calico"), ["NP123"]),
        (("aws-node",), (), ["NP124"]),
        (("cilium",), ("--target", "cilium"), []),
    ],
)
def test_what_is_wrong_is_the_exit_code(
    tmp_path: Path, names: tuple[str, ...], args: tuple[str, ...], codes: list[str]
) -> None:
    code, shown = doctor(cluster(tmp_path, *map(daemon_set, names)), *args)
    assert [one["code"] for one in shown["warnings"]] == codes
    assert code == bool(codes)
    text = run("doctor", "--inventory", str(tmp_path / "cluster.yaml"), *args).stdout
    assert all(f"! {one} " in text for one in codes)


def test_a_setting_is_shown_in_place_of_the_source(tmp_path: Path) -> None:
    settings = config_map("cilium-config", {"policy-cidr-match-mode": "nodes"})
    path = cluster(tmp_path, daemon_set("cilium"), settings)
    _, shown = doctor(path)
    assert shown["settings"] == [
        {
            "field": "cidr_matches_nodes",
            "key": "policy-cidr-match-mode",
            "value": "nodes",
            "object": "kube-system/ConfigMap/cilium-config",
        }
    ]
    text = run("doctor", "--inventory", path).stdout
    assert "CIDRs match nodes: yes\n      policy-cidr-match-mode in kube-system/ConfigMap" in text


FLOWS, SHOP = "samples/shop/hubble.jsonl.gz", "samples/shop/cluster"


@pytest.fixture
def at_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)


@pytest.mark.usefixtures("at_root")
def test_generate_takes_the_plugin_of_the_inventory_for_its_own_dialect() -> None:
    found = run("generate", FLOWS, "--inventory", SHOP, "--target", "cilium", "--format", "json")
    shown = json.loads(found.stdout)
    assert (shown["cni"], shown["cni_from"]) == ("cilium", "inventory")
    assert "node_to_pod" in {one["field"] for one in shown["decisions"]}
    assert "NP125" not in found.stderr


@pytest.mark.usefixtures("at_root")
def test_plain_policies_are_written_by_the_specification_and_the_plugin_that_differs_is_told(
    tmp_path: Path,
) -> None:
    """The shop runs Cilium: addresses of nodes do nothing there in plain policies."""
    to = ("--inventory", SHOP, "-o", str(tmp_path))
    found = run("generate", FLOWS, *to, "--format", "json")
    shown = json.loads(found.stdout)
    assert (shown["target"], shown["cni"], shown["accepted"]) == ("kubernetes", "generic", 200)
    assert shown["cni_from"] == "dialect", "the inventory shows another"
    assert "NP125" in found.stderr and "cilium would deny 8 of the" in found.stderr
    checked = run("check", str(tmp_path), FLOWS, "--inventory", SHOP)
    assert checked.exit_code == 0 and "cilium would deny 8 of the" in checked.stderr


@pytest.mark.usefixtures("at_root")
def test_generate_writes_for_the_plugin_that_it_is_told() -> None:
    found = run("generate", FLOWS, "--inventory", SHOP, "--cni", "cilium", "--format", "json")
    shown = json.loads(found.stdout)
    assert (shown["target"], shown["cni"], shown["cni_from"]) == ("kubernetes", "cilium", "--cni")
    fields = {one["field"] for one in shown["decisions"]}
    assert {"cidr_matches_nodes", "icmp_rule", "node_to_pod", "words"} <= fields
    assert "NP026" in found.stderr and "NP125" not in found.stderr
    other = run("generate", FLOWS, "--inventory", SHOP, "--cni", "calico", "--format", "json")
    shown = json.loads(other.stdout)
    assert (shown["cni"], shown["cni_from"]) == ("calico", "--cni")
    assert "cidr_matches_nodes" not in {one["field"] for one in shown["decisions"]}
    assert "NP026" not in other.stderr


@pytest.mark.usefixtures("at_root")
def test_a_dialect_that_the_plugin_does_not_read_is_told(tmp_path: Path) -> None:
    args = ("--inventory", SHOP, "--target", "calico", "-o", str(tmp_path))
    made = run("generate", FLOWS, *args)
    assert made.exit_code == 0
    assert "NP122" in made.stderr
    assert "For cilium" not in made.stdout
    assert "NP122" in run("connections", str(tmp_path), "--inventory", SHOP).stderr
    assert run("generate", FLOWS, *args, "--strict").exit_code == 1

"""The main job on samples/shop, held against the truth that is kept beside it."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest
from click.testing import CliRunner

from netpol.cli import cli

pytestmark = pytest.mark.usefixtures("at_root")

FLOWS = "samples/shop/hubble.jsonl.gz"
CLUSTER = "samples/shop/cluster"
TARGETS = ("kubernetes", "calico", "cilium")
Tuple4 = tuple[str, str, str, str]


def run(*args: str) -> dict[str, object]:
    """A command's JSON; the exit code must be 0."""
    result = CliRunner().invoke(cli, [*args, "--format", "json"], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def truth(root: Path) -> dict[str, list[dict[str, str]]]:
    return json.loads((root / "samples/shop/truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, at_root: None) -> dict[str, Path]:
    """The policies of each dialect, on disk."""
    base = tmp_path_factory.mktemp("shop")
    for target in TARGETS:
        to = ("--target", target, "-o", str(base / target))
        run("generate", FLOWS, "--inventory", CLUSTER, *to)
    return {target: base / target for target in TARGETS}


@pytest.fixture(scope="module")
def graph(at_root: None) -> dict[str, list[dict[str, str]]]:
    return run("graph", FLOWS, "--inventory", CLUSTER)


def needed(truth: dict[str, list[dict[str, str]]]) -> set[Tuple4]:
    return {tuple4(row) for row in truth["needed"]}


def tuple4(row: dict[str, str]) -> Tuple4:
    return row["client"], row["server"], row["protocol"], row["ports"]


def is_workload(name: str) -> bool:
    return name.count("/") == 2 and ":" not in name


def test_the_graph_is_what_the_truth_says_was_seen(graph, truth) -> None:
    """Internet clients are addresses in the graph, the truth has them as the world."""
    found = {tuple4(row) for row in graph["connections"]}
    seen = {tuple4(row) for row in truth["needed"] if row["seen"]}
    outside = {row for row in found if not is_workload(row[0]) and "entity" not in row[0]}
    assert {("entity:world", *row[1:]) for row in outside} <= seen
    assert found - outside == {row for row in seen if row[0] != "entity:world"}


def test_nothing_that_must_not_be_learned_was_learned(graph, truth) -> None:
    found = {tuple4(row) for row in graph["connections"]}
    assert not found & {tuple4(row) for row in truth["never"]}


def test_the_account_adds_up(graph) -> None:
    r = graph["records"]
    assert r["read"] == r["connections"] + r["held"] + r["other"] > 27_000
    assert r["reasons"]["unreadable"] == 3


@pytest.mark.parametrize("target", TARGETS)
def test_the_written_policies_allow_all_that_is_needed_and_nothing_else(
    target: str, written, truth
) -> None:
    result = run("check", str(written[target]), FLOWS, "--inventory", CLUSTER)
    assert result["denied"] == []
    assert result["unused_rules"] == []
    in_cluster = {row for row in needed(truth) if is_workload(row[0]) and is_workload(row[1])}
    opened = {tuple4(row) for row in result["unobserved"]}
    # Names are declared needed by every pod of a namespace, a pod that nobody planned included.
    extra = opened - in_cluster
    assert all(row[1].endswith("/coredns") and row[3] == "53" for row in extra), extra
    assert {row[0] for row in extra} <= {"shop/Pod/debug"}


@pytest.mark.parametrize("target", TARGETS)
def test_two_releases_of_one_chart_and_a_cron_job(target: str, written) -> None:
    names = {str(p.relative_to(written[target])) for p in written[target].rglob("*.yaml")}
    assert {"data/redis-cart.yaml", "data/redis-session.yaml"} <= names
    assert [n for n in names if "order-digest" in n] == ["shop/order-digest.yaml"]


@pytest.mark.parametrize("target", TARGETS)
def test_the_certificate(target: str, tmp_path: Path) -> None:
    args = ("generate", FLOWS, "--inventory", CLUSTER, "--target", target, "-o", str(tmp_path))
    shown = run(*args)
    # A certificate of nothing would hold, too.
    assert shown["accepted"] > 60
    assert shown["rules"] > 40
    assert shown["denied"] == 0
    assert shown["rules_without_witness"] == 0
    assert {row["reason"] for row in shown["unobserved"]} <= {"declared need: name resolution"}
    reasons = defaultdict(set)
    for row in shown["dialect_differences"]:
        reasons[row["dialect"]].add(row["protocol"] if "ICMP" in row["protocol"] else "name")
    assert reasons["cilium"] == set()
    assert reasons["kubernetes"] == {"ICMP", "ICMPv6", "name"}
    assert reasons["calico"] == {"name"}

"""A week of the shop in a store: what it needs, and what an intruder did in one hour of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from netpol.cli import cli

pytestmark = pytest.mark.usefixtures("at_root")

CLUSTER = "samples/shop/cluster"
IMAGING = "shop/Deployment/imaging"
_WORLD = "entity:world"
Row = tuple[str, str, str, str]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, at_root: None) -> str:
    path = str(tmp_path_factory.mktemp("week") / "week.db")
    assert CliRunner().invoke(cli, ["learn", "samples/shop/week", "--store", path]).exit_code == 0
    return path


def asked(*args: str) -> dict[str, Any]:
    """A command's JSON."""
    given = [*args, "--inventory", CLUSTER, "--format", "json"]
    result = CliRunner().invoke(cli, given, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def rows(graph: dict[str, Any]) -> set[Row]:
    """Customers are addresses in the graph, the truth has them as the world."""
    found = {(r["client"], r["server"], r["protocol"], r["ports"]) for r in graph["connections"]}
    return {(_WORLD if client[0].isdigit() else client, *rest) for client, *rest in found}


@pytest.fixture(scope="module")
def needed(root: Path) -> set[Row]:
    truth = json.loads((root / "samples/shop/truth.json").read_text(encoding="utf-8"))
    every = [*truth["needed"], *truth["later"]]
    return {(r["client"], r["server"], r["protocol"], r["ports"]) for r in every}


def test_a_week_shows_what_no_hour_does(store: str, needed: set[Row]) -> None:
    found = rows(asked("graph", "--store", store))
    assert ("data/CronJob/postgres-backup", "data/StatefulSet/postgres", "TCP", "5432") in found
    assert {row[0] for row in found - needed} == {IMAGING}
    rare = {row for row in needed - found if row[3] != "53"}
    assert rare <= {("payments/Deployment/ledger-sync", "10.200.7.21/32", "TCP", "8443")}


def test_an_hour_of_an_intruder_is_told_and_held_where_caution_is_asked_for(
    store: str, needed: set[Row]
) -> None:
    odd = {one["doubt"] for one in asked("status", "--store", store)["doubts"]}
    assert f"sudden fan-out of {IMAGING}" in odd
    careful = rows(asked("graph", "--store", store, "--min-hours", "2"))
    assert careful <= needed
    assert {row for row in careful if row[0] == IMAGING}, "its own needs stay needs"


def test_his_sweep_on_monday_makes_a_scan_of_what_he_did_before(
    store: str, needed: set[Row]
) -> None:
    both = rows(asked("graph", "samples/shop/hubble.jsonl.gz", "--store", store))
    assert both <= needed


@pytest.mark.parametrize("target", ["kubernetes", "calico", "cilium"])
def test_what_the_week_needed_holds_for_pods_that_came_later(
    store: str, target: str, tmp_path: Path
) -> None:
    """In the hour after it the API is replaced and each run of a CronJob is a new pod."""
    policies = str(tmp_path / "policies")
    asked("generate", "--store", store, "--min-hours", "2", "--target", target, "-o", policies)
    given = [policies, "samples/shop/hubble.jsonl.gz", "--inventory", "samples/shop/watch.jsonl.gz"]
    result = CliRunner().invoke(cli, ["check", *given, "--format", "json"], catch_exceptions=False)
    found = json.loads(result.stdout)
    assert not found["denied"]
    assert found["allowed"] >= 200

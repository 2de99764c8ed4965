"""``diff --store``, ``why --store``: what of it was observed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from netpol.cli import cli

SHOP, CLUSTER = "samples/shop/hubble.jsonl.gz", "samples/shop/cluster"


def run(*args: object) -> str:
    result = CliRunner().invoke(cli, [str(one) for one in args])
    assert result.exit_code in (0, 1), result.output
    return result.stdout


@pytest.fixture
def learned(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a store, and the policies that were made from it."""
    monkeypatch.chdir(root)
    run("learn", SHOP, "--store", tmp_path / "shop.db")
    run("generate", "--store", tmp_path / "shop.db", "--inventory", CLUSTER, "-o", tmp_path / "old")
    return tmp_path


def changes(learned: Path, *args: str) -> str:
    how = "--inventory", CLUSTER, "--store", learned / "shop.db"
    return run("diff", learned / "old", learned / "new", *how, *args)


def closed(learned: Path) -> None:
    """The new policies let nobody to the cart's database any more, and nobody from outside in."""
    for path in (learned / "old").rglob("*.yaml"):
        new = learned / "new" / path.relative_to(learned / "old")
        new.parent.mkdir(parents=True, exist_ok=True)
        if path.name not in ("redis-cart.yaml", "ingress-nginx-controller.yaml"):
            new.write_bytes(path.read_bytes())


def test_what_closes_observed_traffic_is_marked(learned: Path) -> None:
    closed(learned)
    rows = json.loads(changes(learned, "--format", "json"))
    pair = "shop/Deployment/cart", "data/StatefulSet/redis-cart"
    seen = {(row["client"], row["server"]): row["observed"] for row in rows}
    graph = json.loads(run("graph", SHOP, "--inventory", CLUSTER, "--format", "json"))
    records = {
        (row["client"], row["server"]): row["evidence"]["records"] for row in graph["connections"]
    }
    assert seen[pair] == records[pair] > 0
    outside = [row for row in rows if "/" in row["client"] and row["client"][0].isdigit()]
    assert any(row["observed"] for row in outside)
    text = changes(learned)
    assert f"- {pair[0]} → {pair[1]} TCP 6379: {records[pair]:,} records" in text
    assert "observed" in changes(learned, "--format", "csv").splitlines()[0]


def test_why_says_what_was_observed(learned: Path) -> None:
    how = "--inventory", CLUSTER, "--store", learned / "shop.db"
    pair = "shop/cart", "data/redis-cart"
    said = run("why", learned / "old", *pair, "6379", *how)
    assert said.splitlines()[-1].startswith(
        "Observed: 1,716 records in 1 hours, from 2026-11-02T09"
    )
    found = json.loads(run("why", learned / "old", *pair, "6379", *how, "--format", "json"))
    assert found["evidence"]["records"] == 1716
    assert "Observed: never" in run("why", learned / "old", *pair, "6380", *how)


def test_without_changes_nothing_closes(learned: Path) -> None:
    (learned / "new").symlink_to(learned / "old")
    assert "Nothing that was observed closes." in changes(learned)

"""The sample change of the shop: what a careful reviewer says about it, and no more."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from review_shop import run

SAY = [
    ("breaks", "shop/Deployment/checkout", "shop/Deployment/cart", "7070"),
    ("broadened", "payments/Deployment/payments", "0.0.0.0/0 without the provider", "443"),
    ("closed", "shop/Deployment/checkout", "shop/Deployment/cart", "7070"),
    ("rules", "payments/Deployment/payments", "169.254.169.254/32", "443"),
]
"""(where it is said, client, server, port)."""
FINDINGS = {
    ("NP106", "payments/payments"),
    ("NP108", "data/postgres-debug"),
    ("NP108", "shop/checkout"),
}
"""The policy for a week of debugging opens nothing: its clients may not go there."""


@pytest.fixture(scope="module")
def sides(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("change")
    shop = root / "samples/shop"
    given = [str(shop / "hubble.jsonl.gz"), "--inventory", str(shop / "cluster")]
    assert (
        run("generate", *given, "--target", "kubernetes", "-o", str(place / "old")).exit_code == 0
    )
    shutil.copytree(place / "old", place / "new")
    shutil.copytree(shop / "change", place / "new", dirs_exist_ok=True)
    return place


def test_the_review_says_what_a_careful_reviewer_would(root: Path, sides: Path) -> None:
    shop = root / "samples/shop"
    given = ["review", str(sides / "old"), str(sides / "new"), str(shop / "hubble.jsonl.gz")]
    given += ["--inventory", str(shop / "cluster"), "--rules", str(shop / "rules.yaml")]
    result = run(*given, "--format", "json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert {one["change"] for one in found["policies"]} == {"added", "changed"}
    said = {("breaks", *ends(row)) for row in found["breaks"]}
    said |= {(row["change"], *ends(row)) for row in found["changes"]}
    said |= {("rules", *ends(row)) for row in found["rules"]}
    assert said == set(SAY)
    assert {(one["code"], one["policy"]) for one in found["findings"]} == FINDINGS
    (world,) = (row for row in found["changes"] if row["change"] == "broadened")
    assert world["risks"] == ["metadata", "world", "never-observed"]
    assert found["rules_about_nobody"] == []


def ends(row: dict) -> tuple[str, str, str]:
    blocks = row.get("blocks")
    return (
        row["client"],
        "0.0.0.0/0 without the provider" if blocks and len(blocks) > 1 else row["server"],
        row["ports"],
    )

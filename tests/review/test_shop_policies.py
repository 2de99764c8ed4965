"""The hand-written policies of the shop: a review finds what the list beside them says, no more."""

from __future__ import annotations

import json
from pathlib import Path

from review_shop import run

RULES = ("ingress rule", "egress rule")


def test_a_review_of_them_has_the_findings_of_a_careful_reviewer(
    root: Path, tmp_path: Path
) -> None:
    shop = root / "samples/shop"
    given = ["--inventory", str(shop / "cluster"), "--format", "json"]
    result = run("review", str(tmp_path), str(shop / "policies"), *given)
    assert result.exit_code == 0, result.output
    listed = json.loads((shop / "findings.json").read_text(encoding="utf-8"))
    expected = [one for one in listed["findings"] if "review" in one["by"]] + listed["incomplete"]
    found = json.loads(result.stdout)["findings"]
    assert {(one["code"], one["policy"], rule(one["message"])) for one in found} == {
        (one["code"], one["policy"], one["rule"]) for one in expected
    }
    assert len(found) == len(expected)
    assert all(one["line"] for one in found if one["code"] != "NP107")


def rule(message: str) -> str:
    """``ingress rule 1``, of a finding about a rule."""
    return message.partition(":")[0] if message.startswith(RULES) else ""

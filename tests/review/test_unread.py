"""A policy that could not be read is the first thing to know about a change, not a removal."""

from __future__ import annotations

import json

import pytest
from review_shop import DB, Shop

BROKEN = DB.replace("{matchLabels: {app: db}}", "{matchLabels: {app: db}")
REFUSED = DB.replace("5432", "54320000")
CASES = {
    "NP060": (BROKEN, "db.yaml", 6),
    "NP063": (REFUSED, "data/db", 1),
}


@pytest.mark.parametrize("code", CASES)
def test_the_comment_says_what_was_left_out(shop: Shop, code: str) -> None:
    text, named, line = CASES[code]
    shop.write("new", {"db.yaml": text})
    lines = shop.review().stdout.splitlines()
    assert lines[1].endswith(
        "But 1 new policy cannot be read or would be refused, and is left out of all this.**"
    )
    assert any(one.startswith(f"| {code} | `{named}` |") for one in lines)
    assert "+++ b/db.yaml" in lines, "the file is still there"
    found = json.loads(shop.review("--format", "sarif").stdout)["runs"][0]["results"]
    (result,) = (one for one in found if one["ruleId"] == code)
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "new/db.yaml"
    assert place["region"]["startLine"] == line


@pytest.mark.parametrize("code", CASES)
def test_what_it_would_have_said_is_not_decided(shop: Shop, code: str) -> None:
    """One that opens everything, but for a slip, must not pass for one that opens nothing."""
    shop.write("new", {"more.yaml": CASES[code][0].replace("name: db", "name: more")})
    failed = shop.object("--fail-on", "opened,undecided,findings")["gates"]["failed"]
    assert failed == {"undecided": 1, "findings": 1}


def test_what_was_broken_before_is_no_new_finding_and_still_said(shop: Shop) -> None:
    for side in ("old", "new"):
        shop.write(side, {"more.yaml": BROKEN})
    found = shop.object("--fail-on", "undecided,findings")
    assert "But 1 new policy cannot be read" in found["summary"]
    assert found["gates"]["failed"] == {"undecided": 1}


def test_a_kind_that_is_not_read_is_a_finding_and_not_left_out(shop: Shop) -> None:
    """Its pods are undecided already."""
    mesh = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
    shop.write("new", {"mesh.yaml": mesh + "metadata: {name: m, namespace: data}\n"})
    found = shop.object("--fail-on", "findings")
    assert "left out" not in found["summary"]
    assert [(one["code"], one["policy"]) for one in found["findings"]] == [("NP065", "data/m")]


def test_a_kustomize_patch_is_no_policy_that_cannot_be_read(shop: Shop) -> None:
    """It is left out of both sides, as long as nobody gives what the overlay amounts to."""
    files = {
        "kustomization.yaml": "patches: [{path: patch.yaml}]\n",
        "patch.yaml": "spec: {a: 1}\n",
    }
    shop.write("old", files)
    shop.write("new", files)
    result = shop.review("--fail-on", "undecided,findings")
    assert result.exit_code == 0
    assert "left out" not in result.stdout
    assert "NP070" in result.stderr

"""Five hundred changed edges: bounded where it must be, whole where it may be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from review_shop import Shop, run

from netpol.report.review_markdown import LEAST

APPS = 32
"""So many that each may open connections to all others: APPS * (APPS - 1) > 500."""

POD = (
    "{apiVersion: v1, kind: Pod, metadata: {name: p%(n)d, namespace: many, labels: {app: p%(n)d}},"
    " spec: {}}\n---\n"
)
DENY = (
    "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny,"
    " namespace: many}, spec: {podSelector: {}}}\n"
)
OPEN = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p%(n)d, namespace: many}
spec:
  podSelector: {matchLabels: {app: p%(n)d}}
  ingress:
  - from: [{podSelector: {}}]
    ports: [{port: 8080}]
"""


@pytest.fixture
def many(shop: Shop) -> Path:
    place = shop.place / "many"
    for side in ("old", "new"):
        (place / side).mkdir(parents=True)
        (place / side / "deny.yaml").write_text(DENY, encoding="utf-8")
    text = "".join(POD % {"n": n} for n in range(APPS))
    (place / "cluster.yaml").write_text(text, encoding="utf-8")
    for n in range(APPS):
        (place / "new" / f"p{n}.yaml").write_text(OPEN % {"n": n}, encoding="utf-8")
    return place


def review(many: Path, *args: str) -> str:
    sides = [str(many / "old"), str(many / "new"), "--inventory", str(many / "cluster.yaml")]
    result = run("review", *sides, *args)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_every_edge_is_in_the_json(many: Path) -> None:
    found = json.loads(review(many, "--format", "json"))
    assert len(found["changes"]) == APPS * (APPS - 1)
    assert f"{APPS * (APPS - 1):,} connections open" in found["summary"]


@pytest.mark.parametrize("size", [LEAST, 20_000, 65_536])
def test_a_comment_is_as_long_as_it_may_be_and_says_what_is_left_out(many: Path, size: int) -> None:
    full = many / "full.md"
    text = review(many, "--max-size", str(size), "--full", str(full))
    assert size // 2 < len(text) <= size
    assert text.splitlines()[1].startswith(f"**{APPS} policies change: {APPS * (APPS - 1)} ")
    assert "more, in the whole review" in text
    whole = full.read_text(encoding="utf-8")
    rows = [line for line in whole.splitlines() if line.startswith("| opened |")]
    assert len(rows) == APPS * (APPS - 1)
    assert "in the whole review" not in whole
    shown = [line for line in text.splitlines() if line.startswith("| opened |")]
    left = next(line for line in text.splitlines() if line.startswith("… and"))
    assert shown == rows[: len(shown)]
    assert len(shown) + int(left.split()[2].replace(",", "")) == len(rows)
    # Whatever is cut, no block is left open.
    assert text.count("```") % 2 == 0
    assert text.count("<details>") == text.count("</details>")


def test_a_picture_has_few_arrows_and_says_so(many: Path) -> None:
    text = review(many)
    assert text.count("==>") == 30
    assert f"{APPS * (APPS - 1) - 30} edges more are not drawn" in text

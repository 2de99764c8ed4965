"""docs/review.md says what there is: its gates, its rules file, its sections."""

from __future__ import annotations

import re
from pathlib import Path

from review_shop import Shop

from netpol.review import GATES
from netpol.review.rules import read_rules


def test_every_gate_is_in_the_table(root: Path) -> None:
    text = (root / "docs/review.md").read_text(encoding="utf-8")
    table = text[text.index("| gate |") : text.index("## The team's rules")]
    assert dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", table, re.MULTILINE)) == GATES


def test_the_rules_file_can_be_read(root: Path, shop: Shop) -> None:
    text = (root / "docs/review.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (shop.place / "rules.yaml").write_text(example, encoding="utf-8")
    found = read_rules("rules.yaml", lambda _: None)
    assert {one.demand for one in found.rules} == {
        "must-allow",
        "must-deny",
        "only-from",
        "only-to",
    }
    assert found.teams == (("pay", "payments"), ("pay-*", "payments"))


def test_the_parties_that_are_named_are_parties(root: Path, shop: Shop) -> None:
    text = (root / "docs/review.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"\| party \| who \|\n\| --- \| --- \|\n(.*?)\n\n", text, re.DOTALL)
    named = [
        one for row in table.splitlines() for one in re.findall(r"`([^`]+)`", row.split(" | ")[0])
    ]
    assert len(named) == 10
    for one in named:
        quoted = one if one.startswith("{") else f"'{one}'"
        rule = f"rules: [{{name: x, must-deny: {{from: {quoted}, to: any}}}}]"
        (shop.place / "rules.yaml").write_text(rule, encoding="utf-8")
        assert read_rules("rules.yaml", lambda _: None).rules

"""What nobody was seen to do and the inventory says is needed is told as what it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from netpol.cli import cli

SEEN = ("samples/shop/hubble.jsonl.gz", "--inventory", "samples/shop/cluster")


def run(*args: str) -> str:
    result = CliRunner().invoke(cli, args, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_an_unobserved_need_says_who_declares_it(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    old, new = str(tmp_path / "old"), str(tmp_path / "new")
    run("generate", *SEEN, "--no-dns", "-o", old)
    certificate = json.loads(run("generate", *SEEN, "-o", new, "--format", "json"))
    assert {row["declared"] for row in certificate["unobserved"]} == {True}
    found = json.loads(run("review", old, new, *SEEN, "--format", "json"))
    opened = [row for row in found["changes"] if row["change"] == "opened"]
    assert opened
    assert {tuple(row["declared"]) for row in opened} == {("name resolution",)}
    assert not any(row["evidence"].get("records") for row in opened)
    said = run("review", old, new, *SEEN)
    assert "never observed; declared need: name resolution" in said
    assert "**never observed**" not in said

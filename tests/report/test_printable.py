"""Names from outside steer no terminal and no line of a report."""

from __future__ import annotations

import re
from pathlib import Path

import hubble_lines as h
import pytest
from click.testing import CliRunner

from netpol.cli import cli
from netpol.report.printable import printable_lines

EVIL = "\x1b]0;title\x07\nAllowed: everything"


def test_a_name_with_a_line_end_starts_no_line() -> None:
    assert printable_lines(["\nHeld:", EVIL]) == (
        "\nHeld:\n\\x1b]0;title\\x07\\nAllowed: everything\n"
    )


@pytest.mark.parametrize("command", ["generate", "check", "status"])
def test_no_name_steers_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    web, odd = h.pod("web-0", "k8s:app=web"), h.pod(EVIL, f"k8s:app={EVIL}")
    outside = {"identity": 2, "labels": ["reserved:world"]}
    flows = [
        h.record(source=web, destination=odd, is_reply=True),
        h.record(source=web, destination=outside, destination_names=[EVIL]),
        h.record(),
    ]
    Path("flows.jsonl").write_bytes(h.text(flows))
    asked = {
        "generate": ["generate", "flows.jsonl", "-o", "out"],
        "check": ["check", "out", "flows.jsonl"],
        "status": ["status", "--store", "flows.db"],
    }
    CliRunner().invoke(cli, asked["generate"])
    CliRunner().invoke(cli, ["learn", "flows.jsonl", "--store", "flows.db"])
    done = CliRunner().invoke(cli, asked[command])
    assert "title" in done.output
    assert not re.search(
        r"[\x00-\x09\x0b-\x1f\x7f]|^Allowed: everything", done.output, re.MULTILINE
    )

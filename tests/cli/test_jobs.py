"""``--jobs`` changes how long a command takes, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from netpol.cli import cli


def test_the_same_comes_out_of_several_processes(root: Path) -> None:
    shop = root / "samples" / "shop"
    inputs = [str(shop / "hubble.jsonl.gz"), str(shop / "eyes" / "goldmane.jsonl.gz")]
    rest = ["--inventory", str(shop / "watch.jsonl.gz"), "--format", "json"]
    one, two = (
        CliRunner().invoke(cli, ["graph", *inputs, *rest, *jobs], catch_exceptions=False)
        for jobs in ([], ["--jobs", "2"])
    )
    assert json.loads(one.stdout) == json.loads(two.stdout)
    assert one.exit_code == two.exit_code == 0
    shown = [
        {line for line in found.stderr.splitlines() if line.startswith("NP")}
        for found in (one, two)
    ]
    assert shown[0] == shown[1]

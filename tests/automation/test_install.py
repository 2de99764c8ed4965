"""The step of the action that installs netpol, run as it stands: what it puts there is whole."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))


def test_what_the_action_installs_runs(tmp_path: Path) -> None:
    """Its dependencies are those that the tests have, and what builds it is downloaded once."""
    builder = tmp_path / "builder"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(builder), "hatchling"]
    if subprocess.run(pip, capture_output=True).returncode:
        pytest.skip("what builds the package cannot be downloaded here")
    step = ACTION["runs"]["steps"][0]
    assert step["name"] == "Install"
    paths = tmp_path / "path"
    env = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SOURCE": str(ROOT),
        "WORK": str(tmp_path / "work"),
        "GITHUB_PATH": str(paths),
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # so it is switched off
        "PYTHONPATH": str(builder),
    }
    command = ["bash", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(command, env=os.environ | env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    asked = "import netpol, capture, generators; print(netpol.__file__)"
    there = paths.read_text().strip()
    more = {"PATH": f"{there}:/usr/bin:/bin", "PYTHONPATH": sysconfig.get_path("purelib")}
    for words, says in (
        (["python", "-c", asked], str(tmp_path)),
        (["netpol", "generate", ROOT / "samples/tiny/flows.jsonl"], "kind: NetworkPolicy"),
        (["netpol", "explain", "NP154"], "NP154"),
    ):
        done = subprocess.run(words, env=more, cwd=tmp_path, capture_output=True, text=True)
        assert says in done.stdout, done.stderr

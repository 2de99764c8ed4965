"""docs/tutorial.md shows what happens: its commands are run in order, in one place, by a shell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs/tutorial.md"
_BLOCK = re.compile(
    r"<!-- console: run by the tests(?:, exits (\d))? -->\n```console\n(.*?)```", re.S
)


def steps(text: str) -> Iterator[tuple[str, int, list[list[str]]]]:
    """Each command, how it exits, and the runs of lines that it is said to print."""
    for code, block in _BLOCK.findall(text):
        for step in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, shown = step.partition("\n")
            runs = [part.splitlines() for part in re.split(r"^…\n", shown, flags=re.M)]
            yield command, int(code or 0), [list(map(plain, run)) for run in runs if run]


def plain(line: str) -> str:
    """Without the spaces that depend on how wide a table happens to be."""
    return " ".join(line.split())


def prints(run: list[str], printed: list[str]) -> bool:
    """Whether these lines were printed one after the other."""
    return any(printed[n : n + len(run)] == run for n in range(len(printed)))


def test_the_tutorial_runs_as_it_says(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "samples", tmp_path / "samples")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    found = list(steps(PAGE.read_text(encoding="utf-8")))
    assert len(found) == 22
    for command, code, runs in found:
        done = subprocess.run(
            command,
            shell=True,
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "COLUMNS": "120", "PYTHONUTF8": "1"},
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == code, f"{command}\n{done.stdout}{done.stderr}"
        printed = [[*map(plain, text.splitlines())] for text in (done.stdout, done.stderr)]
        for run in runs:
            assert any(prints(run, one) for one in printed), f"{command}: {run}\n{done.stdout}"

"""A source is one file, one name and one sample: the one in CONTRIBUTING is added to a copy."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

COPIED = ("capture", "netpol", "generators", "tests", "docs")
ROWS = (
    "time,client,server,protocol,port\n"
    "2026-11-02T09:14:07Z,192.0.2.1,192.0.2.2,TCP,8080\n"
    "2026-11-02T09:14:08Z,192.0.2.1,192.0.2.2,TCP,8080\n"
    "yesterday,192.0.2.1,192.0.2.2,TCP,8080\n"
)


def parts(root: Path) -> list[str]:
    """The blocks of code in the section: the file, the name, the sample."""
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("## Adding a flow source")[2].partition("\n## ")[0]
    blocks = re.findall(r"^   ```python\n(.*?)^   ```$", section, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in blocks]


@pytest.fixture(scope="module")
def extended(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with one source more."""
    copy = tmp_path_factory.mktemp("extended")
    ignored = shutil.ignore_patterns("__pycache__", "golden", ".hypothesis")
    for name in COPIED:
        shutil.copytree(root / name, copy / name, ignore=ignored)
    shutil.copy(root / "pyproject.toml", copy)
    (copy / "tests" / "golden").mkdir()  # goldens of the documents are reached through it
    source, name, sample = parts(root)
    (copy / "capture" / "sheet.py").write_text(source, encoding="utf-8")
    where = copy / "capture" / "__init__.py"
    text = where.read_text(encoding="utf-8")
    text = text.replace("from capture.source import", f"{name}from capture.source import", 1)
    text, changed = re.subn(r"(SOURCES: Final\[.*?\] = \()", r"\1SHEET, ", text, count=1)
    assert changed
    where.write_text(text, encoding="utf-8")
    with (copy / "tests" / "source_samples.py").open("a", encoding="utf-8") as samples:
        samples.write(f"\n{sample}")
    (copy / "rows.csv").write_text(ROWS, encoding="utf-8")
    return copy


def run(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A Python of its own, which finds the copy first."""
    return subprocess.run(
        [sys.executable, *words], cwd=place, capture_output=True, text=True, check=False
    )


def netpol(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run(place, "-c", "from netpol.cli import main; main()", *words)


def test_it_is_listed(extended: Path) -> None:
    listed = json.loads(netpol(extended, "sources", "--format", "json").stdout)
    assert [one["who"] for one in listed if one["source"] == "sheet"] == ["addresses"]


def test_it_is_recognised(extended: Path) -> None:
    (row,) = json.loads(netpol(extended, "sources", "rows.csv", "--format", "json").stdout)
    assert (row["source"], row["confidence"]) == ("sheet", 0.9)


@pytest.mark.parametrize("words", [[], ["--from", "sheet"]], ids=["detected", "forced"])
def test_it_is_read(extended: Path, words: list[str]) -> None:
    found = netpol(extended, "graph", "rows.csv", *words, "--format", "json")
    shown = json.loads(found.stdout)
    assert shown["blind_spots"] == {"sheet": ["what nobody typed in is not seen"]}
    assert shown["records"]["read"] == 4
    assert shown["records"]["reasons"]["unreadable"] == 1
    assert shown["records"]["reasons"]["header"] == 1
    assert "NP001" in found.stderr
    assert "Blind spots of sheet: what nobody typed in is not seen" in found.stderr


def test_it_keeps_the_laws(extended: Path) -> None:
    laws = ["tests/laws/test_sources.py", "tests/laws/test_conservation.py"]
    found = run(extended, "-m", "pytest", *laws, "-k", "sheet or sample", "-p", "no:cacheprovider")
    assert found.returncode == 0, found.stdout
    passed = re.search(r"(\d+) passed", found.stdout)
    assert passed is not None and int(passed[1]) >= 7, found.stdout


def test_it_is_in_the_documents(extended: Path) -> None:
    words = ["-m", "pytest", "--update", "tests/test_docs.py", "-k", "source_table"]
    found = run(extended, *words, "-p", "no:cacheprovider")
    assert found.returncode == 0, found.stdout
    page = (extended / "docs" / "reference" / "sources.md").read_text(encoding="utf-8")
    assert "\n## sheet\n" in page and "what nobody typed in is not seen" in page


def test_another_name_is_refused(extended: Path) -> None:
    found = netpol(extended, "graph", "rows.csv", "--from", "sheets")
    assert found.returncode == 2
    assert "there is no flow source 'sheets'" in found.stderr and "sheet" in found.stderr

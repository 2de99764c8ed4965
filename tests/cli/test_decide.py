"""`netpol decide` and what follows from it, through the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netpol.cli import cli
from netpol.errors import NetpolError

FLOWS = ("samples/shop/hubble.jsonl.gz", "--inventory", "samples/shop/cluster")
HELD = ("shop/cart", "monitoring/log-store", "8125/udp")
"""Fire and forget: never answered, so held."""
ACCEPTED = ("shop/api", "data/postgres", "5432")


@pytest.fixture(autouse=True)
def at_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(root)
    yield


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, args, catch_exceptions=False)


def decide(verdict: str, ends: tuple[str, str, str], file: Path) -> Result:
    said = ("--why", "metrics", "--by", "ana", "--decisions", str(file))
    return run("decide", verdict, *ends, *FLOWS, *said)


def test_what_was_decided_is_generated_and_shown(tmp_path: Path) -> None:
    file = tmp_path / "decisions.yaml"
    assert decide("allow", HELD, file).exit_code == 0
    assert decide("refuse", ACCEPTED, file).exit_code == 0
    result = run("generate", *FLOWS, "--decisions", str(file), "--format", "json")
    found = json.loads(result.stdout)
    assert [(row["client"], row["decision"]) for row in found["decided"]] == [
        ("shop/Deployment/api", "refuse"),
        ("shop/Deployment/cart", "allow"),
    ]
    before = json.loads(run("generate", *FLOWS, "--format", "json").stdout)
    assert found["accepted"] == before["accepted"]
    assert "shop/Deployment/api" in {
        row["client"] for row in found["held"] if row["reason"] == "refused by a decision"
    }
    text = run("generate", *FLOWS, "--decisions", str(file)).stderr
    assert "allowed by ana on" in text


@pytest.mark.parametrize(
    ("verdict", "ends", "message"),
    [
        ("allow", ACCEPTED, "is accepted as it is"),
        ("refuse", ("shop/api", "data/postgres", "1"), "no such connection was seen"),
        ("allow", ("shop/nobody", "data/postgres", "1"), "no workload or pod"),
    ],
)
def test_what_cannot_be_decided_is_said_and_nothing_written(
    tmp_path: Path, verdict: str, ends: tuple[str, str, str], message: str
) -> None:
    file = tmp_path / "decisions.yaml"
    with pytest.raises(NetpolError, match=message):
        decide(verdict, ends, file)
    assert not file.exists()


@pytest.mark.parametrize("text", ["decisions: []\n", "decisions:\n  - {}\n", "other: 1\n"])
def test_a_file_that_cannot_take_an_entry_stays_as_it_is(tmp_path: Path, text: str) -> None:
    file = tmp_path / "decisions.yaml"
    file.write_text(text)
    with pytest.raises(NetpolError):
        decide("allow", HELD, file)
    assert file.read_text() == text


def test_a_file_that_is_no_text_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "decisions.yaml"
    file.write_bytes(b"decisions: []  # \xe9\n")
    with pytest.raises(NetpolError, match="not UTF-8"):
        decide("allow", HELD, file)
    assert file.read_bytes() == b"decisions: []  # \xe9\n"


def test_what_is_decided_already_is_not_written_twice(tmp_path: Path) -> None:
    """The second entry would change nothing, and be told as such from then on."""
    file = tmp_path / "decisions.yaml"
    assert decide("refuse", ACCEPTED, file).exit_code == 0
    before = file.read_bytes()
    with pytest.raises(NetpolError, match="is decided already, by ana on") as error:
        decide("refuse", ACCEPTED, file)
    assert error.value.where.startswith(f"{file}: ")
    assert file.read_bytes() == before
    assert decide("refuse", HELD, file).exit_code == 0
    assert decide("allow", HELD, file).exit_code == 0, "people may change their minds"


def test_ends_of_lines_stay(tmp_path: Path) -> None:
    file = tmp_path / "decisions.yaml"
    file.write_bytes(b"# by us\r\ndecisions:\r\n")
    assert decide("allow", HELD, file).exit_code == 0
    assert file.read_bytes().startswith(b"# by us\r\ndecisions:\r\n- decision: allow\n")


def test_stale_entries_are_told(tmp_path: Path) -> None:
    file = tmp_path / "decisions.yaml"
    entry = (
        "- {decision: allow, client: %s, server: b, ports: 1, by: ana, date: 2026-11-02, why: x}\n"
    )
    file.write_text("decisions:\n" + entry % "shop/Deployment/gone")
    result = run("graph", *FLOWS, "--decisions", str(file))
    assert "NP045" in result.stderr
    assert "shop/Deployment/gone" in result.stderr


def test_the_cautious_hold_more() -> None:
    rows = json.loads(run("graph", *FLOWS, "--min-seen", "30", "--format", "json").stdout)
    rare = {row["reason"] for row in rows["held"]}
    assert "seen fewer times than asked for" in rare
    # Customers count together: a Service shows the port to all of them.
    others = [row for row in rows["connections"] if not row["client"].endswith(("/32", "/128"))]
    assert others
    assert all(row["evidence"]["count"] >= 30 for row in others)


def test_what_is_refused_and_open_all_the_same_is_told(tmp_path: Path) -> None:
    """A level for whole namespaces lets the refused one in with the others."""
    file = tmp_path / "decisions.yaml"
    assert decide("refuse", ACCEPTED, file).exit_code == 0
    given = (*FLOWS, "--decisions", str(file))
    fine, coarse = (
        run("generate", *given, "--level", level, "-o", str(tmp_path / level)).stderr
        for level in ("workload", "namespace")
    )
    assert "NP047" not in fine
    assert "NP047 what was refused by a decision is allowed all the same" in coarse
    assert f"{file}: .decisions[0]: shop/Deployment/api → data/StatefulSet/postgres" in coarse
    for level in ("workload", "namespace"):
        told = run("check", str(tmp_path / level), *given).stderr
        assert ("NP047" in told) == (level == "namespace")

"""``netpol sources``, and what the commands that learn say of the sources they read."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from click.testing import CliRunner
from source_samples import SAMPLES

from capture import SOURCES, WATCHERS
from capture.source import Sight
from netpol.cli import cli
from netpol.cli.sources import SIGHT
from netpol.errors import NetpolError

LISTING = (
    "tcp      6 86393 ESTABLISHED src=192.0.2.1 dst=192.0.2.2 sport=43512 dport=80"
    " src=192.0.2.2 dst=192.0.2.1 sport=80 dport=43512 [ASSURED] mark=0 use=1\n"
)


def run(*words, **more):
    return CliRunner().invoke(cli, list(map(str, words)), catch_exceptions=False, **more)


def test_the_list_says_what_each_can_and_cannot_tell():
    listed = json.loads(run("sources", "--format", "json").stdout)
    assert [one["source"] for one in listed] == [one.name for one in (*SOURCES, *WATCHERS)]
    assert all({"summary", "blind", *SIGHT} <= one.keys() for one in listed)
    assert {*SIGHT, "blind"} == {field.name for field in fields(Sight)}
    text = run("sources").stdout
    for one in (*SOURCES, *WATCHERS):
        assert f"{one.name}: {one.summary}" in text
        assert all(blind in text for blind in one.sight.blind)


def test_files_are_recognised(tmp_path):
    for name, data in SAMPLES.items():
        (tmp_path / name).write_bytes(data)
    result = run("sources", tmp_path, "--format", "json")
    rows = json.loads(result.stdout)
    assert result.exit_code == 0
    assert {row["file"].rpartition("/")[2]: row["source"] for row in rows} == {
        name: name for name in SAMPLES
    }
    assert all(0 < row["confidence"] <= 1 for row in rows)
    (tmp_path / "notes").write_text("dear diary\n")
    result = run("sources", tmp_path)
    assert result.exit_code == 1
    assert "none" in next(line for line in result.stdout.split("\n") if "/notes" in line)


def test_a_listing_needs_to_be_told_when_it_was_taken(tmp_path):
    path = tmp_path / "ct"
    path.write_text(LISTING)
    result = run("graph", path, "--format", "json")
    assert json.loads(result.stdout)["records"]["reasons"] == {"no time": 1}
    assert "NP011" in result.stderr and "--at" in result.stderr + run("explain", "NP011").stdout
    for words in (["--at", "2026-11-02T09:14:07Z"], ["--at", "now"]):
        shown = json.loads(run("graph", path, *words, "--format", "json").stdout)
        assert "no time" not in shown["records"]["reasons"]
    assert run("graph", path, "--at", "noon").exit_code == 2


def test_a_source_that_there_is_not(tmp_path):
    with pytest.raises(NetpolError, match="no flow source 'tea'"):
        run("graph", tmp_path, "--from", "tea")


@pytest.mark.parametrize("command", ["graph", "generate", "check"])
def test_blind_spots_are_said(tmp_path, root, command):
    (tmp_path / "ct").write_text(LISTING)
    sources = [root / "samples" / "tiny", tmp_path / "ct"]
    words = [command, *sources, "--at", "now"]
    if command == "check":
        run("generate", sources[0], "-o", tmp_path / "policies")
        words.insert(1, tmp_path / "policies")
    shown = json.loads(run(*words, "--format", "json").stdout)
    assert list(shown["blind_spots"]) == ["conntrack", "hubble"]
    said = [line for line in run(*words).stderr.split("\n") if line.startswith("Blind spots of")]
    assert [line.split(":")[0] for line in said] == [
        "Blind spots of conntrack",
        "Blind spots of hubble",
    ]


def test_who_learns_from_what_was_captured_live_is_told_what_that_cannot_see(tmp_path):
    record = SAMPLES["netpol"].replace(b'"source":"pcap"', b'"source":"capture"')
    (tmp_path / "flows.jsonl").write_bytes(record)
    told = json.loads(run("graph", tmp_path, "--format", "json").stdout)
    assert told["blind_spots"] == {"capture": list(WATCHERS[0].sight.blind)}

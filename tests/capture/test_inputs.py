"""Inputs: what a path stands for, compression by content, and which source reads."""

import bz2
import gzip
import io
import lzma
import os
import sys

import pytest
import zstandard
from hubble_lines import record, text, wrapped
from source_samples import SAMPLES

from capture import SOURCES
from capture.inputs import expand, read, recognise
from netpol.errors import NetpolError
from netpol.flow import Account

DATA = text(wrapped(record(time=f"2026-11-02T09:{n // 60:02}:{n % 60:02}Z")) for n in range(3000))


def got(path, source=None):
    account, told = Account(), []
    flows = list(read(str(path), source=source, tell=told.append, account=account))
    assert account.balanced()
    return flows, account, [str(notice) for notice in told]


def packings():
    half = len(DATA) // 2
    yield "plain", DATA
    yield "gz", gzip.compress(DATA)
    yield "gz in members", gzip.compress(DATA[:half]) + gzip.compress(DATA[half:]) + b"\0" * 100
    yield "zst", zstandard.compress(DATA)
    yield "zst in frames", zstandard.compress(DATA[:half]) + zstandard.compress(DATA[half:])
    yield "xz", lzma.compress(DATA)
    yield "xz in streams", lzma.compress(DATA[:half]) + b"\0" * 4 + lzma.compress(DATA[half:])
    yield "bz2", bz2.compress(DATA)
    yield "bz2 in streams", bz2.compress(DATA[:half]) + bz2.compress(DATA[half:])


@pytest.mark.parametrize(("name", "packed"), list(packings()))
def test_compression_is_told_by_content(tmp_path, name, packed):
    path = tmp_path / "flows.txt"
    path.write_bytes(packed)
    flows, account, told = got(path)
    assert (len(flows), flows[0].records, account.read, told) == (1, 3000, 3000, [])


def test_standard_input(monkeypatch):
    for packed in (DATA, gzip.compress(DATA)):
        stdin = io.TextIOWrapper(io.BytesIO(packed))
        monkeypatch.setattr(sys, "stdin", stdin)
        assert got("-")[1].read == 3000


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, lzma.compress, bz2.compress])
def test_what_came_before_the_damage_is_kept(tmp_path, pack):
    packed = pack(DATA + bytes(range(256)) * 4000)
    path = tmp_path / "flows"
    for damaged in (packed[:-9], packed[: len(packed) // 2]):
        path.write_bytes(damaged)
        _, account, told = got(path, "hubble")
        assert "NP004" in "".join(told)
        assert account.read > 0
    path.write_bytes(pack(DATA) + b"garbage behind it")
    _, account, told = got(path)
    assert account.folded == 3000
    assert [notice[:5] for notice in told] == ["NP004"]


@pytest.mark.parametrize(
    "data",
    [b"", b"\n\n", gzip.compress(b"", mtime=0), lzma.compress(b"")],
    ids=["none", "lines", "gzip", "xz"],
)
def test_an_empty_input_holds_no_flows(tmp_path, data):
    path = tmp_path / "empty"
    path.write_bytes(data)
    assert got(path) == ([], Account(), [])


def test_an_input_that_nobody_knows(tmp_path):
    path = tmp_path / "notes"
    path.write_text("dear diary\n")
    with pytest.raises(NetpolError, match="recognises") as caught:
        got(path)
    assert "--from" in caught.value.hint
    assert got(path, "hubble")[1].held == {"unreadable": 1}
    with pytest.raises(NetpolError, match="no flow source 'pcap3'"):
        got(path, "pcap3")


@pytest.mark.parametrize(
    "text",
    [
        '{"apiVersion": "v1", "items": []}',
        '{\n    "apiVersion": "v1",\n    "items": []}',
        "---\napiVersion: v1\nkind: Pod\n",
        '{"type":"ADDED","object":{"apiVersion":"v1","kind":"Node"}}',
    ],
)
def test_an_inventory_in_place_of_flows_is_told_where_it_belongs(tmp_path, text):
    path = tmp_path / "cluster"
    path.write_text(text)
    with pytest.raises(NetpolError) as caught:
        got(path)
    assert "--inventory" in caught.value.hint


def test_an_input_that_cannot_be_opened(tmp_path):
    with pytest.raises(NetpolError, match="cannot be opened") as caught:
        got(tmp_path / "absent")
    assert caught.value.where.endswith("absent")
    assert caught.value.hint


def expanded(*paths, every=False):
    told = []
    return expand(paths, every=every, tell=told.append), [str(notice) for notice in told]


def test_a_directory_stands_for_its_files(tmp_path):
    for name in ("b", "a", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    expected = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert expanded(str(tmp_path), "-", "x") == ([*expected, "-", "x"], [])


@pytest.fixture
def mixed(tmp_path):
    """Flows of several kinds, compressed or not, beside what holds none."""
    for name, data in SAMPLES.items():
        (tmp_path / f"{name}.log").write_bytes(data)
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(data))
    (tmp_path / "policy.yaml").write_text("kind: NetworkPolicy\n")
    (tmp_path / "empty").touch()
    return tmp_path


@pytest.mark.parametrize("closed", ["logs", "logs/node-b"])
def test_a_folder_that_cannot_be_read_is_not_passed_over(tmp_path, monkeypatch, closed):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs/node-b").mkdir(parents=True)
    (tmp_path / "logs/node-a.jsonl").write_bytes(text([wrapped(record())]))
    tmp_path.chmod(0o755)
    (tmp_path / closed).chmod(0o000)
    root = os.geteuid() == 0
    if root:  # who may read everything
        os.seteuid(65534)
    try:
        with pytest.raises(NetpolError, match="cannot be read: Permission denied") as error:
            expand(["logs"], every=True, tell=lambda _: None)
    finally:
        if root:
            os.seteuid(0)
        (tmp_path / closed).chmod(0o755)
    assert error.value.where == closed


def test_folders_in_a_directory_are_looked_into(tmp_path):
    for name in ("b.jsonl", "node-1/a.jsonl", "node-1/deep/c.jsonl", ".hidden/d.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(DATA[:2000])
    found = expand([str(tmp_path)], every=False, tell=[].append)
    assert [one.removeprefix(f"{tmp_path}/") for one in found] == [
        "b.jsonl",
        "node-1/a.jsonl",
        "node-1/deep/c.jsonl",
    ]


def test_a_mixed_directory_says_which_files_hold_no_flows(mixed):
    found, told = expanded(str(mixed))
    names = sorted([*(f"{s}.log" for s in SAMPLES), *(f"{s}.gz" for s in SAMPLES), "empty"])
    assert [path.rpartition("/")[2] for path in found] == names
    assert told == [f"NP009 {mixed}: policy.yaml"]
    account = Account()
    for path in found:
        list(read(path, source=None, tell=lambda _: None, account=account))
    assert account.sources >= set(SAMPLES)
    assert set(account.blind) == {s.name for s in SOURCES if s.sight.blind}
    assert account.balanced()


def test_no_source_takes_code_or_pages_for_flows(root):
    """Words of a format do not make a log of it."""
    places = ["samples/shop/*.py", "samples/**/*.md", "docs/**/*.md", "capture/*.py", "*.md"]
    files = [path for place in places for path in root.glob(place)]
    assert len(files) > 100
    assert not [path for path in files if recognise(str(path))]


def test_what_is_forced_reads_everything(mixed):
    found, told = expanded(str(mixed), every=True)
    assert str(mixed / "policy.yaml") in found and not told


@pytest.mark.parametrize("pattern", ["*.gz", "**/*.gz", "[a-z]*.g?"])
def test_patterns_that_the_shell_left(mixed, pattern):
    assert expanded(str(mixed / pattern))[0] == [str(mixed / f"{s}.gz") for s in sorted(SAMPLES)]


def test_a_pattern_may_match_directories(mixed):
    (mixed / "day-1").mkdir()
    (mixed / "day-1" / "a").write_bytes(SAMPLES["hubble"])
    (mixed / "day-1" / "notes.txt").write_text("dear diary\n")
    found, told = expanded(str(mixed / "day-*"))
    assert found == [str(mixed / "day-1" / "a")]
    assert told == [f"NP009 {mixed / 'day-*'}: notes.txt"]


def test_a_file_may_be_named_like_a_pattern(mixed):
    path = mixed / "a[1].log"
    path.write_bytes(SAMPLES["hubble"])
    assert expanded(str(path)) == ([str(path)], [])


@pytest.mark.parametrize("pattern", ["*.pcap", "policy*"])
def test_what_stands_for_no_flows_is_an_error(mixed, pattern):
    with pytest.raises(NetpolError) as caught:
        expanded(str(mixed / pattern))
    assert caught.value.hint


def test_sources_have_names_of_their_own():
    assert len({source.name for source in SOURCES}) == len(SOURCES)
    assert all(source.summary for source in SOURCES)

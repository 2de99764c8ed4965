"""Inputs: what a path stands for, compression by content, and which source reads."""

import gzip
import io
import sys

import pytest
import zstandard
from hubble_lines import record, text, wrapped

from capture import SOURCES
from capture.inputs import expand, read
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


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
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
    "data", [b"", b"\n\n", gzip.compress(b"", mtime=0)], ids=["none", "lines", "packed"]
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


def test_an_input_that_cannot_be_opened(tmp_path):
    with pytest.raises(NetpolError, match="cannot be opened") as caught:
        got(tmp_path / "absent")
    assert caught.value.where.endswith("absent")
    assert caught.value.hint


def test_a_directory_stands_for_its_files(tmp_path):
    for name in ("b", "a", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    expected = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert expand([str(tmp_path), "-", "x"]) == [*expected, "-", "x"]


def test_sources_have_names_of_their_own():
    assert len({source.name for source in SOURCES}) == len(SOURCES)
    assert all(source.summary for source in SOURCES)

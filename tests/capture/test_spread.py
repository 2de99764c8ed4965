"""Several processes read what one reads: the same flows, account and numbers of lines."""

from __future__ import annotations

import gzip
import io
import os
import random
import signal
from pathlib import Path

import hubble_lines as h
import pytest
import zstandard
from source_samples import SAMPLES

from capture.compressed import decompressed
from capture.crew import Crew, Job, Piece
from capture.folded import Folded, Settings, fold
from capture.inputs import detected, head_of, opened
from capture.spread import Cut, spread
from netpol.errors import NetpolError
from netpol.inventory import Inventory
from netpol.notices import Notice

SETTINGS = Settings(inventory=Inventory(), guard=2 * 10**9)
SMALL = Cut(worth=1, place=700, block=900)


@pytest.fixture(scope="module")
def crew():
    with Crew(3, SETTINGS) as crew:
        yield crew


def lines(count: int = 400) -> list[bytes]:
    """Records of many pods, with some that are bad among them, and a byte order mark before all."""
    dice, found = random.Random(3), []
    for n in range(count):
        minute, second = divmod(n, 60)
        ends = {"source": h.pod(f"web-{dice.randrange(40)}"), "destination": h.API}
        if dice.random() < 0.2:
            ends["source"] = h.WORLD
        ip = {"source": f"198.51.100.{dice.randrange(9)}", "destination": "10.244.2.9"}
        time = f"2026-11-02T{9 + n // 300:02}:{minute % 60:02}:{second:02}Z" if n % 50 else "never"
        found.append(h.text([h.wrapped(h.record(time=time, IP=ip, **ends))]) + b"\n")
        found += [b"\n"] * (n % 70 == 9) + [b"{torn\n"] * (n % 90 == 7)
        found += [b'{"lost_events":{"num_events_lost":"3"}}\n'] * (n % 120 == 5)
    return [b"\xef\xbb\xbf", *found]


def alone(path: Path) -> tuple[Folded, list[Notice]]:
    """What one process reads."""
    source = detected(head_of(str(path)), str(path))
    assert source is not None
    told: list[Notice] = []
    with opened(str(path)) as raw:
        stream = io.BufferedReader(decompressed(raw, str(path), told.append))
        folded = fold(stream, source.name, str(path), SETTINGS.era(), None)
    return folded, told + folded.told.kept


def together(crew: Crew, *paths: Path, cut: Cut = SMALL) -> tuple[Folded, list[Notice]]:
    whole, told = Folded(), list[Notice]()

    def tell(notice: Notice, times: int) -> None:
        told.append(notice)
        assert times == 1 or notice.code == "NP001"

    for _, folded in spread(map(str, paths), crew, source=None, tell=tell, cut=cut):
        whole.add(folded)
    return whole, told


def same(crew: Crew, path: Path, cut: Cut = SMALL) -> Folded:
    one, said = alone(path)
    many, told = together(crew, path, cut=cut)
    assert many.flows() == one.flows()
    many.account.blind.clear()
    assert many.account == one.account and many.account.balanced()
    assert sorted(map(str, told)) == sorted(map(str, said))
    assert many.told.counts == one.told.counts
    return many


@pytest.mark.parametrize("place", [1, 100, 700, 5000, 1 << 20])
def test_a_plain_file_is_cut_at_any_place(crew, tmp_path, place):
    path = tmp_path / "flows.jsonl"
    path.write_bytes(b"".join(lines()))
    found = same(crew, path, Cut(worth=1, place=place))
    assert found.account.read == 400 + 5 + 4 and found.account.lost_events == 12
    assert found.told.counts["NP001"] == 13


@pytest.mark.parametrize("newline", [True, False])
def test_a_last_line_without_its_end(crew, tmp_path, newline):
    path = tmp_path / "flows.jsonl"
    path.write_bytes(b"".join(lines(30)).rstrip(b"\n") + b"\n" * newline)
    same(crew, path)


@pytest.mark.parametrize("members", [1, 4])
def test_compressed_files(crew, tmp_path, members):
    text = lines()
    parts = [b"".join(text[n::members]) for n in range(members)]
    packed = tmp_path / "flows.gz"
    packed.write_bytes(b"".join(map(gzip.compress, parts)))
    same(crew, packed)
    frames = tmp_path / "flows.zst"
    frames.write_bytes(b"".join(map(zstandard.compress, parts)))
    same(crew, frames)


def test_damage_is_told_once(crew, tmp_path):
    packed = tmp_path / "flows.gz"
    packed.write_bytes(gzip.compress(b"".join(lines()))[:-20])
    _, told = together(crew, packed)
    assert [one.code for one in told if one.code == "NP004"] == ["NP004"]


def test_every_source_can_be_read_so(crew, tmp_path):
    paths = []
    for name, data in SAMPLES.items():
        path = tmp_path / name
        path.write_bytes(data)
        same(crew, path)
        paths.append(path)
    whole = Folded()
    for path in paths:
        whole.add(alone(path)[0])
    many, _ = together(crew, *paths)
    assert many.flows() == whole.flows()


def test_what_is_wrong_is_raised_here(tmp_path):
    (tmp_path / "gone").write_bytes(SAMPLES["hubble"])
    with Crew(2, SETTINGS) as crew:
        job = Job(path=str(tmp_path / "nowhere"), source="hubble")
        with pytest.raises(NetpolError, match="cannot be opened"):
            list(crew.whole([job]))
    for dealt in (False, True):
        with pytest.raises(NetpolError, match="ended from outside"), Crew(2, SETTINGS) as crew:
            os.kill(crew.pids[0], signal.SIGKILL)
            job = Job(path=str(tmp_path / "gone"), source="hubble", dealt=dealt)
            if dealt:
                crew.dealt(job, (Piece(number=n, data=b"\n") for n in range(9)))
            list(crew.whole([job] * 4))

"""Logs that are written while they are followed: nothing is lost and nothing counts twice."""

from __future__ import annotations

import gzip
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import hubble_lines as h
import pcap_files as p
import pytest
from kept import LINES, Kept

from capture.follow import FollowFeed
from capture.ingest import Ingest
from capture.inputs import expand
from netpol import store

Poll = Callable[[], int]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "logs"
    made.mkdir()
    return made


@contextmanager
def following(kept: Kept, *sources: Path) -> Iterator[Poll]:
    """A function that looks once, and says how many records were read."""
    with store.opened(kept.path, write=True) as into:
        ingest = Ingest(store=into, tell=kept.told.append)
        names = [str(one) for one in sources]
        feed = FollowFeed(
            name="logs",
            ingest=ingest,
            paths=lambda: expand(names, every=True, tell=kept.told.append),
        )
        yield lambda: sum(fresh.account.read for fresh in feed.poll())
        list(feed.close())


def append(path: Path, *lines: bytes) -> None:
    with path.open("ab") as file:
        file.writelines(lines)


def test_what_is_appended_is_read_when_its_line_has_an_end(kept: Kept, folder: Path) -> None:
    log = folder / "flows.log"
    append(log, *LINES[:3])
    with following(kept, log) as poll:
        assert poll() == 3
        assert poll() == 0
        append(log, LINES[3], LINES[4][:50])
        assert poll() == 1
        append(log, LINES[4][50:])
        assert poll() == 1
    assert kept.learn(log) == 0


def test_a_log_may_be_empty_at_first(kept: Kept, folder: Path) -> None:
    log = folder / "flows.log"
    log.touch()
    with following(kept, log) as poll:
        assert poll() == 0
        append(log, LINES[0][:9])
        assert poll() == 0
        append(log, LINES[0][9:])
        assert poll() == 1
    assert not kept.told


def test_a_renamed_log_is_read_to_its_end(kept: Kept, folder: Path) -> None:
    log = folder / "flows.log"
    append(log, *LINES[:3])
    with following(kept, log) as poll:
        assert poll() == 3
        append(log, LINES[3])
        log.rename(folder / "flows.log.1")
        append(log, LINES[10])
        append(folder / "flows.log.1", LINES[4])
        assert poll() == 3
        append(folder / "flows.log.1", LINES[5])
        append(log, LINES[11])
        assert poll() == 2
    assert kept.account.read == 8


def test_of_a_log_that_was_copied_and_cut_the_copy_gives_the_rest(kept: Kept, folder: Path) -> None:
    log = folder / "flows.log"
    append(log, *LINES[:3])
    with following(kept, log) as poll:
        assert poll() == 3
        append(log, *LINES[3:6])
        shutil.copyfile(log, folder / "flows.log.1")
        os.truncate(log, 0)
        append(log, *LINES[20:30])
        assert poll() == 13
        assert poll() == 0


def test_a_log_that_was_rotated_twice_between_two_looks(kept: Kept, folder: Path) -> None:
    log = folder / "flows.log"
    append(log, *LINES[:3])
    with following(kept, log) as poll:
        assert poll() == 3
        append(log, LINES[3])
        log.rename(folder / "flows.log.2")
        append(log, *LINES[4:6])
        log.rename(folder / "flows.log.1")
        append(log, LINES[6])
        assert poll() == 4
        assert poll() == 0


def test_a_packed_log_is_known(kept: Kept, folder: Path) -> None:
    log = folder / "flows-2026.log"
    append(log, *LINES[:3])
    with following(kept, log) as poll:
        assert poll() == 3
        append(log, LINES[3])
        packed = folder / "flows-2026.log.1.gz"
        packed.write_bytes(gzip.compress(log.read_bytes())[:-9])
        log.unlink()
        append(log, LINES[10])
        assert poll() == 2
        packed.write_bytes(gzip.compress(b"".join(LINES[:6])))
        assert [poll(), poll(), poll()] == [0, 2, 0]


def test_new_files_of_a_directory_are_followed(kept: Kept, folder: Path) -> None:
    append(folder / "a", LINES[0])
    with following(kept, folder) as poll:
        assert poll() == 1
        append(folder / "b", LINES[1])
        assert poll() == 1
        append(folder / "b", LINES[2])
        append(folder / "a", LINES[3])
        assert poll() == 2


def test_a_capture_is_read_when_it_has_come_to_rest(kept: Kept, folder: Path) -> None:
    frames = [p.ethernet(one) for one in p.dialogue()]
    log = folder / "a.pcap"
    with following(kept, folder) as poll:
        log.write_bytes(p.pcap(frames[:2]))
        assert poll() == 0
        log.write_bytes(p.pcap(frames))
        assert poll() == 0
        assert poll() == len(frames)
        assert poll() == 0


def test_a_file_that_is_none_is_told_once(kept: Kept, folder: Path) -> None:
    (folder / "README").write_text("what these are\n" * 30)
    append(folder / "a", LINES[0])
    with following(kept, folder) as poll:
        assert [poll(), poll()] == [1, 0]
    assert [notice.code for notice in kept.told] == ["NP031"]


def test_quiet_files_are_closed_and_opened_again(kept: Kept, folder: Path) -> None:
    log = folder / "flows.log"
    append(log, LINES[0], LINES[1][:50])
    with following(kept, log) as poll:
        assert poll() == 1
        assert sum(poll() for _ in range(20)) == 1  # the line that has no end is held by now
        append(log, LINES[1][50:], LINES[2])
        assert poll() == 2
    assert kept.account.read == 3
    assert kept.account.held == {}


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_to_a_log_each_record_counts_once(
    kept: Kept, folder: Path, seed: int
) -> None:
    """Appending, renaming, copying and cutting, packing and looking, in any order."""
    rng = random.Random(seed)
    log, written, rotated = folder / "flows.log", 0, 0
    log.touch()

    def write() -> None:
        nonlocal written
        append(log, h.text([h.wrapped(h.record(uuid=f"{written:06}"))]) + b"\n")
        written += 1

    def rename() -> None:
        nonlocal rotated
        rotated += 1
        log.rename(folder / f"flows.log.{rotated}")
        log.touch()

    def cut() -> None:
        nonlocal rotated
        rotated += 1
        shutil.copyfile(log, folder / f"flows.log.{rotated}")
        os.truncate(log, 0)

    def pack() -> None:
        plain = [one for one in folder.glob("flows.log.*") if one.suffix != ".gz"]
        for one in plain[:1]:
            one.with_name(one.name + ".gz").write_bytes(gzip.compress(one.read_bytes()))
            one.unlink()

    with following(kept, log) as poll:
        for _ in range(120):
            rng.choice([write, write, write, write, rename, cut, pack, poll, poll])()
        poll()
        poll()
    assert kept.account.read == written


def test_a_log_that_was_known_and_untouched_is_followed_when_it_grows(
    kept: Kept, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not read at first, as its looks are known, and what comes then is taken."""
    monkeypatch.setattr("capture.unchanged._EXACT", 20_000_000)
    log = folder / "flows.log"
    append(log, *LINES[:3])
    time.sleep(0.03)
    assert kept.learn(log) == 3
    with following(kept, log) as poll:
        assert poll() == 0
        append(log, LINES[3])
        assert poll() == 1
        log.rename(folder / "flows.log.1")
        append(folder / "flows.log.1", LINES[4])
        append(log, LINES[5])
        assert poll() == 2

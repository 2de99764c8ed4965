"""Files that nobody touched are not read again; whatever was done to one, each line counts once."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from pathlib import Path
from random import Random
from threading import Event

import pytest
from kept import LINES, Kept, written

from capture.elsewhere import on_this_machine
from capture.errand import ErrandFeed
from capture.folded import Settings
from capture.ingest import Ingest
from netpol import store
from netpol.inventory import Inventory

BIG = 200


def bytes_read() -> int:
    """By this process, since it began."""
    return int(Path("/proc/self/io").read_text().split()[1])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system whose clock ticks fast."""
    monkeypatch.setattr("capture.unchanged._EXACT", 20_000_000)


def settle() -> None:
    time.sleep(0.03)


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="no /proc")
@pytest.mark.usefixtures("quick")
def test_a_known_file_that_nobody_touched_is_not_read(kept: Kept, tmp_path: Path) -> None:
    lines = [line.replace(b"web-", b"w%d-" % n) for n in range(BIG) for line in LINES]
    log = written(tmp_path / "flows.jsonl", lines)
    packed = written(tmp_path / "other.gz", [gzip.compress(b"".join(lines[::-1]))])
    settle()
    assert kept.learn(log, packed) == 2 * len(lines)
    before = bytes_read()
    assert kept.learn(log, packed) == 0
    assert bytes_read() - before < log.stat().st_size / 8
    with log.open("ab") as file:
        file.write(LINES[0].replace(b"web-", b"new-"))
    assert kept.learn(log, packed) == 1


@pytest.mark.usefixtures("quick")
def test_other_processes_are_not_sent_for_it_either(kept: Kept, tmp_path: Path) -> None:
    logs = [
        written(tmp_path / f"{n}.jsonl", [one.replace(b"web-", b"w%d-" % n) for one in LINES])
        for n in range(3)
    ]
    settle()
    asked: list[str] = []

    def errands() -> int:
        with store.opened(kept.path, write=True) as into, on_this_machine(2) as runner:
            ingest = Ingest(store=into, tell=kept.told.append)
            settings = Settings(inventory=Inventory(), guard=0)
            feed = ErrandFeed(map(str, logs), ingest, settings, runner, Event(), asked.append)
            return sum(fresh.account.read for fresh in feed.poll())

    assert (errands(), len(asked) > 0) == (3 * len(LINES), True)
    asked.clear()
    assert (errands(), asked) == (0, [])
    written(logs[1], LINES)
    assert (errands(), len(asked) > 0) == (len(LINES), True)


@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.usefixtures("quick")
def test_another_content_of_the_same_size_and_time_is_read(
    kept: Kept, tmp_path: Path, settled: bool
) -> None:
    log = written(tmp_path / "flows.jsonl", LINES[:5])
    if settled:
        settle()
    kept.learn(log)
    stat = log.stat()
    changed = b"".join(LINES[:5]).replace(b"web-", b"bew-")
    with log.open("r+b") as file:
        file.write(changed)
    os.utime(log, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (log.stat().st_size, log.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert kept.learn(log) == 5


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.usefixtures("quick")
def test_each_line_counts_once_through_all_that_is_done_to_logs(
    kept: Kept, tmp_path: Path, seed: int
) -> None:
    random, log, count = Random(seed), tmp_path / "flows.log", 0
    log.touch()
    for step in range(14):
        with log.open("ab") as file:
            for _ in range(random.choice((0, 1, 3))):
                file.write(LINES[0].replace(b"web-", b"w%d-" % count))
                count += 1
        match random.choice(("nothing", "rename", "copy and cut", "pack", "copy")):
            case "rename":
                log.rename(tmp_path / f"flows.log.{step}")
                log.touch()
            case "copy and cut":
                shutil.copy(log, tmp_path / f"flows.log.{step}")
                os.truncate(log, 0)
            case "pack":
                (tmp_path / f"flows.log.{step}.gz").write_bytes(gzip.compress(log.read_bytes()))
                os.truncate(log, 0)
            case "copy":
                shutil.copy2(log, tmp_path / f"copy.{step}")
        if random.random() < 0.7:
            settle()
        files = sorted(tmp_path.glob("flows.log*")) + sorted(tmp_path.glob("copy.*"))
        kept.learn(*random.sample(files, len(files)))
        assert kept.account.read == count

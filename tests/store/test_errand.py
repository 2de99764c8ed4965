"""Files learned by processes, and by the workers of a real Dask cluster: the same store, always."""

from __future__ import annotations

import gzip
import os
import random
import signal
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import hubble_lines as h
import pytest
import zstandard
from click.testing import CliRunner
from kept import written

import capture.dealing
import capture.elsewhere
import capture.ingest
from capture.dealing import Dealing
from netpol import store
from netpol.cli import cli
from netpol.errors import NetpolError


def line(number: int, pods: int = 9) -> bytes:
    when = f"2026-11-02T{9 + number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z"
    ends = {"source": h.pod(f"web-{number % pods}"), "destination": h.pod(f"api-{number % 5}")}
    ip = {"source": f"10.244.1.{number % pods}", "destination": f"10.244.2.{number % 5}"}
    return h.text([h.wrapped(h.record(uuid=str(number), time=when, IP=ip, **ends))]) + b"\n"


@pytest.fixture
def logs(tmp_path: Path) -> list[str]:
    """Files of a directory, some compressed, one with a bad line, and one without its last end."""
    folder = tmp_path / "logs"
    folder.mkdir()
    for n in range(6):
        lines = [line(200 * n + m) for m in range(200)]
        written(folder / f"{n}.jsonl", lines)
    (folder / "2.jsonl.gz").write_bytes(gzip.compress((folder / "2.jsonl").read_bytes()))
    (folder / "2.jsonl").unlink()
    written(folder / "bad.jsonl", [line(5000), b"{torn\n", line(5001).rstrip(b"\n")])
    return sorted(map(str, folder.iterdir()))


def export(path: Path) -> str:
    with store.opened(path) as kept, kept.snapshot() as db:
        return b"".join(store.exported(db)).decode()


def learned(path: Path, sources: list[str], *rest: str) -> str:
    words = ["learn", *sources, "--store", str(path), *rest]
    found = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return export(path)


def test_processes_learn_what_one_learns(logs, tmp_path):
    alone = learned(tmp_path / "one.db", logs)
    assert learned(tmp_path / "two.db", logs, "--jobs", "2") == alone
    assert learned(tmp_path / "two.db", logs, "--jobs", "2") == alone  # and once more: nothing new
    with Path(logs[0]).open("ab") as grown:
        grown.write(line(9000))
    assert learned(tmp_path / "two.db", logs, "--jobs", "2") == learned(tmp_path / "new.db", logs)


def test_processes_share_a_file(logs, tmp_path):
    for one in logs[2], logs[-1]:  # a compressed one, and one with a bad line
        alone = learned(tmp_path / f"{Path(one).name}.one", [one])
        assert learned(tmp_path / f"{Path(one).name}.two", [one], "--jobs", "2") == alone


def test_what_is_wrong_is_said(tmp_path, logs):
    with pytest.raises(NetpolError, match="cannot be opened"):
        learned(tmp_path / "one.db", [*logs, str(tmp_path / "nowhere")], "--jobs", "2")
    unknown = written(tmp_path / "diary", [b"dear diary\n"])
    with pytest.raises(NetpolError, match="no flow source"):
        learned(tmp_path / "one.db", [str(unknown)], "--jobs", "2")


@pytest.fixture(scope="module")
def cluster():
    """A scheduler and two workers, each a process of its own."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit=0
    ) as cluster:
        yield cluster


def test_a_cluster_learns_what_one_process_learns(cluster, logs, tmp_path):
    alone = learned(tmp_path / "one.db", logs)
    urls = [Path(one).as_uri() for one in logs]
    there = learned(tmp_path / "two.db", urls, "--dask", cluster.scheduler_address)
    assert there.replace("file://", "") == alone
    pattern = Path(logs[0]).parent.as_uri() + "/*"
    assert learned(tmp_path / "two.db", [pattern], "--dask", cluster.scheduler_address) == there


@pytest.fixture
def large(tmp_path: Path) -> list[str]:
    """Files of many lines with pods that come and go: plain, of members, and of frames."""
    lines = [line(n, pods=200) for n in range(2400)]
    lines[1000:1000] = [b"{torn\n"] * 60  # more than are kept
    parts = [b"".join(lines[n : n + 100]) for n in range(0, len(lines), 100)]
    for name, pack in (("a", bytes), ("b.gz", gzip.compress), ("c.zst", zstandard.compress)):
        (tmp_path / name).write_bytes(b"".join(map(pack, [name.encode() + b"\n", *parts])))
    return [str(tmp_path / name) for name in ("a", "b.gz", "c.zst")]


PIECE = 100_000
"""Bytes that are committed together, and dealt as a share."""


@pytest.fixture
def dealt(monkeypatch: pytest.MonkeyPatch) -> list[Dealing]:
    """Small files are dealt as large ones are; what was."""
    found = list[Dealing]()

    def small(*about: Any) -> Dealing:
        found.append(Dealing(*about, each=PIECE))
        return found[-1]

    monkeypatch.setattr(capture.elsewhere, "Dealing", small)
    monkeypatch.setattr(capture.ingest, "Ingest", partial(capture.ingest.Ingest, piece=PIECE))
    monkeypatch.setattr(capture.dealing, "_ROWS", 7)
    return found


def test_a_cluster_shares_large_files(cluster, large, dealt, tmp_path):
    alone = learned(tmp_path / "one.db", large)
    there = learned(tmp_path / "two.db", large, "--dask", cluster.scheduler_address)
    assert there == alone
    assert [one.all > 12 for one in dealt] == [True] * 3
    urls = [Path(one).as_uri() for one in large]
    again = learned(tmp_path / "new.db", urls, "--dask", cluster.scheduler_address)
    assert again.replace("file://", "") == alone
    with Path(large[0]).open("ab") as grown:  # known up to here: the rest is learned
        grown.writelines(line(9000 + n) for n in range(400))
    learned(tmp_path / "two.db", large, "--dask", cluster.scheduler_address)
    found = learned(tmp_path / "two.db", large, "--dask", cluster.scheduler_address)
    assert found == learned(tmp_path / "whole.db", large)


@pytest.mark.parametrize("seed", range(3))
def test_killing_workers_at_any_time_changes_nothing(cluster, large, dealt, tmp_path, seed):
    alone = learned(tmp_path / "one.db", large)
    dice, killed, ended = random.Random(seed), list[int](), threading.Event()

    def kill() -> None:
        while not ended.wait(dice.uniform(0.01, 0.3)):
            at_work = [one for one in cluster.workers.values() if one.pid not in (None, *killed)]
            # Not the last one: a machine that is short of time may give up starting others.
            if len(killed) < 3 and len(at_work) > 1:
                killed.append(dice.choice(at_work).pid)
                os.kill(killed[-1], signal.SIGKILL)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        there = learned(tmp_path / "two.db", large, "--dask", cluster.scheduler_address)
    finally:
        ended.set()
        thread.join()
    assert killed
    assert there == alone


def test_a_worker_that_is_killed_changes_nothing(cluster, logs, tmp_path):
    """One is killed as soon as it works; what it had been given is done again."""
    alone = learned(tmp_path / "one.db", logs)
    killed: list[int] = []
    ended = threading.Event()

    def kill() -> None:
        while not (killed or ended.is_set()):
            for one in cluster.workers.values():
                at_work = cluster.scheduler.workers.get(one.worker_address)
                if at_work is not None and at_work.processing and not killed:
                    os.kill(one.pid, signal.SIGKILL)
                    killed.append(one.pid)
            time.sleep(0.0005)

    threading.Thread(target=kill, daemon=True).start()
    try:
        there = learned(tmp_path / "two.db", logs, "--dask", cluster.scheduler_address)
    finally:
        ended.set()
    assert killed
    assert there == alone


def test_a_cluster_without_a_worker_is_said(tmp_path, logs, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(capture.elsewhere, "_ALONE", 0)
    with (
        distributed.LocalCluster(n_workers=0, processes=True, dashboard_address=":0") as empty,
        pytest.raises(NetpolError, match="no worker"),
    ):
        learned(tmp_path / "one.db", logs, "--dask", empty.scheduler_address)


def test_no_cluster(tmp_path, logs):
    with pytest.raises(NetpolError, match="no Dask cluster"):
        learned(tmp_path / "one.db", logs, "--dask", "nonsense://127.0.0.1:1")

"""Killed at any moment and started again, ``learn`` ends with what it would have without."""

from __future__ import annotations

import gzip
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import hubble_lines as h
import pcap_files as p
import pytest
from click.testing import CliRunner

import capture.ingest
from netpol.cli import cli
from netpol.errors import NetpolError
from netpol.store import inputs, opened

KILLS = 200
PIECE = 30_000
"""Bytes that are committed together, so that files of the test have many pieces."""


def lines(rng: random.Random, number: int) -> list[bytes]:
    """Flows between some workloads at various times, now and then a line that is none."""
    found = []
    for n in range(number):
        client, server = (h.pod(f"{rng.choice('abcde')}pp-{rng.randrange(4)}") for _ in "cs")
        when = f"2026-11-02T{rng.randrange(12):02}:14:{n % 60:02}Z"
        flow = h.record(
            time=when,
            uuid=str(rng.random()),
            source=rng.choice([client, h.WORLD]),
            destination=server,
            l4=h.tcp(40000, rng.choice([80, 443, 8080]), SYN=True),
        )
        found.append(h.text([h.wrapped(flow)]) if rng.randrange(50) else b"no flow")
    return [line + b"\n" for line in found]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Plain and packed ones, one that ends in the middle of a line, and a capture."""
    rng = random.Random(7)
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in range(12):
        content = b"".join(lines(rng, 120))
        if number % 3 == 1:
            content = gzip.compress(content, mtime=0)
        if number % 3 == 2:
            content = content[:-30]
        (folder / f"{number:02}").write_bytes(content)
    frames = [p.ethernet(one) for one in p.dialogue()] * 200
    (folder / "z.pcap").write_bytes(p.pcap(frames))
    return sorted(folder.iterdir())


@pytest.fixture
def learn(monkeypatch: pytest.MonkeyPatch, files: list[Path]) -> Callable[[Path], None]:
    """The command, in this process."""
    small = partial(capture.ingest.Ingest, piece=PIECE)
    monkeypatch.setattr(capture.ingest, "Ingest", small)

    def run(store: Path) -> None:
        result = CliRunner().invoke(cli, ["learn", *map(str, files), "--store", str(store)])
        assert result.exit_code == 0, result.output

    return run


def export(store: Path) -> bytes:
    return CliRunner().invoke(cli, ["store", "export", "--store", str(store)]).stdout_bytes


def taken(store: Path) -> int:
    """How many bytes of inputs are in a store, if there is one."""
    try:
        with opened(store) as kept, kept.snapshot() as db:
            return sum(one.identity.length for one in inputs(db))
    except NetpolError:
        return 0


def killed(learn: Callable[[Path], None], store: Path, after: float) -> bool:
    """Learn in a process that is killed after so many seconds; whether that came first."""
    child = os.fork()
    if not child:
        try:
            learn(store)
        finally:
            os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def delays(full: float) -> Iterator[float]:
    rng = random.Random(11)
    while True:
        yield rng.uniform(0, full * 0.6)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_two_hundred_kills_change_nothing(
    learn: Callable[[Path], None], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    learn(tmp_path / "first.db")  # so that all modules are there
    started = time.monotonic()
    learn(tmp_path / "whole.db")
    full = time.monotonic() - started
    expected = export(tmp_path / "whole.db")
    kills = runs = partly = 0
    wait = delays(full)
    while kills < KILLS:
        store = tmp_path / f"{runs}.db"
        runs += 1
        seen = set()
        while kills < KILLS and killed(learn, store, next(wait)):
            kills += 1
            seen.add(taken(store))
        partly += len(seen)
        learn(store)
        assert export(store) == expected
    assert partly > KILLS // 4  # they hit it at work, not before it began
    record_property(
        "counts",
        f"learn was killed {kills} times in {runs} runs, {partly} times with something new in the"
        f" store; every run ended with the same {len(expected):,} bytes of export",
    )

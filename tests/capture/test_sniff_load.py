"""``netpol capture`` under load and when it is killed: nothing is lost that is not counted."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sniffing import LOAD, SERVER, capturing, client, read
from spaces import Pair, needs_root, pair, running


@pytest.fixture
def joined() -> Iterator[Pair]:
    needs_root()
    with pair() as found:
        yield found


@pytest.fixture
def serving(joined: Pair) -> Iterator[Pair]:
    with running(joined.run(joined.server, SERVER)) as server:
        assert server.stdout.readline() == "ready\n"
        yield joined


def test_killed_it_leaves_what_was_written(serving: Pair, tmp_path: Path) -> None:
    """What is older than an interval is in the file, each line whole; capturing goes on there."""
    out = tmp_path / "flows.jsonl"
    words = ("--netns", serving.server, "--interval", "1s", "-o", str(out))
    with capturing(*words) as capture:
        client(serving, "300", code=LOAD)
        done = time.time_ns()
        while time.time_ns() < done + 1_500_000_000:  # an interval, and a turn of the loop
            time.sleep(0.05)
        capture.end(signal.SIGKILL)
    assert capture.process.returncode == -signal.SIGKILL
    text = out.read_bytes()
    assert text.endswith(b"\n")
    for line in text.splitlines():
        json.loads(line)
    assert sum(one.signals["opened"] for one in read(out)[0] if one.port == 8080) == 300
    with out.open("ab") as stream:
        stream.write(b'{"netpol":1,"client":{"ip":"10.')  # as if killed while writing
    with capturing(*words) as capture:
        client(serving, "10", code=LOAD)
        capture.end()
    assert sum(one.signals["opened"] for one in read(out)[0] if one.port == 8080) == 310


def test_killed_it_leaves_no_process_with_privileges(joined: Pair) -> None:
    with capturing("--pods") as capture:
        number = capture.process.pid
        (helper,) = Path(f"/proc/{number}/task/{number}/children").read_text().split()
        capture.end(signal.SIGKILL)
        status = Path(f"/proc/{helper}/stat")
        while status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.05)


@pytest.mark.parametrize("words", [(), ("--max-rate", "100")])
def test_every_connection_is_recorded_or_counted(
    serving: Pair, tmp_path: Path, words: tuple[str, ...]
) -> None:
    out = tmp_path / "flows.jsonl"
    wanted = 3000
    options = ("--netns", serving.server, "--interval", "1s", "-o", str(out), *words)
    with capturing(*options) as capture:
        client(serving, str(wanted), code=LOAD)
        said = capture.end()
    flows, account = read(out)
    found = [one for one in flows if one.port == 8080]
    opened = sum(one.signals.get("opened", 0) for one in found)
    answered = sum(one.signals.get("answered", 0) for one in found)
    print(f"{wanted} connections: {opened} recorded, {account.lost_events} packets lost")
    assert opened <= wanted
    # A connection is two packets here: SYN and SYN-ACK; data stays in the kernel.
    assert opened + answered + account.lost_events >= 2 * wanted
    assert opened + account.lost_events >= wanted
    assert bool(words) == bool(account.lost_events)
    assert ("NP002" in said) == bool(words)


def test_the_kernels_losses_are_counted(serving: Pair, tmp_path: Path) -> None:
    """A stopped process takes nothing out of a small ring: what finds no room is reported."""
    out = tmp_path / "flows.jsonl"
    words = ("--netns", serving.server, "--interval", "1s", "--buffer", "1", "-o", str(out))
    wanted = 9000
    with capturing(*words) as capture:
        os.kill(capture.process.pid, signal.SIGSTOP)
        client(serving, str(wanted), code=LOAD)
        os.kill(capture.process.pid, signal.SIGCONT)
        said = capture.end()
    flows, account = read(out)
    signals = [one.signals for one in flows if one.port == 8080]
    packets = sum(one.get("opened", 0) + one.get("answered", 0) for one in signals)
    assert account.lost_events > 0
    assert "no room in the ring" in said
    assert packets + account.lost_events >= 2 * wanted

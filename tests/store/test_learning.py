"""``netpol learn`` as people run it: processes that write, learn, look and are stopped."""

from __future__ import annotations

import gzip
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pcap_files as p
import pytest
from kept import LINES, Kept, written

from capture.ingest import Ingest
from capture.piped import PipedFeed
from netpol import store

NETPOL = [sys.executable, "-c", "from netpol.cli import main; main()"]


def netpol(*args: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [*NETPOL, *map(str, args)]
    return subprocess.run(command, input=stdin, capture_output=True, check=True)


def status(kept: Kept) -> dict[str, object]:
    found = json.loads(netpol("status", "--store", kept.path, "--format", "json").stdout)
    assert isinstance(found, dict)
    return found


@contextmanager
def learning(kept: Kept, *args: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process that learns, and its lines of JSON."""
    command = [*NETPOL, "learn", *map(str, args), "--store", str(kept.path), "--format", "json"]
    process = subprocess.Popen(
        [*command, "--interval", "100ms"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(0.05)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_status_while_a_log_is_followed_and_then_stopped(
    kept: Kept, tmp_path: Path, end: signal.Signals
) -> None:
    log = tmp_path / "flows.log"
    log.write_bytes(b"".join(LINES[:5]))
    with learning(kept, log, "--follow") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["records"] == 5
        for number in range(5, 8):
            with log.open("ab") as file:
                file.write(LINES[number])
            assert json.loads(process.stdout.readline())["records"] == 1
            found = status(kept)["records"]
            assert isinstance(found, dict)
            assert found["read"] == number + 1
        process.send_signal(end)
        out, err = process.communicate()
        assert (out, process.returncode) == (b"", 0)
        assert b"stopped" in err
    assert kept.learn(log) == 0


def test_standard_input_is_learned_as_it_comes(kept: Kept) -> None:
    with learning(kept, "-") as process:
        assert process.stdin is not None and process.stdout is not None
        for part in (LINES[:3], LINES[3:4]):
            process.stdin.write(b"".join(part))
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["records"] == len(part)
        process.stdin.write(LINES[4][:-1])  # its end is the end of the input
        process.communicate()
    assert kept.account.read == 5


@pytest.mark.parametrize(
    ("content", "records"),
    [
        (b"", 0),
        (b"".join(LINES), len(LINES)),
        (gzip.compress(b"".join(LINES)), len(LINES)),
        (p.pcap([p.ethernet(one) for one in p.dialogue()]), len(list(p.dialogue()))),
    ],
)
def test_what_is_piped_is_recognised(kept: Kept, content: bytes, records: int) -> None:
    netpol("learn", "-", "--store", kept.path, "--interval", "100ms", stdin=content)
    assert kept.account.read == records


def test_a_pipe_and_a_log_together(kept: Kept, tmp_path: Path) -> None:
    log = tmp_path / "flows.log"
    log.write_bytes(b"".join(LINES[:5]))
    netpol("learn", "-", log, "--store", kept.path, stdin=b"".join(LINES[5:7]))
    assert kept.account.read == 7


@pytest.mark.parametrize(
    ("content", "records"),
    [
        (b"".join(LINES), len(LINES)),
        (p.pcap([p.ethernet(one) for one in p.dialogue()]), len(list(p.dialogue()))),
    ],
)
def test_stopped_it_keeps_what_came_through_a_pipe(
    kept: Kept, content: bytes, records: int
) -> None:
    out, into = os.pipe()
    stopped = Event()
    with (
        open(out, "rb", buffering=0) as file,
        open(into, "wb") as writer,
        store.opened(kept.path, write=True) as opened,
    ):
        ingest = Ingest(store=opened, tell=kept.told.append)
        feed = PipedFeed(name="-", ingest=ingest, file=file, stopped=stopped, patience=0.1)
        writer.write(content)
        writer.flush()
        found = sum(fresh.account.read for fresh in feed.poll())
        until(lambda: not select.select([out], [], [], 0)[0])  # it was read
        stopped.set()
        found += sum(fresh.account.read for fresh in feed.close())
    assert found == records


def test_stores_are_sources(kept: Kept, log: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one.db", tmp_path / "other.db"
    part = tmp_path / "part"
    part.write_bytes(b"".join(LINES[:9]))
    netpol("learn", log, "--store", one)
    netpol("learn", part, "--store", other)
    netpol("learn", one, other, log, "--store", kept.path)
    assert kept.account.read == len(LINES)
    said = netpol("learn", other, one, "--store", kept.path).stderr
    assert said.count(b"nothing new") == 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_gives_nothing_is_said_with_why(kept: Kept, tmp_path: Path, jobs: int) -> None:
    log, empty = tmp_path / "flows.log", tmp_path / "empty.log"
    log.write_bytes(b"".join(LINES))
    empty.touch()
    args = ("--store", kept.path, "--format", "json", "--jobs", jobs)
    for file, why in ((empty, "it is empty"), (log, None), (log, "its content is known")):
        done = netpol("learn", file, *args)
        (line,) = map(json.loads, done.stdout.splitlines())
        assert (line["input"], line["nothing"]) == (str(file), why)
        assert line["records"] == (0 if why else len(LINES))
        assert (f"nothing new, {why}".encode() in done.stderr) == (why is not None)
    (line,) = map(json.loads, netpol("learn", "-", *args).stdout.splitlines())
    assert (line["input"], line["nothing"]) == ("-", "nothing came")
    (line,) = map(json.loads, netpol("learn", log, empty, *args).stdout.splitlines()[:1])
    assert line["records"] == 0 and line["nothing"]


def inventory(path: Path, created: str) -> Path:
    """Of one pod."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "shop", "name": "web-0", "creationTimestamp": created},
        "spec": {"containers": [{"name": "main"}]},
        "status": {"phase": "Running", "podIP": "10.0.0.1"},
    }
    path.write_text(json.dumps(pod))
    return path


def test_a_store_remembers_the_inventory_that_it_was_learned_with(
    kept: Kept, log: Path, tmp_path: Path
) -> None:
    first = inventory(tmp_path / "first.json", "2026-11-02T00:00:00Z")
    older = inventory(tmp_path / "older.json", "2026-11-01T00:00:00Z")
    later = inventory(tmp_path / "later.json", "2026-11-03T00:00:00Z")
    netpol("learn", log, "--store", kept.path, "--inventory", first)
    netpol("learn", log, "--store", kept.path, "--inventory", later)  # nothing was learned with it
    copy, merged = Kept(tmp_path / "copy.db"), Kept(tmp_path / "merged.db")
    text = written(tmp_path / "kept.jsonl", [kept.text])
    netpol("store", "import", text, "--store", copy.path)
    netpol("learn", kept.path, "--store", merged.path)
    for one in (kept, copy, merged):
        assert one.text == kept.text
        for given, code in ((None, b"NP032"), (older, b"NP033"), (first, b""), (later, b"")):
            more = ("--inventory", given) if given else ()
            said = netpol("status", "--store", one.path, *more).stderr
            assert [c for c in (b"NP032", b"NP033") if c in said] == [c for c in (code,) if c]
            assert (b"first.json (1 pod," in said) == bool(code)

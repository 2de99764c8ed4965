"""What a person sees of ``learn``, on real terminals of several sizes, and where there is none."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hubble_lines as h
import pytest
from hubble_server import HubbleServer
from kept import LINES, written

pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")

ESCAPE = re.compile(r"\x1b\[([\d;?]*)([A-Za-z])")
LEARN = [sys.executable, "-c", "from netpol.cli import main; main()", "learn"]


_LATEST = 8_000
"""Characters that are looked at: a few drawings of the panel."""


class Terminal:
    """A process on a pseudo-terminal, and what it has written there."""

    def __init__(self, words: list[str], columns: int, **environment: str) -> None:
        import fcntl
        import termios

        self.ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [*LEARN, *words],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            env={**env, "TERM": "xterm-256color", **environment},
            start_new_session=True,
        )
        os.close(theirs)
        self.raw = ""

    def until(self, wanted: str) -> str:
        """Read until a text was shown; all that was shown by then."""
        for _ in range(400):  # it draws four times a second
            if re.search(wanted, self.shown[-_LATEST:]):
                return self.shown
            if not self._more():
                break
        raise AssertionError(f"{wanted!r} was not shown: {self.shown[-2000:]}")

    def end(self) -> str:
        """Ask it to end as Control-C does; all that was shown."""
        self.process.send_signal(signal.SIGINT)
        while self._more():
            pass
        assert self.process.wait() == 0
        return self.shown

    @property
    def shown(self) -> str:
        """Without what steers the terminal."""
        lines = ESCAPE.sub(lambda one: "\n" if one[2] == "A" else "", self.raw)
        return lines.replace("\r", "")

    @property
    def colours(self) -> list[str]:
        return [one[1] for one in ESCAPE.finditer(self.raw) if one[2] == "m"]

    def _more(self) -> bool:
        select.select([self.ours], [], [])
        try:
            data = os.read(self.ours, 1 << 16)
        except OSError:  # how Linux says that nobody has the other end
            return False
        self.raw += data.decode(errors="replace")
        return bool(data)


@contextmanager
def terminal(*words: str, columns: int = 80, **environment: str) -> Iterator[Terminal]:
    found = Terminal(list(words), columns, **environment)
    try:
        yield found
    finally:
        found.process.kill()
        found.process.communicate()
        os.close(found.ours)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    hostile = h.record(source=h.pod("web[red]-\x1b[31m-\u202e7"), destination=h.API)
    lost = h.text([{"lost_events": {"num_events_lost": "3"}}]) + b"\n"
    late = h.text([h.wrapped(hostile | {"time": "2026-11-02T23:14:07.5Z"})]) + b"\n"
    return written(tmp_path / "flows.jsonl", [*LINES, b"{torn\n", lost, late])


def follow(log: Path) -> tuple[str, ...]:
    store = log.with_suffix(".db")
    return str(log), "--follow", "--interval", "100ms", "--store", str(store)


def panel(shown: str) -> dict[str, str]:
    """The lines that begin with what they are about."""
    return dict(re.split(r" {2,}", one, maxsplit=1) for one in shown.splitlines() if "  " in one)


@pytest.mark.parametrize("columns", [80, 120, 40])
def test_a_panel_says_what_goes_on(log, columns):
    with terminal(*follow(log), columns=columns) as shell:
        shell.until(r"lost by sources +3\b")
        with log.open("ab") as grown:
            for n in range(30):
                line = h.wrapped(h.record(uuid=f"new{n}", destination=h.pod("new")))
                grown.write(h.text([line]) + b"\n")
        found = panel(shell.until(r"records +73 [\s\S]*?reading +\S"))
        # What the terminal shows of Control-C fits behind them: else the panel would move.
        assert all(len(one) <= columns - len("^C") for one in shell.shown.split("\n"))
        assert re.fullmatch(r"73 \([\d,]+/s\) *", found["records"])
        assert found["new connections"].strip() == "3"
        assert found["held"].strip() == "1"
        assert found["notices"].split()[:2] == ["NP001", "1×,"]
        assert shell.end().rstrip().endswith("says more")
        last = shell.shown.index("stopped; the same command goes on from here")
        assert "learned until now: 73 records" in shell.shown[:last]


def test_names_do_not_steer_the_terminal(log):
    with terminal(*follow(log), columns=120) as shell:
        found = panel(shell.until(r"newest .*ago"))
        assert r"web[red]-\x1b[31m-\u202e7" in found["newest"]
        shell.end()
        assert not shell.colours


def test_where_lines_cannot_move(log):
    for environment in ({"TERM": "dumb"}, {"TERM": "unknown"}):
        with terminal(*follow(log), **environment) as shell:
            _wait_for_store(log)
            shell.end()
            assert "\x1b" not in shell.raw
            assert "learned until now: " in shell.shown
        log.with_suffix(".db").unlink()


def test_no_color(log):
    with terminal(*follow(log), NO_COLOR="1") as shell:
        shell.until(r"lost by sources +3\b")
        shell.end()
        assert not shell.colours


def test_a_server_is_seen_as_a_file_is(log):
    lines = [h.wrapped(h.record(uuid=str(n), source=h.pod(f"web-{n}"))) for n in range(9)]
    with HubbleServer(lines=lines) as server:
        url = f"hubble://127.0.0.1:{server.port}"
        words = url, "--plaintext", "--since", "2026-01-01T00:00:00Z", *follow(log)[1:]
        with terminal(*words) as shell:
            assert url in panel(shell.until(r"records +9 [\s\S]*?reading +\S+ *\n"))["reading"]
            server.add(h.wrapped(h.record(uuid="new", destination=h.pod("new"))))
            shell.until(r"records +10 ")
            shell.end()


def test_json_lines_are_the_result_also_on_a_terminal(log):
    """The panel is on stderr; stdout is a pipe."""
    with terminal(*follow(log), "--format", "json") as shell:
        shell.until(r"lost by sources +3\b")
        shell.process.send_signal(signal.SIGINT)
        assert shell.process.stdout is not None
        found = [json.loads(line) for line in shell.process.stdout]
    assert [one["records"] for one in found] == [43]
    assert '"records"' not in shell.shown


def _wait_for_store(log: Path) -> None:
    from netpol import store
    from netpol.errors import NetpolError

    while True:
        try:
            with store.opened(log.with_suffix(".db")) as kept, kept.snapshot() as db:
                if store.account(db).read:
                    return
        except NetpolError:
            pass

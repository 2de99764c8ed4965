"""Progress of long reads: a moving line on a terminal, a plain line at the end elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Protocol

from netpol.cli.console import say
from netpol.report.printable import printable

__all__ = ["reading"]

_REDRAW_SECONDS = 0.25


class Counted(Protocol):
    """What counts records while they are read: an Account, say."""

    read: int


@contextmanager
def reading(path: str, account: Counted) -> Iterator[None]:
    """Show how many records of an input were read so far; ``account`` is watched, never changed."""
    started = time.monotonic()
    done = Event()
    watcher = Thread(target=_watch, args=(path, account, done, started), daemon=True)
    if sys.stderr.isatty():
        watcher.start()
    try:
        yield
    finally:
        done.set()
        if watcher.is_alive():
            watcher.join()
    say(f"read {path}: {_rate(account, started)}")


def _watch(path: str, account: Counted, done: Event, started: float) -> None:
    from rich.console import Console
    from rich.markup import escape

    console, name = Console(stderr=True), escape(printable(path))
    with console.status("") as status:
        while not done.wait(_REDRAW_SECONDS):
            status.update(f"reading {name}: {_rate(account, started)}")


def _rate(account: Counted, started: float) -> str:
    seconds = time.monotonic() - started
    rate = f" ({account.read / seconds:,.0f}/s)" if seconds > 1 else ""
    return f"{account.read:,} records{rate}"

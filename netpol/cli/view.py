"""What a person sees of ``netpol learn``: a moving panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import click

from netpol.cli.console import say
from netpol.cli.learning import Progress
from netpol.report.printable import printable

if TYPE_CHECKING:
    from rich.table import Table

    from capture.feeds import Feed
    from netpol.flow import Account
    from netpol.store import Fresh

__all__ = ["View", "viewing"]

_ECHO: Final = 3
"""Columns left free: a terminal shows ^C there, and a new line for that would move the panel."""
_QUIET: Final = 10.0
"""Seconds between two plain lines about a source that goes on."""


@dataclass(slots=True)
class View:
    """Shows each commit; with ``as_json`` as a line on stdout."""

    as_json: bool
    total: Progress = field(default_factory=Progress)
    feeds: dict[str, Progress] = field(default_factory=dict)
    going: set[str] = field(default_factory=set)
    """Feeds that gave something and have not ended."""
    notices: Mapping[str, int] = field(default_factory=dict)
    """How often each code was told by now."""
    moving: bool = False
    """A panel shows it, so no lines need to."""
    now: str = ""
    """What is read."""
    _said: float = field(default_factory=time.monotonic)

    def seen(self, feed: Feed, fresh: Fresh | None) -> None:
        """What the loop tells."""
        one = self.feeds.setdefault(feed.name, Progress())
        if fresh is None:
            if feed.ended:
                self._ended(feed, one)
            return
        self.going.add(feed.name)
        for progress in (one, self.total):
            progress.add(fresh)
        if self.as_json:
            click.echo(json.dumps(_object(feed.name, fresh.account, fresh.edges)))
        self.now = feed.name
        self._line(f"{feed.name}: {_words(self.total)}")

    def working(self, words: str) -> None:
        """Others read, and have come so far."""
        if words != self.now:
            self.now = words
            self._line(f"read elsewhere: {words}")

    def _line(self, text: str) -> None:
        """Now and then, where nothing moves."""
        if not self.moving and time.monotonic() - self._said >= _QUIET:
            self._said = time.monotonic()
            say(text)

    def end(self) -> None:
        """What came of sources that would have gone on."""
        if self.going and self.total.commits:
            say(f"learned until now: {_words(self.total)}")

    def _ended(self, feed: Feed, one: Progress) -> None:
        self.going.discard(feed.name)
        if one.commits:
            say(f"read {feed.name}: {one.account.read:,} records, {one.edges:,} new connections")
            return
        say(f"read {feed.name}: nothing new, {feed.nothing}")
        if self.as_json:
            click.echo(json.dumps(_object(feed.name, one.account, 0, feed.nothing)))


def _object(name: str, account: Account, edges: int, nothing: str | None = None) -> dict[str, Any]:
    return {
        "input": name,
        "records": account.read,
        "folded": account.folded,
        "held": sum(account.held.values()),
        "other": sum(account.other.values()),
        "lost_events": account.lost_events,
        "new_connections": edges,
        "nothing": nothing,
    }


def _words(total: Progress) -> str:
    held, lost = sum(total.account.held.values()), total.account.lost_events
    return (
        f"{total.account.read:,} records ({total.rate:,.0f}/s), {total.edges:,} new connections,"
        f" {held:,} held, {lost:,} lost" + (f"; newest {total.latest}" if total.latest else "")
    )


def _panel(view: View) -> Table:
    """A line for each thing to know; names are text, whatever they look like."""
    from rich.table import Table
    from rich.text import Text

    grid, total = Table.grid(padding=(0, 2)), view.total
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    told = ", ".join(f"{code} {number:,}×" for code, number in sorted(view.notices.items()))
    for name, value in (
        ("records", f"{total.account.read:,} ({total.rate:,.0f}/s)"),
        ("new connections", f"{total.edges:,}"),
        ("newest", f"{total.latest} ({total.since})" if total.latest else ""),
        ("held", f"{sum(total.account.held.values()):,}"),
        ("lost by sources", f"{total.account.lost_events:,}"),
        ("notices", told),
        ("reading", view.now),
    ):
        if value:
            grid.add_row(name, Text(printable(value)))
    return grid


@contextmanager
def viewing(*, as_json: bool, notices: Mapping[str, int]) -> Iterator[View]:
    """A view for the time of a run; ``notices``: as in :class:`View`, it is watched."""
    view = View(as_json, notices=notices, moving=_can_move(as_json=as_json))
    with _shown(view) if view.moving else nullcontext():
        yield view
    view.end()


def _can_move(*, as_json: bool) -> bool:
    """On a terminal that can go back to a line, unless lines of JSON come between."""
    able = sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
    return able and not (as_json and sys.stdout.isatty())


def _shown(view: View) -> AbstractContextManager[object]:
    from rich.console import Console
    from rich.constrain import Constrain
    from rich.live import Live

    console = Console(stderr=True)
    return Live(
        console=console,
        get_renderable=lambda: Constrain(_panel(view), max(1, console.width - _ECHO)),
        refresh_per_second=4,
        transient=True,
        redirect_stdout=False,  # it is the result, and may go elsewhere
    )

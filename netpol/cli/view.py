"""What a person sees of ``netpol learn``: a moving panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import click

from netpol.cli.console import say
from netpol.cli.learning import Progress

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from capture.feeds import Feed
    from netpol.flow import Account
    from netpol.store import Fresh

__all__ = ["View", "viewing"]

_QUIET: Final = 10.0
"""Seconds between two plain lines about a source that goes on."""


@dataclass(slots=True)
class View:
    """Shows each commit; with ``as_json`` as a line on stdout."""

    as_json: bool
    total: Progress = field(default_factory=Progress)
    feeds: dict[str, Progress] = field(default_factory=dict)
    live: Live | None = None
    _said: float = 0.0
    _work: str = ""

    def seen(self, feed: Feed, fresh: Fresh | None) -> None:
        """What the loop tells."""
        one = self.feeds.setdefault(feed.name, Progress())
        if fresh is None:
            if feed.ended:
                self._ended(feed, one)
            return
        for progress in (one, self.total):
            progress.add(fresh)
        if self.as_json:
            click.echo(json.dumps(_object(feed.name, fresh.account, fresh.edges)))
        if self.live is not None:
            self.live.update(_panel(self.total, feed.name))
        elif time.monotonic() - self._said >= _QUIET:
            self._said = time.monotonic()
            say(f"{feed.name}: {_words(self.total)}")

    def working(self, words: str) -> None:
        """Others read, and have come so far."""
        if words == self._work:
            return
        self._work = words
        if self.live is not None:
            self.live.update(_panel(self.total, words))
        elif time.monotonic() - self._said >= _QUIET:
            self._said = time.monotonic()
            say(f"read elsewhere: {words}")

    def _ended(self, feed: Feed, one: Progress) -> None:
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


def _panel(total: Progress, now: str) -> Table:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    held = sum(total.account.held.values())
    for name, value in (
        ("records", f"{total.account.read:,} ({total.rate:,.0f}/s)"),
        ("new connections", f"{total.edges:,}"),
        ("newest", total.latest),
        ("held", f"{held:,}"),
        ("lost by sources", f"{total.account.lost_events:,}"),
        ("reading", now),
    ):
        grid.add_row(name, value)
    return grid


@contextmanager
def viewing(*, as_json: bool) -> Iterator[View]:
    """A view for the time of a run."""
    view = View(as_json)
    if not sys.stderr.isatty():
        view._said = time.monotonic()
        yield view
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), refresh_per_second=4, transient=True) as live:
        view.live = live
        yield view

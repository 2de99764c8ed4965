"""The loop of ``netpol learn``: feeds are asked in turn until all have ended, or it is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

from netpol.flow import Account

if TYPE_CHECKING:
    from capture.feeds import Feed
    from netpol.store import Fresh

__all__ = ["Progress", "run"]


@dataclass(slots=True)
class Progress:
    """What was learned since the beginning of this run."""

    account: Account = field(default_factory=Account)
    edges: int = 0
    latest: str = ""
    """The newest edge, for people."""
    commits: int = 0
    started: float = field(default_factory=time.monotonic)

    def add(self, fresh: Fresh) -> None:
        """Count a commit."""
        from netpol.report.flows import flow_words

        self.account.add(fresh.account)
        self.edges += fresh.edges
        self.commits += 1
        if fresh.latest is not None:
            self.latest = flow_words(fresh.latest)

    @property
    def rate(self) -> float:
        """Records per second."""
        return self.account.read / max(time.monotonic() - self.started, 1e-3)


Seen = Callable[["Feed", "Fresh | None"], None]
"""Told of every commit; without one: a feed was asked, or has ended."""


def run(
    feeds: Sequence[Feed],
    stopped: Event,
    seen: Seen,
    *,
    interval: float,
    more: Callable[[], Sequence[Feed]] = tuple,
) -> None:
    """Ask feeds until all have ended; ``more``: feeds that have come up meanwhile.

    ``stopped`` ends it between two commits. Whatever happens, all feeds are closed.
    """
    open_ = list(feeds)
    try:
        while open_ and not stopped.is_set():
            for feed in open_:
                _ask(feed, stopped, seen)
            open_ = [feed for feed in open_ if not feed.ended]
            open_ += more()
            if open_:
                stopped.wait(interval)
    finally:
        for feed in open_:
            for fresh in feed.close():
                seen(feed, fresh)


def _ask(feed: Feed, stopped: Event, seen: Seen) -> None:
    for fresh in feed.poll():
        seen(feed, fresh)
        if stopped.is_set():
            return
    seen(feed, None)

"""The loop of ``netpol learn``: feeds are asked in turn until all have ended, or it is stopped."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Final

from netpol.flow import Account

if TYPE_CHECKING:
    from capture.feeds import Feed
    from netpol.store import Fresh

__all__ = ["Progress", "run"]

_RECENT: Final = 30.0
"""Seconds over which a rate is taken."""


@dataclass(slots=True)
class Progress:
    """What was learned since the beginning of this run."""

    account: Account = field(default_factory=Account)
    edges: int = 0
    latest: str = ""
    """The newest edge, for people."""
    commits: int = 0
    _marks: deque[tuple[float, int]] = field(default_factory=deque)
    """When so many records had been read."""
    _newest: float = 0.0

    def __post_init__(self) -> None:
        self._marks.append((time.monotonic(), 0))

    def add(self, fresh: Fresh) -> None:
        """Count a commit."""
        from netpol.report.flows import flow_words

        self.account.add(fresh.account)
        self.edges += fresh.edges
        self.commits += 1
        now = time.monotonic()
        self._marks.append((now, self.account.read))
        while len(self._marks) > 2 and now - self._marks[1][0] > _RECENT:
            self._marks.popleft()
        if fresh.latest is not None:
            self.latest, self._newest = flow_words(fresh.latest), now

    @property
    def rate(self) -> float:
        """Records per second, of late."""
        when, read = self._marks[0]
        return (self.account.read - read) / max(time.monotonic() - when, 1e-3)

    @property
    def since(self) -> str:
        """How long nothing was new, for people."""
        from netpol.report.words import span

        return f"{span(round(1e9 * (time.monotonic() - self._newest)))} ago"


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
                if not stopped.is_set():
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

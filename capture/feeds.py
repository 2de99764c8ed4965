"""What ``learn`` learns from, whatever it is: something that commits what has come by now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from capture.ingest import Ingest
from netpol.store import Fresh, inventories, merge, opened, parcels, remember

__all__ = ["Feed", "FileFeed", "StoreFeed"]


class Feed(Protocol):
    """A source of flows. All feeds of a store are asked in turn, by one thread."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def ended(self) -> bool:
        """Nothing will come any more."""

    @property
    def nothing(self) -> str:
        """Why it gave nothing, of one that has ended and gave nothing."""

    def poll(self) -> Iterator[Fresh]:
        """Commit what has come by now, without waiting for more; a result for each commit.

        The iterator may be left between two commits: what was not committed is not lost.
        """

    def close(self) -> Iterator[Fresh]:
        """Commit what was read and not yet committed, and let go of the source."""


@dataclass(slots=True)
class FileFeed:
    """A file, once."""

    name: str
    ingest: Ingest
    ended: bool = False
    nothing: str = ""

    def poll(self) -> Iterator[Fresh]:
        """All of it."""
        self.nothing = yield from self.ingest.file(self.name)
        self.ended = True

    def close(self) -> Iterator[Fresh]:
        """Nothing is left behind."""
        return iter(())


@dataclass(slots=True)
class StoreFeed:
    """Another store, once."""

    name: str
    ingest: Ingest
    ended: bool = False
    nothing: str = "its content is known"

    def poll(self) -> Iterator[Fresh]:
        """All of it, as it is now."""
        with opened(Path(self.name)) as other, other.snapshot() as db:
            yield from merge(self.ingest.store, parcels(db))
            with self.ingest.store.transaction() as into:
                remember(into, inventories(db))
        self.ended = True

    def close(self) -> Iterator[Fresh]:
        """Nothing is left behind."""
        return iter(())

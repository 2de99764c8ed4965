"""Files learned elsewhere: in another process (``--jobs``) or on another machine (``--dask``).

An errand learns one file into a store of its own, as always, and brings back what that holds; the
store that it is for takes it as it takes any other store. So what makes learning exact (content is
known by its digest, flows and ledger commit together, a file that has grown replaces its beginning)
makes errands exact: done twice, they count once, and one that was lost is run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Final, Protocol

from capture.feeds import Feed, FileFeed
from capture.folded import Settings
from capture.ingest import Ingest
from capture.inputs import head_of
from capture.unchanged import Look, look
from netpol.flow import Account
from netpol.notices import Notice
from netpol.store import Fresh, Input, candidates, merge, opened, parcels, remember
from netpol.store.identity import BEGIN
from netpol.store.ledger import entered
from netpol.store.parcel import Parcel
from netpol.store.take import encode_account

__all__ = ["Errand", "ErrandFeed", "Runner", "fresh", "learned", "sent"]

_LOOK: Final = 0.02
"""Seconds between two looks for who is back."""


def learned(
    path: str, source: str | None, settings: Settings, known: tuple[Input, ...]
) -> list[Parcel]:
    """What a file gives, unless all of it is among ``known``. Raises NetpolError."""
    with TemporaryDirectory() as folder:
        if known and not fresh(Path(folder, "known.db"), path, source, known):
            return []
        with opened(Path(folder, "errand.db"), write=True) as store:
            ingest = Ingest(
                store=store, tell=_quiet, source=source, era=settings.era(), at=settings.at
            )
            for _ in ingest.file(path):
                pass
            with store.snapshot() as db:
                return [replace(one, rows=tuple(one.rows)) for one in parcels(db)]


def _quiet(_: Notice) -> None:
    """It comes back with the flows."""


def fresh(place: Path, path: str, source: str | None, known: Iterable[Input]) -> bool:
    """Whether a file holds anything that is not known."""
    from capture.compressed import decompressed
    from capture.inputs import opened as opened_input

    with opened(place, write=True) as store:
        with store.transaction() as db:
            for one in known:
                entered(db, replace(one, id=0), encode_account(Account()))
        ingest, head = Ingest(store=store, tell=_quiet, source=source), head_of(path)
        reader = ingest.source_of(head, path)
        with opened_input(path) as raw:
            read = decompressed(raw, path, _quiet).read
            return reader is not None and ingest.part(path, reader, head, read) is not None


class Errand(Protocol):
    """Something that was sent for."""

    def done(self) -> bool:
        """Whether it is back."""

    def result(self) -> list[Parcel]:
        """What it brought. Raises what went wrong."""

    def cancel(self) -> object:
        """It is not needed any more."""

    def pieces(self) -> tuple[int, int]:
        """So many pieces of work were done by now, of so many."""


class Runner(Protocol):
    """Sends errands."""

    def room(self) -> int:
        """So many may be away: what they bring waits elsewhere, and must not pile up there."""

    def send(
        self, path: str, source: str | None, settings: Settings, known: tuple[Input, ...]
    ) -> Errand:
        """Have a file learned, as by :func:`learned`."""


Working = Callable[[str], None]
"""Told what is going on, for people."""


class ErrandFeed:
    """Files, each learned by an errand; whichever is back first is taken first."""

    def __init__(
        self,
        paths: Iterable[str],
        ingest: Ingest,
        settings: Settings,
        runner: Runner,
        stopped: Event,
        working: Working,
    ) -> None:
        self.paths = list(paths)
        self.name = ", ".join(self.paths[:1]) + (" …" if len(self.paths) > 1 else "")
        self.ended = False
        self.nothing = "what is in them is known, or nothing is"
        self._ingest, self._settings, self._runner = ingest, settings, runner
        self._stopped, self._working = stopped, working
        self._waiting = self._changed()
        self._back = 0
        self._away: list[Errand] = []
        self._looks: dict[int, tuple[str, Look | None]] = {}

    def poll(self) -> Iterator[Fresh]:
        """All of them; it waits until they are back."""
        while not self._stopped.wait(_LOOK):
            for path in islice(self._waiting, max(0, self._runner.room() - len(self._away))):
                before = look(path)
                self._away.append(self._runner.send(*self._about(path)))
                self._looks[id(self._away[-1])] = path, before
            if not self._away:
                self.ended = True
                return
            for one in [one for one in self._away if one.done()]:
                self._away.remove(one)
                self._back += 1
                found = one.result()
                yield from self._take(found)
                path, before = self._looks.pop(id(one))
                inputs = sorted(
                    (each.input for each in found), key=lambda each: each.identity.length
                )
                self._ingest.note(before, path, inputs[-1] if inputs else None)
            self._working(self._words())

    def _changed(self) -> Iterator[str]:
        """The files that are worth a look at what is in them."""
        for path in self.paths:
            if self._ingest.unchanged(look(path)):
                self._back += 1
            else:
                yield path

    def _words(self) -> str:
        pieces = [one.pieces() for one in self._away]
        done, of = (sum(each) for each in zip(*pieces, strict=True)) if pieces else (0, 0)
        files = f"{self._back:,} of {len(self.paths):,} files"
        return files + (f", {done:,} of {of:,} pieces of the next" if of > len(pieces) else "")

    def _about(self, path: str) -> tuple[str, str | None, Settings, tuple[Input, ...]]:
        """What an errand is told; of what the store knows, what this file may be."""
        with self._ingest.store.snapshot() as db:
            known = candidates(db, head_of(path)[:BEGIN])
        return path, self._ingest.source, self._settings, tuple(known)

    def _take(self, found: list[Parcel]) -> Iterator[Fresh]:
        for parcel in found:
            for fresh in merge(self._ingest.store, [parcel]):
                with self._ingest.store.transaction() as db:
                    remember(db, filter(None, [self._ingest.inventory]))
                self._tell(parcel)
                yield fresh

    def _tell(self, parcel: Parcel) -> None:
        """What was told on the errand, as far as it was kept."""
        for code, place, where, message, _ in parcel.said:
            if place:
                self._ingest.tell(Notice(code=code, where=where, message=message))

    def close(self) -> Iterator[Fresh]:
        """Who is still away need not come back: nothing was taken of it."""
        for one in self._away:
            one.cancel()
        return iter(())


def sent(
    feeds: Iterable[Feed],
    ingest: Ingest,
    settings: Settings,
    runner: Runner,
    stopped: Event,
    working: Working,
) -> list[Feed]:
    """The same feeds, but that errands learn the files among them."""
    kept, paths = list[Feed](), list[str]()
    for feed in feeds:
        if isinstance(feed, FileFeed):
            paths.append(feed.name)
        else:
            kept.append(feed)
    errands = ErrandFeed(paths, ingest, settings, runner, stopped, working)
    return [*kept, errands] if paths else kept

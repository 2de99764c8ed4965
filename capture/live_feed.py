"""A live source into a store: flows, where the records went and the position, in one transaction.

What a server repeats after an interruption, of the connection or of this program, is recognised by
the position that the store keeps beside the flows: each record is in the store once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from queue import Empty, Queue
from threading import Event, Thread
from typing import Final

import msgspec

from capture.ingest import Ingest
from capture.live import Batch, LiveReading, LiveSource, Position, Wanted
from netpol.answers import HOUR
from netpol.notices import Notice
from netpol.store import Fresh, Identity, Input, Taken, Told, inputs, take

__all__ = ["LiveFeed"]

_STEP: Final = 0.1
"""Seconds between two looks whether to stop, for who waits."""
_BEHIND: Final = 2
"""So many batches may wait to be committed; then the server has to."""
_decode: Final = msgspec.json.Decoder(Position).decode
_NOTHING: Final = Identity(length=0, digest=b"", begin=b"", marks=b"")


class LiveFeed:
    """A server, asked in a thread of its own."""

    def __init__(
        self, url: str, source: LiveSource, ingest: Ingest, wanted: Wanted, stopped: Event
    ) -> None:
        self.name = url
        self.ended = False
        self.nothing = "nothing came since the last time"
        self.ingest, self.source, self.wanted, self.stopped = ingest, source, wanted, stopped
        self.known = self._known()
        self._told = Told()
        self._stop = Event()
        self._batches: Queue[tuple[Batch, Told] | BaseException | None] = Queue(_BEHIND)
        self._thread = Thread(target=self._run, daemon=True, name=f"netpol {url}")
        self._thread.start()

    def _known(self) -> Input:
        """The recording that goes on, or a new one: it is named by its server and its beginning.

        So recordings of one server in several stores stay apart when these are merged.
        """
        with self.ingest.store.snapshot() as db:
            found = [one for one in inputs(db) if one.live.startswith(f"{self.name} ")]
        if found:
            return found[-1]
        began = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return Input(
            id=0,
            source=self.source.name,
            name=self.name,
            start=0,
            closed=True,
            identity=_NOTHING,
            live=f"{self.name} {began}",
        )

    def _run(self) -> None:
        resume = self.known.resume
        reading = LiveReading(
            where=self.name,
            tell=self._tell,
            era=self.ingest.era,
            longest=HOUR,
            position=_decode(resume) if resume else Position(),
            stop=self._stop,
        )
        try:
            for batch in self.source.stream(reading, self.wanted):
                told, self._told = self._told, Told()
                self._batches.put((batch, told))
            self._batches.put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised where the feed is asked
            self._batches.put(error)

    def _tell(self, notice: Notice) -> None:
        self._told.tell(notice)
        self.ingest.tell(notice)

    def poll(self) -> Iterator[Fresh]:
        """Commit the batches that have come; of a server that has an end, all."""
        patience = 0 if self.wanted.follow else _STEP
        while not self.ended:
            try:
                came = self._batches.get(timeout=patience)
            except Empty:
                if not patience or self.stopped.is_set():
                    return
            else:
                yield from self._took(came)

    def close(self) -> Iterator[Fresh]:
        """Commit what came last, and leave the server."""
        self._stop.set()
        while not self.ended:
            yield from self._took(self._batches.get())
        self._thread.join()

    def _took(self, came: tuple[Batch, Told] | BaseException | None) -> Iterator[Fresh]:
        if came is None:
            self.ended = True
        elif isinstance(came, BaseException):
            self.ended = True
            raise came
        elif came[0].account.read or came[1].counts:
            yield self._commit(*came)

    def _commit(self, batch: Batch, told: Told) -> Fresh:
        """The recording grows by the records of a batch."""
        identity = self.known.identity
        new = replace(
            self.known,
            identity=replace(identity, length=identity.length + batch.account.read),
            resume=msgspec.json.encode(batch.position).decode(),
        )
        fresh = take(
            self.ingest.store,
            Taken(
                input=new,
                flows=batch.flows,
                account=batch.account,
                told=told,
                era=self.ingest.era,
                inventory=self.ingest.inventory,
            ),
        )
        self.known = fresh.input
        return fresh

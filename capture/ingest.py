"""An input into a store: what is known of it is left out, the rest is read and committed.

Each commit holds what was read together with what it was read from, so a run that is killed goes on
where its last commit ended. What is read line by line is committed in pieces; what only makes sense
as a whole, at its end.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final, cast

from capture.compressed import decompressed
from capture.inputs import detected, head_of, named, opened
from capture.source import FlowSource, Reading
from capture.survey import Survey, survey
from capture.windows import BLOCK, Read, Traced, Windows, skip
from netpol.eras import HOUR, Era, always
from netpol.flow import Account, Flow
from netpol.notices import Notice, Tell
from netpol.store import Fresh, Identity, Input, Store, Taken, Told, Trace, candidates, take
from netpol.store.identity import BEGIN

__all__ = ["PIECE", "Ingest"]

PIECE: Final = 1 << 29
"""Bytes that are committed together: seconds of work. Every piece meets each edge anew, which costs
about as much as reading some tens of MiB."""
_BUFFER: Final = 1 << 20


def _quiet(_: Notice) -> None:
    """Tell nobody: who reads it is told."""


@dataclass(slots=True, kw_only=True)
class Ingest:
    """Reads inputs into a store; fields as in :class:`Reading` and :func:`capture.inputs.read`."""

    store: Store
    tell: Tell
    source: str | None = None
    era: Era = always
    at: int | None = None
    piece: int = PIECE

    def file(self, path: str) -> Iterator[Fresh]:
        """Take what is new in a file; one result for each commit, with ``edges`` new in it."""
        head = head_of(path)
        source = named(self.source) if self.source else detected(head, path)
        if source is None:
            return
        found = self._survey(path, head, source)
        if found.older:
            message = f"it is the beginning of {found.older.name}, which was learned to its end"
            self.tell(Notice(code="NP030", message=message, where=path))
        if not (found.older or found.known):
            yield from self._rest(path, head, source, found)

    def _survey(self, path: str, head: bytes, source: FlowSource) -> Survey:
        with self.store.snapshot() as db:
            known = candidates(db, head[:BEGIN], source.name)
        if not known:
            return Survey()
        with opened(path) as raw:
            return survey(decompressed(raw, path, _quiet).read, known)

    def _rest(self, path: str, head: bytes, source: FlowSource, found: Survey) -> Iterator[Fresh]:
        trace, part = Trace(), _Part(self, source, path, found.resume, found.instead)
        with opened(path) as raw:
            read = decompressed(raw, path, part.tell).read
            above = skip(read, found.resume.identity.length if found.resume else 0, trace)
            if source.by_line(head):
                yield from part.pieces(Windows(read, trace, above, block=min(BLOCK, self.piece)))
            else:
                yield part.whole(read)


@dataclass(slots=True)
class _Part:
    """What is read of one input between two commits."""

    ingest: Ingest
    source: FlowSource
    path: str
    known: Input | None
    """The input as it was committed last; None: nothing was."""
    instead: tuple[Input, ...] = ()
    told: Told = field(default_factory=Told)
    account: Account = field(default_factory=Account)

    def tell(self, notice: Notice) -> None:
        """To whoever watches, and into the store."""
        self.told.tell(notice)
        self.ingest.tell(notice)

    def pieces(self, windows: Windows) -> Iterator[Fresh]:
        """Line by line; at the end perhaps a line without its end, which may go on one day."""
        while not windows.ended:
            before, above = windows.trace.length, windows.lines
            # Pieces end at the same places whoever goes on, so that the result is the same.
            least = self.ingest.piece - before % self.ingest.piece
            flows = self._read(windows.window(least), above)
            if windows.trace.length > before:
                yield self._commit(flows, windows.trace.identity())
        if windows.rest.strip():
            flows = self._read(io.BytesIO(windows.rest), windows.lines)
            start = windows.trace.length
            windows.trace.add(windows.rest)
            self.known = None
            yield self._commit(flows, windows.trace.identity(), start=start, closed=False)

    def whole(self, read: Read) -> Fresh:
        """As a whole; what comes after it one day may change all of it."""
        traced = Traced(read)
        stream = cast("BinaryIO", io.BufferedReader(traced, _BUFFER))
        flows = self._read(stream, 0)
        while stream.read(_BUFFER):
            pass  # a source may end at damage, what is behind that is of the input all the same
        return self._commit(flows, traced.trace.identity(), closed=False)

    def _read(self, stream: BinaryIO, above: int) -> list[Flow]:
        to = self.ingest
        self.account.sources.add(self.source.name)
        reading = Reading(
            where=self.path,
            tell=self.tell,
            account=self.account,
            era=to.era,
            at=to.at,
            above=above,
            longest=HOUR,
        )
        return list(self.source.read(stream, reading))

    def _commit(
        self, flows: list[Flow], identity: Identity, *, start: int = 0, closed: bool = True
    ) -> Fresh:
        new = Input(
            id=self.known.id if self.known else 0,
            source=self.source.name,
            name=self.known.name if self.known else self.path,
            start=start,
            closed=closed,
            identity=identity,
        )
        taken = Taken(
            input=new,
            flows=flows,
            account=self.account,
            told=self.told,
            era=self.ingest.era,
            instead=self.instead,
        )
        fresh = take(self.ingest.store, taken)
        self.known, self.instead = fresh.input, ()
        self.told, self.account = Told(), Account()
        return fresh

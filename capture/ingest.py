"""An input into a store: what is known of it is left out, the rest is read and committed.

Each commit holds what was read together with what it was read from, so a run that is killed goes on
where its last commit ended. What is read line by line is committed in pieces; what only makes sense
as a whole, at its end.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from capture.compressed import decompressed
from capture.inputs import detected, head_of, named, opened
from capture.source import FlowSource, Reading
from capture.survey import Survey, survey
from capture.unchanged import Look, look
from capture.windows import BLOCK, Read, Traced, Windows, skip
from netpol.answers import HOUR
from netpol.eras import Era, always
from netpol.flow import Account, Flow
from netpol.notices import Notice, Tell
from netpol.store import (
    Fresh,
    Identity,
    Input,
    Known,
    Store,
    Taken,
    Told,
    Trace,
    candidates,
    note,
    noted,
    take,
)
from netpol.store.identity import BEGIN

if TYPE_CHECKING:
    from capture.crew import Crew

__all__ = ["PIECE", "Ingest", "Part"]

PIECE: Final = 1 << 29
"""Bytes that are committed together: seconds of work. Every piece meets each edge anew, which costs
about as much as reading some tens of MiB."""
_BUFFER: Final = 1 << 20
_KNOWN: Final = "its content is known"


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
    crew: Crew | None = None
    """Who reads in our place what is read line by line."""
    inventory: Known | None = None
    """The one that ``era`` is of."""

    def file(self, path: str) -> Generator[Fresh, None, str]:
        """Take what is new in a file; a result for each commit, and why there was none."""
        before = look(path)
        if self.unchanged(before):
            return _KNOWN
        head = head_of(path)
        source = self.source_of(head, path)
        if not head or source is None:
            return "it is empty"
        with opened(path) as raw:
            found = self.surveyed(source, head, decompressed(raw, path, _quiet).read)
        part = self.part_of(path, source, found)
        if part is None:
            self.note(before, path, found.known)
            return _KNOWN
        with opened(path) as raw:
            read = decompressed(raw, path, part.tell).read
            if source.by_line(head):
                windows = part.windows(read, min(BLOCK, self.piece))
                yield from part.pieces(windows)
                yield from part.last(windows)
            else:
                yield part.whole(read)
        self.note(before, path, part.known)
        return "nothing but space was added"

    def unchanged(self, looks: Look | None) -> bool:
        """Whether all of a file that looks so is known, without a look at what is in it."""
        if looks is None:
            return False
        with self.store.snapshot() as db:
            return noted(db, looks, self.source)

    def note(self, before: Look | None, path: str, known: Input | None) -> None:
        """All of a file is ``known``, if nobody touched it since it looked so ``before``."""
        if known is not None and before is not None and look(path) == before:
            with self.store.transaction() as db:
                note(db, before, known)

    def source_of(self, head: bytes, path: str) -> FlowSource | None:
        """What reads an input that begins so; None: it is empty. Raises NetpolError."""
        return named(self.source) if self.source else detected(head, path)

    def part(self, path: str, source: FlowSource, head: bytes, read: Read) -> Part | None:
        """What has to be read of an input; None: nothing. ``read`` gives its bytes."""
        return self.part_of(path, source, self.surveyed(source, head, read))

    def surveyed(self, source: FlowSource, head: bytes, read: Read) -> Survey:
        """What of an input is known."""
        with self.store.snapshot() as db:
            known = candidates(db, head[:BEGIN])
        return survey(read, known, source.name) if known else Survey()

    def part_of(self, path: str, source: FlowSource, found: Survey) -> Part | None:
        """What then has to be read of it."""
        if found.older:
            message = f"it is the beginning of {found.older.name}, which was learned to its end"
            self.tell(Notice(code="NP030", message=message, where=path))
        if found.older or found.known:
            return None
        return Part(self, source, path, found.resume, found.instead)


@dataclass(slots=True)
class Part:
    """What is read of one input between two commits."""

    ingest: Ingest
    source: FlowSource
    path: str
    known: Input | None = None
    """The input as it was committed last; None: nothing was."""
    instead: tuple[Input, ...] = ()
    live: str = ""
    """Not empty: nobody will see the same bytes again, and this stands for them."""
    told: Told = field(default_factory=Told)
    account: Account = field(default_factory=Account)

    def tell(self, notice: Notice) -> None:
        """To whoever watches, and into the store."""
        self.told.tell(notice)
        self.ingest.tell(notice)

    def windows(self, read: Read, block: int = BLOCK) -> Windows:
        """Those of the input that are not known."""
        trace = Trace()
        above = skip(read, self.known.identity.length if self.known else 0, trace)
        return Windows(read, trace, above, block=block)

    def pieces(self, windows: Windows, enough: Callable[[], bool] = bool) -> Iterator[Fresh]:
        """Line by line, as far as it goes by now, or until it is ``enough``."""
        while True:
            before, above = windows.trace.length, windows.lines
            # Pieces end at the same places whoever goes on, so that the result is the same.
            least = self.ingest.piece - before % self.ingest.piece
            flows = self.share(windows.window(least, enough), above)
            if windows.trace.length > before:
                yield self.commit(flows, windows.trace.identity())
            if windows.ended or enough():
                return

    def last(self, windows: Windows) -> Iterator[Fresh]:
        """A line without its end, which may go on one day."""
        if windows.rest.strip():
            flows = self.read(io.BytesIO(windows.rest), windows.lines)
            start = windows.trace.length
            windows.trace.add(windows.rest)
            self.known = self.known if self.live else None
            identity = windows.trace.identity()
            yield self.commit(flows, identity, start=0 if self.live else start, closed=False)

    def whole(self, read: Read) -> Fresh:
        """As a whole; what comes after it one day may change all of it."""
        return self.commit(*self.all_of(read), closed=False)

    def all_of(self, read: Read) -> tuple[list[Flow], Identity]:
        """The flows of the whole input, and what it was."""
        traced = Traced(read)
        stream = cast("BinaryIO", io.BufferedReader(traced, _BUFFER))
        flows = self.read(stream, 0)
        while stream.read(_BUFFER):
            pass  # a source may end at damage, what is behind that is of the input all the same
        return flows, traced.trace.identity()

    def share(self, stream: BinaryIO, above: int) -> list[Flow]:
        """The flows of whole lines, read by others where there are others."""
        if self.ingest.crew is None:
            return self.read(stream, above)
        from capture.spread import blocks, repeated, together

        found = together(self.ingest.crew, self.path, self.source.name, blocks(stream.read), above)
        for notice, times in repeated(found.told):
            for _ in range(times):
                self.tell(notice)
        self.account.add(found.account)
        return found.flows()

    def read(self, stream: BinaryIO, above: int) -> list[Flow]:
        """The flows of some bytes; ``above``: lines before them."""
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

    def commit(
        self, flows: list[Flow], identity: Identity, *, start: int = 0, closed: bool = True
    ) -> Fresh:
        """Flows, and of what they are, in one transaction with all that was counted and told."""
        new = Input(
            id=self.known.id if self.known else 0,
            source=self.source.name,
            name=self.known.name if self.known else self.path,
            start=start,
            closed=closed,
            live=self.live,
            identity=identity,
        )
        taken = Taken(
            input=new,
            flows=flows,
            account=self.account,
            told=self.told,
            era=self.ingest.era,
            instead=self.instead,
            inventory=self.ingest.inventory,
        )
        fresh = take(self.ingest.store, taken)
        self.known, self.instead = fresh.input, ()
        self.told, self.account = Told(), Account()
        return fresh

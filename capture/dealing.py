"""An input dealt among workers: its shares are folded and joined by them, as a tree.

Here is only decided what workers are asked for; they hold what they made. A worker that is lost
takes that with it, and the scheduler has it made again by others, from the input on. What the input
amounts to is fetched a bounded number of rows at a time, straight into the store's transaction.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

from capture.errand import fresh, learned
from capture.ingest import PIECE
from capture.shares import Traced, joined, packed, share, traced
from netpol.errors import NetpolError
from netpol.store import Identity, Input
from netpol.store.parcel import Parcel, Row

__all__ = ["Dealing", "Promise"]

_WIDE: Final = 8
"""So many shares are joined at once."""
_ROWS: Final = 10_000
"""Fetched at a time: some ten megabytes."""


class Promise(Protocol):
    """What a worker was asked for; given as an argument it stands for its result."""

    def done(self) -> bool:
        """Whether it is there."""

    def result(self) -> Any:  # noqa: ANN401 - of whatever was called
        """It. Raises what went wrong."""

    def cancel(self) -> object:
        """It is not needed any more."""


Steps = Generator[Promise, Any, None]


@dataclass(slots=True)
class Dealing:
    """An errand that takes several steps: plan, fold and join, pack, fetch."""

    submit: Callable[..., Promise]
    settings: Promise
    """Pickled: they may be large, and go to each worker once."""
    path: str
    source: str | None
    known: tuple[Input, ...]
    each: int = PIECE
    all: int = 1
    """Pieces of work."""
    _folding: list[Promise] = field(default_factory=list)
    _steps: Steps | None = None
    _waits: Promise | None = None
    _found: list[Parcel] = field(default_factory=list)

    def done(self) -> bool:
        """Whether it is back; it takes the next step where one is due."""
        if self._steps is None:
            self._steps = self._all_steps()
            self._waits = next(self._steps)
        # What is folded is let go of: who joins it keeps it as long as needed.
        self._folding = [one for one in self._folding if not one.done()]
        while self._waits is not None and self._waits.done():
            try:
                self._waits = self._steps.send(self._waits.result())
            except StopIteration:
                self._waits = None
        return self._waits is None

    def pieces(self) -> tuple[int, int]:
        """So many of all pieces of work were done by now."""
        ended = self._steps is not None and self._waits is None
        return self.all if ended else self.all - max(len(self._folding), 1), self.all

    def result(self) -> list[Parcel]:
        """What it brought; rows come while they are read."""
        return self._found

    def cancel(self) -> None:
        """Nothing of it is needed any more."""
        for one in [*self._folding, *([self._waits] if self._waits else [])]:
            one.cancel()

    def _all_steps(self) -> Steps:
        found = yield self.submit(planned, self.path, self.source, self.known, self.each)
        if found == ():
            return  # all of it is known
        heads = None
        if found is not None:
            made = self._shared(found)
            heads = yield self.submit(heads_of, made)
        if heads is None:
            made = self.submit(whole, self.path, self.source, self.settings, self.known)
            heads = yield self.submit(heads_of, made)
        self._found = [
            replace(one, rows=self._rows(made, number, one)) for number, one in enumerate(heads)
        ]

    def _shared(self, trace: Traced) -> Promise:
        about = self.path, trace.source, self.settings
        self._folding = [self.submit(share, *about, one) for one in trace.stretches]
        self.all = 1 + len(self._folding)
        return self.submit(packed, self.path, self.settings, trace, self._tree(self._folding))

    def _tree(self, shares: Sequence[Promise]) -> Promise:
        while True:
            groups = [shares[n : n + _WIDE] for n in range(0, len(shares), _WIDE)] or [()]
            shares = [self.submit(joined, self.path, *group) for group in groups]
            if len(shares) == 1:
                return shares[0]

    def _rows(self, made: Promise, number: int, head: Parcel) -> Iterator[Row]:
        for start in range(0, head.number, _ROWS):
            what = number, head.input.identity, start, start + _ROWS
            yield from self.submit(rows_of, made, *what).result()


def planned(
    path: str, source: str | None, known: tuple[Input, ...], each: int
) -> Traced | tuple[()] | None:
    """How an input is shared; None: it is not, (): all of it is known. Raises NetpolError."""
    if known:
        with TemporaryDirectory() as folder:
            if not fresh(Path(folder, "known.db"), path, source, known):
                return ()
    return traced(path, source, each)


def whole(path: str, source: str | None, settings: bytes, known: tuple[Input, ...]) -> list[Parcel]:
    """An input by one worker."""
    return learned(path, source, pickle.loads(settings), known)  # noqa: S301 - of who sent us


def heads_of(made: list[Parcel] | None) -> list[Parcel] | None:
    """Parcels without their rows."""
    return None if made is None else [replace(one, rows=()) for one in made]


def rows_of(
    made: list[Parcel] | None, number: int, identity: Identity, start: int, stop: int
) -> tuple[Row, ...]:
    """Some rows of a parcel. Raises NetpolError where it had to be made again, and is another."""
    one = made[number] if made and number < len(made) else None
    if one is None or one.input.identity != identity:
        name = one.input.name if one else ""
        raise NetpolError("it changed while it was read", where=name, hint="run it again")
    return tuple(one.rows)[start:stop]

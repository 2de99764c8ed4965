"""Shares of a large input, folded wherever, which add up to what one reader makes of the whole.

First one reader traces the input, for the ledger: the digest by which content is known again is of
all bytes in their order. It finds where to cut, at the same places at which one reader commits;
folding takes longer, and each share of that is done by whoever has time. Neighbours can be joined
in any grouping: so workers join them as a tree, and nobody has to hold them all.
"""

from __future__ import annotations

import io
import pickle
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from operator import add
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from capture.compressed import DamagedError
from capture.cuts import Places, Stretch, can_be_cut, checked, of_stretch
from capture.folded import Folded, Settings, fold, renumbered
from capture.inputs import detected, head_of, named, opened
from capture.lines import newlines
from capture.windows import Windows
from netpol.store import Identity, Input, Told
from netpol.store.parcel import Parcel, Said
from netpol.store.take import KEPT, encode_account

if TYPE_CHECKING:
    from netpol.eras import Era
    from netpol.notices import Notice

__all__ = ["Share", "Traced", "joined", "packed", "share", "traced"]

_BLOCK: Final = 1 << 20
_RATIO: Final = 4
"""A file of that part of a stretch may be more than one, when it is decompressed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """By what an input is known again, and how it is shared."""

    source: str
    stretches: tuple[Stretch, ...]
    """Whole lines, all of them."""
    lines: Identity
    """To the last end of a line."""
    whole: Identity
    rest: bytes
    """Behind that."""


@dataclass(slots=True, kw_only=True)
class Share:
    """What neighbouring stretches amount to."""

    folded: Folded = field(default_factory=Folded)
    lines: int = 0
    same: bool = True
    """Else it is of no use: it is not what was traced."""


def traced(path: str, source: str | None, each: int) -> Traced | None:
    """Read all, to know it again, and cut it every so many bytes, as they are when decompressed.

    None: it is better read as a whole, by one. Raises NetpolError.
    """
    head = head_of(path)
    chosen = named(source) if source else detected(head, path)
    if chosen is None or not chosen.by_line(head):
        return None
    with opened(path) as raw, suppress(DamagedError):
        if can_be_cut(raw, each // _RATIO):
            return _traced(raw, chosen.name, each)
    return None


def _traced(raw: BinaryIO, source: str, each: int) -> Traced:
    places = Places(raw)
    windows, found = Windows(places.read, block=min(_BLOCK, each)), list[Stretch]()
    while not windows.ended:
        start, check = windows.trace.length, 0
        stream = windows.window(each - start % each)
        while data := stream.read(_BLOCK):
            check = checked(data, check)
        if length := windows.trace.length - start:
            place, skip = places.of(start)
            found.append(Stretch(place=place, skip=skip, length=length, check=check))
    lines, whole = windows.trace.identity(), windows.trace.copy()
    whole.add(windows.rest)
    return Traced(
        source=source,
        stretches=tuple(found),
        lines=lines,
        whole=whole.identity(),
        rest=windows.rest,
    )


def share(path: str, source: str, settings: bytes, stretch: Stretch) -> Share:
    """Fold one stretch."""
    era, at = _prepared(settings)
    with opened(path) as raw, suppress(DamagedError):
        counted = _Counted(of_stretch(raw, stretch))
        stream = io.BufferedReader(counted, _BLOCK)
        folded = fold(cast("BinaryIO", stream), source, path, era, at)
        while stream.read(_BLOCK):
            pass  # a source may end early; what is there is counted all the same
        if (counted.length, counted.check) == (stretch.length, stretch.check):
            return Share(folded=folded, lines=counted.lines)
    return Share(same=False)


class _Counted(io.RawIOBase):
    """Chunks of bytes as a stream that knows what was read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")
        self.length = self.check = self.lines = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Some of it."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self.length += len(chunk)
            self.check = checked(chunk, self.check)
            self.lines += newlines(chunk)
            self._rest = memoryview(chunk)
        n = min(len(buffer), len(self._rest))
        buffer[:n], self._rest = self._rest[:n], self._rest[n:]
        return n


@lru_cache(1)
def _prepared(settings: bytes) -> tuple[Era, int | None]:
    """Settings, as pickled; once a process: an inventory may be large."""
    made: Settings = pickle.loads(settings)  # noqa: S301 - of who sent us
    return made.era(), made.at


def joined(path: str, *shares: Share) -> Share:
    """Neighbours in their order, as one."""
    if not all(one.same for one in shares):
        return Share(same=False)
    found = Share()
    for one in shares:
        told = one.folded.told  # not changed: a join may be done again
        kept = renumbered(told.kept, path, partial(add, found.lines))
        found.folded.add(replace(one.folded, told=Told(told.counts, kept)))
        found.lines += one.lines
    found.folded.told.kept = list(_kept(found.folded.told.kept))
    return found


def _kept(told: Iterable[Notice]) -> Iterator[Notice]:
    """The first of each code, as many as a store keeps."""
    seen = Counter[str]()
    for one in told:
        seen[one.code] += 1
        if seen[one.code] <= KEPT:
            yield one


def packed(path: str, settings: bytes, trace: Traced, whole: Share) -> list[Parcel] | None:
    """What an input is for a store, of all its shares; None: they are not what was traced."""
    if not whole.same:
        return None
    found, about = list[Parcel](), (path, trace.source)
    if trace.stretches:
        found.append(_parcel(_input(*about, trace.lines), whole.folded))
    if trace.rest.strip():
        era, at = _prepared(settings)
        last = fold(io.BytesIO(trace.rest), trace.source, path, era, at)
        last.told.kept = renumbered(last.told.kept, path, partial(add, whole.lines))
        found.append(_parcel(_input(*about, trace.whole, trace.lines.length), last))
    return found


def _input(path: str, source: str, identity: Identity, start: int | None = None) -> Input:
    """Of whole lines, or of a last one without its end, as :class:`capture.ingest.Part` has it."""
    return Input(
        id=0,
        source=source,
        name=path,
        start=start or 0,
        closed=start is None,
        identity=identity,
    )


def _parcel(one: Input, folded: Folded) -> Parcel:
    rows = tuple(sorted(folded.edges.items()))
    account = encode_account(folded.account)
    return Parcel(
        input=one, account=account, said=tuple(_said(folded.told)), number=len(rows), rows=rows
    )


def _said(told: Told) -> Iterator[Said]:
    for code, count in told.counts.items():
        kept = [one for one in told.kept if one.code == code][:KEPT]
        yield code, 0, "", "", count
        yield from ((code, n, one.where, one.message, 1) for n, one in enumerate(kept, 1))

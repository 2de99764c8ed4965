"""Inputs read by several processes (``--jobs``): the same flows, in less time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from capture.compressed import decompressed, is_compressed
from capture.crew import Crew, Dealt, Job, Piece
from capture.folded import Folded, renumbered
from capture.inputs import blind_spots, detected, head_of, named, opened
from capture.lines import LINE_LIMIT, skip_line
from capture.windows import Read
from netpol.notices import Notice, Tell
from netpol.store import Told

__all__ = ["Cut", "Repeat", "blocks", "repeated", "spread", "together"]

Repeat: TypeAlias = Callable[[Notice, int], None]
"""Told of a notice, and of how many like it this is the one that was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Sizes in bytes, by which inputs are cut."""

    worth: int = 8 << 20
    """Smaller files are not dealt: to begin costs more than it gains."""
    place: int = 4 << 20
    """Of a piece that is a place in a file."""
    block: int = 1 << 20
    """Of a piece that is sent as it is."""


DEFAULT: Final = Cut()
_HEAD: Final = 16
"""Bytes that show whether a file is compressed."""
_MANY: Final = 4
"""So many inputs for each process are enough to keep all busy without dealing."""


def spread(
    paths: Iterable[str],
    crew: Crew,
    *,
    source: str | None,
    tell: Repeat,
    cut: Cut = DEFAULT,
) -> Iterator[tuple[str, Folded]]:
    """What each input amounts to, in the order in which they are done.

    ``source`` as in :func:`capture.inputs.read`. Raises NetpolError as that does.
    """
    inputs = [one for path in paths if (one := _job(path, source, cut.worth))]
    few = len(inputs) < _MANY * crew.number
    whole = [one for one, dealable in inputs if not (few and dealable)]
    for job, folded in crew.whole(whole):
        yield job.path, _told(folded, tell)
    for job, dealable in inputs:
        if few and dealable:
            yield job.path, _told(_dealt(crew, job, cut), tell)


def _job(path: str, source: str | None, worth: int) -> tuple[Job, bool] | None:
    """An input and whether it can be dealt; None for an empty one."""
    head = head_of(path)
    chosen = named(source) if source else detected(head, path)
    if chosen is None:
        return None
    large = Path(path).stat().st_size >= worth
    return Job(path=path, source=chosen.name), large and chosen.by_line(head)


def _told(folded: Folded, tell: Repeat) -> Folded:
    """Pass on what was told, as often as it was."""
    for notice, times in repeated(folded.told):
        tell(notice, times)
    folded.account.blind |= blind_spots(folded.account.sources)
    return folded


def repeated(told: Told) -> Iterator[tuple[Notice, int]]:
    """Each notice that was kept, and for how many it stands; others like it were only counted."""
    hidden = dict(told.counts)
    for notice in told.kept:
        hidden[notice.code] -= 1
    for notice in told.kept:
        yield notice, 1 + hidden[notice.code]
        hidden[notice.code] = 0


def _dealt(crew: Crew, job: Job, cut: Cut) -> Folded:
    """An input by all processes together."""
    found = Folded()
    pieces = _pieces(job.path, found.told.tell, cut)
    found.add(together(crew, job.path, job.source, pieces))
    return found


def together(crew: Crew, path: str, source: str, pieces: Iterable[Piece], above: int = 0) -> Folded:
    """Pieces of an input by all processes; the numbers of lines in what they tell are put right.

    ``above``: so many lines of the input are before the first piece.
    """
    found, parts = Folded(), crew.dealt(Job(path=path, source=source, dealt=True), pieces)
    lines = dict(one for part in parts for one in part.lines)
    before = list(accumulate((lines[n] for n in range(len(lines))), initial=above))
    for part in parts:
        place = partial(_place, part, before)
        part.folded.told.kept = renumbered(part.folded.told.kept, path, place)
        found.add(part.folded)
    return found


def _place(part: Dealt, above: list[int], line: int) -> int:
    """The number in the input of a line that one process counted among its own."""
    before = list(accumulate((lines for _, lines in part.lines), initial=0))
    index = min(bisect_left(before, line, 1), len(part.lines)) - 1
    return above[part.lines[index][0]] + line - before[index]


def _pieces(path: str, tell: Tell, cut: Cut) -> Iterator[Piece]:
    """An input in pieces that end with a line, the last one perhaps without."""
    with opened(path) as raw:
        compressed = is_compressed(raw.read(_HEAD))
        raw.seek(0)
        if compressed:
            yield from blocks(decompressed(raw, path, tell).read, cut.block)
        else:
            yield from _places(raw, Path(path).stat().st_size, cut.place)


def _places(raw: BinaryIO, size: int, each: int) -> Iterator[Piece]:
    start, number = 0, 0
    while start < size:
        raw.seek(start + each)
        skip_line(raw)
        end = min(raw.tell(), size) if start + each < size else size
        yield Piece(number=number, start=start, length=end - start)
        start, number = end, number + 1


def blocks(read: Read, block: int = DEFAULT.block) -> Iterator[Piece]:
    """What there is to be read, in pieces that end with a line, the last one perhaps without."""
    number, rest = 0, b""
    while data := read(block):
        cut = data.rfind(b"\n") + 1
        if cut:
            yield Piece(number=number, data=rest + data[:cut])
            number, rest = number + 1, data[cut:]
        elif len(rest) <= LINE_LIMIT:  # what is longer is held, whatever comes
            rest += data
    if rest:
        yield Piece(number=number, data=rest)

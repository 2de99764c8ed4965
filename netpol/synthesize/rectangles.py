"""The fewest rules: cover observed (peer, port) pairs with rectangles ``peers × ports``.

A rule with several peers and several ports allows every combination of them, so only combinations
that were all observed may share a rule. Peers with equal ports are one row; ports are cut where
rows differ and those used by the same rows are one column. What remains is a small table, and the
rectangles that cannot grow in it (its formal concepts) are all that a smallest cover needs; which
of them, :func:`netpol.synthesize.covers.cheapest_cover` finds exactly.

Laws (``tests/laws/test_rectangles.py``): the union of the rectangles is the relation; their number
is the least possible; no rectangle is needless; the order of the input does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import or_
from typing import Any, Final, TypeVar

from netpol.net import PortSet
from netpol.notices import Notice, Tell
from netpol.synthesize.covers import Option, cheapest_cover

__all__ = ["CONCEPT_LIMIT", "SEARCH_LIMIT", "cover"]

P = TypeVar("P")

CONCEPT_LIMIT: Final = 512
"""Rectangles that the exact search looks at; past it, those of one row or one column only."""
SEARCH_LIMIT: Final = 1 << 11
"""Steps of the exact search, about 10 ms."""


def cover(
    pairs: Mapping[P, PortSet],
    *,
    key: Callable[[P], Any],
    tell: Tell | None = None,
    where: str = "",
) -> tuple[tuple[tuple[P, ...], PortSet], ...]:
    """The fewest (peers, ports) whose union is exactly ``pairs``; peers sorted by ``key``.

    Peers without ports are left out. Rectangles overlap only where that saves one: a pair that
    several of them hold is taken out of as many as possible, peers before ports. Sorted by the
    peers' keys, then by ports. Exact up to :data:`CONCEPT_LIMIT` and :data:`SEARCH_LIMIT`; past
    them a cover that is close, without needless rectangles, and notice NP022 is told with
    ``where``.
    """
    groups: dict[PortSet, list[P]] = {}
    for peer in sorted(pairs, key=key):
        if pairs[peer]:
            groups.setdefault(pairs[peer], []).append(peer)
    table = _Table.of(list(groups))
    rectangles, exact = _fewest(table)
    if tell is not None and not exact:
        tell(Notice(code="NP022", where=where, message=f"{len(rectangles)} rules; fewer may do"))
    rows = list(groups.values())
    found = [
        (
            tuple(sorted((peer for row in _bits(one.rows) for peer in rows[row]), key=key)),
            PortSet.union(table.atoms[column] for column in _bits(one.columns)),
        )
        for one in _without_overlap(rectangles, table)
    ]
    return tuple(sorted(found, key=lambda one: ([key(peer) for peer in one[0]], one[1].parts)))


@dataclass(frozen=True, slots=True)
class _Rectangle:
    """Rows and columns as bit sets; every combination was observed."""

    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class _Table:
    """The relation without equal rows and equal columns."""

    atoms: Sequence[PortSet]
    """The ports of each column."""
    rows: Sequence[int]
    """Per row, its columns as a bit set."""

    @staticmethod
    def of(rows: Sequence[PortSet]) -> _Table:
        columns = _columns(rows)
        return _Table(
            list(columns.values()),
            [
                sum(1 << place for place, members in enumerate(columns) if members >> row & 1)
                for row in range(len(rows))
            ],
        )

    def cells(self, rectangle: _Rectangle) -> int:
        """The pairs in a rectangle as a bit set, row after row."""
        width = len(self.atoms)
        return sum(rectangle.columns << row * width for row in _bits(rectangle.rows))

    def holders(self, columns: int) -> int:
        """The rows that have all of some columns."""
        return sum(1 << row for row, mine in enumerate(self.rows) if mine & columns == columns)


def _columns(rows: Sequence[PortSet]) -> dict[int, PortSet]:
    """The ports cut where rows differ: (rows that have them as a bit set) → ports."""
    edges: dict[tuple[str, int], int] = {}
    for row, ports in enumerate(rows):
        for protocol, low, high in ports:
            for edge in ((protocol, low), (protocol, high + 1)):
                edges[edge] = edges.get(edge, 0) ^ 1 << row
    pieces: dict[int, list[PortSet]] = {}
    inside = 0
    # Ranges of one protocol end before the next one starts, so one sweep does for all.
    for (edge, flips), (following, _) in pairwise(sorted(edges.items())):
        inside ^= flips
        if inside:
            pieces.setdefault(inside, []).append(PortSet.of(*edge, following[1] - 1))
    return {members: PortSet.union(ports) for members, ports in pieces.items()}


def _fewest(table: _Table) -> tuple[list[_Rectangle], bool]:
    """The fewest rectangles that cover the table, and whether that is proven."""
    intents = _intents(table.rows)
    complete = len(intents) <= CONCEPT_LIMIT
    if not complete:
        intents = _plain_intents(table)
    concepts = [_Rectangle(table.holders(intent), intent) for intent in sorted(intents)]
    # The largest first: among equals the greedy start and the search take the first.
    concepts.sort(key=lambda one: -one.rows.bit_count() * one.columns.bit_count())
    options = [Option(table.cells(one), 1) for one in concepts]
    picked = cheapest_cover(options, limit=SEARCH_LIMIT if complete else 1)
    return [concepts[index] for index in picked.chosen], complete and picked.exact


def _intents(rows: Iterable[int]) -> set[int]:
    """All non-empty intersections of rows; stops soon after there are too many of them."""
    found: set[int] = set()
    for row in rows:
        found |= {row, *(row & one for one in found)}
        if len(found) > CONCEPT_LIMIT + 1:
            break
    return found - {0}


def _plain_intents(table: _Table) -> set[int]:
    """The rows, and per column what all rows that have it share: enough for any relation."""
    intents = set(table.rows)
    for place in range(len(table.atoms)):
        members = [row for row in table.rows if row >> place & 1]
        intents.add(reduce(lambda left, right: left & right, members))
    return intents


def _without_overlap(rectangles: Sequence[_Rectangle], table: _Table) -> list[_Rectangle]:
    """The same cover with pairs taken out of rectangles where another one has them.

    Rows first: a peer that loses a rule altogether is easier to read than one whose ports are
    spread over several.
    """
    result = list(rectangles)
    for by_row in (True, False):
        for place in range(len(result)):
            others = reduce(or_, (table.cells(o) for o in result[:place] + result[place + 1 :]), 0)
            result[place] = _shrunk(result[place], others, table, by_row=by_row)
    return result


def _shrunk(one: _Rectangle, others: int, table: _Table, *, by_row: bool) -> _Rectangle:
    """Without the rows, or the columns, of which ``others`` hold every pair."""
    kept = 0
    for place in _bits(one.rows if by_row else one.columns):
        line = _Rectangle(1 << place, one.columns) if by_row else _Rectangle(one.rows, 1 << place)
        if table.cells(line) & ~others:
            kept |= 1 << place
    return _Rectangle(kept, one.columns) if by_row else _Rectangle(one.rows, kept)


def _bits(mask: int) -> list[int]:
    return [place for place in range(mask.bit_length()) if mask >> place & 1]

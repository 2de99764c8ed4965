"""The fewest rules: cover observed (peer, port) pairs with rectangles ``peers × ports``.

A rule with several peers and several ports allows every combination of them, so only combinations
that were all observed may share a rule. Peers with equal ports are one row; ports are cut where
rows differ and those used by the same rows are one column; parts that share nothing are looked at
one by one. What remains are small tables, and the rectangles that cannot grow in them (formal
concepts) are all that a smallest cover needs; which of them,
:func:`netpol.synthesize.covers.cheapest_cover` finds exactly.

Laws (``tests/laws/test_rectangles.py``): the union of the rectangles is the relation; their number
is the least possible; no rectangle is needless; the order of the input does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import and_, or_
from typing import Any, Final, TypeVar

from netpol.net import PortSet
from netpol.notices import Notice, Tell
from netpol.synthesize.covers import Option, bits, cheapest_cover

__all__ = ["CONCEPT_LIMIT", "SEARCH_LIMIT", "cover"]

P = TypeVar("P")

CONCEPT_LIMIT: Final = 256
"""Rectangles that the exact search looks at in one table."""
SEARCH_LIMIT: Final = 1 << 10
"""Steps of the exact search in one table, a few milliseconds."""


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
    them a cover without needless rectangles that may not be the smallest, and notice NP022 is told
    with ``where``.
    """
    groups: dict[PortSet, list[P]] = {}
    for peer in sorted(pairs, key=key):
        if pairs[peer]:
            groups.setdefault(pairs[peer], []).append(peer)
    rows = list(groups.values())
    atoms, tables = _tables(list(groups))
    found, exact = [], True
    for table in tables:
        rectangles, proven = _fewest(table)
        exact = exact and proven
        for one in _without_overlap(rectangles):
            peers = sorted(
                (peer for row in bits(one.rows) for peer in rows[table.names[row]]), key=key
            )
            ports = PortSet.union(atoms[column] for column in bits(one.columns))
            found.append((tuple(peers), ports))
    if tell is not None and not exact:
        tell(Notice(code="NP022", where=where, message=f"{len(found)} rules; fewer may do"))
    return tuple(sorted(found, key=lambda one: ([key(peer) for peer in one[0]], one[1].parts)))


@dataclass(frozen=True, slots=True)
class _Rectangle:
    """Rows and columns as bit sets; every combination was observed."""

    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class _Table:
    """A connected part of the relation, without equal rows and equal columns."""

    rows: Sequence[int]
    """Per row, its columns as a bit set."""
    columns: Mapping[int, int]
    """Per column, its rows as a bit set."""
    names: Sequence[int]
    """What the rows are called outside."""

    def grown(self, columns: int) -> _Rectangle:
        """The largest rectangle with these columns."""
        members = reduce(and_, (self.columns[column] for column in bits(columns)))
        return _Rectangle(members, reduce(and_, (self.rows[row] for row in bits(members))))


def _tables(rows: Sequence[PortSet]) -> tuple[list[PortSet], list[_Table]]:
    """The ports of each column, and the relation in parts that share no row and no column."""
    atoms = _atoms(rows)
    lines = [0] * len(rows)
    for column, members in enumerate(atoms):
        for row in bits(members):
            lines[row] |= 1 << column
    tables = []
    for part in _parts(list(atoms), lines):
        inner = {row: place for place, row in enumerate(part)}
        columns: dict[int, int] = {}
        for row, place in inner.items():
            for column in bits(lines[row]):
                columns[column] = columns.get(column, 0) | 1 << place
        tables.append(_Table([lines[row] for row in part], columns, part))
    return list(atoms.values()), tables


def _atoms(rows: Sequence[PortSet]) -> dict[int, PortSet]:
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


def _parts(columns: Sequence[int], rows: Sequence[int]) -> list[list[int]]:
    """Rows that hang together by shared columns, as sorted lists of row numbers."""
    left, parts = set(range(len(rows))), []
    for start in range(len(rows)):
        if start not in left:
            continue
        part, border, crossed = {start}, [start], 0
        while border:
            for column in bits(rows[border.pop()] & ~crossed):
                crossed |= 1 << column
                fresh = set(bits(columns[column])) - part
                part |= fresh
                border += fresh
        left -= part
        parts.append(sorted(part))
    return parts


def _fewest(table: _Table) -> tuple[list[_Rectangle], bool]:
    """The fewest rectangles that cover the table, and whether that is proven."""
    rows = _basis(dict(enumerate(table.rows)))
    columns = _basis(table.columns)
    by_row = [table.grown(table.rows[row]) for row in rows]
    by_column = [table.grown(1 << column) for column in columns]
    simple = min(by_row, by_column, key=len)
    intents, complete = _intents([table.rows[row] for row in rows])
    # Past the limit these are some of the rectangles, those of the first rows; with one for each
    # row and each column there is always a cover, and a better one than either kind alone gives.
    concepts = [table.grown(intent) for intent in intents]
    concepts += [] if complete else [one for one in (*by_row, *by_column) if one not in concepts]
    options = [Option(_cells(one, rows, columns), 1) for one in concepts]
    picked = cheapest_cover(options, limit=SEARCH_LIMIT)
    best = [concepts[index] for index in picked.chosen]
    return min(best, simple, key=len), picked.exact and complete


def _basis(lines: Mapping[int, int]) -> list[int]:
    """The rows (or columns) that are not the union of others.

    Whatever rectangles cover those, when grown, cover the rest as well: a rectangle that holds a
    pair of a smaller row holds it for every row that contains that row.
    """
    return [
        name
        for name, line in lines.items()
        if reduce(or_, (o for o in lines.values() if o & line == o and o != line), 0) != line
    ]


def _intents(rows: Iterable[int]) -> tuple[list[int], bool]:
    """The non-empty intersections of rows, sorted; and whether these are all of them."""
    found: set[int] = set()
    for row in rows:
        more = found | {row, *(row & one for one in found)}
        if len(more) > CONCEPT_LIMIT + 1:
            return sorted(found - {0}), False
        found = more
    return sorted(found - {0}), True


def _cells(one: _Rectangle, rows: Iterable[int], columns: Sequence[int]) -> int:
    """The pairs of some rows and columns that a rectangle holds, as a bit set."""
    inside = [place for place, column in enumerate(columns) if one.columns >> column & 1]
    line = sum(1 << place for place in inside)
    width = len(columns)
    return sum(line << place * width for place, row in enumerate(rows) if one.rows >> row & 1)


def _without_overlap(rectangles: Sequence[_Rectangle]) -> list[_Rectangle]:
    """The same cover with pairs taken out of rectangles where another one has them.

    Rows first: a peer that loses a rule altogether is easier to read than one whose ports are
    spread over several.
    """
    result = list(rectangles)
    members: dict[int, set[int]] = {}
    for place, one in enumerate(result):
        for row in bits(one.rows):
            members.setdefault(row, set()).add(place)
    for by_row in (True, False):
        for place, one in enumerate(result):
            elsewhere = {
                row: reduce(or_, (result[o].columns for o in members[row] if o != place), 0)
                for row in bits(one.rows)
            }
            gone = [row for row, ports in elsewhere.items() if by_row and not one.columns & ~ports]
            for row in gone:
                members[row].discard(place)
            spare = 0 if by_row else reduce(and_, elsewhere.values())
            rows = one.rows & ~sum(1 << row for row in gone)
            result[place] = _Rectangle(rows, one.columns & ~spare)
    return result

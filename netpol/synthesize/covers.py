"""The cheapest choice of bit sets that together hold every bit: weighted set cover, exactly.

Both optimisers of this package come down to it: requirements that reject every other pod,
rectangles that cover every observed pair. The instances are small, so branch and bound on Python
integers is exact in well under a millisecond; past a bound on the steps the best cover found so
far is given, and the caller is told.

Method: drop options that a cheaper one replaces and elements that come for free with another one,
until nothing changes; start from the greedy cover; then branch on the element with the fewest
options, and cut where the cost so far plus that of elements which share no option is too much.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final

__all__ = ["Option", "Picked", "bits", "cheapest_cover"]

_FEW: Final = 16
"""Options whose kinds of elements are found by splitting."""


@dataclass(frozen=True, slots=True)
class Option:
    """What may be picked: the elements that it covers, as a bit set, and its cost (> 0)."""

    covers: int
    cost: int


@dataclass(frozen=True, slots=True)
class Picked:
    """Indices of the picked options, sorted; ``exact`` False: a cheaper cover may exist."""

    chosen: tuple[int, ...]
    exact: bool


def cheapest_cover(options: Sequence[Option], *, limit: int) -> Picked:
    """The cheapest options whose union is the union of all, within ``limit`` search steps.

    Deterministic in the order of ``options``; among covers of one cost the first one found. Give
    each option a cost of its own where that is not enough. With no elements, nothing is picked.
    """
    columns = _reduced(options)
    kept = sorted(columns)
    small = [Option(columns[index], options[index].cost) for index in kept]
    chosen, exact = _search(small, limit)
    return Picked(tuple(sorted(kept[index] for index in chosen)), exact)


def bits(mask: int) -> Iterator[int]:
    """The positions of the set bits, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _turned(sets: Mapping[int, int]) -> dict[int, int]:
    """The same relation from the other side: for each member, the bit set of the sets with it."""
    found: dict[int, int] = {}
    for name, members in sets.items():
        for member in bits(members):
            found[member] = found.get(member, 0) | 1 << name
    return found


def _reduced(options: Sequence[Option]) -> dict[int, int]:
    """The options that matter, each with the elements that do."""
    columns = _useful({index: option.covers for index, option in enumerate(options)}, options)
    while True:
        rows = _tightest(_rows(columns))
        before = len(columns)
        columns = _useful(_turned(dict(enumerate(rows))), options)
        if len(columns) == before:
            return columns


def _rows(columns: Mapping[int, int]) -> Iterable[int]:
    """For each element the options that cover it, as a bit set; equal elements may come once.

    A few options over thousands of elements make few kinds of them: those are split off as a whole,
    never element by element.
    """
    if len(columns) > _FEW:
        return _turned(columns).values()
    kinds = {0: reduce(or_, columns.values(), 0)}
    for index, covers in columns.items():
        inside = {row | 1 << index: some & covers for row, some in kinds.items()}
        outside = {row: some & ~covers for row, some in kinds.items()}
        kinds = {row: some for row, some in (*inside.items(), *outside.items()) if some}
    return kinds


def _tightest(rows: Iterable[int]) -> list[int]:
    """Without the elements that any cover of another element covers too; fewest options first."""
    kept: list[int] = []
    for row in sorted(set(rows), key=lambda row: (row.bit_count(), row)):
        if not any(other & row == other for other in kept):
            kept.append(row)
    return kept


def _useful(columns: Mapping[int, int], options: Sequence[Option]) -> dict[int, int]:
    """Without the options for which another one covers as much for less, or before it."""
    kept: dict[int, int] = {}
    for index in sorted(columns, key=lambda index: (options[index].cost, index)):
        column = columns[index]
        if not any(other & column == column for other in kept.values()):
            kept[index] = column
    return kept


def _search(options: Sequence[Option], limit: int) -> tuple[tuple[int, ...], bool]:
    """Branch and bound, depth first, cheap branches first; (chosen, whether it came to its end)."""
    problem = _Problem.of(options)
    best = _greedy(problem)
    price = sum(problem.costs[index] for index in best)
    nodes = [_Node(problem.everything, (1 << len(options)) - 1, 0, ())]
    for _ in range(limit):
        if not nodes:
            return best, True
        node = nodes.pop()
        if node.cost + problem.at_least(node.missing) >= price:
            continue
        if not node.missing:
            best, price = node.chosen, node.cost
            continue
        nodes.extend(problem.children(node))
    return best, not nodes


@dataclass(frozen=True, slots=True)
class _Node:
    """A partial cover: elements still missing, options still allowed, cost, what was picked."""

    missing: int
    allowed: int
    cost: int
    chosen: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Problem:
    """A reduced instance, read both ways."""

    rows: Sequence[int]
    """Per element, the options that cover it; elements with few options first."""
    columns: Sequence[int]
    """Per option, the elements that it covers."""
    costs: Sequence[int]
    floors: Sequence[int]
    """Per element, the cost of its cheapest option."""
    near: Sequence[int]
    """Per element, the elements that share an option with it (itself too)."""

    @staticmethod
    def of(options: Sequence[Option]) -> _Problem:
        turned = _turned({index: one.covers for index, one in enumerate(options)})
        rows = sorted(turned.values(), key=lambda row: (row.bit_count(), row))
        elements = _turned(dict(enumerate(rows)))
        columns = [elements[index] for index in range(len(options))]
        costs = [one.cost for one in options]
        return _Problem(
            rows,
            columns,
            costs,
            floors=[min(costs[index] for index in bits(row)) for row in rows],
            near=[reduce(or_, (columns[index] for index in bits(row))) for row in rows],
        )

    @property
    def everything(self) -> int:
        return (1 << len(self.rows)) - 1

    def at_least(self, missing: int) -> int:
        """A lower bound: elements of which no two share an option are paid for one by one."""
        cost = 0
        while missing:
            element = (missing & -missing).bit_length() - 1
            cost += self.floors[element]
            missing &= ~self.near[element]
        return cost

    def children(self, node: _Node) -> list[_Node]:
        """One per option of the hardest missing element, the cheapest last (it is popped first).

        An option that was tried is not allowed in the branches after it: no cover is met twice.
        """
        element = (node.missing & -node.missing).bit_length() - 1
        allowed, found = node.allowed, []
        for index in sorted(
            bits(self.rows[element] & allowed),
            key=lambda index: (
                self.costs[index],
                -(self.columns[index] & node.missing).bit_count(),
            ),
        ):
            allowed &= ~(1 << index)
            missing = node.missing & ~self.columns[index]
            cost = node.cost + self.costs[index]
            found.append(_Node(missing, allowed, cost, (*node.chosen, index)))
        return found[::-1]


def _greedy(problem: _Problem) -> tuple[int, ...]:
    """A cover by lowest cost per new element, without the picks that the others make needless."""
    missing, chosen = problem.everything, []
    while missing:
        gains = (
            (index, (column & missing).bit_count()) for index, column in enumerate(problem.columns)
        )
        index = min((problem.costs[index] // gain, index) for index, gain in gains if gain)[1]
        chosen.append(index)
        missing &= ~problem.columns[index]
    for index in sorted(chosen, key=lambda index: (-problem.costs[index], -index)):
        others = reduce(or_, (problem.columns[one] for one in chosen if one != index), 0)
        if others == problem.everything:
            chosen.remove(index)
    return tuple(chosen)

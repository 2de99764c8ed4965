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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

__all__ = ["Option", "Picked", "cheapest_cover"]


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
    rows, alive = _reduced(options)
    if not rows:
        return Picked((), exact=True)
    kept = list(_bits(alive))
    columns = [_column(rows, index) for index in kept]
    small = [
        Option(covers, options[index].cost) for covers, index in zip(columns, kept, strict=True)
    ]
    chosen, exact = _search(small, limit)
    return Picked(tuple(sorted(kept[index] for index in chosen)), exact)


def _bits(mask: int) -> Iterator[int]:
    """The positions of the set bits, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _column(rows: Sequence[int], index: int) -> int:
    """The elements that option ``index`` covers, by their position in ``rows``."""
    return sum(1 << place for place, row in enumerate(rows) if row >> index & 1)


def _transposed(sets: Sequence[int]) -> list[int]:
    """For each element, the positions in ``sets`` that hold it; elements in none are left out."""
    rows: dict[int, int] = {}
    for index, members in enumerate(sets):
        for element in _bits(members):
            rows[element] = rows.get(element, 0) | 1 << index
    return [rows[element] for element in sorted(rows)]


def _reduced(options: Sequence[Option]) -> tuple[list[int], int]:
    """The elements that matter, each as the bit set of its options, and the options that do."""
    rows = _tightest(_transposed([option.covers for option in options]))
    alive = 0
    for row in rows:
        alive |= row
    while True:
        useful = _useful(rows, alive, options)
        if useful == alive:
            return rows, alive
        rows, alive = _tightest([row & useful for row in rows]), useful


def _tightest(rows: list[int]) -> list[int]:
    """Without the elements that any cover of another element covers too; fewest options first."""
    kept: list[int] = []
    for row in sorted(set(rows), key=lambda row: (row.bit_count(), row)):
        if not any(other & row == other for other in kept):
            kept.append(row)
    return kept


def _useful(rows: Sequence[int], alive: int, options: Sequence[Option]) -> int:
    """The options for which no other one covers as much for less (or, at one cost, comes first)."""
    order = sorted(_bits(alive), key=lambda index: (options[index].cost, index))
    kept: list[int] = []
    useful = 0
    for index in order:
        column = _column(rows, index)
        if column and not any(other & column == column for other in kept):
            kept.append(column)
            useful |= 1 << index
    return useful


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
        rows = sorted(
            _transposed([one.covers for one in options]), key=lambda row: (row.bit_count(), row)
        )
        columns = [_column(rows, index) for index in range(len(options))]
        costs = [one.cost for one in options]
        return _Problem(
            rows,
            columns,
            costs,
            floors=[min(costs[index] for index in _bits(row)) for row in rows],
            near=[reduce(or_, (columns[index] for index in _bits(row))) for row in rows],
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
            _bits(self.rows[element] & allowed),
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

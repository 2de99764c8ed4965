"""The fewest selectors that together name a workload of which one selector cannot.

Pods of one workload differ where a template changed, or where a controller or a person labels some
of them. What one conjunction cannot say may be said by several, each for some of the pods: peers of
one rule, and several subjects with the same rules. Which pods of others are matched is decided
before how many selectors it takes: none where the labels allow that, and never one that some other
set of selectors would leave out.

Exact for up to :data:`MOST` kinds of pods: each set of kinds that one selector can name is an
option with the cost of that selector, and :func:`netpol.synthesize.covers.cheapest_cover` takes the
cheapest options. Past that kinds are put together one by one, as far as one selector names them.

Laws (``tests/laws/test_unions.py``): what brute force finds in small worlds, in number and in cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from operator import itemgetter
from typing import Final

from netpol.policy import Requirement
from netpol.synthesize.candidates import UNION, distinct_costs
from netpol.synthesize.conjunctions import SEARCH_LIMIT, Conjunction, Own, conjunction, unavoidable
from netpol.synthesize.covers import Option, cheapest_cover
from netpol.synthesize.neighbours import LabelSet, Others

__all__ = ["MOST", "fewest"]

MOST: Final = 8
"""Kinds of pods of one workload, of which every set is tried."""


def fewest(own: Own, others: Others) -> tuple[Conjunction, ...] | None:
    """The selectors of a workload, sorted; None where some of its pods have no usable label."""
    allowed = _allowed(own, others)
    if allowed is None:
        return None
    one = conjunction(own, own.classes, others, allowed)
    if one is not None and (len(own.classes) == 1 or not one.fragile):
        return (one,)
    # Pods that are gone cost no selector of their own: nothing would show that it is needed.
    union = _Union(own=own, others=others, allowed=allowed)
    found = union.exact() if len(own.present) <= MOST else union.greedy()
    return found if one is None or _cost(found) < _cost((one,)) else (one,)


def _allowed(own: Own, others: Others) -> int | None:
    """The others that are matched, however the pods are named; None where some have no name."""
    found = 0
    for labels in own.present:
        rest = unavoidable(own, (labels,), others)
        if rest is None:
            return None
        found |= rest
    return found


def _cost(some: Iterable[Conjunction]) -> int:
    return sum(one.cost + UNION for one in some)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Union:
    """One workload, and whom its selectors may match beside its own pods."""

    own: Own
    others: Others
    allowed: int

    def exact(self) -> tuple[Conjunction, ...]:
        """The cheapest of all sets of selectors."""
        alike: dict[tuple[Requirement, ...], Conjunction] = {}
        for one in self._nameable():
            known = alike.setdefault(one.requirements, one)
            alike[one.requirements] = min(known, one, key=lambda each: each.cost)
        found = [one for _, one in sorted(alike.items(), key=itemgetter(0))]
        costs = distinct_costs([_cost((one,)) for one in found])
        options = [Option(self._named(one), cost) for one, cost in zip(found, costs, strict=True)]
        picked = cheapest_cover(options, limit=SEARCH_LIMIT)
        some = (found[index] for index in picked.chosen)
        return tuple(replace(one, exact=one.exact and picked.exact) for one in some)

    def greedy(self) -> tuple[Conjunction, ...]:
        """Kind by kind, each added to the first that one selector names together with it."""
        groups: list[list[LabelSet]] = []
        for labels in self.own.present:
            for group in groups:
                if self._of([*group, labels]) is not None:
                    group.append(labels)
                    break
            else:
                groups.append([labels])
        found = (self._of(group) for group in groups)
        some = [replace(one, exact=False) for one in found if one is not None]
        return tuple(sorted(some, key=lambda one: one.requirements))

    def _of(self, some: Sequence[LabelSet]) -> Conjunction | None:
        return conjunction(self.own, some, self.others, self.allowed)

    def _nameable(self) -> Iterator[Conjunction]:
        """A selector for each set of kinds that has one: only where its parts have one, too."""
        kinds = self.own.present
        known: set[tuple[int, ...]] = {()}
        for size in range(1, len(kinds) + 1):
            for places in combinations(range(len(kinds)), size):
                if not all(part in known for part in combinations(places, size - 1)):
                    continue
                one = self._of([kinds[place] for place in places])
                if one is not None:
                    known.add(places)
                    yield one

    def _named(self, one: Conjunction) -> int:
        """The kinds of pods that it selects, as a bit set."""
        met = (one.meets(labels) for labels in self.own.present)
        return sum(1 << place for place, yes in enumerate(met) if yes)

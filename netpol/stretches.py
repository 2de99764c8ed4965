"""Dated things cut into stretches of time in which the same of them hold.

Clocks differ: what is dated by one clock is asked about by another. So each thing counts for a
guard band longer at both ends, and two that hold one after the other both count in between.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Generic, TypeVar

from netpol.inventory import ALWAYS, Dated

__all__ = ["Stretches", "living", "stretches"]

_Thing = TypeVar("_Thing")


@dataclass(frozen=True, slots=True)
class Stretches(Generic[_Thing]):
    """``cuts`` are the times at which something changes; ``holding[n]`` is before ``cuts[n]``."""

    cuts: tuple[int, ...]
    holding: tuple[tuple[tuple[_Thing, bool], ...], ...]
    """(thing, whether it is known to hold), for one stretch more than there are cuts."""

    def number(self, time: int) -> int:
        """The stretch that a time is in."""
        return bisect_right(self.cuts, time)

    def at(self, time: int) -> tuple[tuple[_Thing, bool], ...]:
        """What holds at a time."""
        return self.holding[bisect_right(self.cuts, time)]


def stretches(dated: Iterable[Dated[_Thing]], guard: int) -> Stretches[_Thing]:
    """The stretches of some things; ``guard`` in nanoseconds."""
    spans = [Dated((*_ends(one, guard), one.thing), *_ends(one, guard)[::3]) for one in dated]
    cuts = tuple(sorted({t for one in spans for t in one.thing[:4] if 0 <= t < ALWAYS}))
    times = (-1, *cuts)
    holding = tuple(
        tuple((thing, begun <= time < sure) for _, begun, sure, _, thing in live)
        for time, live in zip(times, living(spans, times), strict=True)
    )
    return Stretches(cuts, holding)


def living(dated: Iterable[Dated[_Thing]], times: Iterable[int]) -> Iterator[list[_Thing]]:
    """For each time what holds then; the times are sorted, and each costs what holds there only."""
    waiting = deque(sorted(dated, key=attrgetter("start")))
    live: list[Dated[_Thing]] = []
    for time in times:
        while waiting and waiting[0].start <= time:
            live.append(waiting.popleft())
        live = [one for one in live if time < one.end]
        yield [one.thing for one in live]


def _ends(one: Dated[object], guard: int) -> tuple[int, int, int, int]:
    """When it may begin, has begun, may end and has ended; -1: before anything is known."""
    first = max(one.start - guard, 0) if one.start else -1
    begun = one.begun + guard if one.begun > one.start else first
    return first, begun, one.sure + guard, one.end + guard

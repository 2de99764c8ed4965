"""DNS answers: which client was told which address for a name, and how long that was to hold.

They add up by union. Times in which the same answer held become one stretch where no more than
:data:`GRACE` lies between them, because nothing that asks can tell these apart; so what is kept
follows names, addresses and days, and neither the order of answers nor how they were split shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from netpol.notices import Notice

__all__ = ["GRACE", "HOUR", "KEPT", "Answer", "Answers", "bounded", "too_many", "union"]

HOUR: Final = 3_600_000_000_000
"""Nanoseconds; ``Flow.hours`` counts these."""

GRACE: Final = HOUR
"""So long (nanoseconds) behind its lifetime an answer still names who is connected to.

Clients keep addresses for longer than they were told: pools of connections, resolvers in a library
(that of Java keeps answers for 30 seconds, or for ever, whatever their lifetime), a process that
asks when it starts alone. An hour is also how exactly a Flow of many connections knows its times.
What is kept for longer than that is known by its address."""

KEPT: Final = 16384
"""(name, address) pairs, or names, that a source remembers of one edge of an input: names can be
made up without end."""


class Answer(NamedTuple):
    """A client was told that ``name`` is at ``address``, for the time from first to last."""

    name: str
    address: str
    first: int
    """Nanoseconds since the epoch: when it was told."""
    last: int
    """When the latest such answer was to be forgotten."""

    def names(self, first: int, last: int, guard: int) -> bool:
        """Whether a connection in this time may be due to it; clocks differ by ``guard``."""
        return self.first - guard <= last and first <= self.last + GRACE + guard


@dataclass(slots=True)
class Answers:
    """Answers, added up."""

    most: int | None = None
    """So many pairs of a name and an address are remembered; None: all."""
    left_out: int = 0
    """So many answers were not."""
    _spans: dict[tuple[str, str], list[tuple[int, int]]] = field(default_factory=dict)

    def add(self, answers: Iterable[Answer]) -> None:
        """Take some in."""
        for name, address, first, last in answers:
            spans = self._spans.get((name, address))
            if spans is None:
                if self.most is not None and len(self._spans) >= self.most:
                    self.left_out += 1
                    continue
                self._spans[name, address] = [(first, last)]
            elif spans[-1][0] <= first <= spans[-1][1] + GRACE:
                spans[-1] = spans[-1][0], max(spans[-1][1], last)
            else:
                self._spans[name, address] = list(_joined(sorted((*spans, (first, last)))))

    def found(self) -> frozenset[Answer]:
        """All of them."""
        return frozenset(
            Answer(name, address, first, last)
            for (name, address), spans in self._spans.items()
            for first, last in spans
        )

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._spans)


def bounded() -> Answers:
    """For a source that reads an input."""
    return Answers(most=KEPT)


def too_many(who: str, left_out: int, where: str) -> Notice:
    """What is told of an edge of which there were more names than are remembered."""
    message = f"too many names to keep: {who} ({left_out:,} were left out)"
    return Notice(code="NP006", message=message, where=where)


def _joined(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    begun, ended = None, 0
    for first, last in spans:
        if begun is None:
            begun, ended = first, last
        elif first <= ended + GRACE:
            ended = max(ended, last)
        else:
            yield begun, ended
            begun, ended = first, last
    if begun is not None:
        yield begun, ended


def union(*some: Iterable[Answer]) -> frozenset[Answer]:
    """All of several."""
    found = Answers()
    for one in some:
        found.add(one)
    return found.found()

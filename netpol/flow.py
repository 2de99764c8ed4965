"""A Flow: one observed connection, or several equal ones, as a source saw it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from netpol.answers import HOUR, Answer
from netpol.peers import Endpoint
from netpol.sketch import EMPTY, Sketch

__all__ = ["DAY", "MOST", "SIGNALS", "Account", "Flow", "Sighting", "sampled"]

DAY: Final = 24
"""Hours."""

MOST: Final = 1 << 40
"""No record stands for more connections, or counts more packets: that is a mistake, and the sum of
many such would be no number of 64 bits, as stores keep them."""

SIGNALS: Final = {
    "opened": "a packet that opens the connection went from client to server",
    "answered": "the server answered, or data went on after the opening",
    "refused": "the server reset the connection",
    "allowed": "an enforcing policy engine allowed the opening packet",
    "audited": "a policy engine in audit mode would have denied it",
    "denied": "no policy allowed it and it was dropped",
    "forbidden": "an explicit deny rule dropped it",
    "dropped": "it was dropped for a reason that is no policy (routing, conntrack, …)",
    "forward": "some packet from client to server was seen",
    "traced": "packets were traced, so an answer would have been seen",
}
"""What a source can say about the fate of a connection; a Flow counts the records that said so."""


class Sighting(NamedTuple):
    """A pod that the source named, and the address that it showed it at; nanoseconds, UTC."""

    namespace: str
    pod: str
    address: str
    time: int


_DAYS: Final = 2
_ONES: Final = 16


def sampled(found: Iterable[Sighting]) -> list[Sighting]:
    """The sample that is kept of an edge: of each of its latest two days the earliest, sorted.

    It does not grow with time, is never long out of date, and adds up: the sample of samples is
    that of all, in any order and grouping. Of more than 16 at one instant, the first by name.
    """
    days: dict[int, list[Sighting]] = {}
    for one in set(found):
        days.setdefault(one.time // (DAY * HOUR), []).append(one)
    kept: list[Sighting] = []
    for day in sorted(days)[-_DAYS:]:
        earliest = min(one.time for one in days[day])
        kept += sorted(one for one in days[day] if one.time == earliest)[:_ONES]
    return sorted(kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Connections from ``client`` to ``server``, oriented by who opened them.

    ``port`` is the listening port at the server pod (after service translation); for ICMP it is
    ``type * 256 + code``; ``None`` where the protocol has none. Times are nanoseconds since the
    epoch, UTC. Flows with equal client, server, protocol, port and certainty add up.
    """

    client: Endpoint
    server: Endpoint
    protocol: str
    port: int | None
    service: str = ""
    """``namespace/name`` of the Service that the client dialled, when that is known."""
    service_port: int | None = None
    """The port that the client dialled there, when that is known."""
    certain: bool = True
    """False: who opened it was inferred from the port numbers alone."""
    records: int = 1
    """How many input records were folded into this flow."""
    count: int = 1
    """How many connections or events they stand for (aggregated records count more than one)."""
    distinct: Sketch = EMPTY
    """Which connections they are, of a source that can tell them apart: then ``count`` follows from
    it, and what several files have of one connection counts once."""
    reports: tuple[tuple[str, int], ...] = ()
    """(reporter, count) where several of them tell of the same connections, as both ends do."""
    first: int
    last: int
    hours: frozenset[int] = frozenset()
    """Hours since the epoch in which it was seen."""
    signals: dict[str, int] = field(default_factory=dict, hash=False)
    """Records per name of :data:`SIGNALS`."""
    answers: frozenset[Answer] = frozenset()
    """The DNS answers that the client received over this connection, as a union of them."""
    sightings: frozenset[Sighting] = field(default=frozenset(), compare=False)
    """Some of the pods that are named, at the addresses shown: a sample, for a cross-check."""
    source: str
    """Name of the flow source: ``hubble`` …"""

    @property
    def times(self) -> Iterator[tuple[int, int]]:
        """When it was seen, as far as is known: within each of its hours, from first to last."""
        for hour in self.hours or range(self.first // HOUR, self.last // HOUR + 1):
            first, last = max(self.first, hour * HOUR), min(self.last, (hour + 1) * HOUR - 1)
            if first <= last:
                yield first, last


@dataclass(slots=True)
class Account:
    """Where every record of an input went. ``read`` must equal the sum of the others.

    A source fills it while it reads: ``folded`` counts records that became part of a Flow,
    ``held`` those that could not be understood and ``other`` those that are about no connection,
    each by reason.
    """

    read: int = 0
    folded: int = 0
    held: dict[str, int] = field(default_factory=dict)
    other: dict[str, int] = field(default_factory=dict)
    lost_events: int = 0
    """Events that the source says it lost before they could be exported."""
    sources: set[str] = field(default_factory=set)
    """Names of the flow sources that were read."""
    blind: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What each of them cannot see."""

    def add(self, other: Account) -> None:
        """Add another account to this one."""
        self.read += other.read
        self.folded += other.folded
        self.lost_events += other.lost_events
        self.sources |= other.sources
        self.blind |= other.blind
        for mine, theirs in ((self.held, other.held), (self.other, other.other)):
            for reason, n in theirs.items():
                mine[reason] = mine.get(reason, 0) + n

    def balanced(self) -> bool:
        """The conservation law."""
        return self.read == self.folded + sum(self.held.values()) + sum(self.other.values())

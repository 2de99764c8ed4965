"""What is kept of an edge while its records are folded, and the Flow that comes of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from msgspec import Struct

from capture.hubble_endpoint import Sides
from capture.hubble_orient import meaning
from capture.hubble_time import Stamp, nanoseconds
from netpol.answers import KEPT, Answer, Answers, bounded, union
from netpol.flow import DAY, Flow, Sighting, sampled

__all__ = ["NAMES_KEPT", "Cell", "EdgeKey", "Extra", "Extras", "assemble"]

EdgeKey: TypeAlias = tuple[int, int, int, int] | tuple[int, int, int, int, str]
"""Numbers of the client's and the server's side, port, tag (see ``hubble_orient.TAGS``); and the
Service that was dialled, where a record tells it."""

NAMES_KEPT: Final = KEPT
"""Names that one edge remembers: they can be made up without end."""


class Cell(Struct, gc=False):
    """The records of one edge.

    A struct, because it is the one thing that every record changes: it fits two cache lines.
    """

    first: Stamp
    last: Stamp
    hour: int
    """The hour of the latest record; it is in ``hours``."""
    hours: set[int]
    given: dict[int, int]
    """Records by outcome (see ``hubble_orient.TAGS``)."""
    clients: int = 0
    """Pods of the client's side that were seen, as bits."""
    servers: int = 0
    days: dict[int, Stamp] | None = None
    """The first record of each day, of a cell of several, when ``first`` is of the day at hand."""

    def turned(self, hour: int, stamp: Stamp) -> bool:
        """Go on with another hour; whether its day is seen for the first time."""
        day, before = hour // DAY, self.hour // DAY
        self.hour = hour
        self.hours.add(hour)
        if day == before:
            return False
        days = self.days = {**(self.days or {}), before: self.first}
        self.first = days.get(day, stamp)
        return day not in days

    def begun(self) -> Stamp:
        """The first of all."""
        return min((self.first, *self.days.values())) if self.days else self.first

    @property
    def records(self) -> int:
        """How many there are."""
        return sum(self.given.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """What only some records say beside the usual."""

    count: int = 1
    client_names: tuple[str, ...] = ()
    server_names: tuple[str, ...] = ()
    service: str = ""
    answers: tuple[Answer, ...] = ()


@dataclass(slots=True)
class Extras:
    """What some records of an edge said, added up."""

    more: int = 0
    """Connections beyond one per record, from aggregated records."""
    client_names: set[str] = field(default_factory=set)
    server_names: set[str] = field(default_factory=set)
    answers: Answers = field(default_factory=bounded)
    sightings: list[Sighting] = field(default_factory=list)
    names_left_out: int = 0

    @property
    def left_out(self) -> int:
        """So many names and answers came beyond those that are remembered."""
        return self.names_left_out + self.answers.left_out

    def add(self, extra: Extra) -> None:
        """Take in one record's."""
        self.more += extra.count - 1
        self.names_left_out += _keep(self.client_names, extra.client_names)
        self.names_left_out += _keep(self.server_names, extra.server_names)
        self.answers.add(extra.answers)

    def see(self, seen: Iterable[Sighting]) -> None:
        """Where pods were, of a record that was the first of its day by then."""
        self.sightings = sampled([*self.sightings, *seen])


def _keep(kept: set[str], new: Iterable[str]) -> int:
    """Add to ``kept`` while it has room; for how many there was none."""
    fresh = set(new) - kept
    room = NAMES_KEPT - len(kept)
    kept.update(fresh if len(fresh) <= room else sorted(fresh)[:room])
    return max(len(fresh) - room, 0)


@dataclass(slots=True)
class _Edge:
    """All that is known of one edge."""

    cells: list[Cell] = field(default_factory=list)
    client_pods: set[str] = field(default_factory=set)
    server_pods: set[str] = field(default_factory=set)
    extras: list[Extras] = field(default_factory=list)


def assemble(
    cells: Mapping[EdgeKey, Cell], extras: Mapping[EdgeKey, Extras], sides: Sides
) -> Iterator[Flow]:
    """One Flow per edge, sorted by its sides, protocol and port."""
    edges: defaultdict[tuple[int, int, int, int, str], _Edge] = defaultdict(_Edge)
    for (client, server, port, tag, *service), cell in cells.items():
        ends = sides.same[client], sides.same[server]
        edge = edges[*ends, port, tag, "".join(service)]
        edge.cells.append(cell)
        edge.client_pods |= sides.pods_of(client, cell.clients)
        edge.server_pods |= sides.pods_of(server, cell.servers)
    for (client, server, port, tag, *service), found in extras.items():
        ends = sides.same[client], sides.same[server]
        edges[*ends, port, tag, "".join(service)].extras.append(found)
    order = [side.order for side in sides.known]
    for key in sorted(edges, key=lambda k: (order[k[0]], order[k[1]], k[3], k[2], k[4])):
        yield _flow(key, edges[key], sides)


def _flow(key: tuple[int, int, int, int, str], edge: _Edge, sides: Sides) -> Flow:
    client, server, port, tag, service = key
    _, protocol, certain = meaning(tag)
    cells, extras = edge.cells, edge.extras
    records = sum(cell.records for cell in cells)
    return Flow(
        client=sides.endpoint(
            client, edge.client_pods, {name for one in extras for name in one.client_names}
        ),
        server=sides.endpoint(
            server, edge.server_pods, {name for one in extras for name in one.server_names}
        ),
        protocol=protocol,
        port=port,
        service=service,
        certain=certain,
        records=records,
        count=records + sum(one.more for one in extras),
        first=nanoseconds(min(cell.begun() for cell in cells)),
        last=nanoseconds(max(cell.last for cell in cells)),
        hours=frozenset(hour for cell in cells for hour in cell.hours),
        signals=_signals(edge),
        answers=union(*(one.answers.found() for one in extras)),
        sightings=frozenset(sampled(seen for one in extras for seen in one.sightings)),
        source="hubble",
    )


def _signals(edge: _Edge) -> dict[str, int]:
    given: Counter[str] = Counter()
    for cell in edge.cells:
        for outcome, records in cell.given.items():
            for name in meaning(outcome)[0]:
                given[name] += records
    return dict(sorted(given.items()))

"""What is kept of an edge while its records are folded, and the Flow that comes of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar

from msgspec import Struct

from capture.hubble_endpoint import Sides
from capture.hubble_orient import signals
from capture.hubble_time import nanoseconds
from netpol.flow import Flow
from netpol.net import PROTOCOLS

__all__ = ["NAMES_KEPT", "Cell", "EdgeKey", "Extra", "Extras", "assemble"]

_T = TypeVar("_T", str, tuple[str, str])

EdgeKey: TypeAlias = tuple[int, int, int, int]
"""Numbers of the client's and the server's side, port, tag (see ``Judged.tag``)."""

NAMES_KEPT: Final = 16384
"""Names, and (name, address) pairs, that one edge remembers: names can be made up without end."""


class Cell(Struct, gc=False):
    """The records of one edge that gave the same signals.

    A struct, because it is the one thing that every record changes: it fits two cache lines.
    """

    first: str
    last: str
    hour: int
    """The hour of the latest record; it is in ``hours``."""
    hours: set[int]
    records: int = 0
    clients: int = 0
    """Pods of the client's side that were seen, as bits."""
    servers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """What only some records say beside the usual."""

    count: int = 1
    client_names: tuple[str, ...] = ()
    server_names: tuple[str, ...] = ()
    service: str = ""
    answers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Extras:
    """What some records of an edge said, added up."""

    more: int = 0
    """Connections beyond one per record, from aggregated records."""
    client_names: set[str] = field(default_factory=set)
    server_names: set[str] = field(default_factory=set)
    services: set[str] = field(default_factory=set)
    answers: set[tuple[str, str]] = field(default_factory=set)
    full: bool = False
    """More came than is remembered."""

    def add(self, extra: Extra) -> None:
        """Take in one record's."""
        self.more += extra.count - 1
        self.full |= _keep(self.client_names, extra.client_names)
        self.full |= _keep(self.server_names, extra.server_names)
        self.full |= _keep(self.services, [extra.service] if extra.service else [])
        self.full |= _keep(self.answers, extra.answers)


def _keep(kept: set[_T], new: Iterable[_T]) -> bool:
    """Add to ``kept`` while it has room; whether there was too little."""
    fresh = set(new) - kept
    room = NAMES_KEPT - len(kept)
    kept.update(fresh if len(fresh) <= room else sorted(fresh)[:room])
    return len(fresh) > room


@dataclass(slots=True)
class _Edge:
    """All that is known of one edge."""

    cells: list[tuple[int, Cell]] = field(default_factory=list)
    client_pods: set[str] = field(default_factory=set)
    server_pods: set[str] = field(default_factory=set)
    extras: list[Extras] = field(default_factory=list)


def assemble(
    cells: Mapping[tuple[int, int, int, int, int], Cell],
    extras: Mapping[EdgeKey, Extras],
    sides: Sides,
) -> Iterator[Flow]:
    """One Flow per edge, sorted by its sides, protocol and port."""
    edges: defaultdict[EdgeKey, _Edge] = defaultdict(_Edge)
    for (client, server, port, tag, mask), cell in cells.items():
        edge = edges[sides.same[client], sides.same[server], port, tag]
        edge.cells.append((mask, cell))
        edge.client_pods |= sides.pods_of(client, cell.clients)
        edge.server_pods |= sides.pods_of(server, cell.servers)
    for (client, server, port, tag), found in extras.items():
        edges[sides.same[client], sides.same[server], port, tag].extras.append(found)
    known = sides.known
    for key in sorted(edges, key=lambda k: (known[k[0]].order, known[k[1]].order, k[3], k[2])):
        yield _flow(key, edges[key], sides)


def _flow(key: EdgeKey, edge: _Edge, sides: Sides) -> Flow:
    client, server, port, tag = key
    given: Counter[str] = Counter()
    for mask, cell in edge.cells:
        given.update(dict.fromkeys(signals(mask), cell.records))
    records = sum(cell.records for _, cell in edge.cells)
    client_names = {name for one in edge.extras for name in one.client_names}
    server_names = {name for one in edge.extras for name in one.server_names}
    return Flow(
        client=sides.endpoint(client, edge.client_pods, client_names),
        server=sides.endpoint(server, edge.server_pods, server_names),
        protocol=PROTOCOLS[tag // 2],
        port=port,
        service=min((name for one in edge.extras for name in one.services), default=""),
        certain=tag % 2 == 0,
        records=records,
        count=records + sum(one.more for one in edge.extras),
        first=nanoseconds(min(cell.first for _, cell in edge.cells)),
        last=nanoseconds(max(cell.last for _, cell in edge.cells)),
        hours=frozenset().union(*(cell.hours for _, cell in edge.cells)),
        signals={name: given[name] for name in sorted(given)},
        answers=frozenset().union(*(one.answers for one in edge.extras)),
        source="hubble",
    )

"""What is kept of an edge while its records are folded, and the Flow that comes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from capture.hubble_endpoint import Sides
from capture.hubble_orient import signals
from capture.hubble_time import nanoseconds
from netpol.flow import Flow
from netpol.net import PROTOCOLS

__all__ = ["ANSWERS_KEPT", "Edge", "Extra", "finished"]

_T = TypeVar("_T", str, tuple[str, str])

ANSWERS_KEPT: Final = 16384
"""(name, address) pairs, and names, that one edge remembers: names can be made up without end."""


@dataclass(slots=True)
class Extra:
    """What only some records say."""

    count: int = 1
    client_names: tuple[str, ...] = ()
    server_names: tuple[str, ...] = ()
    service: str = ""
    answers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Edge:
    """The records of one (client side, server side, port, protocol, certainty), added up."""

    first: str
    last: str
    hour: int
    """The hour of the latest record; it is in ``hours``."""
    hours: set[int]
    counts: dict[int, int] = field(default_factory=dict)
    """Records by the signals that they gave, as a mask."""
    client_pods: set[str] = field(default_factory=set)
    server_pods: set[str] = field(default_factory=set)
    more: int = 0
    """Connections beyond one per record, from aggregated records."""
    client_names: set[str] = field(default_factory=set)
    server_names: set[str] = field(default_factory=set)
    services: set[str] = field(default_factory=set)
    answers: set[tuple[str, str]] = field(default_factory=set)
    full: bool = False
    """More names or answers came than are remembered."""

    def add(self, extra: Extra) -> None:
        """Take in what a record says beside the usual."""
        self.more += extra.count - 1
        self.services.update([extra.service] if extra.service else ())
        full = _keep(self.client_names, extra.client_names)
        full |= _keep(self.server_names, extra.server_names)
        self.full |= full | _keep(self.answers, extra.answers)


def _keep(kept: set[_T], new: Iterable[_T]) -> bool:
    """Add to ``kept`` while it has room; whether there was too little."""
    fresh = set(new) - kept
    room = ANSWERS_KEPT - len(kept)
    kept.update(fresh if len(fresh) <= room else sorted(fresh)[:room])
    return len(fresh) > room


def finished(key: tuple[int, int, int, int], edge: Edge, sides: Sides) -> Flow:
    """The Flow that an edge became."""
    client, server, port, tag = key
    given: Counter[str] = Counter()
    for mask, records in edge.counts.items():
        given.update(dict.fromkeys(signals(mask), records))
    records = sum(edge.counts.values())
    return Flow(
        client=sides.endpoint(client, edge.client_pods, edge.client_names),
        server=sides.endpoint(server, edge.server_pods, edge.server_names),
        protocol=PROTOCOLS[tag // 2],
        port=port,
        service=min(edge.services, default=""),
        certain=tag % 2 == 0,
        records=records,
        count=records + edge.more,
        first=nanoseconds(edge.first),
        last=nanoseconds(edge.last),
        hours=frozenset(edge.hours),
        signals={name: given[name] for name in sorted(given)},
        answers=frozenset(edge.answers),
        source="hubble",
    )

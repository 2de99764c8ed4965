"""Accepted connections that look like one slip or one intruder: for people to look at.

Nothing is held for them. Who wants that asks for it (``--min-seen``, ``--min-hours``) or refuses
the connection (``netpol decide``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from netpol.answers import HOUR
from netpol.graph import Connection, Evidence
from netpol.learn import Learned
from netpol.peers import Peer, label
from netpol.visitors import one_world

__all__ = ["ONCE", "Doubt", "doubts"]

ONCE: Final = "seen once"

LONG: Final = 24
"""Hours in which something was seen, from which on one of them is little."""
SETTLED: Final = 6
"""A client that was seen so many hours earlier is no new one."""
FAN_OUT: Final = 8
"""So many new connections in one hour are many for a client that is settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """What is odd, and about which connections, sorted."""

    what: str
    connections: tuple[Connection, ...]


def doubts(learned: Learned) -> tuple[Doubt, ...]:
    """What is odd among the connections that were accepted."""
    edges = list(one_world(learned.accepted, learned.inventory))
    hours = {hour for _, evidence in edges for hour in evidence.hours}
    once = [c for c, evidence in edges if evidence.count <= 1]
    found = [Doubt(what=ONCE, connections=tuple(once))]
    if len(hours) >= LONG:
        brief = [c for c, evidence in edges if len(evidence.hours) == 1 and evidence.count > 1]
        found.append(Doubt(what="seen in one hour only", connections=tuple(brief)))
    found += _fan_outs(edges)
    return tuple(one for one in found if one.connections)


def _fan_outs(edges: Iterable[tuple[Connection, Evidence]]) -> Iterator[Doubt]:
    """Clients that suddenly, in one hour, open more new connections than they ever had."""
    by_client: dict[Peer, list[tuple[int, Connection]]] = defaultdict(list)
    for connection, evidence in edges:
        if evidence.first is not None:
            by_client[connection.client].append((evidence.first // HOUR, connection))
    for client, born in by_client.items():
        hours = Counter(hour for hour, _ in born)
        start = min(hours)
        for hour, number in sorted(hours.items()):
            before = sum(n for h, n in hours.items() if h < hour)
            if number >= FAN_OUT and number >= before and hour - start >= SETTLED:
                what = f"sudden fan-out of {label(client)}"
                yield Doubt(what=what, connections=tuple(c for h, c in born if h == hour))

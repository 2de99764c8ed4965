"""Accepted connections that look like one slip or one intruder: for people to look at.

Nothing is held for them. Who wants that asks for it (``--min-seen``, ``--min-hours``) or refuses
the connection (``netpol decide``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from netpol.answers import HOUR
from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory
from netpol.learn import Learned
from netpol.peers import Peer, Workload, label

__all__ = ["ONCE", "Doubt", "doubts"]

ONCE: Final = "seen once"

LONG: Final = 24
"""Hours in which something was seen, from which on one of them is little."""
SETTLED: Final = 6
"""A client that was seen so many hours earlier is no new one."""
SPANS: Final = (1, 24, 7 * 24)
"""Hours within which many new ones are sudden, for a client that was seen as long before: who goes
slowly is seen by the longer ones."""
FAN_OUT: Final = 8
"""So many new connections within such a span are many."""
REPLICAS: Final = 3
"""Of so many pods that do the same one does not by chance do something alone …"""
TIMES: Final = 8
"""… so many times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """What is odd, and about which connections, sorted."""

    what: str
    connections: tuple[Connection, ...]


def doubts(learned: Learned) -> tuple[Doubt, ...]:
    """What is odd among the connections that were accepted."""
    edges = list(learned.ruled)
    hours = {hour for _, evidence in edges for hour in evidence.hours}
    once = [c for c, evidence in edges if evidence.times <= 1]
    found = [Doubt(what=ONCE, connections=tuple(once))]
    if len(hours) >= LONG:
        brief = [c for c, evidence in edges if len(evidence.hours) == 1 and evidence.times > 1]
        found.append(Doubt(what="seen in one hour only", connections=tuple(brief)))
    found += _fan_outs(edges)
    found += _scanners(edges, learned)
    found += _debugged(edges, learned.inventory)
    found += _lonely(edges, learned.inventory)
    return tuple(one for one in found if one.connections)


def _fan_outs(edges: Iterable[tuple[Connection, Evidence]]) -> Iterator[Doubt]:
    """Clients that suddenly open more new connections than they ever had, or that come late and
    open many at once.
    """
    by_client: dict[Peer, list[tuple[int, Connection]]] = defaultdict(list)
    for connection, evidence in edges:
        if evidence.first is not None:
            by_client[connection.client].append((evidence.first // HOUR, connection))
    begun = min((hour for born in by_client.values() for hour, _ in born), default=0)
    for client, born in by_client.items():
        if sudden := _sudden(Counter(hour for hour, _ in born), begun):
            what = f"sudden fan-out of {label(client)}"
            yield Doubt(what=what, connections=tuple(c for hour, c in born if hour in sudden))


def _sudden(hours: Mapping[int, int], begun: int) -> frozenset[int]:
    """Of the hours in which a client's connections were new, those in which too many were.

    ``begun``: when anybody's first connection was seen.
    """
    start, found = min(hours), set[int]()
    if start - begun >= LONG and hours[start] >= FAN_OUT:
        found.add(start)
    for span in SPANS:
        for hour in hours:
            within = [h for h in hours if hour <= h < hour + span]
            before = sum(n for h, n in hours.items() if h < hour)
            many = sum(hours[h] for h in within)
            if many >= FAN_OUT and many >= before and hour - start >= max(span, SETTLED):
                found.update(within)
    return frozenset(found)


def _scanners(edges: Iterable[tuple[Connection, Evidence]], learned: Learned) -> Iterator[Doubt]:
    """What clients use of whom some connections are held as a scan: it may be a find."""
    scanners = {one.connection.client for one in learned.held if one.reason == "scan"}
    used: dict[Peer, list[Connection]] = defaultdict(list)
    for connection, _ in edges:
        if connection.client in scanners:
            used[connection.client].append(connection)
    for client, connections in used.items():
        yield Doubt(what=f"used by {label(client)}, which scans", connections=tuple(connections))


def _debugged(
    edges: Iterable[tuple[Connection, Evidence]], inventory: Inventory
) -> Iterator[Doubt]:
    """What pods alone opened in which somebody looked around, and only while he did.

    His container has the pod's address and labels, so nobody can tell which of the two it was.
    """
    looked = {(one.namespace, one.name): one.debugged for one in inventory.every_pod}
    used: dict[Peer, list[Connection]] = defaultdict(list)
    for connection, evidence in edges if any(looked.values()) else ():
        client, pods = connection.client, evidence.client_pods
        if isinstance(client, Workload) and pods:
            spans = [looked.get((client.namespace, pod), ()) for pod in pods]
            if all(_within(evidence, one) for one in spans):
                used[client].append(connection)
    for client, connections in used.items():
        what = f"seen with a debug container in {label(client)} only"
        yield Doubt(what=what, connections=tuple(connections))


def _lonely(edges: Iterable[tuple[Connection, Evidence]], inventory: Inventory) -> Iterator[Doubt]:
    """What one pod alone opened, again and again, of several that were there all the time.

    Who leads the others does so from the start; who begins it days later may have been taken over,
    however slowly he goes on.
    """
    dated = [(c, e, e.first) for c, e in edges if e.first is not None]
    begun: dict[Peer, int] = {}
    for connection, _, first in dated:
        begun[connection.client] = min(first, begun.get(connection.client, first))
    alone: dict[tuple[Peer, str], list[Connection]] = defaultdict(list)
    for connection, evidence, first in dated:
        pods, client = evidence.client_pods, connection.client
        if len(pods) != 1 or evidence.times < TIMES or first - begun[client] < LONG * HOUR:
            continue
        there = _there(client, first, inventory)
        if len(there) >= REPLICAS and pods <= there:
            alone[client, min(pods)].append(connection)
    for (client, pod), connections in alone.items():
        what = f"new, and by {pod} of {label(client)} alone"
        yield Doubt(what=what, connections=tuple(connections))


def _there(client: Peer, since: int, inventory: Inventory) -> frozenset[str]:
    """The pods of a workload that run, and were there by then, as the inventory has them."""
    pods = inventory.workloads.get(client, ()) if isinstance(client, Workload) else ()
    return frozenset(
        one.name
        for one in pods
        if 0 < one.started <= since and not (one.sparse or one.template or one.finished)
    )


def _within(evidence: Evidence, spans: Iterable[tuple[int, int]]) -> bool:
    first, last = evidence.first, evidence.last
    if first is None or last is None:
        return False
    return any(start <= first and last <= end for start, end in spans)

"""In which order policies go live: first those that can do least harm.

A policy does harm where the hour that was learned from did not show everything. Nothing tells what
was not seen; but who has many partners has more to lose, and a connection that was seen once says
that others like it may have been missed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from netpol.learn import Learned
from netpol.peers import Peer, Workload, label

__all__ = ["Step", "rollout"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One workload that comes under its policy."""

    workload: Workload
    clients: int
    """Distinct peers that call it."""
    servers: int
    """Distinct peers that it calls."""
    seen_once: int
    """Connections of it that a single record tells of."""

    @property
    def risk(self) -> tuple[int, int, str]:
        """The sort key: the safest first."""
        return self.seen_once, self.clients + self.servers, label(self.workload)


def rollout(learned: Learned, policed: frozenset[str]) -> tuple[Step, ...]:
    """Every workload of these namespaces with traffic, the safest first."""
    clients: Mapping[Peer, set[Peer]] = defaultdict(set)
    servers: Mapping[Peer, set[Peer]] = defaultdict(set)
    once: dict[Peer, int] = defaultdict(int)
    for connection, evidence in learned.accepted:
        clients[connection.server].add(connection.client)
        servers[connection.client].add(connection.server)
        for peer in {connection.client, connection.server} if evidence.records == 1 else ():
            once[peer] += 1
    found = (
        Step(
            workload=one,
            clients=len(clients[one]),
            servers=len(servers[one]),
            seen_once=once[one],
        )
        for one in {*clients, *servers}
        if isinstance(one, Workload) and one.namespace in policed
    )
    return tuple(sorted(found, key=lambda step: step.risk))

"""Answers that went to a node's proxy address, and the pod that they were for.

Cilium's L7 proxy opens the second half of a connection from an address of the node but with the
identity of the client pod; the answers carry the identity of the address alone. An entity that was
only ever answered, at an address from which a pod's identity opened that very connection, is that
pod. Decided over all flows, so that it does not matter how they were split.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from netpol.flow import Flow
from netpol.graph import Connection
from netpol.peers import Entity, Peer, Workload

__all__ = ["Proxies", "Seen", "proxies"]

Seen: TypeAlias = tuple[Flow, Connection]
_Key: TypeAlias = tuple[str, Peer, str, int | None]
"""(client address, server, protocol, port)."""


@dataclass(frozen=True, slots=True)
class Proxies:
    """For each connection at an address, the pods behind it, where it is only a proxy's."""

    pods: Mapping[_Key, frozenset[Peer]]
    spoke: frozenset[tuple[_Key, Peer]]

    def behind(self, flow: Flow, connection: Connection) -> frozenset[Peer]:
        """The pods for which this entity was answered; empty: it speaks for itself."""
        key = _key(flow, connection)
        if not isinstance(connection.client, Entity) or (key, connection.client) in self.spoke:
            return frozenset()
        return self.pods.get(key, frozenset())


def proxies(seen: Iterable[Seen]) -> Proxies:
    """What all flows together say about addresses that more than one identity used."""
    pods: dict[_Key, set[Peer]] = defaultdict(set)
    spoke: set[tuple[_Key, Peer]] = set()
    for flow, connection in seen:
        key = _key(flow, connection)
        if isinstance(connection.client, Workload) and flow.client.ip:
            pods[key].add(connection.client)
        elif isinstance(connection.client, Entity) and flow.signals.get("forward"):
            spoke.add((key, connection.client))
    return Proxies({key: frozenset(found) for key, found in pods.items()}, frozenset(spoke))


def _key(flow: Flow, connection: Connection) -> _Key:
    return flow.client.ip, connection.server, connection.protocol, connection.port

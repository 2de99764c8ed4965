"""Bench input: what was learned about a generated cluster, the same for equal arguments.

The pods are those of :mod:`clusters`, with a Service for each workload; few servers are called by
many clients and most by few, one connection in ten is for metrics, one in thirty leaves the
cluster.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path
from random import Random

import clusters
from clusters import Shape

from capture.snapshot import read_inventory
from netpol.graph import Connection, Evidence, ServiceGraph
from netpol.inventory import Inventory, Service
from netpol.learn import Learned, Records
from netpol.peers import Cidr, Workload

__all__ = ["learned"]

METRICS = 9102


def learned(shape: Shape, edges: int, folder: Path) -> Learned:
    """``edges`` distinct connections of the cluster, all accepted; its files are in ``folder``."""
    said: list[object] = []
    found, _ = clusters.write(shape, folder)
    inventory = _with_services(read_inventory([str(found)], said.append))
    assert not said, said[0]
    connections = _connections(Random(shape.seed), list(inventory.workloads), edges)
    return Learned(
        accepted=ServiceGraph.of((one, Evidence(records=1)) for one in connections),
        held=(),
        unattributed=(),
        inventory=inventory,
        records=Records(read=edges, connections=edges, held=0, other=0),
        lost_events=0,
    )


def _with_services(inventory: Inventory) -> Inventory:
    key = "app.kubernetes.io/name"
    services = {
        (one.namespace, one.name): Service(
            namespace=one.namespace, name=one.name, selector=((key, one.name),)
        )
        for one in inventory.workloads
    }
    return replace(inventory, services=services)


def _connections(random: Random, workloads: list[Workload], edges: int) -> list[Connection]:
    servers = random.sample(workloads, len(workloads))
    weights = [1 / (place + 8) for place in range(len(servers))]
    found: dict[Connection, None] = {}
    while len(found) < edges:
        client, (server,) = random.choice(workloads), random.choices(servers, weights)
        kind = random.random()
        if kind < 1 / 30:
            address = f"198.51.{random.randrange(100, 104)}.{random.randrange(256)}"
            found[Connection(client, Cidr(f"{address}/32"), "TCP", 443)] = None
        elif client != server:
            port = METRICS if kind > 0.9 else _port(server)
            found[Connection(client, server, "TCP", port)] = None
    return list(found)


def _port(server: Workload) -> int:
    return clusters.PORTS[zlib.crc32(server.name.encode()) % len(clusters.PORTS)]

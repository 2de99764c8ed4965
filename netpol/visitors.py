"""Whoever comes from the internet to a port that is shown to it: one client, as in the rules.

A rule for such a port names the world, or the block that a load balancer is there for
(``synthesize/outside``). So a new customer is no new connection, and one who came once is nothing
odd.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from netpol.graph import Connection, ServiceGraph
from netpol.peers import Cidr, Entity
from netpol.services import EVERYWHERE, exposed_ports, shown_to

if TYPE_CHECKING:
    from netpol.inventory import Inventory

__all__ = ["as_ruled", "one_world"]

_WORLD: Final = Entity("world")


def as_ruled(inventory: Inventory) -> Callable[[Connection], Connection]:
    """Makes the world of a client that is such a visitor; other connections stay as they are."""
    exposed = exposed_ports(inventory)

    def ruled(one: Connection) -> Connection:
        block = shown_to(exposed, one.client, one.server, (one.protocol, one.port))
        client = _WORLD if block in EVERYWHERE else Cidr(block)
        return replace(one, client=client) if block else one

    return ruled


def one_world(graph: ServiceGraph, inventory: Inventory) -> ServiceGraph:
    """The same connections, those of such visitors together."""
    ruled = as_ruled(inventory)
    return ServiceGraph.of((ruled(connection), evidence) for connection, evidence in graph)

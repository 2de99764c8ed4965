"""Which IP versions a cluster has."""

from __future__ import annotations

from collections.abc import Iterator

from netpol.inventory import Inventory
from netpol.net import network

__all__ = ["families"]


def families(inventory: Inventory) -> frozenset[int]:
    """The versions of its pods' addresses, else of its nodes'; both where nothing is known."""
    seen = {network(one).version for pod in inventory.pods.values() for one in pod.addresses}
    seen = seen or {network(one).version for one in _of_nodes(inventory)}
    return frozenset(seen) or frozenset({4, 6})


def _of_nodes(inventory: Inventory) -> Iterator[str]:
    return (one for node in inventory.nodes.values() for one in (*node.pod_cidrs, *node.addresses))

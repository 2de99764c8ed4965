"""Which IP versions a cluster has, where a CNI knows but one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from netpol.inventory import Inventory
from netpol.net import network

__all__ = ["families", "in_family", "only"]


def families(inventory: Inventory) -> frozenset[int]:
    """The versions of its pods' addresses, else of its nodes'; both where nothing is known."""
    seen = {network(one).version for pod in inventory.pods.values() for one in pod.addresses}
    seen = seen or {network(one).version for one in _of_nodes(inventory)}
    return frozenset(seen) or frozenset({4, 6})


def in_family(blocks: Iterable[str], versions: Iterable[int]) -> tuple[str, ...]:
    """The blocks of these versions."""
    wanted = set(versions)
    return tuple(one for one in blocks if network(one).version in wanted)


def only(inventory: Inventory, versions: Iterable[int]) -> Inventory:
    """The inventory with those addresses of nodes and API servers that are of these versions."""
    nodes = {
        name: replace(node, addresses=in_family(node.addresses, versions))
        for name, node in inventory.nodes.items()
    }
    api_servers = in_family(inventory.api_servers, versions)
    return replace(inventory, nodes=nodes, api_servers=api_servers)


def _of_nodes(inventory: Inventory) -> Iterator[str]:
    return (one for node in inventory.nodes.values() for one in (*node.pod_cidrs, *node.addresses))

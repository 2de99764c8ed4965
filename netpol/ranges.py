"""Which addresses are the cluster's own: of pods, of Services, of nodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netpol.inventory import Inventory
from netpol.net import canonical_cidr, contains, network

__all__ = ["Ranges", "ranges"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """Address blocks and single addresses inside the cluster, canonical and sorted."""

    pods: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()

    def kind(self, address: str) -> str | None:
        """``"node"``, ``"pod"`` or ``"service"``; None for an outside address."""
        for name, blocks in (("node", self.nodes), ("pod", self.pods), ("service", self.services)):
            if any(contains(block, address) for block in blocks):
                return name
        return None

    @property
    def all(self) -> tuple[str, ...]:
        """Every block, sorted."""
        return tuple(sorted({*self.pods, *self.services, *self.nodes}))


def ranges(inventory: Inventory) -> Ranges:
    """What the inventory tells: pod ranges of nodes, addresses of pods, Services and nodes.

    Service ranges are not written in any object of a dump, so single Service addresses stand for
    them; pod addresses outside every node's range are kept singly too.
    """
    blocks = {canonical_cidr(c) for node in inventory.nodes.values() for c in node.pod_cidrs}
    pods = (a for pod in inventory.pods.values() for a in pod.addresses)
    loose = {canonical_cidr(a) for a in pods if not any(contains(block, a) for block in blocks)}
    return Ranges(
        pods=_sorted(blocks | loose),
        services=_sorted(
            canonical_cidr(a) for s in inventory.services.values() for a in s.cluster_ips
        ),
        nodes=_sorted(
            canonical_cidr(a) for node in inventory.nodes.values() for a in node.addresses
        ),
    )


def _sorted(blocks: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(blocks), key=lambda c: (network(c).version, network(c))))

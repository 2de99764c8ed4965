"""Which addresses are the cluster's own: of pods, of Services, of nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from netpol.inventory import Inventory
from netpol.net import canonical_cidr, contains, host_cidr, network

__all__ = ["Ranges", "node_addresses", "ranges"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """Addresses inside the cluster, as canonical CIDRs."""

    single: Mapping[str, str]
    """Block of one address → ``"node"``, ``"pod"`` or ``"service"``."""
    pods: tuple[str, ...] = ()
    """Ranges that nodes give to their pods, sorted."""
    exposed: frozenset[str] = frozenset()
    """Addresses of load balancers and the like: the cluster's, but also seen from outside."""

    def kind(self, address: str) -> str | None:
        """``"node"``, ``"pod"`` or ``"service"``; None for an outside address."""
        block = host_cidr(address)
        if block in self.single:
            return self.single[block]
        if block in self.exposed:
            return "service"
        return "pod" if any(contains(one, block) for one in self.pods) else None

    @property
    def inside(self) -> tuple[str, ...]:
        """Every block that only the cluster itself uses, sorted."""
        loose = (one for one in self.single if not any(contains(p, one) for p in self.pods))
        return _sorted((*self.pods, *loose))


def node_addresses(inventory: Inventory) -> frozenset[str]:
    """Addresses of nodes; hostNetwork pods show those of nodes that no Node object tells."""
    hosted = (a for pod in inventory.pods.values() if pod.host_network for a in pod.addresses)
    return frozenset(a for node in inventory.nodes.values() for a in node.addresses).union(hosted)


def ranges(inventory: Inventory) -> Ranges:
    """What the inventory tells: pod ranges of nodes, addresses of pods, Services and nodes.

    Service ranges are not written in any object of a dump, so single Service addresses stand for
    them; so do pod addresses where no node has a range (clouds that give pods addresses of a
    subnet).
    """
    services = inventory.services.values()
    pods = (pod for pod in inventory.pods.values() if not pod.host_network)
    # Later ones win: a node's address is the node's, whatever else claims it.
    single = {host_cidr(a): "service" for one in services for a in one.cluster_ips}
    single |= {host_cidr(a): "pod" for pod in pods for a in pod.addresses}
    single |= {host_cidr(a): "node" for a in node_addresses(inventory)}
    return Ranges(
        single=single,
        pods=_sorted(canonical_cidr(c) for n in inventory.nodes.values() for c in n.pod_cidrs),
        exposed=frozenset(host_cidr(a) for one in services for a in one.external_ips),
    )


def _sorted(blocks: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(blocks), key=lambda c: (network(c).version, network(c))))

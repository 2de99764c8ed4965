"""Which addresses are the cluster's own: of pods, of Services, of nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from netpol.inventory import Inventory, Service
from netpol.net import canonical_cidr, contains, host_cidr, network

__all__ = ["Ranges", "node_addresses", "ranges"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """Addresses inside the cluster, as canonical CIDRs."""

    single: Mapping[str, str]
    """Block of one address → ``"node"``, ``"pod"`` or ``"service"``."""
    pods: tuple[str, ...] = ()
    """Ranges that pods get their addresses from, sorted."""
    services: tuple[str, ...] = ()
    """Ranges that Services get theirs from."""
    exposed: frozenset[str] = frozenset()
    """Addresses of load balancers and the like: the cluster's, but also seen from outside."""

    def kind(self, address: str) -> str | None:
        """``"node"``, ``"pod"`` or ``"service"``; None for an outside address."""
        block = host_cidr(address)
        if block in self.single:
            return self.single[block]
        if block in self.exposed:
            return "service"
        if any(contains(one, block) for one in self.services):
            return "service"
        return "pod" if any(contains(one, block) for one in self.pods) else None

    def bounded(self, version: int) -> bool:
        """Whether every address of a pod or Service, of that IP version, would be known as one."""
        return self.tells(self.pods, version) and self.tells(self.services, version)

    @staticmethod
    def tells(blocks: tuple[str, ...], version: int) -> bool:
        """Whether some of the blocks are of that IP version."""
        return any((":" in block) == (version == 6) for block in blocks)

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
    """What the inventory tells: ranges of pods and Services, addresses of pods, Services and nodes.

    Where no object tells the range of Services, it is taken to be the :data:`_AROUND` of each
    Service: rather an outside address is held than a Service taken for one. Single pod addresses
    stand for the range of pods where none is told (clouds that give pods addresses of a subnet).
    """
    services = [*inventory.services.values(), *(one.thing for one in inventory.services_then)]
    pods = (pod for pod in inventory.pods.values() if not pod.host_network)
    # Later ones win: a node's address is the node's, whatever else claims it.
    single = {host_cidr(a): "service" for one in services for a in one.cluster_ips}
    single |= {host_cidr(a): "pod" for pod in pods for a in pod.addresses}
    single |= {host_cidr(a): "node" for a in node_addresses(inventory)}
    of_nodes = (canonical_cidr(c) for n in inventory.nodes.values() for c in n.pod_cidrs)
    return Ranges(
        single=single,
        pods=_sorted((*of_nodes, *inventory.pod_ranges)),
        services=inventory.service_ranges or _sorted(_around(services)),
        exposed=frozenset(host_cidr(a) for one in services for a in one.external_ips),
    )


_AROUND: Final = {4: 16, 6: 112}
"""Prefix lengths of the usual Service ranges, by IP version; the default of IPv4 is wider still."""


def _around(services: Iterable[Service]) -> Iterator[str]:
    for address in (a for one in services for a in one.cluster_ips):
        one = network(address)
        yield str(one.supernet(new_prefix=_AROUND[one.version]))


def _sorted(blocks: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(blocks), key=lambda c: (network(c).version, network(c))))

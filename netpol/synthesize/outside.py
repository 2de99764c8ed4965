"""How a rule points at peers that are no pods, in what the target dialect can say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory
from netpol.net import NO_PORTS, PortSet, contains, network, overlaps
from netpol.parties import is_public
from netpol.peers import Cidr, Entity, Fqdn, Workload
from netpol.policy import CidrSelector, EntitySelector, FqdnSelector, Selector
from netpol.profile import Profile
from netpol.ranges import ranges
from netpol.synthesize.cidrs import cover_addresses, internet

__all__ = ["WORLD_AFTER", "Outsiders"]

WORLD_AFTER: Final = 16
"""A server port that so many distinct public addresses reached is taken as open to the internet."""

_WORLD: Final = EntitySelector("world")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outsiders:
    """Lowers outside peers to selectors for one profile."""

    inventory: Inventory
    profile: Profile
    blocks: Mapping[str, tuple[str, ...]]
    """Addresses of each entity, see :func:`netpol.parties.entity_blocks`."""

    def selectors(
        self, side: Iterable[tuple[Connection, Evidence]], *, ingress: bool
    ) -> dict[Selector, PortSet]:
        """Selectors with the ports that their peers used, for one workload and direction.

        ``side`` holds the connections of that workload whose other side is no pod.
        """
        table: dict[Selector, PortSet] = defaultdict(PortSet)
        blocks: dict[str, PortSet] = defaultdict(PortSet)
        by_port: dict[tuple[str, int | None], list[tuple[Connection, Evidence]]] = defaultdict(list)
        for connection, evidence in side:
            by_port[(connection.protocol, connection.port)].append((connection, evidence))
        for edges in by_port.values():
            everyone = ingress and self._open_to_all(edges)
            for connection, evidence in edges:
                peer = connection.client if ingress else connection.server
                for selector in self._one(peer, evidence, everyone=everyone, ingress=ingress):
                    if isinstance(selector, str):
                        blocks[selector] |= connection.ports
                    else:
                        table[selector] |= connection.ports
        table.update(_merged_blocks({b: p - _world_ports(table, b) for b, p in blocks.items()}))
        named = [selector for selector in table if isinstance(selector, FqdnSelector)]
        for selector in named:
            table[selector] -= table.get(_WORLD, NO_PORTS)
        return {selector: ports for selector, ports in table.items() if ports}

    def _one(
        self, peer: object, evidence: Evidence, *, everyone: bool, ingress: bool
    ) -> tuple[Selector | str, ...]:
        """Selectors, or plain blocks as text that may still be merged with their neighbours."""
        match peer:
            case Cidr(cidr) if everyone and is_public(cidr):
                return self._world(network(cidr).version)
            case Cidr() if evidence.names and self.profile.fqdn and not ingress:
                return tuple(FqdnSelector(name) for name in sorted(evidence.names))
            case Cidr(cidr):
                return (cidr,)
            case Fqdn(name):
                return (FqdnSelector(name),)
            case Entity("world"):
                return self._world()
            case Entity(name) if name in self.profile.entities:
                return (EntitySelector(name),)
            case Entity(name):
                return self.blocks[name]
        raise AssertionError(peer)

    def _world(self, version: int | None = None) -> tuple[Selector, ...]:
        """Everyone outside; of one IP version alone where the dialect can say so."""
        if "world" in self.profile.entities:
            return (_WORLD,)
        both = internet(ranges(self.inventory).all)
        return tuple(one for one in both if version in (None, network(one.cidr).version))

    def _open_to_all(self, edges: Iterable[tuple[Connection, Evidence]]) -> bool:
        """Whether the clients of one server port are "the internet", not some addresses.

        So when a Service exposes the workload to the outside, or when many addresses were seen.
        """
        edges = list(edges)
        server = edges[0][0].server
        public = [c for c, _ in edges if isinstance(c.client, Cidr) and is_public(c.client.cidr)]
        return bool(public) and (len(public) > WORLD_AFTER or self._exposed(server))

    def _exposed(self, server: object) -> bool:
        pods = self.inventory.workloads.get(server, ()) if isinstance(server, Workload) else ()
        return any(s.public for pod in pods for s in self.inventory.services_of(pod))


def _world_ports(table: Mapping[Selector, PortSet], block: str) -> PortSet:
    """The ports on which a block is allowed already, because everyone outside is."""
    return PortSet.union(
        ports
        for selector, ports in table.items()
        if selector == _WORLD
        or (
            isinstance(selector, CidrSelector)
            and contains(selector.cidr, block)
            and not any(overlaps(hole, block) for hole in selector.excluded)
        )
    )


def _merged_blocks(blocks: Mapping[str, PortSet]) -> dict[Selector, PortSet]:
    """Neighbouring blocks that used equal ports become one block; nothing unobserved is added."""
    by_ports: dict[PortSet, list[str]] = defaultdict(list)
    for block, ports in blocks.items():
        if ports:
            by_ports[ports].append(block)
    return {
        CidrSelector(cidr): ports
        for ports, members in by_ports.items()
        for cidr in cover_addresses(members)
    }

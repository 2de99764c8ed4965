"""The addresses and names behind peers that are no pods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache

from netpol.addresses import gateways
from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory
from netpol.net import NOT_INTERNET, host_cidr, is_public, network, without
from netpol.peers import Cidr, Entity, Fqdn, Peer, Workload
from netpol.ranges import node_addresses, ranges
from netpol.wellknown import local_caches, on_node
from netpol.world import Outside

__all__ = ["entity_blocks", "local_blocks", "outside"]


def entity_blocks(
    edges: Iterable[tuple[Connection, Evidence]], inventory: Inventory
) -> dict[str, tuple[str, ...]]:
    """The addresses by which engines without entities know each entity that was observed."""
    seen: dict[str, set[str]] = defaultdict(set)
    for connection, evidence in edges:
        for peer in (connection.client, connection.server):
            if isinstance(peer, Entity):
                client = peer == connection.client
                found = evidence.client_addresses if client else evidence.server_addresses
                seen[peer.name] |= found
    return {name: _blocks(name, inventory, addresses) for name, addresses in seen.items()}


def _blocks(name: str, inventory: Inventory, seen: set[str]) -> tuple[str, ...]:
    """As seen, and as the inventory says: a pod may run on any node tomorrow.

    Not at the address of a Service that was dialled, if there is another: rules are asked about the
    server behind it (docs/semantics.md#services), or see :mod:`netpol.virtual`.
    """
    match name:
        case "host" | "remote-node":
            known = node_addresses(inventory)
            bridges = gateways(inventory).keys()
            known |= bridges if seen & bridges else frozenset()
        case "kube-apiserver":
            known = frozenset(inventory.api_servers)
        case _:
            known = frozenset()
    virtual = {a for one in inventory.services.values() for a in one.cluster_ips}
    return tuple(sorted(host_cidr(a) for a in (known | (seen - virtual)) or seen))


def local_blocks(blocks: Iterable[str], inventory: Inventory) -> frozenset[str]:
    """Those of these blocks that are addresses of resolvers on the node, whichever that is.

    With NodeLocal DNSCache on the nodes' network also addresses of Services, at which it answers.
    """
    found = {one for one in blocks if _single(one) and on_node(one.partition("/")[0])}
    if any(pod.host_network for pod in local_caches(inventory)):
        services = inventory.services.values()
        found |= {host_cidr(a) for one in services for a in one.cluster_ips}.intersection(blocks)
    return frozenset(found)


def _single(block: str) -> bool:
    return network(block).num_addresses == 1


def outside(edges: Iterable[tuple[Connection, Evidence]], inventory: Inventory) -> list[Outside]:
    """Every party of these connections that is no pod, once each, sorted."""
    edges = list(edges)
    blocks = entity_blocks(edges, inventory)
    merged: dict[Peer, Evidence] = defaultdict(Evidence)
    for connection, evidence in edges:
        for peer in (connection.client, connection.server):
            if not isinstance(peer, Workload):
                merged[peer] = merged[peer] + evidence
    if any(peer == Entity("world") or isinstance(peer, Fqdn) for peer in merged):
        own = tuple(one for one in ranges(inventory).inside if is_public(one))
        blocks = {**blocks, "world": _internet(own)}
    local = local_blocks([one.cidr for one in merged if isinstance(one, Cidr)], inventory)
    return [
        _on_the_node(peer)
        if isinstance(peer, Cidr) and peer.cidr in local
        else _party(peer, merged[peer].names, blocks)
        for peer in sorted(merged, key=repr)
    ]


def _on_the_node(peer: Cidr) -> Outside:
    """A resolver on the node: Cilium takes it for the host only if its agent started later.

    Else the address is one of the world (cilium/cilium issue 18644).
    """
    return Outside(
        peer=peer,
        addresses=(peer.cidr,),
        entities=frozenset({"host"}),
        instead=frozenset({"world"}),
    )


def _party(peer: Peer, names: frozenset[str], blocks: Mapping[str, tuple[str, ...]]) -> Outside:
    addresses: tuple[str, ...]
    match peer:
        case Cidr(cidr):
            addresses, entity = (cidr,), "world"
        case Fqdn():
            # It may be at any of them: it is allowed by its name, or where everybody is.
            addresses, entity = blocks["world"], "world"
        case Entity(name):
            addresses, entity = blocks[name], name
        case Workload():
            raise AssertionError("a workload is not outside")
    names = frozenset({peer.name}) if isinstance(peer, Fqdn) else names
    return Outside(peer=peer, addresses=addresses, names=names, entities=frozenset({entity}))


@lru_cache(maxsize=8)
def _internet(own: tuple[str, ...]) -> tuple[str, ...]:
    """Everything that is public, as blocks: what "the internet" must be allowed to mean.

    ``own``: public addresses of the cluster itself, which are no part of it.
    """
    holes = (*NOT_INTERNET, *own)
    return (*without("0.0.0.0/0", holes), *without("::/0", holes))

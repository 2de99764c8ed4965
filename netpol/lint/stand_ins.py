"""Stand-ins: one endpoint for each group that policies may treat differently.

Pods with equal namespace, labels, account and ports, at addresses in the same blocks, are one
stand-in, however many they are and whoever owns them. Strangers stand for pods that are not there
yet: one without labels in every namespace, and one in a namespace that nobody knows. Parties stand
for the pieces into which CIDR rules cut the address space, for DNS names and for entities.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Final

from netpol.inventory import Inventory, Pod
from netpol.net import IPNetwork, host_cidr, network
from netpol.peers import ENTITIES, Cidr, Entity, Fqdn, Workload
from netpol.policy import CidrSelector, FqdnSelector, Selector
from netpol.world import Outside

__all__ = ["STRANGER", "is_stranger", "living", "parties", "stand_ins"]

_STRANGER: Final = "Stranger"
STRANGER: Final = Workload("netpol strangers", _STRANGER, "stranger")
"""A pod without labels in a namespace without labels; no cluster has a namespace of that name."""


def is_stranger(one: Workload) -> bool:
    """Whether a stand-in stands for pods that are not there."""
    return one.kind == _STRANGER


def stand_ins(inventory: Inventory, blocks: Sequence[CidrSelector]) -> Inventory:
    """The inventory with a workload per group of equal pods, and the strangers.

    ``blocks`` are those that may match pods. A pod with several addresses is in several groups.
    """
    edges = sorted({_number(e) for b in blocks for c in (b.cidr, *b.excluded) for e in _edges(c)})
    names: dict[object, Workload] = {}
    pods: dict[tuple[str, str], Pod] = {}
    for (namespace, name), pod in sorted(inventory.pods.items()):
        alike = (namespace, pod.labels, pod.ports, pod.service_account, pod.host_network)
        for number, (inside, addresses) in enumerate(_addresses(pod, edges)):
            group = names.setdefault((alike, inside), Workload(namespace, "Pods", str(len(names))))
            key = namespace, f"{name}/{number}"
            pods[key] = replace(pod, workload=group, addresses=addresses)
    for one in (STRANGER, *map(_stranger, sorted({*inventory.by_namespace}))):
        # A slash keeps the name apart from those that pods can have.
        pods[one.namespace, "/"] = Pod(namespace=one.namespace, name="/", workload=one)
    return replace(inventory, pods=pods)


def _addresses(pod: Pod, edges: list[tuple[int, int]]) -> Iterator[tuple[object, tuple[str, ...]]]:
    """The addresses of a pod, apart where blocks tell them apart, each with the piece it is in."""
    blocks = living(pod) if edges else []
    for block in blocks:
        piece = bisect_right(edges, _number(str(block.network_address)))
        yield (block.version, piece), (str(block),)
    if not blocks:
        yield None, ()


def _number(address: str) -> tuple[int, int]:
    """(IP version, number) of an address."""
    block = network(address)
    return block.version, int(block.network_address)


def living(pod: Pod) -> list[IPNetwork]:
    """The addresses that a pod has now, as blocks; a text that is no address is left out."""
    found = []
    for address in () if pod.finished or pod.template else pod.addresses:
        with suppress(ValueError):
            found.append(network(address))
    return found


def _stranger(namespace: str) -> Workload:
    return Workload(namespace, _STRANGER, "stranger")


def parties(selectors: Iterable[Selector], *, crossed: bool = False) -> list[Outside]:
    """One party per piece of address space, DNS name and entity that the selectors can tell apart.

    ``crossed``: also one per combination of a piece with a name or an entity. Where every rule
    allows, a party is allowed when one of its sides is, and no combination shows anything new.
    """
    blocks: dict[str, None] = {}
    names: dict[str, None] = {}
    for one in selectors:
        if isinstance(one, CidrSelector):
            blocks.update(dict.fromkeys(e for b in (one.cidr, *one.excluded) for e in _edges(b)))
        elif isinstance(one, FqdnSelector):
            names[one.name.replace("**", "*").replace("*", "no-name-of-anybody")] = None
    plain: list[Cidr | Fqdn | Entity] = [Cidr(host_cidr(address)) for address in blocks]
    plain += [Fqdn(name) for name in names]
    plain += [Entity(name) for name in ENTITIES]
    found = [Outside(peer=peer) for peer in plain]
    return found + list(_crossed(blocks, names)) if crossed else found


def _crossed(blocks: Iterable[str], names: Iterable[str]) -> Iterator[Outside]:
    """These are called entities, since those bring nothing along that they are not."""
    for address, name in product(blocks, ENTITIES):
        yield Outside(
            peer=Entity(f"{name} {address}"),
            addresses=(host_cidr(address),),
            entities=frozenset({name}),
        )
    for address, name in product(blocks, names):
        yield Outside(
            peer=Entity(f"{name} {address}"),
            addresses=(host_cidr(address),),
            names=frozenset({name}),
            entities=frozenset({"world"}),
        )


def _edges(block: str) -> Iterator[str]:
    """The first address of a block, and the first one after it: within a piece all are alike."""
    whole = network(block)
    yield str(whole.network_address)
    if int(whole.broadcast_address) + 1 < 1 << whole.max_prefixlen:
        yield str(whole.broadcast_address + 1)

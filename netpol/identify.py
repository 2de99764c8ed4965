"""Names for the sides of flows of which the source saw an address only.

What the source says of itself always wins. An address becomes the pod or the node that had it at
the flow's own time; one that the cluster never had is outside; one of which that is not clear stays
without a name, with the reason. A node is ``host`` for the pods on it and ``remote-node`` for all
others, an address of the API server is ``kube-apiserver`` too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from netpol.addresses import GONE, SEVERAL, AddressBook, Unclear
from netpol.flow import Flow
from netpol.inventory import Holder, Node, Pod
from netpol.net import host_cidr, is_public
from netpol.peers import Endpoint
from netpol.ranges import Ranges

__all__ = ["CLOUD", "NODE_LOCAL_DNS", "Identified", "identified"]

NODE_LOCAL_DNS: Final = frozenset({"169.254.20.10", "fd00::a"})
"""Where NodeLocal DNSCache listens by default, on every node."""

CLOUD: Final = frozenset(
    {"169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "168.63.129.16"}
)
"""Metadata and credential services of the clouds: outside the cluster, whatever their range."""

_HANDS: Final = Unclear("its address changed hands while the flow was seen")


@dataclass(frozen=True, slots=True)
class Identified:
    """A flow with names where they are known; for each side that has none, why."""

    flow: Flow
    client: Unclear | None = None
    server: Unclear | None = None
    noise: str = ""
    """Why no policy of pods could be about it."""


@lru_cache(maxsize=4096)
def _noise(address: str) -> str:
    """Why an address names nobody: multicast, loopback and the like; empty when it may."""
    one = ip_address(address)
    if address in CLOUD or address in NODE_LOCAL_DNS:
        return ""
    if one.is_loopback:
        return "loopback"
    if one.is_multicast or one.is_unspecified or address == "255.255.255.255":
        return "multicast or broadcast"
    return "link-local address" if one.is_link_local else ""


def _health(side: Endpoint, flow: Flow, book: AddressBook) -> str:
    """The address may have been a pod's before the plugin took it."""
    if side.ip not in book.health:
        return ""
    holder = _holder(side, flow, book)
    return "" if isinstance(holder, Pod) or holder in (SEVERAL, GONE, _HANDS) else "health check"


def identified(flow: Flow, book: AddressBook, own: Ranges) -> Identified:
    """The same flow, with names for the sides that have none; ``own`` are the cluster's ranges."""
    sides = flow.client, flow.server
    if not any(map(_nameless, sides)):
        return Identified(flow)
    for side in sides:
        if _nameless(side) and (why := _noise(side.ip) or _health(side, flow, book)):
            return Identified(flow, noise=why)
    holders = [_holder(side, flow, book) for side in sides]
    if all(isinstance(one, Node) for one in holders):
        return Identified(flow, noise="between nodes")
    client, server = (
        _named(side, mine, _nodes(other, theirs, book), book, own)
        for side, mine, other, theirs in (
            (flow.client, holders[0], flow.server, holders[1]),
            (flow.server, holders[1], flow.client, holders[0]),
        )
    )
    why_client, why_server = (one if isinstance(one, Unclear) else None for one in holders)
    return Identified(replace(flow, client=client, server=server), why_client, why_server)


def _nameless(side: Endpoint) -> bool:
    return bool(side.ip) and not side.namespace and not side.entities


def _holder(side: Endpoint, flow: Flow, book: AddressBook) -> Holder | Unclear | None:
    if not _nameless(side):
        return None
    if book.era(side.ip, flow.first) != book.era(side.ip, flow.last):
        return _HANDS
    return book.holder(side.ip, flow.first)


def _named(
    side: Endpoint,
    holder: Holder | Unclear | None,
    nodes: frozenset[str],
    book: AddressBook,
    own: Ranges,
) -> Endpoint:
    if not _nameless(side) or isinstance(holder, Unclear):
        return side
    entities: set[str] = set()
    if side.ip in book.inventory.api_servers:
        entities.add("kube-apiserver")
    if isinstance(holder, Node):
        entities.add("host" if nodes == {holder.name} else "remote-node")
    elif holder is not None:
        return replace(side, namespace=holder.namespace, pods=(holder.name,))
    elif not entities and _tells_outside(side.ip, book, own):
        entities.add("world")
    return replace(side, entities=frozenset(entities))


def _tells_outside(address: str, book: AddressBook, own: Ranges) -> bool:
    """Whether the inventory would tell if this address were the cluster's.

    Of a private one, only if it says from which ranges pods and Services get theirs, and of a
    public one, if pods have such (as with IPv6 in some clouds). Whether it is in one of these,
    attribution asks next.
    """
    version = 6 if ":" in address else 4
    if address in CLOUD or address in NODE_LOCAL_DNS or own.bounded(version):
        return True
    if version in book.public and not own.tells(own.pods, version):
        return False
    return book.populated and is_public(host_cidr(address))


def _nodes(side: Endpoint, holder: Holder | Unclear | None, book: AddressBook) -> frozenset[str]:
    """The nodes on which the pods of the other side run."""
    if holder is not None and not isinstance(holder, Unclear):
        return frozenset({holder.name if isinstance(holder, Node) else holder.node})
    pods = (book.inventory.pods.get((side.namespace, name)) for name in side.pods)
    return frozenset(pod.node for pod in pods if pod is not None)

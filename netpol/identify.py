"""Names for the sides of flows of which the source saw an address only.

What the source says of itself always wins. An address becomes the pod or the node that had it at
the flow's own time; one that the cluster never had is outside; one of which that is not clear stays
without a name, with the reason. A node is ``host`` for the pods on it and ``remote-node`` for all
others, an address of the API server is ``kube-apiserver`` too.

One kind of address is told alike whatever the source says of it: that of a resolver on the node
(:func:`netpol.wellknown.on_node`), which Cilium takes for the host or for the world, depending on
which was there first (cilium/cilium issue 18644).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from netpol.addresses import GONE, SEVERAL, AddressBook, Unclear
from netpol.flow import Flow
from netpol.inventory import Holder, Node, Pod
from netpol.net import host_cidr, is_public
from netpol.peers import Endpoint
from netpol.ranges import Ranges
from netpol.wellknown import CLOUD, noise, on_node

__all__ = ["Identified", "identified"]

_SOME_NODE: Final = frozenset({"host", "remote-node"})
_HANDS: Final = Unclear("its address changed hands while the flow was seen")


@dataclass(frozen=True, slots=True)
class Identified:
    """A flow with names where they are known; for each side that has none, why."""

    flow: Flow
    client: Unclear | None = None
    server: Unclear | None = None
    noise: str = ""
    """Why no policy of pods could be about it."""


def _health(side: Endpoint, flow: Flow, book: AddressBook) -> str:
    """The address may have been a pod's before the plugin took it."""
    if side.ip not in book.health:
        return ""
    holder = _holder(side, flow, book)
    return "" if isinstance(holder, Pod) or holder in (SEVERAL, GONE, _HANDS) else "health check"


def identified(flow: Flow, book: AddressBook, own: Ranges) -> Identified:
    """The same flow, with names for the sides that have none; ``own`` are the cluster's ranges."""
    flow = _asking_on_the_node(flow, book)
    client, server = (_whose_node(side, flow.first, book) for side in (flow.client, flow.server))
    flow = replace(flow, client=client, server=server)
    sides = flow.client, flow.server
    if not any(map(_nameless, sides)):
        return Identified(flow)
    for side, port in zip(sides, (None, flow.port), strict=True):
        if _nameless(side) and (why := noise(side.ip, port) or _health(side, flow, book)):
            return Identified(flow, noise=why)
    holders = [_holder(side, flow, book) for side in sides]
    if isinstance(holders[0], Node) and (isinstance(holders[1], Node) or _local(flow.server)):
        return Identified(flow, noise="between nodes")
    client, server = (
        _named(side, mine, _nodes(other, theirs, book), book, own, flow.first)
        for side, mine, other, theirs in (
            (flow.client, holders[0], flow.server, holders[1]),
            (flow.server, holders[1], flow.client, holders[0]),
        )
    )
    why_client, why_server = (one if isinstance(one, Unclear) else None for one in holders)
    return Identified(replace(flow, client=client, server=server), why_client, why_server)


def _whose_node(side: Endpoint, time: int, book: AddressBook) -> Endpoint:
    """A node that may be the pod's own or another: asked by its address, else it is another."""
    if not side.entities >= _SOME_NODE:
        return side
    if side.entities == _SOME_NODE and side.ip and isinstance(book.holder(side.ip, time), Node):
        return replace(side, entities=frozenset())
    return replace(side, entities=side.entities - {"host"})


def _asking_on_the_node(flow: Flow, book: AddressBook) -> Flow:
    """A resolver on the node is its address; or the pod to which that is redirected.

    Where NodeLocal DNSCache has pods with addresses of their own, nothing listens on the node: a
    Local Redirect Policy leads to the pod beside the client (Cilium docs, GKE Dataplane V2).
    """
    server = flow.server
    if server.namespace or not _local(server) or noise(server.ip, flow.port):
        return flow
    pods = [pod for pod in book.local_dns if not pod.host_network]
    if not pods:
        return replace(flow, server=replace(server, entities=frozenset({"world"})))
    here = _nodes(flow.client, book.holder(flow.client.ip, flow.first), book)
    beside = [pod for pod in pods if pod.node in here] or pods
    names = tuple(sorted(pod.name for pod in beside))
    return replace(flow, server=Endpoint(namespace=beside[0].namespace, pods=names, ip=server.ip))


def _local(side: Endpoint) -> bool:
    return bool(side.ip) and on_node(side.ip)


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
    time: int,
) -> Endpoint:
    if not _nameless(side) or isinstance(holder, Unclear):
        return side
    entities: set[str] = set()
    if book.serves_api(side.ip, time):
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
    if address in CLOUD or own.bounded(version):
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

"""Who one side of a flow is: a peer, or why nobody can tell.

The inventory, arranged for the questions that attribution asks: by name, by labels, by address at a
time, by Service.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from netpol.addresses import AddressBook, Unclear
from netpol.aggregated import families, meant
from netpol.evaluate.identity import identity_relevant
from netpol.flow import Flow
from netpol.inventory import Inventory, Node, Pod
from netpol.net import host_cidr
from netpol.peers import Cidr, Endpoint, Entity, Labels, Peer, Workload
from netpol.ranges import Ranges, ranges
from netpol.services import NODE, Backends, backends
from netpol.wellknown import noise, on_node

__all__ = ["Directory", "client_peer", "directory_of", "server_peer"]

_CLIENTS: Final = ("host", "kube-apiserver", "remote-node", "ingress")
_SERVERS: Final = ("kube-apiserver", "host", "remote-node", "ingress")
"""Reserved identities that are peers of their own; the first that holds is taken. What comes from a
pod's own node is the node's, even where the API server runs on it: every engine lets it pass."""

_NODES: Final = frozenset({"kube-apiserver", "host", "remote-node"})
"""Those that have the address of a node, where ports of Services are open."""

_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""A DNS label; a record that says otherwise is not from a cluster, or damaged."""

_SHARED: Final = "a Service address that leads to no one workload"


@dataclass(frozen=True, slots=True)
class Directory:
    """The inventory, arranged for the questions that attribution asks."""

    book: AddressBook
    ranges: Ranges
    backends: Backends
    by_labels: dict[tuple[str, Labels], frozenset[Workload]] = field(default_factory=dict)
    by_name: dict[tuple[str, str], list[Pod]] = field(default_factory=dict)
    siblings: dict[tuple[str, str], list[Pod]] = field(default_factory=dict)

    @property
    def inventory(self) -> Inventory:
        """Who there is."""
        return self.book.inventory

    def named(self, endpoint: Endpoint, name: str, flow: Flow) -> Iterable[Pod]:
        """The pods that had a name while a flow was seen; those that ever had it, if none did.

        An aggregated name is that of all pods for which it stands.
        """
        space = endpoint.namespace
        every = self.called(space, name) or meant(self.siblings, space, name, endpoint.labels)
        if len(every) == 1:
            return every
        return [pod for pod in every if self.lived(pod, flow)] or every

    def alone_at(self, address: str, first: int, last: int) -> Pod | None:
        """The pod that alone had an address all that time, where nothing else could be meant.

        Whoever has a name like its, or had, is of its workload, so to name it says whose it was.
        """
        if noise(address) or on_node(address):
            return None
        if self.book.era(address, first) != self.book.era(address, last):
            return None
        pod = self.book.holder(address, first)
        if not isinstance(pod, Pod):
            return None
        alike = self.called(pod.namespace, pod.name)
        same = all(one.workload == pod.workload and not one.host_network for one in (pod, *alike))
        return pod if same and alike else None

    def called(self, namespace: str, name: str) -> list[Pod]:
        """The pods that ever had a name."""
        if not self.by_name:
            for pod in self.inventory.every_pod:
                self.by_name.setdefault((pod.namespace, pod.name), []).append(pod)
            self.siblings.update(families(self.inventory))
        return self.by_name.get((namespace, name), [])

    def lived(self, pod: Pod, flow: Flow) -> bool:
        """Whether a pod was there while a flow was seen."""
        guard = self.book.guard
        return pod.started - guard <= flow.last and flow.first < pod.ended + guard

    def labelled(self, namespace: str, labels: Labels) -> frozenset[Workload]:
        """The workloads of a namespace of which a pod carries these labels.

        Sources show identity-relevant labels only, so those are what is compared; where no pod has
        exactly these, pods that have more of them will do.
        """
        key = (namespace, labels)
        if key not in self.by_labels:
            wanted = set(labels)
            wider = [
                pod
                for pod in self.inventory.by_namespace.get(namespace, ())
                if not pod.host_network and wanted.issubset(pod.labels)
            ]
            exact = [
                pod for pod in wider if {p for p in pod.labels if identity_relevant(p[0])} == wanted
            ]
            self.by_labels[key] = frozenset(pod.workload for pod in exact or wider)
        return self.by_labels[key]


def directory_of(inventory: Inventory, guard: int) -> Directory:
    """The directory of an inventory; ``guard``: by how many nanoseconds clocks may differ."""
    book = AddressBook(inventory=inventory, guard=guard)
    return Directory(book, ranges(inventory), backends(inventory, guard))


def client_peer(flow: Flow, unclear: Unclear | None, directory: Directory) -> Peer | Unclear:
    """Who opened it; ``unclear``: why its address is nobody's."""
    return unclear or _peer(flow.client, flow, directory, _CLIENTS)


def server_peer(
    flow: Flow, unclear: Unclear | None, directory: Directory
) -> tuple[Flow, Peer | Unclear, tuple[int | None, ...]]:
    """The server and the ports of its pods: a Service's address and port are translated.

    The flow comes back with the Service that was dialled.
    """
    server = unclear or _peer(flow.server, flow, directory, _SERVERS)
    places = [] if isinstance(server, Workload) or not flow.server.ip else [flow.server.ip]
    places += [NODE] if isinstance(server, Entity) and server.name in _NODES else []
    for place in places:
        dialled = place, flow.protocol, flow.port
        found = directory.backends.of(*dialled, flow.first)
        if found:
            name = flow.service or directory.backends.name(*dialled)
            flow = replace(flow, service=name, service_port=flow.port)
            peers = {_written(peer, flow, directory) for peer, _ in found}
            ports = tuple(sorted(port for _, port in found))
            return flow, (peers.pop() if len(peers) == 1 else Unclear(_SHARED)), ports
    if isinstance(server, Cidr) or server == Entity("world"):
        server = Unclear(_SHARED) if _still_dialled(flow) else server
    return flow, server, (flow.port,)


def _still_dialled(flow: Flow) -> bool:
    """Whether the address is a Service's own, so the source: it saw no pod behind it.

    Sources that see translation tell beside the port behind the Service the one that was dialled.
    """
    return bool(flow.service) and flow.service_port is None


def _written(peer: Peer, flow: Flow, directory: Directory) -> Peer | Unclear:
    """Who is at an address that somebody wrote down as a Service's: it may be the cluster's own."""
    if not isinstance(peer, Cidr):
        return peer
    address = peer.cidr.partition("/")[0]
    match directory.book.holder(address, flow.first):
        case Pod(host_network=False) as pod:
            return pod.workload
        case Pod() | Node():
            return Entity("remote-node")
        case Unclear() as unclear:
            return unclear
        case None:
            return _outside_peer(Endpoint(ip=address), directory)


def _peer(
    endpoint: Endpoint, flow: Flow, directory: Directory, entities: tuple[str, ...]
) -> Peer | Unclear:
    if endpoint.namespace:
        if not _NAMESPACE.fullmatch(endpoint.namespace):
            return Unclear("no namespace can have that name")
        return _pod_peer(endpoint, flow, directory)
    for name in entities:
        if name in endpoint.entities:
            return Entity(name)
    if "world" in endpoint.entities:
        return _outside_peer(endpoint, directory)
    return Unclear("the source gives no address" if endpoint.called else "unknown identity")


def _pod_peer(endpoint: Endpoint, flow: Flow, directory: Directory) -> Peer | Unclear:
    if endpoint.pods:
        pods = [pod for name in endpoint.pods for pod in directory.named(endpoint, name, flow)]
        if any(pod.host_network for pod in pods):
            return Entity("remote-node")
        found = {pod.workload for pod in pods}
        if endpoint.workload and not any(directory.lived(pod, flow) for pod in pods):
            # The source says whose it was; who has a pod of that name now may be another owner.
            found = {one for one in found if (one.kind, one.name) == endpoint.workload}
            if not found:
                return Unclear("only a later pod had its name")
    elif endpoint.labels:
        found = set(directory.labelled(endpoint.namespace, endpoint.labels))
    else:
        return Unclear("a pod without name or labels")
    if not found:
        return Unclear("no known pod has these labels")
    return found.pop() if len(found) == 1 else Unclear("several workloads fit")


def _outside_peer(endpoint: Endpoint, directory: Directory) -> Peer | Unclear:
    if not endpoint.ip:
        return Entity("world")
    match directory.ranges.kind(endpoint.ip):
        case None:
            return Cidr(host_cidr(endpoint.ip))
        case "node":
            return Entity("remote-node")
        case "service":
            return Unclear(_SHARED)
        case _:
            return Unclear("an unknown address in the pod range")

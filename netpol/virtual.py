"""Services before their address is translated: what a CNI that polices there must allow.

Its controller opens the address of a Service beside the pods of a peer, with the Service's ports
that lead to the pod ports of the rule, when the Service's selector, read as labels, satisfies the
peer (aws/amazon-network-policy-controller-k8s ``pkg/resolvers/endpoints.go``). A peer that asks for
a label more than the Service does, or another one, opens the pods alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from netpol.graph import Connection
from netpol.inventory import Inventory, Pod, Service, ServicePort
from netpol.net import PortSet, host_cidr
from netpol.peers import Cidr, Labels, Peer, Workload
from netpol.policy import NAMESPACE, PodSelector, Requirement

__all__ = ["Dialled", "dialled", "opened", "picks", "satisfies"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialled:
    """A Service through which a connection may be made, and its port."""

    service: Service
    protocol: str
    port: int

    @property
    def blocks(self) -> tuple[str, ...]:
        """The addresses of the Service, as blocks."""
        return tuple(map(host_cidr, self.service.cluster_ips))

    @property
    def ports(self) -> PortSet:
        """Its port, as a set."""
        return PortSet.of(self.protocol, self.port)

    def from_client(self, client: Peer) -> Iterator[Connection]:
        """The connection as it leaves a client: to each address of the Service."""
        return (Connection(client, Cidr(one), self.protocol, self.port) for one in self.blocks)


def dialled(
    server: Peer, ports: PortSet, inventory: Inventory, named: frozenset[str] = frozenset()
) -> tuple[Dialled, ...]:
    """The Services that lead to some of these ports of a server.

    Only those in ``named`` (``namespace/name``) where any of them is among them: then that is how
    the server was called. Of a server that is no pod nothing else tells.
    """
    if not isinstance(server, Workload):
        return tuple(_called(ports, inventory, named))
    found = {
        (service.namespace, service.name, port.port, port.protocol): Dialled(
            service=service, protocol=port.protocol, port=port.port
        )
        for pod in inventory.workloads.get(server, ())
        if not pod.host_network
        for service in inventory.services_of(pod)
        for port in service.ports
        if service.cluster_ips and _leads_into(port, pod, ports)
    }
    called = {key: one for key, one in found.items() if f"{key[0]}/{key[1]}" in named}
    return tuple(one for _, one in sorted((called or found).items()))


def _called(ports: PortSet, inventory: Inventory, named: Iterable[str]) -> Iterator[Dialled]:
    """The Services of these names that lead to no pods of their own, by ports into ``ports``."""
    for name in sorted(named):
        namespace, _, own = name.partition("/")
        service = inventory.services.get((namespace, own))
        if service is None or not service.cluster_ips or _leads_to_pods(service, inventory):
            continue
        for port in service.ports:
            target = port.target or port.port
            if isinstance(target, str) or (port.protocol, target) in ports:
                yield Dialled(service=service, protocol=port.protocol, port=port.port)


def _leads_to_pods(service: Service, inventory: Inventory) -> bool:
    """Not to what somebody wrote down, nor to nodes: pods that use the network of theirs."""
    pods = inventory.by_namespace.get(service.namespace, ())
    behind = [pod for pod in pods if set(service.selector) <= set(pod.labels)]
    return bool(service.selector) and not any(pod.host_network for pod in behind)


def _leads_into(port: ServicePort, pod: Pod, ports: PortSet) -> bool:
    """Whether a Service's port leads to one of these ports of a pod."""
    match port.target:
        case str(name):
            declared = ((p.name, p.protocol, p.port) for p in pod.ports)
            numbers = [n for called, kind, n in declared if (called, kind) == (name, port.protocol)]
        case target:
            numbers = [target or port.port]
    return any((port.protocol, number) in ports for number in numbers)


def opened(
    peer: PodSelector, ports: PortSet, inventory: Inventory
) -> Iterator[tuple[Service, PortSet]]:
    """The Services whose address a pod peer opens too, with the ports of the Service."""
    for service in inventory.services.values():
        if not service.cluster_ips or not satisfies(service, peer, inventory):
            continue
        pods = inventory.by_namespace.get(service.namespace, ())
        behind = [pod for pod in pods if set(service.selector) <= set(pod.labels)]
        found = PortSet.union(
            PortSet.of(port.protocol, port.port)
            for port in service.ports
            if any(_leads_into(port, pod, ports) for pod in behind)
        )
        if found:
            yield service, found


def satisfies(service: Service, peer: PodSelector, inventory: Inventory) -> bool:
    """Whether a Service's selector, read as the labels of a pod, meets a peer's conditions."""
    return bool(service.selector) and picks(peer, service.namespace, service.selector, inventory)


def picks(peer: PodSelector, namespace: str, labels: Labels, inventory: Inventory) -> bool:
    """Whether a selector picks what has these labels in that namespace."""
    space = inventory.namespaces.get(namespace)
    around = {**dict(space.labels if space else ()), NAMESPACE: namespace}
    return _meets(around, peer.namespaces) and _meets(dict(labels), peer.pods)


def _meets(labels: Mapping[str, str], wanted: Iterable[Requirement]) -> bool:
    """Whether labels meet every condition; none that Kubernetes does not know is met."""
    return all(one.operator in _KNOWN and one.holds(labels.get(one.key)) for one in wanted)


_KNOWN: Final = frozenset({"In", "NotIn", "Exists", "DoesNotExist"})

"""Service addresses: who stands behind an address and port, and on which pod port."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from netpol.inventory import Inventory, Pod, Service, ServicePort
from netpol.net import host_cidr
from netpol.peers import Entity, Peer, Workload

__all__ = ["Backends", "Target", "backends", "exposed_ports"]

Target: TypeAlias = tuple[Peer, int]
"""A server and the port on which its pods listen."""

_NODE: Final = "node"
_API: Final = ("default", "kubernetes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """What each Service address and port, and each node port, leads to."""

    table: Mapping[tuple[str, str, int], frozenset[Target]]

    def of(self, address: str, protocol: str, port: int | None) -> Target | None:
        """Behind a Service's address; None when it is none, or leads to several servers."""
        return self._only((host_cidr(address), protocol, -1 if port is None else port))

    def of_node_port(self, protocol: str, port: int | None) -> Target | None:
        """Behind a port of any node."""
        return self._only((_NODE, protocol, -1 if port is None else port))

    def _only(self, key: tuple[str, str, int]) -> Target | None:
        found = self.table.get(key, frozenset())
        return next(iter(found)) if len(found) == 1 else None


def backends(inventory: Inventory) -> Backends:
    """The table for an inventory.

    A named target port is resolved by the pods' own container ports, hostNetwork pods are their
    node, and ``default/kubernetes``, which selects no pods, is the API server (Kubernetes Service
    API).
    """
    table: dict[tuple[str, str, int], set[Target]] = defaultdict(set)
    for service in inventory.services.values():
        addresses = [host_cidr(a) for a in (*service.cluster_ips, *service.external_ips)]
        pods = _pods(inventory, service)
        for port in service.ports:
            found = set(_targets(service, pods, port))
            for address in addresses:
                table[address, port.protocol, port.port] |= found
            if port.node_port is not None:
                table[_NODE, port.protocol, port.node_port] |= found
    return Backends(table={key: frozenset(found) for key, found in table.items()})


def exposed_ports(inventory: Inventory) -> dict[Workload, frozenset[tuple[str, int]]]:
    """Pod ports (protocol, number) that a Service shows to clients outside the cluster."""
    table: dict[Workload, set[tuple[str, int]]] = defaultdict(set)
    for service in inventory.services.values():
        pods = _pods(inventory, service) if service.public else []
        for port in service.ports:
            for peer, number in _targets(service, pods, port):
                if isinstance(peer, Workload):
                    table[peer].add((port.protocol, number))
    return {workload: frozenset(ports) for workload, ports in table.items()}


def _pods(inventory: Inventory, service: Service) -> list[Pod]:
    wanted = set(service.selector)
    pods = inventory.by_namespace.get(service.namespace, ())
    return [pod for pod in pods if wanted and not pod.finished and wanted.issubset(pod.labels)]


def _targets(service: Service, pods: Iterable[Pod], port: ServicePort) -> Iterable[Target]:
    if (service.namespace, service.name) == _API and not service.selector:
        target = port.target
        yield Entity("kube-apiserver"), target if isinstance(target, int) else port.port
    for pod in pods:
        peer: Peer = Entity("remote-node") if pod.host_network else pod.workload
        for number in _numbers(pod, port):
            yield peer, number


def _numbers(pod: Pod, port: ServicePort) -> list[int]:
    match port.target:
        case None:
            return [port.port]
        case int(number):
            return [number]
        case str(name):
            return [p.port for p in pod.ports if (p.name, p.protocol) == (name, port.protocol)]

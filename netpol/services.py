"""Service addresses: which workload and pod port stand behind an address and port."""

from __future__ import annotations

from netpol.inventory import Inventory, Pod, Service, ServicePort
from netpol.peers import Workload

__all__ = ["backend"]


def backend(
    inventory: Inventory, address: str, protocol: str, port: int | None
) -> tuple[Workload, int] | None:
    """The workload and pod port behind a Service address; None when it is not one, or not one only.

    A named target port is resolved by the pods' own container ports (Kubernetes Service API).
    """
    found = {
        target
        for service in inventory.services.values()
        if address in service.cluster_ips or address in service.external_ips
        for service_port in service.ports
        if (service_port.protocol, service_port.port) == (protocol, port)
        for pod in _pods(inventory, service)
        for target in _targets(pod, service_port)
    }
    return found.pop() if len(found) == 1 else None


def _pods(inventory: Inventory, service: Service) -> list[Pod]:
    wanted = set(service.selector)
    pods = inventory.by_namespace.get(service.namespace, ())
    return [pod for pod in pods if wanted and not pod.finished and wanted.issubset(pod.labels)]


def _targets(pod: Pod, port: ServicePort) -> list[tuple[Workload, int]]:
    match port.target:
        case None:
            return [(pod.workload, port.port)]
        case int(number):
            return [(pod.workload, number)]
        case str(name):
            return [
                (pod.workload, one.port)
                for one in pod.ports
                if (one.name, one.protocol) == (name, port.protocol)
            ]

"""The declared need of every pod: names. Resolvers are inferred from traffic and inventory.

A policy ``allow-dns`` per namespace lets every pod ask the resolvers, and one ``…-serve-dns`` per
resolver accepts them: both halves, or neither would work. UDP and TCP on the port on which the
resolver was seen to answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory
from netpol.net import PortSet
from netpol.peers import Workload

__all__ = ["Resolvers", "asks", "clients", "dns_ports", "is_dns", "needs", "resolvers"]

DNS_PORTS: Final = frozenset({53, 5353})
"""53, and the pod port of OpenShift's resolver. Which one a resolver listens on is observed."""

_LABELS: Final = frozenset(
    {
        ("k8s-app", "kube-dns"),
        ("k8s-app", "coredns"),
        ("k8s-app", "node-local-dns"),
        ("dns.operator.openshift.io/daemonset-dns", "default"),
    }
)
_SERVICES: Final = frozenset({"kube-dns", "coredns", "dns-default"})

Resolvers = Mapping[Workload, frozenset[int]]
"""Workloads that resolve names for the cluster, with the pod ports on which they answer."""


def is_dns(connection: Connection) -> bool:
    """Whether protocol and port are those of DNS."""
    return connection.protocol in ("UDP", "TCP") and connection.port in DNS_PORTS


def dns_ports(ports: Iterable[int]) -> PortSet:
    """UDP and TCP on these ports."""
    return PortSet.union(PortSet.of(protocol, p) for p in ports for protocol in ("UDP", "TCP"))


def resolvers(edges: Iterable[tuple[Connection, Evidence]], inventory: Inventory) -> Resolvers:
    """Who resolves names for the cluster.

    A workload that answers DNS over UDP is a resolver of the cluster when its labels or Service are
    those of the usual ones, or when clients of several namespaces ask it.
    """
    answering: dict[str, dict[Workload, set[int]]] = {
        "UDP": defaultdict(set),
        "TCP": defaultdict(set),
    }
    asked_from: dict[Workload, set[str]] = defaultdict(set)
    for connection, _ in edges:
        server = connection.server
        if is_dns(connection) and isinstance(server, Workload) and connection.port is not None:
            answering[connection.protocol][server].add(connection.port)
            if isinstance(connection.client, Workload):
                asked_from[server].add(connection.client.namespace)
    return {
        server: frozenset(found)
        for server, found in sorted(answering["UDP"].items())
        if len(asked_from[server]) > 1 or _looks_like_a_resolver(server, inventory)
    }


def _looks_like_a_resolver(workload: Workload, inventory: Inventory) -> bool:
    return any(
        _LABELS & set(pod.labels)
        or any(service.name in _SERVICES for service in inventory.services_of(pod))
        for pod in inventory.workloads.get(workload, ())
    )


def clients(
    serving: Resolvers, inventory: Inventory, namespaces: Iterable[str]
) -> dict[str, tuple[Workload, ...]]:
    """Per namespace the workloads that need names: all but resolvers and hostNetwork pods."""
    if not serving:
        return {}
    wanted = sorted(namespaces)
    groups: dict[str, list[Workload]] = {name: [] for name in wanted}
    for workload, pods in inventory.workloads.items():
        on_host = all(pod.host_network for pod in pods)
        if workload.namespace in groups and workload not in serving and not on_host:
            groups[workload.namespace].append(workload)
    return {name: tuple(found) for name, found in groups.items()}


def asks(connection: Connection, serving: Resolvers, namespaces: Iterable[str]) -> bool:
    """Whether a pod of these namespaces asks one of the resolvers."""
    client, server = connection.client, connection.server
    return (
        isinstance(client, Workload)
        and isinstance(server, Workload)
        and client.namespace in namespaces
        and connection.protocol in ("UDP", "TCP")
        and connection.port in serving.get(server, ())
    )


def needs(
    edges: Iterable[tuple[Connection, Evidence]], inventory: Inventory, namespaces: Iterable[str]
) -> frozenset[Connection]:
    """Every connection that resolving names in these namespaces takes, observed or not."""
    serving = resolvers(edges, inventory)
    asking = clients(serving, inventory, namespaces)
    return frozenset(
        Connection(client, server, protocol, port)
        for server, ports in serving.items()
        for port in ports
        for workloads in asking.values()
        for client in workloads
        for protocol in ("UDP", "TCP")
    )

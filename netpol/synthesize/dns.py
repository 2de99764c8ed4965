"""The declared need of every pod: names. Resolvers are inferred from traffic and inventory.

A policy ``allow-dns`` per namespace lets every pod ask the resolvers, and one ``…-serve-dns`` per
resolver that is pods accepts them: both halves, or neither would work. UDP and TCP on the port on
which the resolver was seen to answer.

A resolver may be pods (kube-dns, OpenShift's on 5353), an address on every node (NodeLocal
DNSCache), one of the cloud, or a node. NodeLocal DNSCache often answers at the address of the
Service of kube-dns as well, and it asks the pods of kube-dns itself, from its node.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from netpol.families import families, in_family
from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory
from netpol.net import PortSet, host_cidr
from netpol.peers import Cidr, Entity, Peer, Workload, label
from netpol.services import targets
from netpol.virtual import dialled
from netpol.wellknown import (
    CLOUD_DNS,
    CLUSTER_DNS,
    DNS,
    LOCAL_DNS,
    NODE_LOCAL_DNS,
    local_caches,
    on_node,
)

__all__ = [
    "Resolvers",
    "asks",
    "clients",
    "dns_ports",
    "is_dns",
    "needs",
    "resolvers",
    "upstream",
]

DNS_PORTS: Final = frozenset({DNS, 5353})
"""53, and the pod port of OpenShift's resolver. Which one a resolver listens on is observed."""

_SERVICES: Final = frozenset({"kube-dns", "coredns", "dns-default"})
_ADDRESS_OF_NAMES: Final = frozenset(
    {("kube-system", "kube-dns"), ("kube-system", "coredns"), ("openshift-dns", "dns-default")}
)
"""The Services, by namespace and name, whose address is written into every pod's resolv.conf."""
_WELL_KNOWN: Final = frozenset(map(host_cidr, NODE_LOCAL_DNS | CLOUD_DNS))
_NODES: Final = (Entity("host"), Entity("remote-node"))

Edge = tuple[Connection, Evidence]
Resolvers = Mapping[Peer, frozenset[int]]
"""Who resolves names for the cluster, with the ports on which they answer; sorted by label."""


def is_dns(connection: Connection) -> bool:
    """Whether protocol and port are those of DNS."""
    return connection.protocol in ("UDP", "TCP") and connection.port in DNS_PORTS


def dns_ports(ports: Iterable[int]) -> PortSet:
    """UDP and TCP on these ports."""
    return PortSet.union(PortSet.of(protocol, p) for p in ports for protocol in ("UDP", "TCP"))


def resolvers(edges: Iterable[Edge], inventory: Inventory) -> Resolvers:
    """Who resolves names for the cluster.

    Somebody who answers DNS over UDP is a resolver of the cluster when labels, Service or address
    are those of the usual ones, or when clients of several namespaces ask. That a resolver asks
    somebody does not count: it passes on what it does not know. Where nobody was seen to resolve
    names (a short window, a source that does not see UDP), it is who is behind the Service that
    pods are told to ask: without names nothing else works either.
    """
    answering: dict[Peer, set[int]] = defaultdict(set)
    asked_from: dict[Peer, set[str]] = defaultdict(set)
    through: dict[Peer, set[str]] = defaultdict(set)
    for connection, evidence in edges:
        server, client = connection.server, connection.client
        if connection.port is None or not _may_resolve(connection):
            continue
        through[server] |= evidence.services
        if connection.protocol == "UDP":
            answering[server].add(connection.port)
        if isinstance(client, Workload) and not _looks_like_a_resolver(client, inventory):
            asked_from[server].add(client.namespace)
    found = {
        server: frozenset(ports)
        for server, ports in answering.items()
        if len(asked_from[server]) > 1 or _usual(server, inventory, asked=bool(asked_from[server]))
    }
    found = found or _promised(inventory)
    found |= _at_services(found, through, inventory)
    return {server: found[server] for server in sorted(found, key=label)}


def _promised(inventory: Inventory) -> dict[Peer, frozenset[int]]:
    """Who is behind the Service for names of the cluster, with the ports of the pods.

    Where NodeLocal DNSCache runs, it is what pods are told to ask, by default at its own address.
    """
    found: dict[Peer, set[int]] = defaultdict(set)
    for place in sorted(_ADDRESS_OF_NAMES & inventory.services.keys()):
        service = inventory.services[place]
        for port in service.ports:
            if (port.protocol, port.port) == ("UDP", DNS):
                for peer, number in targets(inventory, service, port):
                    if isinstance(peer, Workload):
                        found[peer].add(number)
    if found and any(pod.host_network for pod in local_caches(inventory)):
        for block in in_family(map(host_cidr, NODE_LOCAL_DNS), families(inventory)):
            found[Cidr(block)].add(DNS)
    return {peer: frozenset(ports) for peer, ports in found.items()}


def _may_resolve(connection: Connection) -> bool:
    """Whether the server may be a resolver: of pods on any port of DNS, of others on 53."""
    server = connection.server
    named = isinstance(server, Cidr) or server in _NODES
    pods = isinstance(server, Workload)
    return is_dns(connection) and (pods or (named and connection.port == DNS))


def _usual(server: Peer, inventory: Inventory, *, asked: bool) -> bool:
    """Whether it is one of those that are known without being asked from several namespaces.

    What a cloud offers is none for pods as long as only other resolvers ask it.
    """
    match server:
        case Workload():
            return _looks_like_a_resolver(server, inventory)
        case Cidr(cidr):
            return asked and cidr in _WELL_KNOWN
        case _:
            return False


def _looks_like_a_resolver(workload: Workload, inventory: Inventory) -> bool:
    return any(
        CLUSTER_DNS & set(pod.labels)
        or any(service.name in _SERVICES for service in inventory.services_of(pod))
        for pod in inventory.workloads.get(workload, ())
    )


def _at_services(
    serving: Resolvers, through: Mapping[Peer, set[str]], inventory: Inventory
) -> dict[Peer, frozenset[int]]:
    """The addresses of Services at which NodeLocal DNSCache answers instead of the pods behind.

    It listens at them on every node, so that nothing translates them on the way (kubernetes
    cluster/addons/dns/nodelocaldns).
    """
    if not any(pod.host_network for pod in local_caches(inventory)):
        return {}
    found: dict[Peer, set[int]] = defaultdict(set)
    for server, ports in serving.items():
        for way in dialled(server, dns_ports(ports), inventory, frozenset(through[server])):
            for block in way.blocks:
                found[Cidr(block)].add(way.port)
    return {server: frozenset(ports) for server, ports in found.items()}


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
    client = connection.client
    return (
        isinstance(client, Workload)
        and client.namespace in namespaces
        and connection.protocol in ("UDP", "TCP")
        and connection.port in serving.get(connection.server, ())
    )


def upstream(
    serving: Resolvers, inventory: Inventory, namespaces: Iterable[str]
) -> dict[Workload, frozenset[int]]:
    """The pods of these namespaces that NodeLocal DNSCache asks what it does not know."""
    if not any(isinstance(one, Cidr) and _on_node(one) for one in serving):
        return {}
    wanted = frozenset(namespaces)
    return {
        workload: serving.get(workload, frozenset({DNS}))
        for workload, pods in inventory.workloads.items()
        if workload.namespace in wanted
        and _looks_like_a_resolver(workload, inventory)
        and not any(pod.host_network or LOCAL_DNS in pod.labels for pod in pods)
    }


def _on_node(server: Cidr) -> bool:
    """Of the addresses of Services there are none without NodeLocal DNSCache on nodes."""
    address, _, length = server.cidr.partition("/")
    return on_node(address) and length in ("32", "128")


def needs(
    edges: Iterable[Edge], inventory: Inventory, namespaces: Iterable[str]
) -> frozenset[Connection]:
    """Every connection that resolving names in these namespaces takes, observed or not."""
    namespaces = frozenset(namespaces)
    serving = resolvers(edges, inventory)
    asking = clients(serving, inventory, namespaces)
    pairs: set[tuple[Peer, Peer, int]] = {
        (client, server, port)
        for server, ports in serving.items()
        for port in ports
        for workloads in asking.values()
        for client in workloads
    }
    pairs |= {
        (client, server, port)
        for client in serving
        for server, ports in serving.items()
        for port in ports
        if isinstance(client, Workload)
        and isinstance(server, Workload)
        # Every pod of a namespace may ask, also one that answers others.
        and asking.get(client.namespace)
        and client.namespace != server.namespace
        and not all(pod.host_network for pod in inventory.workloads[client])
    }
    behind = upstream(serving, inventory, namespaces)
    pairs |= {(Entity("remote-node"), one, port) for one, ports in behind.items() for port in ports}
    return frozenset(
        Connection(client, server, protocol, port)
        for client, server, port in pairs
        for protocol in ("UDP", "TCP")
    )

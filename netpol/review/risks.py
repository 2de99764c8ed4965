"""What a reviewer should look at twice when a connection opens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, Literal, TypeAlias

from netpol.graph import Evidence
from netpol.inventory import Inventory
from netpol.net import NOT_INTERNET, PortSet, is_public, network, overlaps, without
from netpol.peers import Cidr, Entity, Fqdn, Peer, Workload
from netpol.review.edges import Edge

__all__ = ["ADMIN", "DATABASES", "METADATA", "RISKS", "Risk", "Teams", "public", "risks"]

Risk: TypeAlias = Literal[
    "metadata",
    "world",
    "database",
    "admin",
    "every-port",
    "cross-team",
    "outside",
    "seen-once",
    "never-observed",
]
RISKS: Final[dict[Risk, str]] = {
    "metadata": "the metadata address of the cloud, which hands out credentials",
    "world": "the internet at large",
    "database": "a database port",
    "admin": "an admin port",
    "every-port": "nearly every port",
    "cross-team": "namespaces of two teams",
    "outside": "somebody outside the cluster",
    "seen-once": "seen only once",
    "never-observed": "never observed",
}
"""Every risk in words, the gravest first."""

METADATA: Final = ("169.254.169.254/32", "fd00:ec2::254/128")
"""Instance metadata: AWS, Azure, Google and others by IPv4; AWS by IPv6."""

DATABASES: Final[dict[int, str]] = {
    1433: "SQL Server",
    1521: "Oracle",
    3306: "MySQL",
    5432: "PostgreSQL",
    5984: "CouchDB",
    6379: "Redis",
    7687: "Neo4j",
    8086: "InfluxDB",
    8529: "ArangoDB",
    9042: "Cassandra",
    9200: "Elasticsearch",
    11211: "Memcached",
    26257: "CockroachDB",
    27017: "MongoDB",
}
"""TCP ports on which the makers' own documentation has databases listen by default."""

ADMIN: Final[dict[int, str]] = {
    22: "SSH",
    23: "Telnet",
    2375: "Docker",
    2376: "Docker",
    2379: "etcd",
    2380: "etcd",
    3389: "RDP",
    5005: "Java debugger",
    5900: "VNC",
    5985: "WinRM",
    5986: "WinRM",
    8500: "Consul",
    9229: "Node.js debugger",
    10250: "kubelet",
    10255: "kubelet",
}
"""TCP ports that give control over a machine, a cluster or a process."""

_MANY: Final = 2**15
"""So many TCP ports are nearly all; some may have been open before."""

_WIDE: Final = {4: 2**24, 6: 2**96}
"""So many public addresses are the internet at large: an IPv4 /8, what a provider has in IPv6."""


@dataclass(frozen=True, kw_only=True)
class Teams:
    """Whose a namespace is: by patterns of its name, else by a label of it."""

    label: str = "team"
    patterns: tuple[tuple[str, str], ...] = ()
    """(pattern of namespaces, team); the first that matches counts."""
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    """The labels of each namespace."""

    def of(self, namespace: str) -> str:
        """The team; empty where it is not known."""
        for pattern, team in self.patterns:
            if fnmatchcase(namespace, pattern):
                return team
        return self.labels.get(namespace, {}).get(self.label, "")

    @staticmethod
    def among(
        inventories: Iterable[Inventory], label: str, patterns: tuple[tuple[str, str], ...] = ()
    ) -> Teams:
        """The teams of what is known of namespaces; the last inventory counts."""
        known = {
            one.name: dict(one.labels) for each in inventories for one in each.namespaces.values()
        }
        return Teams(label=label, patterns=patterns, labels=known)


def risks(edge: Edge, evidence: Evidence | None, teams: Teams) -> tuple[Risk, ...]:
    """The risks of an edge that opens, the gravest first; ``evidence`` None: nobody looked."""
    if not edge.opens:
        return ()
    found = {*_parties(edge, teams), *_ports(edge.ports), *_seen(evidence)}
    return tuple(one for one in RISKS if one in found)


def _seen(evidence: Evidence | None) -> Iterable[Risk]:
    if evidence is None:
        return
    if not evidence.records:
        yield "never-observed"
    elif evidence.times <= 1:
        yield "seen-once"


def _ports(ports: PortSet) -> Iterable[Risk]:
    if any(("TCP", port) in ports for port in DATABASES):
        yield "database"
    if any(("TCP", port) in ports for port in ADMIN):
        yield "admin"
    if sum(high - low + 1 for low, high in ports.ranges("TCP")) >= _MANY:
        yield "every-port"


def _parties(edge: Edge, teams: Teams) -> Iterable[Risk]:
    outer = edge.outer
    if outer is None:
        one, other = (teams.of(_namespace(p)) for p in (edge.client, edge.server))
        if one and other and one != other:
            yield "cross-team"
        return
    if outer == edge.server and _metadata(outer, edge.blocks):
        yield "metadata"
    match outer:
        case Entity("world"):
            yield "world"
        case Cidr() if _wide(edge.blocks):
            yield "world"
        case Cidr() if any(map(public, edge.blocks)):
            yield "outside"
        case Fqdn():
            yield "outside"
        case _:
            pass


def _namespace(peer: Peer) -> str:
    return peer.namespace if isinstance(peer, Workload) else ""


def _metadata(outer: Peer, blocks: Iterable[str]) -> bool:
    if outer == Entity("world"):
        return True  # the only engine that has entities counts it to the world
    return any(overlaps(block, address) for block in blocks for address in METADATA)


def public(block: str) -> bool:
    """Whether some address of a block is on the internet."""
    return is_public(block) or bool(without(block, _private(block)))


def _private(block: str) -> tuple[str, ...]:
    version = network(block).version
    return tuple(one for one in NOT_INTERNET if network(one).version == version)


def _wide(blocks: Iterable[str]) -> bool:
    """Whether so much of the internet is in there that it may as well be all of it."""
    sizes = {4: 0, 6: 0}
    for block in blocks:
        for part in without(block, _private(block)):
            sizes[network(part).version] += network(part).num_addresses
    return any(sizes[version] >= _WIDE[version] for version in sizes)

"""The service graph: connections between peers, each with its evidence.

Merging graphs is commutative and associative: evidence adds up by sums, minima, maxima and unions,
so neither the order of records nor the way in which they were split into files shows in the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from netpol.flow import Flow
from netpol.net import ICMP_PROTOCOLS, PortSet
from netpol.peers import Peer, label
from netpol.sketch import EMPTY, Sketch

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Connection", "Evidence", "ServiceGraph"]


@dataclass(frozen=True, slots=True)
class Connection:
    """Client, server, protocol and the listening port (``type * 256 + code`` for ICMP).

    ``port`` is None for protocols without one.
    """

    client: Peer
    server: Peer
    protocol: str
    port: int | None

    @property
    def ports(self) -> PortSet:
        """The same as a set: what a rule must allow. An ICMP type is allowed with every code."""
        if self.protocol in ICMP_PROTOCOLS and self.port is not None:
            return PortSet.icmp(self.protocol, self.port // 256)
        return PortSet.of(self.protocol, self.port)

    @property
    def key(self) -> tuple[str, str, str, int]:
        """A sort key that reads like the row that is printed."""
        port = -1 if self.port is None else self.port
        return label(self.client), label(self.server), self.protocol, port


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was seen of one connection. Never part of its identity."""

    records: int = 0
    counts: tuple[tuple[str, int], ...] = ()
    """(source name, with its reporter where it has several; connections it told of), sorted."""
    distinct: tuple[tuple[str, Sketch], ...] = ()
    """(source name, which connections it told of), sorted: of sources that tell them apart."""
    first: int | None = None
    last: int | None = None
    hours: frozenset[int] = frozenset()
    sources: tuple[tuple[str, int], ...] = ()
    """(source name, records), sorted."""
    client_pods: frozenset[str] = frozenset()
    server_pods: frozenset[str] = frozenset()
    signals: tuple[tuple[str, int], ...] = ()
    """(name in ``netpol.flow.SIGNALS``, records), sorted."""
    names: frozenset[str] = frozenset()
    """DNS names under which the outside party was known."""
    claimed: frozenset[str] = frozenset()
    """Names that clients called it by in TLS and HTTP, and that no DNS answer is known to prove: a
    proxy is called by the names of others, a pod may name whom it likes. For people, not rules."""
    client_addresses: frozenset[str] = frozenset()
    """Addresses of the client, where it is an entity."""
    server_addresses: frozenset[str] = frozenset()
    """Addresses of the server, where it is an entity."""
    services: frozenset[str] = frozenset()
    """``namespace/name`` of the Services that the clients dialled."""
    service_ports: frozenset[int] = frozenset()
    """The ports that they dialled there."""
    said: frozenset[tuple[str, str]] = frozenset()
    """(source name, signal): who gave which signal."""

    @property
    def count(self) -> int:
        """How many connections there were: as many as the source saw that saw the most of them."""
        return max(self.by_source.values(), default=0)

    @property
    def times(self) -> int:
        """How often it was opened, as far as known: what counts where few are too few.

        Sources that trace packets tell many times of one connection; of those that say which
        packets open one, only these count.
        """
        opened, records = self.signal("opened"), dict(self.sources)
        told_apart = dict(self.distinct)
        return max(
            (
                min(many, opened)
                if opened and many == records.get(source) and source not in told_apart
                else many
                for source, many in self.by_source.items()
            ),
            default=0,
        )

    @property
    def by_source(self) -> dict[str, int]:
        """How many each source saw: as many as its reporter that saw the most of them.

        One at least: of a connection that began before the log did, nobody saw the beginning.
        """
        found = {source: 1 for source, records in self.sources if records}
        found |= {source: known.count for source, known in self.distinct}
        for who, count in self.counts:
            source = who.partition(" ")[0]
            found[source] = max(count, found.get(source, 0))
        return found

    def __add__(self, other: Evidence) -> Evidence:
        firsts = [t for t in (self.first, other.first) if t is not None]
        lasts = [t for t in (self.last, other.last) if t is not None]
        return Evidence(
            records=self.records + other.records,
            counts=_added(self.counts, other.counts),
            distinct=_together(self.distinct, other.distinct),
            first=min(firsts, default=None),
            last=max(lasts, default=None),
            hours=self.hours | other.hours,
            sources=_added(self.sources, other.sources),
            client_pods=self.client_pods | other.client_pods,
            server_pods=self.server_pods | other.server_pods,
            signals=_added(self.signals, other.signals),
            names=self.names | other.names,
            claimed=self.claimed | other.claimed,
            client_addresses=self.client_addresses | other.client_addresses,
            server_addresses=self.server_addresses | other.server_addresses,
            services=self.services | other.services,
            service_ports=self.service_ports | other.service_ports,
            said=self.said | other.said,
        )

    @staticmethod
    def of(flow: Flow) -> Evidence:
        """What one flow counts; whose names and addresses matter, attribution knows."""
        return Evidence(
            records=flow.records,
            counts=_counts(flow),
            distinct=((flow.source, flow.distinct),) if flow.distinct else (),
            first=flow.first,
            last=flow.last,
            hours=flow.hours,
            sources=((flow.source, flow.records),),
            client_pods=frozenset(flow.client.pods),
            server_pods=frozenset(flow.server.pods),
            signals=tuple(sorted(flow.signals.items())),
            services=frozenset({flow.service} - {""}),
            service_ports=frozenset(() if flow.service_port is None else (flow.service_port,)),
            said=frozenset((flow.source, name) for name in flow.signals),
        )

    def signal(self, name: str) -> int:
        """Records that gave this signal."""
        return dict(self.signals).get(name, 0)


def _counts(flow: Flow) -> tuple[tuple[str, int], ...]:
    if flow.distinct:
        return ()
    reports = tuple((f"{flow.source} {who}".rstrip(), n) for who, n in flow.reports)
    return reports or ((flow.source, flow.count),)


def _together(
    left: tuple[tuple[str, Sketch], ...], right: tuple[tuple[str, Sketch], ...]
) -> tuple[tuple[str, Sketch], ...]:
    total = dict(left)
    for name, sketch in right:
        total[name] = total.get(name, EMPTY) | sketch
    return tuple(sorted(total.items(), key=lambda one: one[0]))


def _added(
    left: tuple[tuple[str, int], ...], right: tuple[tuple[str, int], ...]
) -> tuple[tuple[str, int], ...]:
    total = dict(left)
    for name, n in right:
        total[name] = total.get(name, 0) + n
    return tuple(sorted(total.items()))


@dataclass(frozen=True)
class ServiceGraph:
    """Connections with their evidence, kept in a ``networkx.MultiDiGraph``.

    Nodes are Peers, edge keys are ``(protocol, port)``, edges carry ``evidence``.
    """

    network: nx.MultiDiGraph[Peer] = field(default_factory=lambda: _empty())

    @staticmethod
    def of(observed: Iterable[tuple[Connection, Evidence]]) -> ServiceGraph:
        """A graph of these; equal connections add up."""
        graph = ServiceGraph()
        for connection, evidence in observed:
            graph._add(connection, evidence)
        return graph

    def _add(self, connection: Connection, evidence: Evidence) -> None:
        client, server = connection.client, connection.server
        key = (connection.protocol, connection.port)
        edge = self.network.get_edge_data(client, server, key)
        if edge is not None:
            evidence = edge["evidence"] + evidence
        self.network.add_edge(client, server, key, evidence=evidence)

    def __iter__(self) -> Iterator[tuple[Connection, Evidence]]:
        """Every connection with its evidence, sorted."""
        return iter(self._sorted)

    @cached_property
    def _sorted(self) -> list[tuple[Connection, Evidence]]:
        """Once: a graph that is made does not change, and sorting a large one takes long."""
        found = (
            (Connection(client, server, key[0], key[1]), data["evidence"])
            for client, server, key, data in self.network.edges(keys=True, data=True)
        )
        return sorted(found, key=lambda pair: pair[0].key)

    def __len__(self) -> int:
        return int(self.network.number_of_edges())

    def __or__(self, other: ServiceGraph) -> ServiceGraph:
        """Both, with evidence added; commutative and associative."""
        return ServiceGraph.of([*self, *other])

    def graphml(self) -> str:
        """GraphML, for Gephi, yEd and the like; counts and times are edge attributes."""
        import networkx as nx

        plain: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        for connection, evidence in self:
            plain.add_edge(
                _xml(label(connection.client)),
                _xml(label(connection.server)),
                protocol=connection.protocol,
                ports=connection.ports.text(connection.protocol),
                records=evidence.records,
            )
        return "\n".join(nx.generate_graphml(plain)) + "\n"


def _xml(text: str) -> str:
    """XML has no place for control characters."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _empty() -> nx.MultiDiGraph[Peer]:
    import networkx as nx

    return nx.MultiDiGraph()

"""How a rule points at peers that are no pods, in what the target dialect can say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeAlias, assert_never

from netpol.choices import Choices, Patterned, Widened
from netpol.families import families
from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory
from netpol.net import (
    NO_PORTS,
    NOT_INTERNET,
    PortSet,
    contains,
    is_hostname,
    is_public,
    network,
    overlaps,
)
from netpol.notices import Notice, Tell
from netpol.parties import local_blocks
from netpol.peers import Cidr, Entity, Fqdn, Peer, Workload, label
from netpol.policy import CidrSelector, EntitySelector, FqdnSelector, Selector
from netpol.profile import Profile
from netpol.ranges import node_addresses, ranges
from netpol.services import EVERYWHERE, Exposed, exposed_ports, shown_to
from netpol.synthesize.cidrs import internet
from netpol.synthesize.patterns import Patterns, folded, is_told_pattern
from netpol.synthesize.widening import Bound, cover_within
from netpol.virtual import dialled

__all__ = ["WORLD_AFTER", "Outsiders"]

WORLD_AFTER: Final = 16
"""More distinct public addresses at one port may mean the internet, if the user says so."""

_NODES: Final = EntitySelector("remote-node")
_HOST: Final = EntitySelector("host")
_API: Final = EntitySelector("kube-apiserver")

Edge: TypeAlias = tuple[Connection, Evidence]


@dataclass(frozen=True, kw_only=True)
class Outsiders:
    """Lowers outside peers to selectors for one profile."""

    inventory: Inventory
    profile: Profile
    blocks: Mapping[str, tuple[str, ...]]
    """Addresses of each entity, see :func:`netpol.parties.entity_blocks`."""
    inspected: frozenset[str]
    """Namespaces whose DNS the engine inspects: only there can a rule name a DNS name."""
    choices: Choices
    bound: Bound
    """How many addresses beyond those seen may be opened for the sake of shorter lists."""
    allow_world: bool
    """Whether a port that many public addresses reached is open to all of them."""
    patterns: Patterns
    """What may be written in the place of DNS names."""
    tell: Tell
    widened: list[Widened] = field(default_factory=list)
    """Where addresses were opened that nobody was seen to use, while the rules come together."""
    patterned: list[Patterned] = field(default_factory=list)
    """The same for names."""

    @cached_property
    def closed(self) -> tuple[str, ...]:
        """Blocks in which no address is ever opened that was not seen."""
        known = ranges(self.inventory)
        return (*NOT_INTERNET, *known.inside, *known.services, *sorted(known.exposed))

    @cached_property
    def exposed(self) -> Exposed:
        """Pod ports that a Service shows to the outside."""
        return exposed_ports(self.inventory)

    @property
    def by_host(self) -> bool:
        """Whether the node has a name in the rules, and blocks do not mean it."""
        return "host" in self.profile.entities and not self.profile.cidr_matches_nodes

    def of(self, peer: Peer) -> tuple[Selector, ...]:
        """The selectors of one peer, by address if it is neither an entity nor a name."""
        found = self._one(peer, frozenset())
        return tuple(CidrSelector(one) if isinstance(one, str) else one for one in found)

    def selectors(self, side: Iterable[Edge], *, ingress: bool) -> dict[Selector, PortSet]:
        """Selectors with the ports that their peers used, for one workload and direction.

        ``side`` holds the connections of that workload whose other side is no pod.
        """
        side = list(side)
        table: dict[Selector, PortSet] = defaultdict(PortSet)
        blocks: dict[str, PortSet] = defaultdict(PortSet)
        called: list[tuple[str, Connection]] = []
        for block, ports in self._open(side).items() if ingress else ():
            for selector in self._public(block):
                table[selector] |= ports
        for connection, evidence in side:
            for found, ports in self._pairs(connection, evidence, ingress):
                match found:
                    case str():
                        blocks[found] |= ports
                    case FqdnSelector(name):
                        called.append((name, connection))
                    case _:
                        table[found] |= ports
        table |= self._called(one for one in called if not _anyhow(table, one[1]))
        rest = {block: ports - _world_ports(table, block) for block, ports in blocks.items()}
        for ports, members in _by_ports(rest).items():
            for one in self._list(side[0][0], ports, members, ingress):
                table[one] |= ports
        if ingress and _API in table and self._api_on_nodes():
            # Not so for egress: to a pod on its own node an API server is the host.
            table[_API] -= table.get(_NODES, NO_PORTS)
        return {selector: ports for selector, ports in table.items() if ports}

    def _called(self, calls: Iterable[tuple[str, Connection]]) -> dict[Selector, PortSet]:
        """The names that one workload calls, some of them as patterns."""
        names: dict[str, set[PortSet]] = defaultdict(set)
        for name, connection in calls:
            names[name].add(connection.ports)
            subject = connection.client
        found = folded({one: frozenset(ports) for one, ports in names.items()}, self.patterns)
        for pattern, stood in sorted(found.patterns.items()):
            ports, seen = found.table[pattern], tuple(sorted(stood))
            self.patterned.append(
                Patterned(workload=subject, pattern=pattern, ports=ports, names=seen)
            )
        for suffix, some in found.refused.items():
            message = f"{len(some)} names below {suffix}, such as {some[0]}"
            self.tell(Notice(code="NP055", where=label(subject), message=message))
        return {FqdnSelector(name): ports for name, ports in sorted(found.table.items())}

    def _list(
        self, one: Connection, ports: PortSet, members: Iterable[str], ingress: bool
    ) -> Iterator[CidrSelector]:
        """The blocks of one workload, direction and set of ports, within the bound."""
        subject = one.server if ingress else one.client
        cover = cover_within(members, self.bound, self.closed)
        if cover.opened:
            self.widened.append(
                Widened(
                    workload=subject,
                    direction="ingress" if ingress else "egress",
                    ports=ports,
                    blocks=cover.blocks,
                    addresses=cover.opened,
                )
            )
        most = self.bound.blocks
        if most is not None and len(cover.blocks) > most:
            message = f"{len(cover.blocks)} blocks for {ports}, not {most}"
            self.tell(Notice(code="NP050", where=label(subject), message=message))
        return map(CidrSelector, cover.blocks)

    def _pairs(
        self, connection: Connection, evidence: Evidence, ingress: bool
    ) -> Iterator[tuple[Selector | str, PortSet]]:
        """Selectors and blocks for one connection, each with the ports that must be allowed."""
        peer = connection.client if ingress else connection.server
        names = frozenset[str]() if ingress else self.names(connection, evidence)
        if isinstance(peer, Fqdn) and not names:
            message = f"{connection.ports} of {peer.name}, which has no address in what was read"
            self.tell(Notice(code="NP057", where=label(connection.client), message=message))
        yield from ((found, connection.ports) for found in self._one(peer, names))
        if ingress or not self.profile.before_dnat:
            return
        for way in dialled(peer, connection.ports, self.inventory, evidence.services):
            what = f"the address of {way.service.namespace}/{way.service.name} is allowed too"
            self.choices.add("before_dnat", what, label(connection.client))
            yield from ((block, way.ports) for block in way.blocks)

    def _api_on_nodes(self) -> bool:
        """Whether every API server is a node, which a rule about nodes means too."""
        servers = set(self.inventory.api_servers)
        return bool(servers) and servers <= node_addresses(self.inventory)

    def names(self, connection: Connection, evidence: Evidence) -> frozenset[str]:
        """The names by which a rule may allow a server: only where the engine learns them."""
        client, server = connection.client, connection.server
        if not isinstance(client, Workload) or client.namespace not in self.inspected:
            return frozenset()
        told = {server.name} if isinstance(server, Fqdn) else evidence.names
        plain = frozenset(filter(is_hostname, told))
        return plain or frozenset(filter(is_told_pattern, told))

    def _one(self, peer: Peer, names: frozenset[str]) -> tuple[Selector | str, ...]:
        """Selectors, or plain blocks as text that may still be merged with their neighbours."""
        match peer:
            case Cidr(cidr) if self.by_host and local_blocks((cidr,), self.inventory):
                return (_HOST, cidr)
            case Cidr() if names:
                return tuple(FqdnSelector(name) for name in sorted(names))
            case Cidr(cidr):
                return (cidr,)
            case Fqdn(name) if name in names:
                return (FqdnSelector(name),)
            case Fqdn() | Entity("world"):
                return self._internet({4, 6})
            case Entity(name) if name in self.profile.entities:
                return (EntitySelector(name),)
            case Entity(name):
                return self.blocks[name]
            case Workload():
                raise AssertionError("a workload is not outside")
        assert_never(peer)

    def _internet(self, versions: set[int]) -> tuple[CidrSelector, ...]:
        """Everyone outside, of these IP versions.

        By blocks in every dialect: Cilium's entity ``world`` would open the private networks beside
        the cluster and the metadata address, too.
        """
        both = internet(ranges(self.inventory).inside)
        wanted = [one for one in both if network(one.cidr).version in versions]
        here = families(self.inventory) if self.profile.one_family else {4, 6}
        found = tuple(one for one in wanted if network(one.cidr).version in here)
        if len(found) < len(wanted):
            gone = ", ".join(one.cidr for one in wanted if one not in found)
            self.choices.add(
                "one_family", f"{gone} is left out: the cluster has no such addresses", ""
            )
        return found

    def _public(self, block: str) -> Iterator[Selector]:
        """What of a block is the internet."""
        for one in self._internet({network(block).version}):
            if not any(contains(hole, block) for hole in one.excluded):
                yield CidrSelector(block, tuple(h for h in one.excluded if contains(block, h)))

    def _open(self, side: Iterable[Edge]) -> dict[str, PortSet]:
        """Blocks with the ports whose clients are everybody in them, not some addresses.

        So where a Service exposes the port to the outside; and where many addresses were seen,
        should the user have said that this means everyone.
        """
        clients: dict[tuple[int, PortSet], list[Connection]] = defaultdict(list)
        found: dict[str, PortSet] = defaultdict(PortSet)
        for connection, _ in side:
            client, port = connection.client, (connection.protocol, connection.port)
            if block := shown_to(self.exposed, client, connection.server, port):
                found[block] |= connection.ports
            elif isinstance(client, Cidr) and is_public(client.cidr):
                clients[network(client.cidr).version, connection.ports].append(connection)
        for (version, ports), connections in clients.items():
            many = len(connections) > WORLD_AFTER
            if many and self.allow_world:
                found[EVERYWHERE[version == 6]] |= ports
            elif many:
                message = f"{len(connections)} public addresses called {ports}; each is in a list"
                server = label(connections[0].server)
                self.tell(Notice(code="NP051", where=server, message=message))
        return found


def _anyhow(table: Mapping[Selector, PortSet], connection: Connection) -> bool:
    """Whether a server that has a name is allowed already, because everyone outside is."""
    server = connection.server
    if isinstance(server, Cidr):
        return connection.ports <= _world_ports(table, server.cidr)
    return any(
        connection.ports <= ports
        for one, ports in table.items()
        if isinstance(one, CidrSelector) and network(one.cidr).prefixlen == 0
    )


def _world_ports(table: Mapping[Selector, PortSet], block: str) -> PortSet:
    """The ports on which a block is allowed already, because everyone outside is."""
    return PortSet.union(
        ports
        for selector, ports in table.items()
        if isinstance(selector, CidrSelector)
        and contains(selector.cidr, block)
        and not any(overlaps(hole, block) for hole in selector.excluded)
    )


def _by_ports(blocks: Mapping[str, PortSet]) -> dict[PortSet, list[str]]:
    """Blocks that used equal ports: they share a list."""
    by_ports: dict[PortSet, list[str]] = defaultdict(list)
    for block, ports in blocks.items():
        if ports:
            by_ports[ports].append(block)
    return by_ports

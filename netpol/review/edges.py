"""Changes as a reviewer counts them: what one client gains or loses at one server.

Blocks of addresses that change alike for one workload are one edge, however many CIDRs it takes to
write them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, TypeAlias

from netpol.changes import Change
from netpol.evaluate import Judge
from netpol.evaluate.overlay import aligned
from netpol.graph import Connection
from netpol.net import NO_PORTS, PortSet
from netpol.peers import Cidr, Peer, Workload, label

__all__ = ["Edge", "Edges", "Kind", "edges"]

Kind: TypeAlias = Literal["opened", "broadened", "narrowed", "closed", "undecided"]
"""``opened``: nothing was allowed before; ``broadened``: other ports already were, or the same ones
with other addresses; ``closed`` and ``narrowed``: likewise; ``undecided``: not known."""

Lone: TypeAlias = Callable[[Peer], bool]
"""Whether a peer is one bare pod: what that says to itself no policy can block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Ports that open or close between two parties, of which at least one is a workload."""

    kind: Kind
    client: Peer
    server: Peer
    ports: PortSet
    blocks: tuple[str, ...] = ()
    """Where one party is a block of addresses, all the blocks for which this is so; sorted."""

    @property
    def opens(self) -> bool:
        """Whether something is allowed that was not."""
        return self.kind in ("opened", "broadened")

    @property
    def closes(self) -> bool:
        """Whether something is not allowed any more."""
        return self.kind in ("closed", "narrowed")

    @property
    def outer(self) -> Peer | None:
        """The party that is no workload."""
        return next((p for p in (self.client, self.server) if not isinstance(p, Workload)), None)

    @property
    def pairs(self) -> Iterator[tuple[Peer, Peer]]:
        """Client and server, once for each block."""
        blocks: list[Peer] = [Cidr(one) for one in self.blocks]
        clients = blocks if blocks and isinstance(self.client, Cidr) else [self.client]
        servers = blocks if blocks and isinstance(self.server, Cidr) else [self.server]
        return ((client, server) for client in clients for server in servers)

    @property
    def sample(self) -> Connection:
        """One connection of it."""
        protocol, low, _ = next(iter(self.ports))
        return Connection(self.client, self.server, protocol, low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """All edges, and how many pairs of workloads may do what they might before."""

    every: tuple[Edge, ...]
    stay: int


_Pair: TypeAlias = tuple[Peer, Peer]
_Table: TypeAlias = dict[_Pair, PortSet]
_KINDS: Final[tuple[Kind, ...]] = ("opened", "broadened", "narrowed", "closed", "undecided")


def edges(changes: Iterable[Change], old: Judge, new: Judge, lone: Lone) -> Edges:
    """The changes from ``old`` to ``new`` as edges, sorted by kind, client and server."""
    kept = [one for one in changes if not (one.client == one.server and lone(one.client))]
    pairs = {(one.client, one.server) for one in kept}
    inside = _Inside(pairs, old, new, lone)
    was = _Allowed(inside.was | _outside(pairs, old), old)
    now = _Allowed(inside.now | _outside(pairs, new), new)
    parts = [part for one in kept for part in _parts(one, was, now)]
    every = sorted(_merged(parts), key=_rank)
    return Edges(every=tuple(every), stay=inside.stay)


def _rank(edge: Edge) -> tuple[int, str, str, str]:
    return _KINDS.index(edge.kind), label(edge.client), label(edge.server), str(edge.ports)


def _parts(change: Change, was: _Allowed, now: _Allowed) -> Iterator[Edge]:
    found: tuple[tuple[Kind, PortSet], ...] = (
        ("broadened" if was.something(change, change.opened) else "opened", change.opened),
        ("narrowed" if now.something(change, change.closed) else "closed", change.closed),
        ("undecided", change.undecided),
    )
    for kind, ports in found:
        if ports:
            yield Edge(kind=kind, client=change.client, server=change.server, ports=ports)


class _Allowed:
    """What one side allows where something changes."""

    def __init__(self, pairs: _Table, judge: Judge) -> None:
        self._pairs = pairs
        self._judge = judge

    def something(self, change: Change, ports: PortSet) -> bool:
        """Whether it allows anything to the pair, or these ports with other addresses."""
        if not ports or self._pairs.get((change.client, change.server)):
            return bool(ports)
        match change.client, change.server:
            case Workload() as one, Cidr():
                return bool(self._abroad.get((one, "egress"), NO_PORTS) & ports)
            case Cidr(), Workload() as one:
                return bool(self._abroad.get((one, "ingress"), NO_PORTS) & ports)
            case _:
                return False

    @cached_property
    def _abroad(self) -> dict[tuple[Workload, str], PortSet]:
        """The ports that a workload may use with some address."""
        found = self._judge.abroad()
        return {(one, direction): PortSet.union(view) for one, direction, view in found if view}


class _Inside:
    """What pairs of workloads may do on both sides."""

    def __init__(self, pairs: set[_Pair], old: Judge, new: Judge, lone: Lone) -> None:
        self.was: _Table = {}
        self.now: _Table = {}
        self.stay = 0
        for client, left, right in aligned(old.servers(), new.servers(), label, ()):
            before, after = dict(left), dict(right)
            for server, ports in before.items():
                if (client, server) in pairs:
                    self.was[client, server] = ports
                elif ports and after.get(server) == ports:
                    self.stay += not (client == server and lone(client))
            found = ((server, ports) for server, ports in after.items())
            self.now.update({(client, s): ports for s, ports in found if (client, s) in pairs})


def _outside(pairs: set[_Pair], judge: Judge) -> _Table:
    """What is allowed with every address of the parties outside that are in some pair."""
    parties = {p for pair in pairs for p in pair if not isinstance(p, Workload)}
    if not parties:
        return {}
    rows = judge.knowing(sorted(parties, key=label)).outside_connections()
    return {(c, s): ports for c, s, ports in rows if (c, s) in pairs}


def _merged(parts: Iterable[Edge]) -> Iterator[Edge]:
    """Blocks of one partner, kind and ports together."""
    groups: dict[tuple[object, ...], list[Edge]] = {}
    for one in parts:
        client = Cidr if isinstance(one.client, Cidr) else one.client
        server = Cidr if isinstance(one.server, Cidr) else one.server
        groups.setdefault((one.kind, client, server, one.ports), []).append(one)
    for found in groups.values():
        first = min(found, key=lambda one: (label(one.client), label(one.server)))
        sides = (p for one in found for p in (one.client, one.server))
        blocks = sorted(p.cidr for p in sides if isinstance(p, Cidr))
        yield Edge(
            kind=first.kind,
            client=first.client,
            server=first.server,
            ports=first.ports,
            blocks=tuple(blocks),
        )

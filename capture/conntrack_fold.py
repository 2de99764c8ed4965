"""From entries of the connection tracking to flows: when they were, and what became of them.

An address is somebody's only at a time. A time that is printed counts; a listing has none, so it
needs to be told when it was taken (``Reading.at``). The end of a connection (``[DESTROY]``) may be
days after its last packet, so it counts at the time at which the connection was seen before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from capture.conntrack_entry import Entry, Incomplete
from capture.fold import Fold
from capture.hubble_orient import lower_port_serves
from netpol.flow import Flow
from netpol.net import PORT_PROTOCOLS, canonical_address, host_cidr, is_public
from netpol.notices import Notice
from netpol.sketch import identity

__all__ = ["Table"]

LIVE_KEPT: Final = 1 << 20
"""Connections that may be open at a time; a node's table holds a quarter of that by default."""

NO_TIME: Final = "no time"
ENDED: Final = "ended, and when it was used is not known"
HANDS: Final = "its address changed hands while the flow was seen"
NO_PORT: Final = "the port is not known"

_PROTOCOLS: Final = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", 132: "SCTP"}
_CLOSED: Final = frozenset({"CLOSE", "CLOSED"})
_OPENING: Final = frozenset({"", "NONE", "SYN_SENT", "SYN_SENT2"})

_Live: TypeAlias = tuple[int, str, str, int | None, int | None, str]


@dataclass(frozen=True, slots=True)
class _Way:
    """Who talks to whom."""

    client: str
    server: str
    protocol: str
    port: int | None
    certain: bool


@dataclass(slots=True)
class Table:
    """What was read of one input."""

    fold: Fold
    untimed: int = 0
    """Records that were held because nobody says when they were taken."""
    _live: dict[_Live, tuple[int, bool]] = field(default_factory=dict)
    """Open connections: when each was last seen, and whether it is certain who opened it."""

    def add(self, entry: Entry) -> None:
        """Count one entry. Raises ``ValueError`` for one that says nothing."""
        key = _key(entry)
        known = self._live.get(key) if entry.event in ("update", "destroy") else None
        way = _way(entry, certain=known[1] if known else not _picked_up(entry))
        if way.port is None:
            self.fold.hold(NO_PORT)
            return
        time = self.fold.reading.at if entry.time is None else entry.time
        if entry.event == "destroy":
            self._live.pop(key, None)
            if entry.age is None:
                # It was printed when a timeout was over.
                time = known[0] if known else None
        if time is None:
            self._hold(ended=entry.event == "destroy" and entry.age is None)
            return
        if entry.event in ("new", "update"):
            self._remember(key, time, certain=way.certain)
        first = max(time - (entry.age or 0) * 10**9, 0)
        self._count(entry, way, (first, time))

    def _hold(self, *, ended: bool) -> None:
        self.untimed += not ended
        self.fold.hold(ENDED if ended else NO_TIME)

    def _remember(self, key: _Live, time: int, *, certain: bool) -> None:
        self._live.pop(key, None)
        if len(self._live) >= LIVE_KEPT:
            del self._live[next(iter(self._live))]
        self._live[key] = time, certain

    def _count(self, entry: Entry, way: _Way, times: tuple[int, int]) -> None:
        era = self.fold.reading.era
        if any(era(side, times[0]) != era(side, times[1]) for side in (way.client, way.server)):
            self.fold.hold(HANDS)
            return
        server = self.fold.address(way.server, times[0])
        for number, client in enumerate(_clients(entry, way)):
            self.fold.add(
                self.fold.address(client, times[0]),
                server,
                way.protocol,
                way.port,
                times,
                _signals(entry, way.protocol),
                certain=way.certain,
                distinct=(_identity(entry, way),),
                records=0 if number else 1,
                service_port=_dialled(entry),
            )

    def flows(self) -> Iterator[Flow]:
        """The flows of all entries."""
        if self.untimed:
            message = f"{self.untimed:,} records do not say when they were taken"
            where = self.fold.reading.where
            self.fold.reading.tell(Notice(code="NP011", message=message, where=where))
        return self.fold.flows()


def _clients(entry: Entry, way: _Way) -> Iterator[str]:
    """Whom policies know as the client: its own see who dialled, the server's who is shown to it.

    They differ where a node takes the client's place on the way to the pods of a Service (node
    ports, load balancers). Nobody has policies for a client on the internet.
    """
    one, other = entry.original, entry.answer
    dialled, shown = canonical_address(one.source), canonical_address(other.target)
    translated = canonical_address(one.target) != way.server
    if way.client != dialled or dialled == shown or not translated:
        yield way.client
        return
    if not is_public(host_cidr(dialled)):
        yield dialled
    yield shown


def _dialled(entry: Entry) -> int | None:
    """The port that the client dialled, where it is not that of who answered."""
    one, other = entry.original, entry.answer
    there = other.source, other.source_port
    return None if there == (one.target, one.target_port) else one.target_port


def _identity(entry: Entry, way: _Way) -> int:
    """Which connection it is: both nodes that it is on, and each zone, have the client alike."""
    one, other = entry.original, entry.answer
    opened = way.client == canonical_address(one.source)
    port = one.source_port if opened else other.source_port
    return identity(way.client, port or one.ident or 0, entry.protocol)


def _key(entry: Entry) -> _Live:
    one = entry.original
    ports = (one.source_port, one.target_port) if one.type is None else (one.type, one.code)
    return entry.protocol, one.source, one.target, *ports, entry.zone


def _picked_up(entry: Entry) -> bool:
    """Whether a connection came into the table in its middle, as when that had been emptied.

    Then it is open before any answer was seen, and its first packet may have come from the server.
    """
    return entry.protocol == 6 and entry.unreplied and entry.state not in _OPENING


def _way(entry: Entry, *, certain: bool) -> _Way:
    """Who opened it to whom: the first tuple's source to whoever answers in the second.

    Where that is not certain, its ports tell. Raises ``ValueError``.
    """
    one, other = entry.original, entry.answer
    client, server = canonical_address(one.source), canonical_address(other.source)
    protocol = _PROTOCOLS.get(entry.protocol, "OTHER")
    if protocol not in PORT_PROTOCOLS:
        port = entry.protocol if protocol == "OTHER" else None
        if one.type is not None:
            port = one.type * 256 + one.code
        return _Way(client, server, protocol, port, certain=True)
    if one.source_port is None or not other.source_port:
        raise Incomplete("no ports")
    if certain or lower_port_serves(one.source_port, other.source_port):
        return _Way(client, server, protocol, other.source_port, certain)
    return _Way(server, client, protocol, one.source_port, certain)


def _signals(entry: Entry, protocol: str) -> Iterator[str]:
    """What became of it, as far as this entry tells.

    A reply that was seen is an answer. But to TCP a reset is a reply too: then the state is CLOSE
    before anything was assured, or at the end it is not told at all.
    """
    yield "forward"
    yield "opened"
    if entry.assured:
        yield "answered"
    elif entry.unreplied:
        return
    elif protocol in ("TCP", "SCTP"):
        if entry.state:
            yield "refused" if entry.state in _CLOSED else "answered"
    else:
        yield "answered"

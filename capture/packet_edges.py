"""Connections of one client and server, added up: what a Flow needs of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from capture import packet_layers as layers
from capture.packet_groups import grouped
from capture.packet_nat import Translations, key_of
from capture.packet_orient import Oriented
from capture.packet_rows import Addresses, Numbers, mixed
from netpol.answers import HOUR
from netpol.sketch import KEPT

__all__ = ["Edge", "Edges", "edges"]

_NAMES: Final = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", 132: "SCTP"}
_SIGNALS: Final = ("opened", "answered", "refused", "denied", "forward")
_PORTS: Final = (6, 17, 132)
_BITS, _OCTET, _NTH = np.uint64(16), np.uint64(8), np.uint64(24)
_PORT, _LAST = np.uint64(0xFFFF), np.uint64(0xFF)


class Edge(NamedTuple):
    """Connections that are one Flow, unless an address changed hands."""

    members: Numbers
    """Which connections they are."""
    client: int
    """Address number."""
    server: int
    """Side."""
    dialled: int
    """The server's side as this client saw it, where it was seen on that side alone."""
    number: int
    """Protocol as in :class:`capture.packet_rows.Rows`."""
    certain: bool
    service: int
    """The port that the client dialled, where an address was translated; else -1."""
    times: tuple[int, int]
    """First and last packet."""
    hours: set[int]
    """In which packets were seen; of a long connection, those of its ends."""
    distinct: tuple[int, ...]
    """Their identities (:mod:`netpol.sketch`), of many the smallest."""
    records: int
    """Packets."""
    signals: dict[str, int]
    """Packets by signal."""

    @property
    def protocol(self) -> str:
        """Its name in ``netpol.net.PROTOCOLS``."""
        return _NAMES.get(self.number & 0xFF, "OTHER")

    @property
    def port(self) -> int:
        """As in :class:`netpol.flow.Flow`."""
        if self.number in _PORTS:
            return self.server & 0xFFFF
        kind, code = self.number >> 8 & 0xFF, self.number >> 16
        return kind * 256 + code if self.protocol != "OTHER" else self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """Connections with their client and server."""

    found: Numbers
    client: Numbers
    server: Numbers
    dialled: Numbers
    service: Numbers
    certain: Numbers
    addresses: Addresses
    sums: Numbers
    """Packets, and packets by signal."""

    def groups(self) -> Iterator[Edge]:
        """Those of one client, server and kind together."""
        port = np.isin(self.found["protocol"], _PORTS)
        server = np.where(port, self.server, self.server >> np.uint64(16))
        columns = (self.client >> np.uint64(16), server, self.found["protocol"])
        more = self.certain.astype(np.uint8), self.service, self.dialled * port
        return self._added(*grouped(*columns, *more))

    def pieces(self, edge: Edge) -> Iterator[Edge]:
        """The connections of an edge one by one."""
        return self._added(edge.members, np.arange(len(edge.members)))

    def _added(self, order: Numbers, starts: Numbers) -> Iterator[Edge]:
        """Groups of connections, each added up."""
        if not len(starts):
            return
        heads = order[starts]
        first = np.minimum.reduceat(self.found["first"][order], starts)
        last = np.maximum.reduceat(self.found["last"][order], starts)
        same = self.client[heads] >> np.uint64(16), self.server[heads], self.dialled[heads]
        kinds = self.found["protocol"][heads], self.certain[heads], self.service[heads]
        columns = (*same, *kinds, first, last, np.add.reduceat(self.sums[order], starts))
        hashes, after = self._identities(order)
        ends = np.append(starts[1:], len(order))
        bounds = starts, ends, after[starts], after[ends]
        for start, end, one, beyond, *row in zip(
            *(c.tolist() for c in (*bounds, *columns)), strict=True
        ):
            client, server, dialled, number, certain, service, early, late, total = row
            members = order[start:end]
            records, *signals = total
            yield Edge(
                members=members,
                client=client,
                server=server,
                dialled=dialled,
                number=number,
                certain=certain,
                service=service,
                times=(early, late),
                hours=self._hours(members, early, late),
                distinct=_smallest(hashes[one:beyond]),
                records=records,
                signals={name: n for name, n in zip(_SIGNALS, signals, strict=True) if n},
            )

    def _identities(self, order: Numbers) -> tuple[Numbers, Numbers]:
        """Those of connections in this order, and where each one's begin: some began repeatedly."""
        times = np.minimum(self.found["count"][order], KEPT).astype(np.int64)
        begins = np.append(0, np.cumsum(times))
        which = np.repeat(order, times)
        before = np.arange(len(which)) - np.repeat(begins[:-1], times)
        client = self.client[which]
        kind = self.found["protocol"][which].astype(np.uint64) & _LAST
        kind |= before.astype(np.uint64) << _NTH | (client & _PORT) << _OCTET
        return mixed(*self.addresses.halves(client >> _BITS), kind), begins

    def _hours(self, members: Numbers, first: int, last: int) -> set[int]:
        if first // HOUR == last // HOUR:
            return {first // HOUR}
        ends = self.found["first"][members], self.found["last"][members]
        return set(np.unique(np.concatenate(ends) // HOUR).tolist())


def _smallest(hashes: Numbers) -> tuple[int, ...]:
    """As many as a sketch keeps."""
    return tuple((np.unique(hashes)[:KEPT] if len(hashes) > KEPT else hashes).tolist())


def edges(
    found: Numbers, oriented: Oriented, translations: Translations, addresses: Addresses
) -> Edges:
    """The connections as clients and servers, translated where that is known."""
    client = np.where(oriented.high, found["high"], found["low"])
    server = np.where(oriented.high, found["low"], found["high"])
    made = Edges(
        found=found,
        client=client,
        server=server,
        dialled=server.copy(),
        service=np.full(len(found), -1, np.int64),
        certain=oriented.certain,
        addresses=addresses,
        sums=_sums(found, oriented),
    )
    if translations.behind:
        _translate(made, translations)
    return made


def _translate(made: Edges, translations: Translations) -> None:
    """Put in what was seen of a connection on the other side of a translation.

    One that was seen on its way to a Service alone stays at the Service: where others went says
    nothing of which of its pods this one reached.
    """
    found, behind = made.found, translations.behind
    keys = key_of(found["low"], found["high"], found["protocol"])
    known = np.isin(keys, np.fromiter(behind, np.uint64, len(behind)))
    for one in np.flatnonzero(known).tolist():
        there = behind.pop(int(keys[one]))
        made.client[one] = there.client
        if there.service:
            made.service[one] = there.service & 0xFFFF


def _sums(found: Numbers, oriented: Oriented) -> Numbers:
    """What adds up, by connection; the signals in the order of :data:`_SIGNALS`."""
    each, high = np.arange(len(found)), oriented.high.astype(int)
    client = found["seen"][each, :, high].astype(np.int64)
    server = found["seen"][each, :, 1 - high].astype(np.int64)
    packets = client.sum(axis=1) + server.sum(axis=1)
    stream = np.isin(found["protocol"], (6, 132))
    for side in (client, server):
        side[:, layers.ONGOING] += side[:, layers.CLOSE]
    accepted = server[:, layers.ACCEPT] + server[:, layers.ONGOING]
    refused = np.where(accepted > 0, 0, server[:, layers.REFUSE])
    # An acknowledgement shows that there was something to acknowledge, unless it was refused.
    shown = np.where(refused > 0, 0, client[:, layers.ONGOING])
    datagrams = server[:, layers.PLAIN] + server[:, layers.OPEN] + accepted
    answered = np.where(stream, accepted + shown, datagrams)
    first = (client[:, layers.PLAIN] > 0) & ~stream & oriented.certain
    opened = np.where(client[:, layers.OPEN] > 0, client[:, layers.OPEN], first)
    forward = client[:, : layers.DENY].sum(axis=1)
    signals = opened, answered, refused, client[:, layers.DENY], forward
    return np.column_stack([packets, *signals])

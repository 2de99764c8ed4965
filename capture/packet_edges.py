"""Connections of one client and server, added up: what a Flow needs of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from capture import packet_layers as layers
from capture.packet_groups import grouped
from capture.packet_nat import Translations, key_of
from capture.packet_orient import Oriented
from capture.packet_rows import Numbers

__all__ = ["Edge", "Edges", "edges"]

_HOUR: Final = 3_600_000_000_000
_NAMES: Final = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", 132: "SCTP"}
_SIGNALS: Final = ("opened", "answered", "refused", "denied", "forward")
_PORTS: Final = (6, 17, 132)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Connections that are one Flow, unless an address changed hands."""

    of: Edges
    chosen: Numbers

    @property
    def _one(self) -> int:
        return int(self.chosen[0])

    @property
    def client(self) -> int:
        """Address number."""
        return int(self.of.client[self._one]) >> 16

    @property
    def server(self) -> int:
        """Side."""
        return int(self.of.server[self._one])

    @property
    def dialled(self) -> int:
        """The server's side as this client saw it, where it was seen on that side alone."""
        return int(self.of.dialled[self._one])

    @property
    def number(self) -> int:
        """Protocol as in :class:`capture.packet_rows.Rows`."""
        return int(self.of.found["protocol"][self._one])

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

    @property
    def certain(self) -> bool:
        """Whether it is certain who the client is."""
        return bool(self.of.certain[self._one])

    @property
    def service_port(self) -> int | None:
        """The port that the client dialled, where an address was translated."""
        port = int(self.of.service[self._one])
        return port if port >= 0 else None

    @property
    def times(self) -> tuple[int, int]:
        """First and last packet."""
        found = self.of.found
        return int(found["first"][self.chosen].min()), int(found["last"][self.chosen].max())

    @property
    def hours(self) -> set[int]:
        """In which packets were seen; of a long connection, those of its ends."""
        found = self.of.found
        ends = np.concatenate([found["first"][self.chosen], found["last"][self.chosen]])
        return set(np.unique(ends // _HOUR).tolist())

    @property
    def count(self) -> int:
        """Connections."""
        return int(np.maximum(self.of.found["count"][self.chosen], 1).sum())

    @property
    def records(self) -> int:
        """Packets."""
        return int(self.of.found["seen"][self.chosen].sum())

    @property
    def signals(self) -> dict[str, int]:
        """Packets by signal."""
        sums = self.of.signals[self.chosen].sum(axis=0).tolist()
        return {name: n for name, n in zip(_SIGNALS, sums, strict=True) if n}

    def pieces(self) -> Iterator[Edge]:
        """Its connections one by one."""
        for one in self.chosen:
            yield Edge(of=self.of, chosen=np.array([one]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """Connections with their client and server."""

    found: Numbers
    client: Numbers
    server: Numbers
    dialled: Numbers
    service: Numbers
    certain: Numbers
    signals: Numbers

    def groups(self) -> Iterator[Edge]:
        """Those of one client, server and kind together."""
        port = np.isin(self.found["protocol"], _PORTS)
        server = np.where(port, self.server, self.server >> np.uint64(16))
        columns = (self.client >> np.uint64(16), server, self.found["protocol"])
        more = self.certain.astype(np.uint8), self.service, self.dialled * port
        order, starts = grouped(*columns, *more)
        for chosen in np.split(order, starts[1:]) if len(starts) else ():
            yield Edge(of=self, chosen=chosen)


def edges(found: Numbers, oriented: Oriented, translations: Translations) -> Edges:
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
        signals=_signals(found, oriented),
    )
    if translations.behind or translations.services:
        _translate(made, translations)
    return made


def _translate(made: Edges, translations: Translations) -> None:
    """Put in what was seen on the other side of a translation."""
    found, behind = made.found, translations.behind
    keys = key_of(found["low"], found["high"], found["protocol"])
    known = np.isin(keys, np.fromiter(behind, np.uint64, len(behind)))
    for one in np.flatnonzero(known).tolist():
        there = behind.pop(int(keys[one]))
        made.client[one] = there.client
        if there.service:
            made.service[one] = there.service & 0xFFFF
    services = np.array([side for _, side in translations.services], np.uint64)
    for one in np.flatnonzero(np.isin(made.server, services) & ~known).tolist():
        side = int(made.server[one])
        servers = translations.services.get((int(found["protocol"][one]), side), set())
        if len(servers) == 1:
            made.server[one], made.service[one] = next(iter(servers)), side & 0xFFFF


def _signals(found: Numbers, oriented: Oriented) -> Numbers:
    """Packets by connection and signal, in the order of :data:`_SIGNALS`."""
    each, high = np.arange(len(found)), oriented.high.astype(int)
    client = found["seen"][each, :, high].astype(np.int64)
    server = found["seen"][each, :, 1 - high].astype(np.int64)
    protocol = found["protocol"]
    stream = np.isin(protocol, (6, 132))
    accepted = server[:, layers.ACCEPT] + server[:, layers.ONGOING]
    refused = np.where(accepted > 0, 0, server[:, layers.REFUSE])
    # An acknowledgement shows that there was something to acknowledge, unless it was refused.
    shown = np.where(refused > 0, 0, client[:, layers.ONGOING])
    datagrams = server[:, layers.PLAIN] + server[:, layers.OPEN] + accepted
    answered = np.where(stream, accepted + shown, datagrams)
    first = (client[:, layers.PLAIN] > 0) & ~stream & oriented.certain
    opened = np.where(client[:, layers.OPEN] > 0, client[:, layers.OPEN], first)
    forward = client.sum(axis=1) - client[:, layers.DENY]
    return np.column_stack([opened, answered, refused, client[:, layers.DENY], forward])

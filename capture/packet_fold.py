"""Packets added up: windows of a capture become connections, and these become flows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np

from capture import packet_layers as layers
from capture.fold import Fold
from capture.packet_copies import Copies
from capture.packet_edges import Edges, edges
from capture.packet_names import answers, host_name, server_name, speaking
from capture.packet_nat import Translations, key_of
from capture.packet_orient import Oriented, orient, place
from capture.packet_rows import Addresses, Numbers, Rows, Window
from capture.packet_table import CONNECTION, Table, summed
from capture.packet_transport import rows
from capture.packet_walk import Walk
from capture.source import Reading
from netpol.answers import KEPT, Answers, bounded
from netpol.eras import always
from netpol.flow import Flow
from netpol.notices import Notice

__all__ = ["PacketFold"]

_UNSURE: Final = 1 << 16
"""Connections of which the ports alone tell the direction wait for the end, up to so many."""

_Edge: TypeAlias = tuple[int, int, int]
"""Client's address number, server's side, protocol."""


@dataclass(slots=True)
class _Said:
    """What packets of an edge named."""

    answers: Answers = field(default_factory=bounded)
    names: set[str] = field(default_factory=set)
    names_left_out: int = 0

    @property
    def left_out(self) -> int:
        """So many names and answers came beyond those that are remembered."""
        return self.names_left_out + self.answers.left_out

    def name(self, name: str) -> None:
        """A name under which the server was called."""
        if name in self.names or len(self.names) < KEPT:
            self.names.add(name)
        else:
            self.names_left_out += 1


@dataclass(slots=True)
class PacketFold:
    """Adds up the packets of one capture."""

    reading: Reading
    source: str
    addresses: Addresses = field(default_factory=Addresses)
    _fold: Fold = field(init=False)
    _held: Counter[str] = field(default_factory=Counter)
    _copies: Copies = field(default_factory=Copies)
    _table: Table = field(default_factory=Table)
    _translations: Translations = field(default_factory=Translations)
    _servers: Numbers = field(default_factory=lambda: np.zeros(0, np.uint64))
    _unsure: Numbers = field(default_factory=lambda: np.zeros(0, CONNECTION))
    _said: defaultdict[_Edge, _Said] = field(default_factory=lambda: defaultdict(_Said))

    def __post_init__(self) -> None:
        self._fold = Fold(self.reading, self.source)

    def take(self, window: Window) -> None:
        """Every packet of a window, once."""
        found = self.read(window)
        lost = found.layer >= layers.REASONS
        if lost.any():
            reasons = np.bincount(found.layer[lost])
            for reason in np.flatnonzero(reasons).tolist():
                self.aside(reason, int(reasons[reason]))
            found = found.of(np.flatnonzero(~lost))
        copies = self._copies.among(found)
        if copies.any():
            self.aside(layers.COPY, int(copies.sum()))
            found = found.of(np.flatnonzero(~copies))
        self._translations.note(found)
        self._listen(found, window)
        new = summed(found)
        self._settle(self._table.leave(len(new)))
        self._table.add(new)

    def read(self, window: Window) -> Rows:
        """What is in each packet of a window."""
        found = rows(Walk.through(window, self.addresses), window.time)
        strange = np.flatnonzero(found.layer == layers.STRANGE)
        if strange.size:
            from capture.packet_scapy import fill

            fill(found, window, self.addresses, strange)
        return found

    def aside(self, reason: int, packets: int) -> None:
        """Account for packets that show no connection."""
        account = self.reading.account
        account.read += packets
        if reason in layers.HELD:
            text, book = layers.HELD[reason], account.held
            self._held[text] += packets
        else:
            text, book = layers.ASIDE[reason], account.other
        book[text] = book.get(text, 0) + packets

    def _listen(self, found: Rows, window: Window) -> None:
        """Who names whom in these packets."""
        answering, hellos, requests = speaking(found, window.data)
        raw = window.data.raw
        columns = found.source, found.target, found.protocol, found.payload, found.end, found.time

        def each(chosen: Numbers) -> Iterator[tuple[int, int, int, bytes, int]]:
            for source, target, protocol, start, end, time in zip(
                *(column[chosen].tolist() for column in columns), strict=True
            ):
                yield source, target, protocol, raw[start:end], time

        for server, client, protocol, payload, time in each(answering):
            told = answers(payload if protocol == 17 else payload[2:], time)
            if told:
                self._said[client >> 16, server, protocol].answers.add(told)
        for chosen, read in ((hellos, server_name), (requests, host_name)):
            for client, server, protocol, payload, _ in each(chosen):
                name = read(payload)
                if name:
                    self._said[client >> 16, server, protocol].name(name)

    def _settle(self, gone: Numbers, *, last: bool = False) -> None:
        """Connections that leave the table become part of their edges."""
        if not len(gone):
            return
        gone = self._without_copies(gone)
        oriented = self.oriented(gone)
        shown = ~oriented.by_ports & oriented.certain
        accepted = gone["seen"][:, layers.ACCEPT].any(axis=1) & shown
        side = np.where(oriented.high, gone["low"], gone["high"])[accepted]
        proven = place(side, gone["protocol"][accepted])
        self._servers = np.union1d(self._servers, proven)
        waiting = oriented.by_ports
        if not last and waiting.any():
            self._unsure = np.concatenate([self._unsure, gone[waiting]])
            gone = gone[~waiting]
            oriented = self.oriented(gone)
        self._add(edges(gone, oriented, self._translations, self.addresses))
        if len(self._unsure) > _UNSURE and not last:
            unsure, self._unsure = self._unsure, self._unsure[:0]
            self._settle(unsure, last=True)

    def oriented(self, gone: Numbers) -> Oriented:
        """Which side of these connections is the client."""
        return orient(gone, self._servers)

    def _without_copies(self, gone: Numbers) -> Numbers:
        """Without the connections that were seen again behind a translation."""
        known = self._translations.before
        if not known:
            return gone
        keys = key_of(gone["low"], gone["high"], gone["protocol"])
        copies = np.isin(keys, np.fromiter(known, np.uint64, len(known)))
        for one in np.flatnonzero(copies).tolist():
            client, server = known.pop(int(keys[one]))
            protocol = int(gone["protocol"][one])
            for mine, theirs in ((gone["low"], gone["high"]), (gone["high"], gone["low"])):
                said = self._said.pop((int(mine[one]) >> 16, int(theirs[one]), protocol), None)
                if said is not None:
                    there = self._said[client >> 16, server, protocol]
                    there.answers.add(said.answers.found())
                    for name in said.names:
                        there.name(name)
                    there.names_left_out += said.left_out
        if copies.any():
            self.aside(layers.COPY, int(gone["seen"][copies].sum()))
        return gone[~copies]

    def _add(self, found: Edges) -> None:
        """Fold edges; one whose addresses changed hands meanwhile goes connection by connection."""
        for edge in found.groups():
            client, server = (self.addresses.text(n) for n in (edge.client, edge.server >> 16))
            first, last = edge.times
            era = self.reading.era
            if era is not always and any(
                era(ip, first) != era(ip, last) for ip in (client, server)
            ):
                pieces = list(found.pieces(edge))
            else:
                pieces = [edge]
            said = self._said.pop((edge.client, edge.dialled, edge.number), _NOTHING)
            for number, piece in enumerate(pieces):
                time = piece.times[0]
                self._fold.add(
                    self._fold.address(client, time),
                    self._fold.address(server, time),
                    edge.protocol,
                    edge.port,
                    piece.times,
                    piece.signals,
                    certain=edge.certain,
                    distinct=piece.distinct,
                    records=piece.records,
                    hours=piece.hours,
                    service_port=edge.service if edge.service >= 0 else None,
                    answers=said.answers.found(),
                    names=((), said.names),
                    left_out=0 if number else said.left_out,
                )

    def flows(self) -> Iterator[Flow]:
        """What the capture showed; what could not be understood is told."""
        for reason, packets in sorted(self._held.items()):
            message = f"{packets} packets: {reason}"
            self.reading.tell(Notice(code="NP001", message=message, where=self.reading.where))
        self._settle(self._table.rest())
        unsure, self._unsure = self._unsure, self._unsure[:0]
        self._settle(unsure, last=True)
        yield from self._fold.flows()


_NOTHING: Final = _Said()

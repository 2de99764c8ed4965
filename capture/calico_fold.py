"""Calico's flow records added up: what Goldmane's and the Enterprise's logs have in common.

A record tells of an interval and of all connections of one kind in it; most differ from one before
in times and counts alone. So a reader looks up what a record says by its text, and here is what
comes of each: a cell. Labels are what the pods of a name had in common in that interval; over an
input they are what all intervals have in common.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from msgspec import Struct

from capture.fold import Fold
from capture.hubble_errors import Bad, Incomplete, fault
from capture.lines import LINE_LIMIT
from capture.source import Reading
from capture.times import LATEST
from netpol.flow import Flow
from netpol.peers import Endpoint, Labels

__all__ = [
    "ALL_REPLIES",
    "NO_REPLIES",
    "RAW_KEPT",
    "REPLIES_AFTER_OPENING",
    "Aside",
    "Calico",
    "Cell",
    "Said",
    "whole_hours",
]

RAW_KEPT: Final = 32768
"""Texts of records of which a reader remembers the cell."""

LONGEST: Final = 31 * 24 * 3600
"""Seconds. No flow log is kept in longer intervals."""
_SECOND: Final = 1_000_000_000

NO_REPLIES, ALL_REPLIES, REPLIES_AFTER_OPENING = range(3)
"""Which packets back say that a server answered: none, as the connection was denied; all; those
beyond one for each opening, since a refusal is a packet too."""

_Side: TypeAlias = tuple[Endpoint, int]
"""An endpoint, and the era of its address if that is all it has."""


class Aside(Exception):  # noqa: N818 - not an error
    """The record is about nothing that a policy of pods could allow; says why."""


class Cell(Struct, gc=False):
    """The records that say the same, but for times and counts. Seconds since the epoch."""

    replies: int
    first: int = LATEST
    last: int = 0
    floor: int = 1
    """With ``ceiling``: an hour that is in ``hours``, the latest that was looked up."""
    ceiling: int = 0
    records: int = 0
    count: int = 0
    answered: int = 0
    traced: int = 0
    hours: set[int] = set()

    def see(self, start: int, end: int, count: int, opened: int, there: int, back: int) -> None:
        """One more record, of ``count`` connections.

        ``opened``: how many of them began in that interval, negative where that is not told;
        ``there`` and ``back``: packets of client and server. Which is which need not be known: what
        both sides sent, each sent.
        """
        if not (self.floor <= start < self.ceiling and start <= end <= self.ceiling):
            self.hours = self.hours.union(whole_hours(start, end))
            self.floor = start // 3600 * 3600
            self.ceiling = self.floor + 3600
        self.records += 1
        self.count += count
        if start < self.first:
            self.first = start
        if end > self.last:
            self.last = end
        if self.replies and opened >= 0 and (there or back):
            self.traced += 1
            if min(there, back) > (opened if self.replies == REPLIES_AFTER_OPENING else 0):
                self.answered += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What records say of a connection beside times and counts."""

    client: Endpoint
    server: Endpoint
    protocol: str
    port: int | None
    reporter: str
    signals: tuple[str, ...]
    service: str = ""
    service_port: int | None = None
    names: frozenset[str] = frozenset()
    """DNS names of the server."""
    eras: tuple[int, int] = (0, 0)

    @property
    def replies(self) -> int:
        """What packets of the server mean."""
        if self.signals[0] in ("denied", "forbidden"):
            return NO_REPLIES
        return REPLIES_AFTER_OPENING if self.protocol in ("TCP", "SCTP") else ALL_REPLIES


class Calico:
    """The cells of one input."""

    def __init__(self, reading: Reading, source: str) -> None:
        self.fold = Fold(reading, source)
        self._cells: dict[Said, Cell] = {}
        self._labels: dict[_Side, set[tuple[str, str]]] = {}
        self._numbers: dict[_Side, int] = {}

    def cell(self, said: Said, client: Labels = (), server: Labels = ()) -> Cell:
        """Where a record that says so is counted, and with it the labels that it shows.

        Raises :class:`Aside`.
        """
        if all({"host", "remote-node"} & side.entities for side in (said.client, said.server)):
            raise Aside("between nodes")
        for side, era, shown in zip(
            (said.client, said.server), said.eras, (client, server), strict=True
        ):
            if shown:
                self._labels.setdefault((side, era), set(shown)).intersection_update(shown)
        found = self._cells.get(said)
        if found is None:
            found = self._cells[said] = Cell(said.replies)
        return found

    def bad(self, piece: bytes, number: int, error: Exception, prefix: str = "") -> None:
        """Hold a record that cannot be used."""
        if len(piece) >= LINE_LIMIT:
            path, message = "", f"longer than {LINE_LIMIT >> 20} MiB"
        else:
            path, message = fault(piece, error)
        reason = "incomplete" if isinstance(error, Incomplete) else "unreadable"
        where = f"{number}: {prefix}{path}" if path else f"{number}"
        self.fold.hold(reason, message, where)

    def flows(self) -> Iterator[Flow]:
        """Each edge as a Flow."""
        for said, cell in self._cells.items():
            if not cell.records:
                continue  # its only record turned out to be unreadable
            first, last = cell.first * _SECOND, cell.last * _SECOND
            counts = {"answered": cell.answered, "traced": cell.traced}
            seen = dict.fromkeys(said.signals, cell.records)
            self.fold.add(
                self._number((_party(said.client), said.eras[0]), first),
                self._number((_served(said), said.eras[1]), first),
                said.protocol,
                said.port,
                # An interval ends before the second that it names.
                (first, max(first, last - 1)),
                seen | {name: n for name, n in counts.items() if n},
                records=cell.records,
                hours=cell.hours,
                count=cell.count,
                reporter=said.reporter,
                service=said.service,
                service_port=said.service_port,
                names=((), said.names),
            )
        return self.fold.flows()

    def _number(self, side: _Side, time: int) -> int:
        endpoint = side[0]
        if endpoint.ip and not endpoint.entities:
            return self.fold.address(endpoint.ip, time)
        if side not in self._numbers:
            self._numbers[side] = self.fold.named(self._told(side))
        return self._numbers[side]

    def _told(self, side: _Side) -> Endpoint:
        """The endpoint with the labels that were seen."""
        endpoint = side[0]
        if endpoint.pods and (shown := self._labels.get(side)):
            endpoint = replace(endpoint, labels=tuple(sorted(shown)))
        return endpoint


def _party(side: Endpoint) -> Endpoint:
    """Nodes are one party, whichever it was."""
    return replace(side, called="") if side.entities else side


def _served(said: Said) -> Endpoint:
    """Of a server, its node may tell that it is the API server (:mod:`netpol.apiservers`)."""
    return said.server if said.protocol == "TCP" and not said.server.ip else _party(said.server)


def whole_hours(start: int, end: int) -> range:
    """The hours that an interval touches; raises :class:`Bad` where there is none such."""
    if not 0 < start < LATEST:
        raise Incomplete(".start_time") if not start else Bad(".start_time", "out of range")
    if not start <= end <= start + LONGEST:
        raise Bad(".end_time", f"no end of an interval that starts at {start}: {end}")
    return range(start // 3600, max(start, end - 1) // 3600 + 1)

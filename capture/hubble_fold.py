"""The loop over Hubble's records, in whatever form they come: find the edge, count.

Decoding takes a third of the time and waiting for memory most of the rest. So every question is
asked once per distinct text or combination — endpoints by how they are encoded, orientation and
signals by the tuple of enums and flags, the hour by the second — and a record touches one small
cell. State grows with distinct endpoints and edges, never with records.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Final, TypeAlias

from msgspec import Raw

from capture.hubble_address import Parties, address
from capture.hubble_edge import Cell, EdgeKey, Extras, assemble
from capture.hubble_endpoint import Interned, Sides
from capture.hubble_errors import Bad, Incomplete
from capture.hubble_extra import extra
from capture.hubble_orient import BY_PORTS, REPLY, Aside, Judged, lower_port_serves, meaning
from capture.hubble_record import Addresses, FlowRecord
from capture.hubble_seen import port_path
from capture.hubble_time import Stamp, nanoseconds
from capture.source import Reading
from netpol.answers import too_many
from netpol.flow import Flow, Sighting
from netpol.notices import Notice

__all__ = ["Fold", "Row"]

UNREADABLE: Final = "unreadable"
INCOMPLETE: Final = "incomplete"
ABROAD: Final = "a pod of another cluster"

PLACES_REMEMBERED: Final = 16384

Row: TypeAlias = tuple[
    int, bytes, Judged, int, int, Interned, Interned, Stamp, int, bytes | Raw, FlowRecord | None
]
"""A record that is understood: its number and how it was encoded; what to do with it; ports of
source and destination; both; its time and hour; its addresses, as they were encoded; and the whole
record where it says something beside the usual."""

Place: TypeAlias = tuple[int, int, int, int, bool, bytes, tuple[int, int]]
"""Client side, server side, port, tag, whether it is a reply, the addresses' text and eras."""

_ALWAYS: Final = (0, 0)


class Fold(ABC):
    """What was read so far: the cells of edges, and the records that are in none."""

    def __init__(self, reading: Reading, addresses: Callable[[bytes], Addresses]) -> None:
        self.reading = reading
        self.addresses = addresses
        """What decodes a record's addresses."""
        self.sides = Sides()
        self.cells: dict[EdgeKey, Cell] = {}
        self.extras: defaultdict[EdgeKey, Extras] = defaultdict(Extras)
        self.parties = Parties(self.sides)
        self.places: dict[Place, tuple[int, int]] = {}
        self.aside: Counter[str] = Counter()
        self.held: Counter[str] = Counter()
        self.records = 0
        self.number = reading.above
        """Of the last piece that was fed, from 1."""

    @abstractmethod
    def rows(self, pieces: Iterable[bytes]) -> Iterator[Row]:
        """The next records, decoded; those that cannot be used are accounted for, and all count."""

    @abstractmethod
    def fail(self, piece: bytes, number: int, error: Exception) -> bool:
        """Hold a piece that cannot be used; whether it was a record at all."""

    def settle(self) -> None:
        """Account for everything that was fed; once, at the end."""
        account = self.reading.account
        account.read += self.records
        account.folded += sum(cell.records for cell in self.cells.values())
        for mine, theirs in ((account.held, self.held), (account.other, self.aside)):
            for reason, records in theirs.items():
                mine[reason] = mine.get(reason, 0) + records
        self._tell_limits()

    def feed(self, pieces: Iterable[bytes]) -> None:  # noqa: C901 - a call costs as much as a step
        """Fold encoded records, one a piece."""
        cells, places = self.cells, self.places
        key: EdgeKey
        for row in self.rows(pieces):
            number, piece, found, from_port, to_port, client, server, stamp, hour, pair, flow = row
            try:
                reply = found.way == REPLY
                if found.way == BY_PORTS:
                    reply = not lower_port_serves(from_port, to_port)
                if reply:
                    client, server = server, client
                    port, outcome = from_port, found.reply
                else:
                    port, outcome = to_port, found.forward
                if not port:
                    raise Incomplete(port_path(outcome, reply=reply))
                if client.cluster != server.cluster and client.cluster and server.cluster:
                    self._abroad(client, server, number)
                    continue
                more = None if flow is None else extra(flow, reply=reply)

                # Add it to the others of its kind.
                if client.bit and server.bit:
                    key = client.side, server.side, port, found.tag
                else:
                    text, eras = b"" + pair, _ALWAYS
                    if client.nameless or server.nameless:
                        eras = self._eras(text, client, server, stamp, reply=reply)
                    place = client.side, server.side, port, found.tag, reply, text, eras
                    ends = places.get(place) or self._place(place, client, server)
                    key = *ends, port, found.tag
                if more is not None and more.service:
                    key = *key, more.service
                cell = cells.get(key)
                if cell is None:
                    cells[key] = cell = Cell(stamp, stamp, hour, {hour}, {})
                    self._sight(key, client, server, pair, stamp, reply=reply)
                given = cell.given
                given[outcome] = given.get(outcome, 0) + 1
                if hour != cell.hour and cell.turned(hour, stamp):
                    self._sight(key, client, server, pair, stamp, reply=reply)
                if stamp > cell.last:
                    cell.last = stamp
                elif stamp <= cell.first:
                    cell.first = stamp
                    self._sight(key, client, server, pair, stamp, reply=reply)
                cell.clients |= client.bit
                cell.servers |= server.bit
                if more is not None:
                    self.extras[key].add(more)
            except Aside as why:
                self.aside[str(why)] += 1
            except (ValueError, RecursionError) as error:
                self.fail(piece, number, error)

    def _abroad(self, client: Interned, server: Interned, number: int) -> None:
        """Hold a record between two clusters of a mesh (Cilium Cluster Mesh).

        Names and labels of the other one's pods say nothing of the pods that are here.
        """
        self.held[ABROAD] += 1
        known, where = self.sides.known, f"{self.reading.where}:{number}"
        ends = (f"{known[one.side]} of {one.cluster}" for one in (client, server))
        self.reading.tell(Notice(code="NP013", message=" → ".join(ends), where=where))

    def _place(self, place: Place, client: Interned, server: Interned) -> tuple[int, int]:
        """The sides of a record of which one or both are known by their address."""
        _, _, port, tag, reply, text, eras = place
        ends = self.parties.ends(
            client, server, _pair(self.addresses, text, reply=reply), eras, port, tag
        )
        if len(self.places) >= PLACES_REMEMBERED:
            self.places.clear()
        self.places[place] = ends
        return ends

    def _sight(
        self,
        key: EdgeKey,
        client: Interned,
        server: Interned,
        pair: bytes | Raw,
        stamp: Stamp,
        *,
        reply: bool,
    ) -> None:
        """Once per edge and day, not per record: where the pods were that its first record names.

        The first by time, whatever the order: so a file gives the same in pieces as in one.
        """
        with suppress(ValueError, Aside):  # whose name is known needs no address
            ends = zip(
                (client, server), _pair(self.addresses, b"" + pair, reply=reply), strict=True
            )
            time = nanoseconds(stamp)
            seen = tuple(
                Sighting(self.sides.known[end.side].namespace, end.pod, address(ip), time)
                for end, ip in ends
                if end.bit and ip
            )
            if seen:
                self.extras[key].see(seen)

    def _eras(
        self, text: bytes, client: Interned, server: Interned, stamp: Stamp, *, reply: bool
    ) -> tuple[int, int]:
        """The eras of the addresses of those sides that have nothing else."""
        time, ends = (
            nanoseconds(stamp),
            zip((client, server), _pair(self.addresses, text, reply=reply), strict=True),
        )
        first, second = (
            self.reading.stretch(address(ip), time) if end.nameless and ip else 0
            for end, ip in ends
        )
        return first, second

    def hold(self, number: int, path: str, message: str, error: Exception) -> None:
        """Account for a record that cannot be used, and tell where it is and why."""
        self.held[INCOMPLETE if isinstance(error, Incomplete) else UNREADABLE] += 1
        where = f"{self.reading.where}:{number}" + (f": {path}" if path else "")
        self.reading.tell(Notice(code="NP001", message=message, where=where))

    def flows(self) -> Iterator[Flow]:
        """Each edge as a Flow, in an order that does not depend on that of the lines."""
        return assemble(self.cells, self.extras, self.sides)

    def _tell_limits(self) -> None:
        """Say where the bounds on memory were felt."""
        where = self.reading.where
        for name in sorted({self._named(key) for key in self.parties.crowded}):
            message = f"too many addresses to keep apart: {name}"
            self.reading.tell(Notice(code="NP005", message=message, where=where))
        names: Counter[str] = Counter()
        for key, extras in self.extras.items():
            names[self._named(key)] += extras.left_out
        for name, left_out in sorted((+names).items()):
            self.reading.tell(too_many(name, left_out, where))

    def _named(self, key: EdgeKey) -> str:
        client, server, port, tag = key[:4]
        known = self.sides.known
        return f"{known[client]} → {known[server]} {meaning(tag)[1]} {port}"


@lru_cache(maxsize=PLACES_REMEMBERED)
def _pair(decode: Callable[[bytes], Addresses], text: bytes, *, reply: bool) -> tuple[str, str]:
    """The addresses of client and server, as written."""
    try:
        ips = decode(text) if text else Addresses()
    except (ValueError, RecursionError) as error:
        raise Bad(".IP", str(error)) from error
    return (ips.destination, ips.source) if reply else (ips.source, ips.destination)

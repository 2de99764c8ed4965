"""The loop over Hubble's lines: decode, orient, find the edge, count.

Decoding takes most of the time. The rest is kept short by asking every question once per distinct
text or combination: endpoints by their raw text, orientation and signals by the tuple of enums and
flags, the hour by the second. State grows with distinct endpoints and edges, never with records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, Final, TypeAlias

from capture.hubble_address import Aside, Key, Parties
from capture.hubble_edge import Edge, finished
from capture.hubble_endpoint import TAIL, Interned, Sides
from capture.hubble_errors import Bad, Incomplete, fault
from capture.hubble_extra import extra
from capture.hubble_orient import ASIDE, FORWARD, REPLY, lower_port_serves
from capture.hubble_record import (
    Addresses,
    FlowRecord,
    Line,
    decode_addresses,
    decode_bare,
    decode_line,
)
from capture.hubble_seen import Plain, judged
from capture.hubble_status import status
from capture.hubble_time import Clock
from capture.lines import LINE_LIMIT, TOO_LONG, lines
from capture.source import Reading
from netpol.flow import Flow
from netpol.net import PROTOCOLS
from netpol.notices import Notice

__all__ = ["Fold"]

UNREADABLE: Final = "unreadable"
INCOMPLETE: Final = "incomplete"
PLACES_REMEMBERED: Final = 16384

Place: TypeAlias = tuple[int, int, int, int, bytes]
"""Client side, server side, port, tag, and the text of the addresses."""


class Fold:
    """What was read so far: edges, the sides they join, and the records that are in none."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.sides = Sides()
        self.edges: dict[Key, Edge] = {}
        self.parties = Parties(self.sides, self.edges)
        self.clock = Clock()
        self.plain: Plain = {}
        self.places: dict[Place, Key] = {}
        self.aside: Counter[str] = Counter()
        self.held: Counter[str] = Counter()
        self.line = 0
        self.empty = 0

    def read(self, stream: BinaryIO) -> None:
        """Fold every line of ``stream``, and account for it."""
        for block in lines(stream):
            self._fold(block)
        account = self.reading.account
        account.read += self.line - self.empty
        account.folded += sum(sum(edge.counts.values()) for edge in self.edges.values())
        for mine, theirs in ((account.held, self.held), (account.other, self.aside)):
            for reason, records in theirs.items():
                mine[reason] = mine.get(reason, 0) + records
        self._tell_limits()

    def _fold(self, block: list[bytes]) -> None:  # noqa: C901 - one loop: calls cost more than work
        decode, plain, hours, edges = decode_line, self.plain, self.clock.hours, self.edges
        intern, tails = self.sides.intern, self.sides.tails
        places, number = self.places, self.line
        for line in block:
            number += 1
            try:
                record = decode(line)
                flow = record.flow
                if flow is None:
                    flow = self._bare(record, line, number)

                # Which way does it point, and what does it say?
                reply = flow.is_reply
                if reply is None and flow.reply:
                    reply = True
                ports = flow.l4.TCP
                if ports is not None:
                    flags = ports.flags
                    known = (
                        flow.verdict,
                        flow.event_type.type,
                        reply,
                        flags.SYN,
                        flags.ACK,
                        flags.RST,
                    )
                else:
                    ports = flow.l4.UDP
                    known = flow.verdict, flow.event_type.type, reply
                found = None if ports is None or flow.l7 else plain.get(known)
                if found is None or ports is None:
                    found, ports = judged(flow, plain)
                way, tag = found.way, found.tag
                if way == ASIDE:
                    raise Aside(found.reason)

                # Who are the two sides?
                raw = bytes(flow.source)
                client = tails.get(raw[-TAIL:])
                if client is None or client.raw != raw:
                    client = intern(raw, ".source")
                raw = bytes(flow.destination)
                server = tails.get(raw[-TAIL:])
                if server is None or server.raw != raw:
                    server = intern(raw, ".destination")

                port = ports.destination_port
                if way != FORWARD:
                    if way != REPLY:
                        tag += 1
                        reply = not lower_port_serves(ports.source_port, port)
                    if way == REPLY or reply:
                        way = REPLY
                        client, server, port = server, client, ports.source_port
                if not port:
                    raise Incomplete(_port_path(tag, way))

                # When was it?
                stamp = flow.time.removesuffix("Z")
                hour = hours.get(stamp[:19])
                if hour is None or stamp == flow.time:
                    stamp, hour = self.clock.read(flow.time or record.time)
                more = None
                if (
                    flow.destination_names
                    or flow.l7
                    or flow.destination_service
                    or flow.source_names
                    or flow.source_service
                    or flow.aggregate
                ):
                    more = extra(flow, reply=way == REPLY)

                # Add it to its edge.
                if client.pod and server.pod:
                    key = client.side, server.side, port, tag
                else:
                    placed = client.side, server.side, port, tag, bytes(flow.IP)
                    key = places.get(placed)
                    if key is None:
                        key = self._placed(flow, client, server, placed, way)
                edge = edges.get(key)
                if edge is None:
                    edge = edges[key] = Edge(stamp, stamp, hour, {hour})
                mask = found.reply if way == REPLY else found.forward
                counts = edge.counts
                try:
                    counts[mask] += 1
                except KeyError:
                    counts[mask] = 1
                if stamp > edge.last:
                    edge.last = stamp
                elif stamp < edge.first:
                    edge.first = stamp
                if hour != edge.hour:
                    edge.hour = hour
                    edge.hours.add(hour)
                if client.pod not in edge.client_pods:
                    edge.client_pods.add(client.pod)
                if server.pod not in edge.server_pods:
                    edge.server_pods.add(server.pod)
                if more is not None:
                    edge.add(more)
            except Aside as why:
                self.aside[str(why)] += 1
            except (ValueError, RecursionError) as error:
                self._bad(line, number, error)
        self.line = number

    def _bare(self, record: Line, line: bytes, number: int) -> FlowRecord:
        """The flow of a line that is no wrapper of one. Raises :class:`Aside` for other lines."""
        reason = status(record, f"{self.reading.where}:{number}", self.reading)
        if reason:
            raise Aside(reason)
        flow = decode_bare(line)
        if flow.verdict is None and not flow.source:
            raise Incomplete(".flow")
        return flow

    def _placed(
        self, flow: FlowRecord, client: Interned, server: Interned, place: Place, way: int
    ) -> Key:
        """The edge of a record of which a side is known by its address."""
        try:
            ips = decode_addresses(flow.IP) if flow.IP else Addresses()
        except (ValueError, RecursionError) as error:
            raise Bad(".IP", str(error)) from error
        pair = (ips.destination, ips.source) if way == REPLY else (ips.source, ips.destination)
        key = self.parties.key(client, server, pair, place[2], place[3])
        if len(self.places) >= PLACES_REMEMBERED:
            self.places.clear()
        self.places[place] = key
        return key

    def _bad(self, line: bytes, number: int, error: Exception) -> None:
        if not line.strip():
            self.empty += 1
            return
        path, message = "", f"longer than {LINE_LIMIT >> 20} MiB"
        if line is not TOO_LONG:
            path, message = fault(line, error)
        self.held[INCOMPLETE if isinstance(error, Incomplete) else UNREADABLE] += 1
        where = f"{self.reading.where}:{number}" + (f": {path}" if path else "")
        self.reading.tell(Notice(code="NP001", message=message, where=where))

    def flows(self) -> Iterator[Flow]:
        """Each edge as a Flow, in an order that does not depend on that of the lines."""
        for key in sorted(self.edges, key=self._order):
            yield finished(key, self.edges[key], self.sides)

    def _order(self, key: Key) -> tuple[object, ...]:
        client, server, port, tag = key
        known = self.sides.known
        return known[client].order, known[server].order, tag, port

    def _tell_limits(self) -> None:
        """Say where the bounds on memory were felt."""
        for key in sorted(self.parties.crowded, key=self._order):
            message = f"too many addresses to keep apart: {self._named(key)}"
            self.reading.tell(Notice(code="NP005", message=message, where=self.reading.where))
        for key in sorted((k for k, edge in self.edges.items() if edge.full), key=self._order):
            message = f"too many names to keep: {self._named(key)}"
            self.reading.tell(Notice(code="NP006", message=message, where=self.reading.where))

    def _named(self, key: Key) -> str:
        client, server, port, tag = key
        known = self.sides.known
        return f"{known[client]} → {known[server]} {PROTOCOLS[tag // 2]} {port}"


def _port_path(tag: int, way: int) -> str:
    """Where the port that is missing should have been."""
    side = "source" if way == REPLY else "destination"
    return f".l4.{PROTOCOLS[tag // 2]}.{side}_port"

"""Hubble's lines, decoded one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from capture.hubble_errors import Incomplete, fault
from capture.hubble_fold import Fold, Row
from capture.hubble_orient import Aside
from capture.hubble_record import (
    FlowRecord,
    Line,
    Ports,
    Tcp,
    decode_addresses,
    decode_bare,
    decode_line,
    decode_stamp,
)
from capture.hubble_seen import Known, Plain, judged, rarer
from capture.hubble_status import status
from capture.hubble_time import Clock
from capture.lines import LINE_LIMIT, is_cut, lines, skip_line
from capture.source import Reading

__all__ = ["LineFold"]


class LineFold(Fold):
    """What was read of a stream of lines so far."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading, decode_addresses)
        self._clock = Clock()
        self._plain: Plain = {}

    def read(self, stream: BinaryIO) -> None:
        """Fold every line of ``stream``, and account for it."""
        self._stream = stream
        self.feed(lines(stream))
        self.settle()

    def rows(self, pieces: Iterable[bytes]) -> Iterator[Row]:
        """The next lines, decoded."""
        decode, plain, clock = decode_line, self._plain, self._clock
        known: Known
        intern, texts, hours = self.sides.intern, self.sides.texts, clock.hours
        before, empty = self.number, 0
        number = before
        for number, line in enumerate(pieces, before + 1):
            try:
                record = decode(line)
                flow = record.flow
                if flow is None:
                    flow = self._bare(record, line, number)

                # Which way does it point, and what does it say?
                ports: Tcp | Ports
                if (tcp := flow.l4.TCP) is not None:
                    ports, flags = tcp, tcp.flags
                    known = (
                        flow.verdict,
                        flow.event_type.type,
                        flow.is_reply,
                        flow.reply,
                        flow.l7.type,
                        flow.drop_reason_desc,
                        flags.SYN,
                        flags.ACK,
                        flags.RST,
                    )
                    found = plain.get(known) or judged(flow, known, plain)
                elif (udp := flow.l4.UDP) is not None:
                    ports, event = udp, flow.event_type.type
                    known = (flow.verdict, event, flow.is_reply, flow.reply, flow.l7.type)
                    found = plain.get(known) or judged(flow, known, plain)
                else:
                    found, ports = rarer(flow, plain)

                # Who are the two sides?
                raw = b"" + flow.source
                source = texts.get(raw) or intern(raw, ".source")
                raw = b"" + flow.destination
                destination = texts.get(raw) or intern(raw, ".destination")

                # When was it, and does it say more?
                time = flow.time
                stamp, hour, fraction = time[:-1], hours.get(time[:20]), time[20:-1]
                if (
                    hour is None
                    or time[-1] != "Z"
                    or not (fraction.isdecimal() and fraction.isascii())
                ):
                    stamp, hour = clock.read(time or decode_stamp(line).time)
                more = (
                    flow.l7.dns
                    or flow.destination_names
                    or flow.destination_service
                    or flow.source_names
                    or flow.source_service
                    or flow.aggregate
                )
            except Aside as why:
                self.aside[str(why)] += 1
                continue
            except (ValueError, RecursionError) as error:
                empty += not self.fail(line, number, error)
                continue
            yield (
                number,
                line,
                found,
                ports.source_port,
                ports.destination_port,
                source,
                destination,
                stamp,
                hour,
                flow.IP,
                flow if more else None,
            )
        self.records += number - before - empty
        self.number = number

    def _bare(self, record: Line, line: bytes, number: int) -> FlowRecord:
        """The flow of a line that is no wrapper of one. Raises :class:`Aside` for other lines."""
        reason = status(record, f"{self.reading.where}:{number}", self.reading)
        if reason:
            raise Aside(reason)
        flow = decode_bare(line)
        if flow.verdict is None and not flow.source:
            raise Incomplete(".flow")
        return flow

    def fail(self, line: bytes, number: int, error: Exception) -> bool:
        """Hold a line that cannot be used; a blank one is no record."""
        if line.isspace():
            return False
        path, message = "", f"longer than {LINE_LIMIT >> 20} MiB"
        if is_cut(line):
            skip_line(self._stream)
        else:
            path, message = fault(line, error)
        self.hold(number, path, message, error)
        return True

"""The loop over Enterprise flow logs: decode, find the cell by what the record says, count."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final, TypeAlias

from capture.calico_enterprise_meaning import by_address, meaning, shown
from capture.calico_enterprise_middle import Middles, middle, opens_record
from capture.calico_enterprise_record import (
    Line,
    Numbers,
    Record,
    decode_line,
    decode_numbers,
)
from capture.calico_fold import RAW_KEPT, Aside, Calico, Cell
from capture.documents import elements, pieces
from capture.hubble_errors import Bad, Incomplete
from capture.lines import is_cut, skip_line
from capture.source import Reading
from netpol.flow import Flow

__all__ = ["Fold"]

_INSIDE: Final = frozenset({b"hits", b"responses", b"items"})
"""Members under which answers hold flow logs: those of a search of Elasticsearch, of several."""
_TAGGED: Final = re.compile(rb"[^\t{]*\t[^\t{]*\t\s*")
"""What fluentd writes before a record: ``time\\ttag\\t``."""
_SECOND: Final = 1_000_000_000

_Known: TypeAlias = tuple[object, ...]


class Fold:
    """What was read so far."""

    def __init__(self, reading: Reading) -> None:
        self.calico = Calico(reading, "calico-enterprise")
        self.era = reading.stretch
        self.cells: dict[_Known, Cell] = {}
        self.middles = Middles()

    def read(self, stream: BinaryIO) -> None:
        """Fold every record of ``stream``, and account for it."""
        known, opens, numbers = self.middles.cells.get, opens_record, decode_numbers
        for number, line in pieces(stream, _INSIDE, self.calico.fold.reading.above):
            try:
                # Most logs differ from one before in numbers alone.
                start, end = middle(line)
                cell = known(line[start:end])
                if cell is not None and (start == 1 or opens(line[:start])):
                    _count(cell, numbers(line[:start] + line[end:]))
                    continue
                if self._seen(line):
                    continue
            except (ValueError, RecursionError):
                pass  # it may be of another form
            tag = _TAGGED.match(line)
            self._one(line[tag.end() :] if tag else line, number)
            if is_cut(line):
                skip_line(stream)

    def _seen(self, line: bytes) -> bool:
        """Count a log that says what one before said in another text."""
        whole = decode_line(line)
        record = whole.hit or whole
        cell = self.cells.get(self._key(record) if by_address(record) else _key(record))
        if cell is None:
            return False
        _count(cell, record)
        self.middles.remember(line, record, cell)
        return True

    def flows(self) -> Iterator[Flow]:
        """Each edge as a Flow."""
        return self.calico.flows()

    def _one(self, piece: bytes, number: int, *, inside: bool = False) -> None:
        """A record of any form, or what holds records if it is not itself ``inside`` of such."""
        if piece.isspace() or not piece:
            return
        try:
            # A list is none, and an answer has no time.
            whole = Line() if piece.lstrip()[:1] == b"[" else decode_line(piece)
            if whole.hit is not None:
                self._hit(whole.hit)
            elif whole.start_time or inside or not self._holds(piece, number):
                self._record(whole)
        except Aside as why:
            self.calico.fold.aside(str(why))
        except (ValueError, RecursionError) as error:
            self.calico.bad(piece, number, error)

    def _holds(self, piece: bytes, number: int) -> bool:
        """Whether it is no record itself; those that it holds are read."""
        if is_cut(piece):
            return False
        held = [one for _, one in elements([piece], _INSIDE)]
        if held == [piece.strip()]:
            return False
        for one in held:
            self._one(one, number, inside=True)
        return True

    def _hit(self, record: Record) -> None:
        try:
            self._record(record)
        except Bad as error:
            error.path = f"._source{error.path}"
            raise

    def _record(self, record: Record) -> None:
        """A log that says something new."""
        if not record.start_time:
            raise Incomplete(".start_time")
        eras = self._eras(record)
        cell = self.calico.cell(meaning(record, eras), *shown(record))
        if len(self.cells) >= RAW_KEPT:
            self.cells.clear()
        self.cells[self._key(record) if by_address(record) else _key(record)] = cell
        _count(cell, record)

    def _key(self, record: Record) -> _Known:
        """All that decides of a record with an address; that of a network may change hands."""
        return *_key(record), record.source_ip, record.dest_ip, record.host, self._eras(record)

    def _eras(self, record: Record) -> tuple[int, int]:
        time = record.start_time * _SECOND
        first, second = (
            self.era(ip, time) if kind == "net" and ip else 0
            for kind, ip in (
                (record.source_type, record.source_ip),
                (record.dest_type, record.dest_ip),
            )
        )
        return first, second


def _key(record: Record) -> _Known:
    """All that decides of a record, but for addresses."""
    return (
        record.action,
        record.reporter,
        record.source_name,
        record.source_name_aggr,
        record.source_namespace,
        record.source_type,
        b"" + record.source_labels,
        record.dest_name,
        record.dest_name_aggr,
        record.dest_namespace,
        record.dest_type,
        record.dest_port,
        b"" + record.dest_labels,
        record.dest_service_name,
        record.dest_service_namespace,
        record.dest_service_port,
        record.dest_service_port_num,
        b"" + record.dest_domains,
        record.proto,
        b"" + record.policies,
    )


def _count(cell: Cell, record: Numbers) -> None:
    """A connection is in ``num_flows`` of each interval in which it lives, so others come first.

    Counters that are left out are not 0: then nothing is known of answers.
    """
    start, started = record.start_time, record.num_flows_started
    there, back = record.packets_out, record.packets_in
    end = record.end_time or start
    if started is None:
        cell.see(start, end, record.num_flows or 1, -1, there or 0, back or 0)
    elif there is None or back is None:
        cell.see(start, end, started, -1, there or 0, back or 0)
    else:
        cell.see(start, end, started, started, there, back)

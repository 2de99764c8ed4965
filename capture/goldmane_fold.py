"""The loop over Goldmane's flows: decode, find the cell by the text of the key, count."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import BinaryIO, Final, TypeVar

from msgspec import ValidationError

from capture.calico_fold import RAW_KEPT, Aside, Calico, Cell, Said
from capture.calico_sides import labels
from capture.documents import elements, pieces
from capture.goldmane_key import meaning
from capture.goldmane_record import (
    FlowRecord,
    Whisker,
    decode_key,
    decode_labels,
    decode_line,
    decode_whisker,
)
from capture.hubble_errors import Bad
from capture.lines import is_cut, skip_line
from capture.source import Reading
from capture.times import instant
from netpol.flow import Flow
from netpol.peers import Labels

__all__ = ["Fold"]

_INSIDE: Final = frozenset({b"items", b"flows"})
"""Members under which answers hold flows: Whisker's, and ``goldmane.FlowListResult``."""
_BESIDE: Final = re.compile(rb"\s*(?:(?:event|id|retry)?:.*)?\s*", re.DOTALL)
"""Lines of server-sent events that hold no data, and empty ones."""
_DATA: Final = re.compile(rb"\s*data:\s*")
_SEPARATOR: Final = re.compile(r"\s*[|,]\s*")
_KEY: Final = re.compile(rb'"[Kk]ey"\s*:')
_SECOND: Final = 1_000_000_000

_T = TypeVar("_T")

_SEPARATE: Final = b"\0"
"""Between parts of a record's text, which hold no such byte."""


class Fold:
    """What was read so far."""

    def __init__(self, reading: Reading) -> None:
        self.calico = Calico(reading, "goldmane")
        self.cells: dict[bytes, Cell] = {}

    def read(self, stream: BinaryIO) -> None:
        """Fold every record of ``stream``, and account for it."""
        decode, known, text = decode_line, self.cells.get, _SEPARATE.join
        for number, line in pieces(stream, _INSIDE, self.calico.fold.reading.above):
            try:
                record = decode(line)
                cell = known(text((record.Key, record.source_labels, record.dest_labels)))
                if cell is not None and record.start_time:
                    _count(cell, record)
                    continue
            except (ValueError, RecursionError):
                pass  # it may be of another form
            event = _DATA.match(line)
            self._one(line[event.end() :] if event else line, number)
            if is_cut(line):
                skip_line(stream)

    def flows(self) -> Iterator[Flow]:
        """Each edge as a Flow."""
        return self.calico.flows()

    def _one(self, piece: bytes, number: int, *, inside: bool = False) -> None:
        """A record of any form, or what holds records if it is not itself ``inside`` of such."""
        if _BESIDE.fullmatch(piece):
            return
        try:
            record = _decoded(piece)
            if record is not None:
                self._flow(record)
            elif inside or not self._holds(piece, number):
                self._whisker(decode_whisker(piece))
        except Aside as why:
            self.calico.fold.aside(str(why))
        except (ValueError, RecursionError) as error:
            self.calico.bad(piece, number, error)

    def _holds(self, piece: bytes, number: int) -> bool:
        """Whether it is no record itself; those that it holds are read."""
        held = [] if is_cut(piece) else [one for _, one in elements([piece], _INSIDE)]
        if is_cut(piece) or held == [piece.strip()]:
            return False
        for one in held:
            self._one(one, number, inside=True)
        return True

    def _flow(self, record: FlowRecord) -> None:
        """A flow whose text was not seen before, or is in camelCase."""
        record = FlowRecord(
            Key=record.Key or record.key,
            start_time=record.start_time or record.startTime,
            end_time=record.end_time or record.endTime,
            source_labels=record.source_labels or record.sourceLabels,
            dest_labels=record.dest_labels or record.destLabels,
            packets_in=record.packets_in or record.packetsIn,
            packets_out=record.packets_out or record.packetsOut,
            num_connections_started=record.num_connections_started or record.numConnectionsStarted,
            num_connections_completed=record.num_connections_completed
            or record.numConnectionsCompleted,
            num_connections_live=record.num_connections_live or record.numConnectionsLive,
        )
        parts = b"" + record.Key, b"" + record.source_labels, b"" + record.dest_labels
        key = _SEPARATE.join(parts)
        cell = self.cells.get(key)
        if cell is None:
            shown = _labels(parts[1], ".source_labels"), _labels(parts[2], ".dest_labels")
            cell = self.calico.cell(_meaning(parts[0]), *shown)
            if len(self.cells) >= RAW_KEPT:
                self.cells.clear()
            self.cells[key] = cell
        _count(cell, record)

    def _whisker(self, record: Whisker) -> None:
        """It does not tell how many connections there were, hence not which were answered."""
        record.proto = record.protocol or record.proto
        said = meaning(record)
        texts = (
            record.source_labels or record.sourceLabels,
            record.dest_labels or record.destLabels,
        )
        cell = self.calico.cell(said, *map(_texts, texts))
        start = _time(record.start_time or record.startTime, ".start_time")
        end = _time(record.end_time or record.endTime, ".end_time") or start
        cell.see(start, end, 1, -1, 0, 0)


def _count(cell: Cell, record: FlowRecord) -> None:
    started = record.num_connections_started
    told = started or record.num_connections_live or record.num_connections_completed
    cell.see(
        record.start_time,
        record.end_time or record.start_time,
        started,
        started if told else -1,
        record.packets_out,
        record.packets_in,
    )


def _decoded(piece: bytes) -> FlowRecord | None:
    """The flow in a text; None where it is none of Goldmane's own. Raises ``ValueError``."""
    try:
        line = decode_line(piece)
    except ValidationError:
        if _KEY.search(piece) and piece.lstrip()[:1] != b"[":
            raise
        return None
    record = line.flow or line
    return record if record.Key or record.key else None


def _meaning(key: bytes) -> Said:
    try:
        return meaning(_part(decode_key, key, ""))
    except Bad as error:
        error.path = f".Key{error.path}"
        raise


def _part(decode: Callable[[bytes], _T], text: bytes, path: str) -> _T:
    """A part of a record that was left raw. Raises :class:`Bad`."""
    try:
        return decode(text)
    except (ValueError, RecursionError) as error:
        raise Bad(path, str(error)) from error


@lru_cache(maxsize=RAW_KEPT)
def _labels(text: bytes, path: str) -> Labels:
    return labels(_part(decode_labels, text, path) or []) if text else ()


def _texts(value: str | list[str] | None) -> Labels:
    """Whisker joins labels into one text (unverified: with which separator)."""
    if isinstance(value, str):
        value = _SEPARATOR.split(value)
    return labels(value or [])


def _time(text: str, path: str) -> int:
    """Seconds; 0 for none."""
    try:
        return instant(text) // _SECOND if text else 0
    except ValueError as error:
        raise Bad(path, str(error)) from None

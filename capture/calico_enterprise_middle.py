"""Enterprise flow logs whose middle was seen before: it is found as text, and not read again.

A log says in its middle who spoke to whom and what policies did about it, in the words of logs
before it; around that stand times and counts. Logs of other orders of fields are no concern of
this: a middle is known only when the fields around it were shown to say nothing but numbers, and
then the log is what both say.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from capture.calico_enterprise_record import Numbers, Record, decode_numbers
from capture.calico_fold import RAW_KEPT, Cell

__all__ = ["Middles", "middle", "opens_record"]

_FIRST: Final = b'"source_ip"'
"""Here a middle begins, and it ends with the last object in a log, that of the policies.

That is how Felix writes them. In logs of another order there is no middle, or one that is not kept.
"""
_NO_PORT: Final = (b"", b"null", b"0")


class Middles:
    """The cells of middles."""

    def __init__(self) -> None:
        self.cells: dict[bytes, Cell] = {}

    def remember(self, line: bytes, record: Record, cell: Cell) -> None:
        """Know the middle of this log again, if it has one that says who the sides are.

        Every connection of a log that is not aggregated has a middle of its own.
        """
        if b"" + record.source_port not in _NO_PORT or not _complete(record):
            return
        start, end = middle(line)
        try:
            numbers = decode_numbers(line[:start] + line[end:])
        except (ValueError, RecursionError):
            return
        if opens_record(line[:start]) and all(
            getattr(numbers, name) == getattr(record, name) for name in Numbers.__struct_fields__
        ):
            if len(self.cells) >= RAW_KEPT:
                self.cells.clear()
            self.cells[line[start:end]] = cell


def middle(line: bytes) -> tuple[int, int]:
    """Where the middle of a log begins and ends, with the comma behind it."""
    return line.find(_FIRST), line.rfind(b"}", 0, -3) + 2  # before the end of the record


def _complete(record: Record) -> bool:
    """Whether neither who reports nor when it was decides who the sides are."""
    sides = (record.source_type, record.source_ip), (record.dest_type, record.dest_ip)
    return all(kind in ("wep", "ns") or (kind == "net" and not ip) for kind, ip in sides)


@lru_cache(maxsize=1024)
def opens_record(text: bytes) -> bool:
    """Whether a text is the beginning of a record, up to a member of its own."""
    try:
        decode_numbers(text + b'"":0}')
    except (ValueError, RecursionError):
        return False
    return True

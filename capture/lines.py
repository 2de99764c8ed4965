"""Lines of a stream of any size, in blocks, with a bound on the length of a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

__all__ = ["LINE_LIMIT", "TOO_LONG", "lines"]

BLOCK: Final = 1 << 20
LINE_LIMIT: Final = 16 << 20
"""Bytes; real records are a few thousand."""

TOO_LONG: Final = b"\x00a line longer than the limit"
"""Stands (as this very object) for a line that was skipped because it is longer than the limit."""

_BOM: Final = b"\xef\xbb\xbf"


def lines(stream: BinaryIO) -> Iterator[list[bytes]]:
    """Every line without its newline, several at a time; a byte order mark at the start is dropped.

    A longer line than :data:`LINE_LIMIT` is never held in memory whole: :data:`TOO_LONG` is given
    in its place.
    """
    rest = _Rest()
    block = stream.read(BLOCK).removeprefix(_BOM)
    while block:
        head, *others = block.split(b"\n")
        rest.add(head)
        if others:
            tail = others.pop()
            yield [rest.line(), *others]
            rest.add(tail)
        block = stream.read(BLOCK)
    if rest:
        yield [rest.line()]


class _Rest:
    """The pieces of a line whose end has not been read yet."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0

    def __bool__(self) -> bool:
        return self.size > 0

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > LINE_LIMIT:
            self.pieces.clear()
        else:
            self.pieces.append(piece)

    def line(self) -> bytes:
        """The line, which is now complete; the next one begins."""
        whole = TOO_LONG if self.size > LINE_LIMIT else b"".join(self.pieces)
        self.pieces, self.size = [], 0
        return whole

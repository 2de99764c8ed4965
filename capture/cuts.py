"""Where a large input may be cut, so that each stretch of it is read without the others.

A plain input can be read from any place on. A compressed one from where a member begins: gzip files
may be many streams, one after the other (so do bgzip, and who appends), zstd files many frames.
"""

from __future__ import annotations

import io
import re
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import BinaryIO, Final

from capture.compressed import DamagedError, Member, is_compressed, member, members

__all__ = ["Places", "Stretch", "can_be_cut", "checked", "of_stretch"]

_CHUNK: Final = 1 << 18
_HEAD: Final = 16
_TRIED: Final = 1 << 16
"""Decompressed bytes after which a place that looks like the beginning of a member is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Bytes of an input, decompressed."""

    place: int
    """In the file, from where they can be read …"""
    skip: int
    """… when so many were left out."""
    length: int
    check: int
    """CRC-32 of them, to see whether somebody has written to the file meanwhile: against chance
    only, as content is known by its digest."""


def can_be_cut(raw: BinaryIO, least: int) -> bool:
    """Whether an input is worth it, and what begins behind its first bytes can be read alone."""
    if not raw.seekable():
        return False
    size = raw.seek(0, io.SEEK_END)
    raw.seek(0)
    head = raw.read(_HEAD)
    kind = member(head)
    if size <= least or (is_compressed(head) and kind is None):
        return False
    return kind is None or _begins(raw, kind, least, size)


class Places:
    """The bytes of an input, and from where each can be read. Raises DamagedError."""

    def __init__(self, raw: BinaryIO) -> None:
        self._kind = _kind(raw)
        self._begun = [(0, 0)]
        """(bytes before it, place) of each member."""
        self._length = 0
        self._chunks = self._all(raw)
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        """The next ones; none at the end."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._rest = memoryview(chunk)
        found, self._rest = bytes(self._rest[:size]), self._rest[size:]
        return found

    def of(self, offset: int) -> tuple[int, int]:
        """From which place on to read, and how many bytes to leave out, to get to a byte."""
        if self._kind is None:
            return offset, 0
        before, place = self._begun[bisect_right(self._begun, offset, key=itemgetter(0)) - 1]
        return place, offset - before

    def _all(self, raw: BinaryIO) -> Iterator[bytes]:
        for chunk, end in _read(raw, self._kind):
            self._length += len(chunk)
            if end:
                self._begun.append((self._length, end))
            yield chunk


def of_stretch(raw: BinaryIO, one: Stretch) -> Iterator[bytes]:
    """Its bytes, or as many as there are. Raises DamagedError."""
    kind, skip, left = _kind(raw), one.skip, one.length
    raw.seek(one.place)
    for chunk, _ in _read(raw, kind):
        found = chunk[skip : skip + left]
        skip, left = max(0, skip - len(chunk)), left - len(found)
        yield found
        if not left:
            return


def checked(data: bytes, before: int = 0) -> int:
    """The check of bytes that follow others."""
    return zlib.crc32(data, before)


def _kind(raw: BinaryIO) -> Member | None:
    raw.seek(0)
    kind = member(raw.read(_HEAD))
    raw.seek(0)
    return kind


def _read(raw: BinaryIO, kind: Member | None) -> Iterator[tuple[bytes, int]]:
    """From here on, as :func:`members` has it."""
    if kind is not None:
        yield from members(raw, kind)
        return
    while chunk := raw.read(_CHUNK):
        yield chunk, 0


def _begins(raw: BinaryIO, kind: Member, start: int, stop: int) -> bool:
    """Whether a member does between two places."""
    return any(_is_one(raw, kind, place) for place in _alike(raw, kind.begin, start, stop))


def _is_one(raw: BinaryIO, kind: Member, place: int) -> bool:
    raw.seek(place)
    seen = 0
    try:
        for chunk, _ in members(raw, kind):
            seen += len(chunk)
            if seen >= _TRIED:
                break
    except DamagedError:
        return False
    return True


def _alike(raw: BinaryIO, begin: re.Pattern[bytes], start: int, stop: int) -> Iterator[int]:
    """Places where it looks like the beginning of a member."""
    before = b""
    while start < stop:
        raw.seek(start)
        data = before + raw.read(min(_CHUNK, stop - start))
        if len(data) == len(before):
            return
        first = start - len(before)
        start = first + len(data)
        before = data[-3:]  # one may lie across
        for found in begin.finditer(data):
            yield first + found.start()

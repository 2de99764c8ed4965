"""gzip, zstd, xz and bzip2 as plain bytes: recognised by their first bytes, never by a name.

A damaged or truncated stream costs one notice (NP004); what came before the damage is read.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

from netpol.notices import Notice, Tell

__all__ = ["DamagedError", "Member", "decompressed", "is_compressed", "member", "members"]

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_XZ: Final = b"\xfd7zXZ\0"
_BZIP2: Final = re.compile(rb"BZh[1-9]1AY")
_GZIP_MEMBER: Final = re.compile(rb"\x1f\x8b\x08[\x00-\x1f]", re.DOTALL)
_ZSTD_FRAME: Final = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", re.DOTALL)
"""RFC 1952 §2.3.1: deflate, and flags of which three are reserved; RFC 8878 §3.1: frames and
skippable ones."""
_HEAD: Final = 7
"""Bytes by which these are told."""
_CHUNK: Final = 1 << 16
_GZIP_CHUNK: Final = 1 << 13
_ZSTD_CHUNK: Final = 1 << 12
"""Compressed bytes taken at a time. Of logs, what comes out is still in the processor's cache when
it is read. At the worst ratio of the format (about 1,000 and 32,000) it stays in the order of 100
MiB, so that a crafted file cannot take all memory."""
_XZ_MEMORY: Final = 1 << 28
"""Bytes that the window of xz may take; its highest preset needs 65 MiB."""


def is_compressed(head: bytes) -> bool:
    """Whether what begins so is."""
    return head.startswith((_GZIP, _ZSTD, _XZ)) or bool(_BZIP2.match(head))


def decompressed(raw: BinaryIO, where: str, tell: Tell) -> Chunks:
    """``raw`` as it was before compression; plain bytes stay as they are."""
    head = raw.read(_HEAD)
    if head.startswith(_GZIP):
        return Chunks(_gzip(raw, head), where, tell)
    if head.startswith(_ZSTD):
        return Chunks(_zstd(raw, head), where, tell)
    if head.startswith(_XZ):
        return Chunks(_bounded(raw, head, "xz", _xz), where, tell)
    if _BZIP2.match(head):
        return Chunks(_bounded(raw, head, "bzip2", _bzip2), where, tell)
    return Chunks(_plain(raw, head), where, tell)


class DamagedError(Exception):
    """The compressed stream cannot be read further."""


class Chunks(io.RawIOBase):
    """Chunks of bytes as a stream that ends at the first damage."""

    def __init__(self, chunks: Iterator[bytes], where: str, tell: Tell) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")
        self._where = where
        self._tell = tell

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill the whole of ``buffer``, less only at the end: a short head could not be judged."""
        filled = 0
        while filled < len(buffer):
            if not self._rest:
                chunk = self._next()
                if chunk is None:
                    break
                self._rest = memoryview(chunk)
            n = min(len(buffer) - filled, len(self._rest))
            buffer[filled : filled + n] = self._rest[:n]
            self._rest = self._rest[n:]
            filled += n
        return filled

    def chunk(self) -> bytes:
        """What comes next, as soon as it comes; nothing at the end."""
        data: bytes | None = bytes(self._rest)
        self._rest = memoryview(b"")
        while data == b"":  # a decompressor may need more before it gives any
            data = self._next()
        return data or b""

    def _next(self) -> bytes | None:
        try:
            return next(self._chunks, None)
        except (OSError, DamagedError) as error:
            self._tell(Notice(code="NP004", where=self._where, message=str(error)))
            self._chunks = iter(())
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Compressed streams that may follow one another in a file, each of which stands for itself."""

    begin: re.Pattern[bytes]
    """What each begins with, and other bytes do seldom."""
    new: Callable[[], _OneShot]
    chunk: int
    """Compressed bytes to take at a time."""


class _OneShot(Protocol):
    """A decompressor of one member."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def member(head: bytes) -> Member | None:
    """How an input that begins so is cut into members; None: it is not, as far as is known."""
    if head.startswith(_GZIP):
        return Member(begin=_GZIP_MEMBER, new=_gzip_member, chunk=_GZIP_CHUNK)
    if head.startswith(_ZSTD):
        return Member(begin=_ZSTD_FRAME, new=_zstd_frame, chunk=_ZSTD_CHUNK)
    return None


def members(raw: BinaryIO, kind: Member) -> Iterator[tuple[bytes, int]]:
    """What comes out of members from here on; with each chunk, the place behind the member that it
    ends, or 0. Raises DamagedError, also for padding between members."""
    one, data, place = None, b"", raw.tell()
    while data or (data := raw.read(kind.chunk)):
        one = one or kind.new()
        given = len(data)
        try:
            found = one.decompress(data)
        except Exception as error:
            raise DamagedError(str(error)) from error
        data = one.unused_data if one.eof else b""
        place += given - len(data)
        yield found, place if one.eof else 0
        one = None if one.eof else one
    if one is not None:
        raise DamagedError("it ends in the middle")


def _gzip_member() -> _OneShot:
    from isal import isal_zlib

    made: _OneShot = isal_zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    return made


def _zstd_frame() -> _OneShot:
    import zstandard

    made: _OneShot = zstandard.ZstdDecompressor().decompressobj()
    return made


def _plain(raw: BinaryIO, head: bytes) -> Iterator[bytes]:
    yield head
    while chunk := raw.read(_CHUNK):
        yield chunk


def _gzip(raw: BinaryIO, head: bytes) -> Iterator[bytes]:
    """Members of a gzip file one after the other, by isal."""
    from isal import igzip_lib, isal_zlib

    member, data = None, head
    while data or (data := raw.read(_GZIP_CHUNK)):
        if member is None:
            data = data.lstrip(b"\0")  # padding between members is legal
            if not data:
                continue
            member = isal_zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        try:
            yield member.decompress(data)
        except (igzip_lib.IsalError, ValueError) as error:  # type: ignore[misc]
            raise DamagedError(f"damaged gzip data: {error}") from error
        data = member.unused_data if member.eof else b""
        member = None if member.eof else member
    if member is not None:
        raise DamagedError("the gzip data ends in the middle")


def _zstd(raw: BinaryIO, head: bytes) -> Iterator[bytes]:
    """Frames of a zstd file one after the other."""
    import zstandard

    frame, data = None, head
    while data or (data := raw.read(_ZSTD_CHUNK)):
        frame = frame or zstandard.ZstdDecompressor().decompressobj()
        try:
            yield frame.decompress(data)
        except zstandard.ZstdError as error:
            raise DamagedError(f"damaged zstd data: {error}") from error
        data = frame.unused_data if frame.eof else b""
        frame = None if frame.eof else frame
    if frame is not None:
        raise DamagedError("the zstd data ends in the middle")


class _Decompressor(Protocol):
    """What those of lzma and bz2 have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes: ...


def _xz() -> _Decompressor:
    import lzma

    return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)


def _bzip2() -> _Decompressor:
    import bz2

    return bz2.BZ2Decompressor()


def _bounded(
    raw: BinaryIO, head: bytes, name: str, new: Callable[[], _Decompressor]
) -> Iterator[bytes]:
    """Streams of a file one after the other, by a decompressor that gives out a part at a time."""
    import lzma

    stream, data = None, head
    while data or (data := raw.read(_CHUNK)):
        if stream is None:
            data = data.lstrip(b"\0")  # padding between streams is legal
            if not data:
                continue
            stream = new()
        try:
            yield stream.decompress(data, _CHUNK)
            while not (stream.eof or stream.needs_input):
                yield stream.decompress(b"", _CHUNK)
        except (lzma.LZMAError, OSError) as error:
            raise DamagedError(f"damaged {name} data: {error}") from error
        data = stream.unused_data if stream.eof else b""
        stream = None if stream.eof else stream
    if stream is not None:
        raise DamagedError(f"the {name} data ends in the middle")

"""Windows of packets out of capture files: pcap, and pcapng by :mod:`capture.pcap_blocks`.

The record headers of a window are found one after the other, because each says where the next one
is; all that is in them is read for all packets at once. A window is some MiB, so memory does not
grow with the file, and nothing needs to be mapped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import BinaryIO, Final, TypeAlias

import numpy as np

from capture.packet_rows import PAD, Bytes, Numbers, Window

__all__ = ["HEADER", "LARGEST", "Broken", "Damage", "Source", "is_pcap", "native", "windows"]

WINDOW: Final = 4 << 20
LARGEST: Final = 4 << 20
"""A packet with its header; tcpdump captures 256 KiB at the most."""

_PCAP: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
"""Byte order, and nanoseconds of a fraction's unit, by magic number."""
HEADER: Final = 24
"""Bytes of a pcap file before its first record; pcapng is told by fewer."""
_RECORD: Final = 16
_SIZE: Final = 8
"""Where in the header of a record its size is; lists of records have these places."""

Damage: TypeAlias = Callable[[str, int], None]
"""Told once, with the place in the file, when the rest of a capture cannot be read."""


class Broken(Exception):  # noqa: N818 - no failure of ours: the capture ends here
    """The capture cannot be read on from here."""


@dataclass(slots=True)
class Source:
    """A stream, some MiB of which are in memory."""

    stream: BinaryIO
    data: bytes = bytes(PAD)
    """With zeros behind it."""
    end: int = 0
    """Where the zeros begin."""
    at: int = 0
    """Where in ``data`` the next record begins."""
    before: int = 0
    """Bytes of the stream before ``data``."""
    ended: bool = False

    def more(self) -> bool:
        """Drop what is behind, read on; whether there was anything to read."""
        if self.ended:
            return False
        piece = self.stream.read(WINDOW)
        self.ended = not piece
        self.before += self.at
        self.data = b"".join((memoryview(self.data)[self.at : self.end], piece, bytes(PAD)))
        self.end, self.at = len(self.data) - PAD, 0
        return not self.ended

    @property
    def place(self) -> int:
        """Where the next record begins in the stream."""
        return self.before + self.at

    @property
    def left(self) -> int:
        """Bytes in memory from there on."""
        return self.end - self.at


def windows(source: Source, damage: Damage) -> Iterator[Window]:
    """The packets of a pcap file whose first bytes are in ``source``."""
    order, unit = _PCAP[source.data[:4]]
    if source.left < HEADER:
        damage("the file ends within its header", source.place)
        return
    link = Struct(order + "I").unpack_from(source.data, 20)[0] & 0xFFFF
    source.at = HEADER
    broken = ""
    while not broken:
        found: list[int] = []
        try:
            _walk(source, order, found)
        except Broken as error:
            broken = str(error)
        if found:
            yield _window(source, found, order, unit, link)
        if not broken and not source.more():
            break
    if source.left:
        damage(broken or "the file ends within a packet", source.place)


def is_pcap(head: bytes) -> bool:
    """Whether a file begins like pcap."""
    return head[:4] in _PCAP


def _walk(source: Source, order: str, found: list[int]) -> None:
    """Find where the records begin; the source is then at the first that is not whole."""
    data, at, end = source.data, source.at + _SIZE, source.end
    size_at = Struct(order + "I").unpack_from
    add = found.append
    try:
        while True:  # the tightest loop that there is: it takes a fifth of all time
            add(at)
            at += size_at(data, at)[0] + _RECORD
    except StructError:
        pass
    # The zeros behind the data are no packets, and the last packet may not be whole.
    while found and (found[-1] > end - _RECORD + _SIZE or at - _SIZE > end):
        at = found.pop()
    source.at = at - _SIZE
    if source.left >= _RECORD and (size := size_at(data, at)[0]) > LARGEST:
        raise Broken(f"a packet of {size} bytes")


def _window(source: Source, found: list[int], order: str, unit: int, link: int) -> Window:
    padded, end = Bytes(source.data), source.at
    at = np.array(found, np.int64) - _SIZE
    clock = native(padded.eight(at), order)
    early, late = clock >> np.uint64(32), clock & np.uint64(0xFFFFFFFF)
    seconds, fraction = (early, late) if order == ">" else (late, early)
    return Window(
        data=padded,
        start=at + _RECORD,
        size=np.diff(at, append=end) - _RECORD,
        time=seconds.astype(np.int64) * 1_000_000_000 + fraction.astype(np.int64) * unit,
        link=np.full(len(at), link, np.uint16),
    )


def native(column: Numbers, order: str) -> Numbers:
    """Numbers read big-endian, as they are in a file of this byte order."""
    return column if order == ">" else column.byteswap()

"""What several rings captured, as one window in the order of time.

The same packet leaves one pod and reaches another, and is captured twice. So packets wait until
every ring must have handed over what is as old as they are: copies and translations are then seen
in the same window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from struct import Struct
from sys import byteorder
from typing import Final

import numpy as np

from capture.packet_rows import PAD, Bytes, Numbers, Window
from capture.ring import Block

__all__ = ["Waiting"]

_MOST: Final = 1 << 17
"""Packets of a window: a table of connections has room for twice as many."""
_RAW: Final = 101
"""Link type: it begins with an IP header."""
_NEXT: Final = Struct("=I")
_ORDER: Final = "<" if byteorder == "little" else ">"
_HEAD: Final = np.dtype(
    {
        "names": ["seconds", "nanoseconds", "size", "length", "at", "protocol"],
        "formats": [*[_ORDER + "u4"] * 4, _ORDER + "u2", ">u2"],
        "offsets": [4, 8, 12, 16, 24, 50],
        "itemsize": 68,
    }
)
"""``struct tpacket3_hdr``, and the protocol in the ``struct sockaddr_ll`` behind it."""
_TAGS: Final = (0x8100, 0x88A8)
_TYPES: Final = (*_TAGS, 0x0800, 0x86DD)
_INNER: Final = Struct(">H")


@dataclass(slots=True)
class Waiting:
    """Packets that were captured and not yet given on."""

    _pieces: list[bytes] = field(default_factory=list)
    _heads: list[Numbers] = field(default_factory=list)
    _size: int = 0

    def add(self, blocks: Iterable[Block], most: int) -> int:
        """Take up to ``most`` packets from some blocks; how many there were beyond."""
        beyond = 0
        for block in blocks:
            if most <= 0:
                beyond += block.packets
                continue
            heads = _heads(block)
            taken = heads[:most]
            most -= len(taken)
            beyond += len(heads) - len(taken)
            if len(taken):
                taken["start"] += self._size
                self._heads.append(taken)
                self._pieces.append(block.data)
                self._size += len(block.data)
        return beyond

    def until(self, time: int) -> Iterator[Window]:
        """The packets from before a time (nanoseconds); later ones go on waiting."""
        if not self._heads:
            return
        heads = np.concatenate(self._heads)
        data = b"".join((*self._pieces, bytes(PAD)))
        heads = heads[np.argsort(heads["time"], kind="stable")]
        due = int(np.searchsorted(heads["time"], time))
        self._keep(data, heads[due:])
        for first in range(0, due, _MOST):
            some = heads[first : min(first + _MOST, due)]
            yield Window(
                data=Bytes(data),
                start=some["start"],
                size=some["size"],
                time=some["time"],
                link=np.full(len(some), _RAW, np.uint16),
            )

    def _keep(self, data: bytes, heads: Numbers) -> None:
        """Wait with these alone: what else is in the blocks is let go of."""
        pieces = [
            data[start : start + size]
            for start, size in zip(heads["start"].tolist(), heads["size"].tolist(), strict=True)
        ]
        heads = heads.copy()
        heads["start"] = np.cumsum(heads["size"]) - heads["size"]
        self._heads = [heads] if len(heads) else []
        self._pieces, self._size = pieces, sum(map(len, pieces))


_PACKET: Final = np.dtype([("time", np.int64), ("start", np.int64), ("size", np.int64)])


def _heads(block: Block) -> Numbers:
    """When each packet of a block came and where it is."""
    at, places = block.first, []
    for _ in range(block.packets):
        places.append(at)
        at += _NEXT.unpack_from(block.data, at)[0]
    found = np.zeros(len(places), _PACKET)
    if not places:
        return found
    where = np.array(places, np.int64)
    rows = np.frombuffer(block.data, np.uint8)[where[:, None] + np.arange(_HEAD.itemsize)]
    heads = np.ascontiguousarray(rows).view(_HEAD)[:, 0]
    found["time"] = heads["seconds"].astype(np.int64) * 1_000_000_000 + heads["nanoseconds"]
    found["start"] = where + heads["at"]
    found["size"] = heads["size"]
    behind = np.minimum(found["start"] + 2, len(block.data) - 2)
    inner = np.frombuffer(block.data, np.uint8)[behind[:, None] + np.arange(2)]
    # Which protocol the kernel calls it differs by its version: look at the bytes as well.
    perhaps = np.isin(heads["protocol"], _TAGS) | np.isin(inner.copy().view(">u2")[:, 0], _TYPES)
    for one in np.flatnonzero(perhaps).tolist():
        passed = _tags(block.data, int(found["start"][one]), int(found["size"][one]), heads[one])
        found["start"][one] += passed
        found["size"][one] -= passed
    return found


def _tags(data: bytes, start: int, size: int, head: Numbers) -> int:
    """Bytes of VLAN tags that are still in front of the IP header."""
    passed, inner = 0, _TAGS[0]
    while inner in _TAGS and passed + 6 <= size:
        at, length = start + passed, int(head["length"]) - passed
        version = data[at] >> 4
        inner = _INNER.unpack_from(data, at + 2)[0]
        whole = inner == length, _INNER.unpack_from(data, at + 4)[0] + 40 <= length
        if (version == 4 and whole[0]) or (version == 6 and whole[1]) or inner not in _TYPES:
            return passed
        passed += 4
    return passed

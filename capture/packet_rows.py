"""Packets as columns: one number per packet in each, so that numpy treats a window at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["PAD", "Addresses", "Bytes", "Numbers", "Rows", "Window", "mixed"]

Numbers: TypeAlias = NDArray[Any]
"""Integers of any width, one for each packet or connection."""

PAD: Final = 128
"""Zero bytes behind a window, so that reading past a packet's end reads something."""

_SIXTH: Final = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Some packets of a capture, in its order."""

    data: Bytes
    start: Numbers
    """Where each packet begins in ``data``."""
    size: Numbers
    """How much of it was captured."""
    time: Numbers
    """Nanoseconds since the epoch."""
    link: Numbers
    """Link type."""


class Bytes:
    """Bytes that are read at many places at once; numbers are big-endian, as on the wire."""

    def __init__(self, data: bytes) -> None:
        self.raw: Final = data
        """The bytes, with :data:`PAD` zeros behind them."""
        self._one = np.frombuffer(data, np.uint8)
        n = len(data)
        self._two = np.ndarray((n - 1,), "<u2", data, strides=(1,))
        self._four = np.ndarray((n - 3,), "<u4", data, strides=(1,))
        self._eight = np.ndarray((n - 7,), "<u8", data, strides=(1,))

    def one(self, at: Numbers) -> Numbers:
        """The byte at each place."""
        return self._one[at]

    def two(self, at: Numbers) -> Numbers:
        """Two bytes."""
        return self._two[at].byteswap()

    def four(self, at: Numbers) -> Numbers:
        """Four bytes."""
        return self._four[at].byteswap()

    def eight(self, at: Numbers) -> Numbers:
        """Eight bytes."""
        return self._eight[at].byteswap()

    def up_to_eight(self, at: Numbers, end: Numbers) -> Numbers:
        """Eight bytes, or as many as there are before ``end``, as one number."""
        missing = 8 - np.clip(end - at, 0, 8)
        found = self.eight(np.minimum(at, end))
        few = missing > 0
        if few.any():
            shift = (np.minimum(missing, 7) * 8).astype(np.uint64)
            found = np.where(few, found >> shift, found)
            found[missing == 8] = 0
        return found


@dataclass(slots=True)
class Rows:
    """What was found in each packet of a window.

    A side is ``address << 16 | port``; the port of ICMP is its identifier. A protocol is its IP
    number, for ICMP plus ``type << 8 | code << 16`` of the request.
    """

    layer: Numbers
    """Where its walk ended: a transport protocol or a reason (:mod:`capture.packet_layers`)."""
    source: Numbers
    target: Numbers
    protocol: Numbers
    kind: Numbers
    """What it says of its connection."""
    opening: Numbers
    """The number that the client chose for this connection, where the packet tells; else 0."""
    mark: Numbers
    """What else makes this packet different from others of its connection."""
    payload: Numbers
    """Where the payload begins."""
    end: Numbers
    """Where what was captured of it ends."""
    time: Numbers

    @staticmethod
    def empty(n: int, time: Numbers) -> Rows:
        """So many rows, to be filled."""

        def zeros(kind: type) -> Numbers:
            return np.zeros(n, kind)

        return Rows(
            layer=zeros(np.uint8),
            source=zeros(np.uint64),
            target=zeros(np.uint64),
            protocol=zeros(np.uint32),
            kind=zeros(np.uint8),
            opening=zeros(np.uint32),
            mark=zeros(np.uint64),
            payload=zeros(np.int64),
            end=zeros(np.int64),
            time=time,
        )

    def of(self, chosen: Numbers) -> Rows:
        """Some of the rows."""
        return Rows(*(getattr(self, name)[chosen] for name in self.__slots__))


@dataclass(slots=True)
class Addresses:
    """Addresses as numbers: IPv4 is itself, IPv6 is numbered as it comes."""

    _numbers: dict[tuple[int, int], int] = field(default_factory=dict)
    _known: list[tuple[int, int]] = field(default_factory=list)

    def __len__(self) -> int:
        """How many IPv6 addresses there are."""
        return len(self._known)

    def six(self, high: Numbers, low: Numbers) -> Numbers:
        """Numbers of IPv6 addresses, given by their halves."""
        _, first, which = np.unique(mixed(high, low), return_index=True, return_inverse=True)
        if not ((high[first][which] == high) & (low[first][which] == low)).all():
            first = which = np.arange(len(high))  # two addresses share a hash: take each by itself
        pairs = zip(high[first].tolist(), low[first].tolist(), strict=True)
        return np.array([self._number(pair) for pair in pairs], np.uint64)[which]

    def _number(self, pair: tuple[int, int]) -> int:
        number = self._numbers.get(pair)
        if number is None:
            number = self._numbers[pair] = _SIXTH + len(self._known)
            self._known.append(pair)
        return number

    def number(self, address: IPv4Address | IPv6Address) -> int:
        """The number of one address."""
        if isinstance(address, IPv4Address):
            return int(address)
        return self._number(divmod(int(address), 1 << 64))

    def text(self, number: int) -> str:
        """The address that has a number."""
        if number < _SIXTH:
            return str(IPv4Address(number))
        high, low = self._known[number - _SIXTH]
        return str(IPv6Address(high << 64 | low))

    def halves(self, numbers: Numbers) -> tuple[Numbers, Numbers]:
        """Upper and lower half of addresses as numbers of 128 bits, given by their numbers."""
        high, low = np.zeros(len(numbers), np.uint64), numbers.astype(np.uint64)
        six = np.flatnonzero(numbers >= _SIXTH)
        if six.size:
            known = np.array(self._known, np.uint64)[(numbers[six] - np.uint64(_SIXTH)).astype(int)]
            high[six], low[six] = known[:, 0], known[:, 1]
        return high, low


_ODD: Final = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
_HALF: Final = np.uint64(32)


def mixed(*columns: Numbers) -> Numbers:
    """One hash of several columns of 64-bit numbers; the rows as ``netpol.sketch.mixed``."""
    found = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        found = (found ^ column) * _ODD[0]
        found ^= found >> _HALF
    found *= _ODD[1]
    found ^= found >> _HALF
    return found

"""How many different connections there were, however often and in however many files each is told.

A sketch keeps the smallest of the hashes of what was counted ("k minimum values": Bar-Yossef et al.
2002, RANDOM 2002, LNCS 2483:1-10; as a synopsis that is merged: Beyer et al. 2007, SIGMOD,
199-210). The sketch of several files is that of all their records, in any order and grouping. Up to
:data:`KEPT` it is exact; beyond, its standard error is about 1/√KEPT, 6 %.

What is counted is a client's address and port with the protocol, and the how manieth connection of
these it is: both nodes that a connection passes see that alike, and so do two captures of which one
goes on where the other ended. But a port that a client uses again after the one capture ended is
not told from the first time: over long windows a busy client counts as some 65,535 at most.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from struct import iter_unpack, pack
from typing import Final

__all__ = ["EMPTY", "KEPT", "Sketch", "identity", "mixed"]

KEPT: Final = 256
"""Hashes that are kept."""

_WORD: Final = (1 << 64) - 1
_ODD: Final = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True, slots=True)
class Sketch:
    """The smallest hashes, sorted, eight bytes each (big-endian)."""

    packed: bytes = b""

    @staticmethod
    def of(hashes: Iterable[int]) -> Sketch:
        """The sketch of 64-bit hashes, as :func:`identity` gives them."""
        kept = sorted(set(hashes))[:KEPT]
        return Sketch(pack(f">{len(kept)}Q", *kept))

    @staticmethod
    def read(data: bytes) -> Sketch:
        """What somebody packed. Raises ``ValueError``."""
        if len(data) % 8 or len(data) > KEPT * 8:
            raise ValueError(f"expected up to {KEPT} hashes of 8 bytes, found {len(data)} bytes")
        return Sketch.of(one for (one,) in iter_unpack(">Q", data))

    @property
    def hashes(self) -> tuple[int, ...]:
        """The hashes that are kept."""
        return tuple(one for (one,) in iter_unpack(">Q", self.packed))

    def __bool__(self) -> bool:
        return bool(self.packed)

    def __or__(self, other: Sketch) -> Sketch:
        if not other.packed or other.packed == self.packed:
            return self
        return Sketch.of((*self.hashes, *other.hashes)) if self.packed else other

    @property
    def count(self) -> int:
        """How many different things were counted."""
        kept = len(self.packed) // 8
        if kept < KEPT:
            return kept
        highest = int.from_bytes(self.packed[-8:], "big")
        return round((KEPT - 1) * (_WORD + 1) / (highest + 1))


EMPTY: Final = Sketch()


def identity(address: str, port: int, protocol: int, before: int = 0) -> int:
    """The hash of a client's address, its port (of ICMP the identifier) and the IP protocol.

    ``before``: so many connections of these were seen already. Raises ``ValueError`` for what is no
    address.
    """
    return mixed(*_halves(address), before << 24 | port << 8 | protocol)


@lru_cache(1 << 16)
def _halves(address: str) -> tuple[int, int]:
    return divmod(int(ip_address(address)), _WORD + 1)


def mixed(*words: int) -> int:
    """One hash of several 64-bit words: the same that ``capture.packet_rows.mixed`` computes."""
    found = 0
    for word in words:
        found = (found ^ word) * _ODD[0] & _WORD
        found ^= found >> 32
    found = found * _ODD[1] & _WORD
    return found ^ found >> 32

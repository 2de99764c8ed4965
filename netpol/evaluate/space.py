"""Address space, cut wherever a CIDR rule begins or ends.

Within one piece all addresses are in the same CIDR selectors, so a block is judged piece by piece
and exactly: a wide block is inside two rules that halve it, and outside a rule that lacks one
address of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from netpol.net import network
from netpol.policy import CidrSelector

__all__ = ["Space", "bounds", "space"]

_LAST: Final = {4: 2**32 - 1, 6: 2**128 - 1}


@dataclass(frozen=True, slots=True)
class Space:
    """For IP version 4 and 6: where each piece starts, and the selectors (bits) that contain it."""

    pieces: dict[int, tuple[list[int], list[int]]]

    def __iter__(self) -> Iterator[tuple[int, int, int, int]]:
        """Each piece: IP version, first and last address, and the selectors that contain it."""
        for version, (starts, inside) in self.pieces.items():
            ends = [*(start - 1 for start in starts[1:]), _LAST[version]]
            for start, end, found in zip(starts, ends, inside, strict=True):
                yield version, start, end, found

    def signatures(self, block: str) -> Iterator[tuple[int, int]]:
        """For each kind of address in a canonical CIDR (IP version, selectors that contain it)."""
        version, first, last = bounds(block)
        starts, inside = self.pieces[version]
        begin = bisect_right(starts, first) - 1
        if first == last:
            yield version, inside[begin]
        else:
            for found in set(inside[begin : bisect_right(starts, last)]):
                yield version, found


def bounds(block: str) -> tuple[int, int, int]:
    """IP version, first and last address of a canonical CIDR."""
    if block.endswith("/32") and ":" not in block:
        # Nearly all blocks are the address of one pod, and here speed shows.
        a, b, c, d = map(int, block[:-3].split("."))
        only = a << 24 | b << 16 | c << 8 | d
        return 4, only, only
    net = network(block)
    return net.version, int(net.network_address), int(net.broadcast_address)


def space(selectors: Sequence[CidrSelector]) -> Space:
    """Cut the address space for these selectors; bit ``n`` stands for ``selectors[n]``."""
    toggles: dict[int, dict[int, int]] = {4: {0: 0}, 6: {0: 0}}
    for number, selector in enumerate(selectors):
        version = bounds(selector.cidr)[0]
        for first, last in _ranges(selector):
            for edge in (first, last + 1):
                if edge <= _LAST[version]:
                    toggles[version][edge] = toggles[version].get(edge, 0) ^ 1 << number
    return Space({version: _swept(edges) for version, edges in toggles.items()})


def _swept(edges: dict[int, int]) -> tuple[list[int], list[int]]:
    """Walk the edges upwards; each one turns the selectors that begin or end there."""
    starts = sorted(edges)
    inside, now = [], 0
    for start in starts:
        now ^= edges[start]
        inside.append(now)
    return starts, inside


def _ranges(selector: CidrSelector) -> Iterator[tuple[int, int]]:
    """The disjoint address ranges of a selector: its block without the excluded ones."""
    version, low, last = bounds(selector.cidr)
    for other, start, end in sorted(map(bounds, selector.excluded)):
        if other != version:
            continue
        if low < start <= last:
            yield low, start - 1
        if start <= last:
            low = max(low, end + 1)
    if low <= last:
        yield low, last

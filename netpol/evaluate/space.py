"""Address space, cut wherever a CIDR rule begins or ends.

Within one piece all addresses are in the same CIDR selectors, so a block is judged piece by piece
and exactly: a wide block is inside two rules that halve it, and outside a rule that lacks one
address of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netpol.net import IPNetwork, network
from netpol.policy import CidrSelector

__all__ = ["Space", "space"]


@dataclass(frozen=True, slots=True)
class Space:
    """For IP version 4 and 6: where each piece starts, and the selectors (bits) that contain it."""

    pieces: dict[int, tuple[list[int], list[int]]]

    def signatures(self, block: IPNetwork) -> set[int]:
        """For each kind of address in ``block`` the set (bits) of selectors that contain it."""
        starts, inside = self.pieces[block.version]
        first, last = int(block.network_address), int(block.broadcast_address)
        return set(inside[bisect_right(starts, first) - 1 : bisect_right(starts, last)])


def space(selectors: Sequence[CidrSelector]) -> Space:
    """Cut the address space for these selectors; bit ``n`` stands for ``selectors[n]``."""
    toggles: dict[int, dict[int, int]] = {4: {0: 0}, 6: {0: 0}}
    for number, selector in enumerate(selectors):
        version = network(selector.cidr).version
        for first, last in _ranges(selector):
            for edge in (first, last + 1):
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
    block = network(selector.cidr)
    low, last = int(block.network_address), int(block.broadcast_address)
    holes = [hole for hole in map(network, selector.excluded) if hole.version == block.version]
    for hole in sorted(holes, key=lambda h: int(h.network_address)):
        start, end = int(hole.network_address), int(hole.broadcast_address)
        if low < start <= last:
            yield low, start - 1
        if start <= last:
            low = max(low, end + 1)
    if low <= last:
        yield low, last

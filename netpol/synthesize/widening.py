"""Fewer blocks than addresses need, at the least price in addresses that nobody was seen to use.

The blocks are the leaves of a compressed binary trie: every inner node is the narrowest block that
holds the two parts below it, and no other block is worth considering. For each node the *frontier*
says which prices are worth paying: (blocks, addresses opened for nothing), fewer blocks against
more addresses, none worse than another in both. A node is written whole, as one block, or as the
blocks of its two halves, so that frontiers add up from the leaves to the root: exact, in
O(addresses × the longest frontier).

A node that overlaps a forbidden block is never written whole. Laws
(``tests/laws/test_widening.py``): equal to the best of all covers, by brute force; nothing
forbidden is opened; the price is what is open for nothing.
"""

from __future__ import annotations

import ipaddress
import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from netpol.net import network
from netpol.synthesize.cidrs import cover_addresses

_BITS: Final = {4: 32, 6: 128}

__all__ = ["EXACT", "Bound", "Cover", "cover_within"]

Frontier: TypeAlias = list[tuple[int, int]]
"""(blocks, addresses opened), by the number of blocks; the second falls strictly."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What the user trades: at most so many blocks, or so many addresses; never both."""

    blocks: int | None = None
    addresses: int | None = None

    def met(self, frontier: Frontier) -> tuple[int, int] | None:
        """The first state within the bound: the fewest blocks, or within them the least price."""
        if self.blocks is not None:
            within = [one for one in frontier if one[0] <= self.blocks]
            # Where forbidden addresses keep too many blocks apart, as few as there can be.
            return within[-1] if within else (frontier[0] if frontier else None)
        most = self.addresses or 0
        return next((one for one in frontier if one[1] <= most), None)


EXACT: Final = Bound(addresses=0)
"""Nothing is opened that was not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """Blocks, and how many addresses they hold that were not given."""

    blocks: tuple[str, ...]
    opened: int


def cover_within(addresses: Iterable[str], bound: Bound, forbidden: Iterable[str]) -> Cover:
    """The best cover within a bound: least addresses for the blocks, or fewest blocks for them.

    ``forbidden``: blocks of which no address is opened; given addresses in them stay as they are.
    Raises ``ValueError`` for what is neither an address nor a block.
    """
    exact = cover_addresses(addresses)
    if len(exact) < 2 or (bound.blocks is None and not bound.addresses):
        return Cover(blocks=exact, opened=0)
    root = _trie(_spans(exact), _spans(forbidden))
    # The price alone keeps frontiers short: few blocks can be joined for it.
    most, price = (bound.blocks, math.inf) if bound.blocks else (len(exact), bound.addresses or 0)
    while True:
        root.fill(most, price)
        found = bound.met(root.frontier)
        if found is not None:
            blocks: list[str] = []
            root.write(found, blocks)
            return Cover(blocks=cover_addresses(blocks), opened=found[1])
        most *= 2


@dataclass(slots=True)
class _Node:
    """A block, or what two blocks have in common."""

    version: int
    first: int
    bits: int
    """So many bits of an address differ within it."""
    whole: int | None
    """Addresses that are opened for nothing where it is written whole; None: it must not be."""
    halves: tuple[_Node, ...] = ()
    given: int = 0
    """Addresses that are in it."""
    frontier: Frontier = field(default_factory=list)

    def fill(self, most: int, limit: float) -> None:
        """The frontiers here and below, up to so many blocks and so many addresses."""
        if not self.halves:
            self.frontier = [(1, 0)]
            return
        for half in self.halves:
            half.fill(most, limit)
        left, right = (half.frontier for half in self.halves)
        best = [math.inf] * (min(most, left[-1][0] + right[-1][0]) + 1 if left and right else 2)
        if self.whole is not None:
            best[1] = self.whole
        for some, price in left:
            for more, other in right:
                if some + more > most:
                    break
                if price + other < best[some + more]:
                    best[some + more] = price + other
        self.frontier = _worthwhile(best, limit)

    def write(self, state: tuple[int, int], into: list[str]) -> None:
        """The blocks of one state of the frontier."""
        if state == (1, self.whole):
            kind = ipaddress.IPv4Network if self.version == 4 else ipaddress.IPv6Network
            into.append(str(kind((self.first, _BITS[self.version] - self.bits))))
            return
        left, right = self.halves
        prices = dict(right.frontier)
        for some, price in left.frontier:
            rest = state[0] - some
            if prices.get(rest) == state[1] - price:
                left.write((some, price), into)
                right.write((rest, prices[rest]), into)
                return
        raise AssertionError("a state that no two states below it make")


def _worthwhile(best: Sequence[float], limit: float) -> Frontier:
    """``best``: the price for each number of blocks."""
    frontier: Frontier = []
    least = limit + 1
    for count, price in enumerate(best):
        if price < least:
            frontier.append((count, int(price)))
            least = price
    return frontier


class _Span(NamedTuple):
    """A block by its numbers: objects of ``ipaddress`` take ten times as long."""

    version: int
    first: int
    last: int


def _spans(blocks: Iterable[str]) -> list[_Span]:
    found = (network(one) for one in blocks)
    return [
        _Span(one.version, int(one.network_address), int(one.broadcast_address)) for one in found
    ]


def _trie(leaves: Sequence[_Span], forbidden: Sequence[_Span]) -> _Node:
    """The trie of disjoint blocks, which are sorted by IP version and address."""
    first, last = leaves[0], leaves[-1]
    if len(leaves) == 1:
        given = first.last - first.first + 1
        return _Node(first.version, first.first, given.bit_length() - 1, 0, given=given)
    if first.version != last.version:
        cut = bisect_left(leaves, last.version, key=lambda one: one.version)
        return _Node(
            0, 0, 0, None, (_trie(leaves[:cut], forbidden), _trie(leaves[cut:], forbidden))
        )
    bits = (first.first ^ last.first).bit_length()
    begin = first.first >> bits << bits
    end = begin + (1 << bits) - 1
    cut = bisect_left(leaves, begin + (1 << bits - 1), key=lambda one: one.first)
    near = [
        one
        for one in forbidden
        if one.version == first.version and one.first <= end and one.last >= begin
    ]
    halves = _trie(leaves[:cut], near), _trie(leaves[cut:], near)
    given = sum(half.given for half in halves)
    whole = None if near else (1 << bits) - given
    return _Node(first.version, begin, bits, whole, halves, given=given)

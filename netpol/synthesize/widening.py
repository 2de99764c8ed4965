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

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from netpol.net import IPNetwork, network, overlaps
from netpol.synthesize.cidrs import cover_addresses

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
    root = _trie([network(one) for one in exact], tuple(forbidden))
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

    text: str
    """Empty: both IP versions, which no block holds."""
    whole: int | None
    """Addresses that are opened for nothing where it is written whole; None: it must not be."""
    halves: tuple[_Node, ...] = ()
    frontier: Frontier = field(default_factory=list)

    def fill(self, most: int, limit: float) -> None:
        """The frontiers here and below, up to so many blocks and so many addresses."""
        best: dict[int, int] = {}
        if self.whole is not None and self.whole <= limit:
            best[1] = self.whole
        if self.halves:
            left, right = self.halves
            left.fill(most, limit)
            right.fill(most, limit)
            for some, price in left.frontier:
                for more, other in right.frontier:
                    count, total = some + more, price + other
                    if count > most:
                        break
                    if total <= limit and total < best.get(count, total + 1):
                        best[count] = total
        self.frontier = _worthwhile(best)

    def write(self, state: tuple[int, int], into: list[str]) -> None:
        """The blocks of one state of the frontier."""
        if state == (1, self.whole):
            into.append(self.text)
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


def _worthwhile(best: dict[int, int]) -> Frontier:
    frontier: Frontier = []
    for count in sorted(best):
        if not frontier or best[count] < frontier[-1][1]:
            frontier.append((count, best[count]))
    return frontier


def _trie(leaves: Sequence[IPNetwork], forbidden: Sequence[str]) -> _Node:
    """The trie of disjoint blocks, which are sorted by IP version and address."""
    first, last = leaves[0], leaves[-1]
    if len(leaves) == 1:
        return _Node(str(first), 0)
    if first.version != last.version:
        cut = next(place for place, one in enumerate(leaves) if one.version == last.version)
        return _Node("", None, (_trie(leaves[:cut], forbidden), _trie(leaves[cut:], forbidden)))
    bits = (int(first.network_address) ^ int(last.network_address)).bit_length()
    whole = first.supernet(new_prefix=first.max_prefixlen - bits)
    middle = int(whole.network_address) + (1 << bits - 1)
    cut = bisect_left(leaves, middle, key=lambda one: int(one.network_address))
    near = [one for one in forbidden if overlaps(str(whole), one)]
    given = sum(one.num_addresses for one in leaves)
    return _Node(
        str(whole),
        None if near else whole.num_addresses - given,
        (_trie(leaves[:cut], near), _trie(leaves[cut:], near)),
    )

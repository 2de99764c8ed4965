"""Lists of addresses as clouds have them, and the greedy way to shorten one: a baseline.

Greedy joins, again and again, the two neighbouring blocks whose common block opens the fewest
addresses that nobody used, until so few are left. Each joint looks cheap; a block that was opened
for it is never given back, which is why it may open more than needed in the end.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from random import Random

from netpol.net import network
from netpol.synthesize.cidrs import cover_addresses

__all__ = ["cloud", "greedy"]


def cloud(count: int, seed: int) -> list[str]:
    """So many public IPv4 addresses: dense beginnings of small networks in a few large ones."""
    chance = Random(seed)
    large = [chance.randrange(1 << 16) << 16 for _ in range(4)]
    small = [
        chance.choice(large) + (chance.randrange(256) << 8) for _ in range(max(4, count // 40))
    ]
    found = set[int]()
    while len(found) < count:
        found.add(chance.choice(small) + min(int(chance.expovariate(1 / 40)), 255))
    return [".".join(str(one >> shift & 255) for shift in (24, 16, 8, 0)) for one in sorted(found)]


def greedy(addresses: list[str], most: int) -> tuple[int, int]:
    """(blocks, addresses opened for nothing)."""
    blocks = [network(one) for one in cover_addresses(addresses)]
    line = _Line(
        first=[int(one.network_address) for one in blocks],
        size=[one.num_addresses for one in blocks],
        before=list(range(-1, len(blocks) - 1)),
        after=list(range(1, len(blocks) + 1)),
    )
    for place in range(len(blocks) - 1):
        line.offer(place)
    left, opened = len(blocks), 0
    while left > most and line.heap:
        gone, more = line.join()
        left, opened = left - gone, opened + more
    return left, opened


@dataclass(slots=True)
class _Line:
    """Blocks by place, each with its neighbours' places; a size of 0: it is in another one."""

    first: list[int]
    size: list[int]
    before: list[int]
    after: list[int]
    heap: list[tuple[int, int, int, int]] = field(default_factory=list)
    """(price, left place, right place, bits of the common block): what could be joined."""

    def bits(self, left: int, right: int) -> int:
        return (self.first[left] ^ (self.first[right] + self.size[right] - 1)).bit_length()

    def offer(self, left: int) -> None:
        if left >= 0 and (right := self.after[left]) < len(self.first):
            bits = self.bits(left, right)
            price = (1 << bits) - self.size[left] - self.size[right]
            heapq.heappush(self.heap, (price, left, right, bits))

    def join(self) -> tuple[int, int]:
        """(blocks fewer, addresses more) by the cheapest joint; nothing where it is outdated."""
        _, left, right, bits = heapq.heappop(self.heap)
        outdated = not (self.size[left] and self.size[right]) or self.after[left] != right
        if outdated or self.bits(left, right) != bits:
            return 0, 0
        begin = self.first[left] >> bits << bits
        while self.before[left] >= 0 and self.first[self.before[left]] >= begin:
            left = self.before[left]
        place, given, gone = left, 0, -1
        while place < len(self.first) and self.first[place] < begin + (1 << bits):
            given, gone = given + self.size[place], gone + 1
            self.size[place], place = 0, self.after[place]
        self.first[left], self.size[left], self.after[left] = begin, 1 << bits, place
        if place < len(self.first):
            self.before[place] = left
        self.offer(left)
        self.offer(self.before[left])
        return gone, (1 << bits) - given

"""Sets of small numbers kept in one whole number: the fastest plain sets up to some 50,000 bits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["bits", "members"]


def bits(numbers: Iterable[int]) -> int:
    """The set of these numbers."""
    found = 0
    for number in numbers:
        found |= 1 << number
    return found


def members(found: int) -> Iterator[int]:
    """The numbers in the set, ascending; linear in the width of the set, dense or not."""
    text = bin(found)[:1:-1]
    place = text.find("1")
    while place >= 0:
        yield place
        place = text.find("1", place + 1)

"""Chance that is the same everywhere: seeded by name, so that one change does not stir the rest.

Only `Random.random` is used, the one method whose sequence Python promises to keep.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

# Kubernetes makes random names from these letters: no vowels, so no words.
LETTERS = "bcdfghjklmnpqrstvwxz2456789"


class Dice:
    """Throws that depend on the name alone."""

    def __init__(self, name: str) -> None:
        self._random = random.Random(f"shop:{name}").random

    def chance(self, share: float) -> bool:
        return self._random() < share

    def between(self, low: int, high: int) -> int:
        """Give a whole number, both ends included."""
        return low + int(self._random() * (high - low + 1))

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.between(0, len(choices) - 1)]


def digest(name: str) -> str:
    return hashlib.sha256(f"shop:{name}".encode()).hexdigest()


def number(name: str, low: int, high: int) -> int:
    """Give the number in [low, high] that belongs to this name."""
    return low + int(digest(name)[:16], 16) % (high - low + 1)


def letters(name: str, length: int) -> str:
    """Give the random-looking suffix that belongs to this name."""
    return "".join(LETTERS[number(f"{name}/{i}", 0, len(LETTERS) - 1)] for i in range(length))


def uid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"shop.example.org/{name}"))


def mac(name: str) -> str:
    octets = [number(f"{name}/mac/{i}", 0, 255) for i in range(6)]
    octets[0] = octets[0] & 0xFC | 0x02  # locally administered, not multicast
    return ":".join(f"{octet:02x}" for octet in octets)

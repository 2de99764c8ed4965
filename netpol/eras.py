"""Stretches of time in which an address means the same, for sources that know addresses only.

Such a source folds flows together that are alike, so it must not fold over the time at which an
address changed hands, or the pods behind a Service did. It folds per era and attribution asks once
per era, whatever the number of records.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import TypeAlias

from netpol.addresses import GUARD, AddressBook
from netpol.inventory import Inventory
from netpol.services import backends

__all__ = ["Era", "always", "eras"]

Era: TypeAlias = Callable[[str, int], int]
"""(address in canonical text, nanoseconds since the epoch) → when the era began, likewise."""


def always(address: str, time: int) -> int:
    """The era where no dates are known: there is one."""
    return 0


def eras(inventory: Inventory, guard: int = GUARD) -> Era:
    """The eras of the addresses of an inventory; ``guard`` as in :class:`AddressBook`."""
    book, services = AddressBook(inventory=inventory, guard=guard), backends(inventory, guard)
    known: dict[str, tuple[int, ...]] = {}

    def era(address: str, time: int) -> int:
        cuts = known.get(address)
        if cuts is None:
            cuts = tuple(sorted({*book.cuts(address), *services.cuts(address)}))
            known[address] = cuts
        place = bisect_right(cuts, time)
        return cuts[place - 1] if place else 0

    return era

"""What a stretch of an input amounts to, in a form that adds up and travels between processes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final

from capture.inputs import named
from capture.source import Reading
from netpol.answers import HOUR
from netpol.eras import Era, eras
from netpol.flow import Account, Flow
from netpol.inventory import Inventory
from netpol.notices import Notice
from netpol.store import Told
from netpol.store.shape import Edge, Flows, Total, add, parts_of

__all__ = ["Folded", "Settings", "fold", "renumbered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a fold needs to know beside the input."""

    inventory: Inventory
    guard: int
    """Nanoseconds by which the clocks of flows and inventory may differ."""
    at: int | None = None
    """As in :class:`capture.source.Reading`."""

    def era(self) -> Era:
        """The eras of addresses; made where it is used, as functions do not travel."""
        return eras(self.inventory, self.guard)


@dataclass(slots=True, kw_only=True)
class Folded:
    """Edges with their evidence, where the records went, and what was told.

    Two of them add up to what one fold over both inputs would give, in any order.
    """

    edges: dict[Edge, Total] = field(default_factory=dict)
    account: Account = field(default_factory=Account)
    told: Told = field(default_factory=Told)

    def add(self, other: Folded) -> None:
        """Take another one in."""
        edges = self.edges
        for edge, total in other.edges.items():
            known = edges.get(edge)
            edges[edge] = total if known is None else add(known, total)
        self.account.add(other.account)
        self.told.counts.update(other.told.counts)
        self.told.kept += other.told.kept

    def flows(self) -> list[Flow]:
        """The flows again, sorted."""
        made = Flows()
        return [made.of(*one) for one in sorted(self.edges.items())]


def fold(stream: BinaryIO, source: str, where: str, era: Era, at: int | None) -> Folded:
    """What ``stream`` amounts to."""
    found = Folded()
    found.account.sources.add(source)
    reading = Reading(
        where=where,
        tell=found.told.tell,
        account=found.account,
        era=era,
        at=at,
        longest=HOUR,
    )
    for flow in named(source).read(stream, reading):
        edge, total = parts_of(flow, era)
        known = found.edges.get(edge)
        found.edges[edge] = total if known is None else add(known, total)
    return found


_NUMBER: Final = re.compile(r":(\d+)")


def renumbered(told: Iterable[Notice], where: str, line: Callable[[int], int]) -> list[Notice]:
    """Notices about lines of ``where``, with the numbers that ``line`` gives them."""
    return [
        replace(one, where=f"{where}:{line(int(found[1]))}{one.where[found.end() :]}")
        if one.where.startswith(where) and (found := _NUMBER.match(one.where, len(where)))
        else one
        for one in told
    ]

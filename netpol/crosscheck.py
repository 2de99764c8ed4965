"""Names in flows held against the inventory: do pods have the addresses that sources show?

Names win: a source that names a pod knows it from the datapath, addresses change hands. But where
the two disagree, something is wrong that a person should know of: an inventory of another cluster
or of another time, a source that names late, or clocks that differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from netpol.addresses import AddressBook
from netpol.flow import Flow, Sighting
from netpol.inventory import Node, Pod

__all__ = ["CrossCheck", "cross_check"]

_LONGEST: Final = 300_000_000_000
"""Nanoseconds. Clocks that differ by more are no clocks; the pod had the address another time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossCheck:
    """What came of it."""

    compared: int = 0
    """Sightings of pods at addresses of which the inventory says who had them then."""
    disagreements: tuple[tuple[Sighting, str], ...] = ()
    """Those where it was somebody else, and who: sorted."""
    skew: int = 0
    """By how many nanoseconds, at the most, flows are outside of their pods' own time."""
    beyond: int = 0
    """For how many nanoseconds sides that are known by address alone were seen after the newest
    time of which the inventory tells: who was there then may not be any more."""


def cross_check(flows: Iterable[Flow], book: AddressBook, last: int = 0) -> CrossCheck:
    """Compare every sighting of the flows with the inventory.

    ``last``: until when others were seen that are known by their address alone.
    """
    flows = list(flows)
    compared, skew = 0, 0
    disagreements: list[tuple[Sighting, str]] = []
    for seen in {one for flow in flows for one in flow.sightings}:
        off = book.away(seen.address, (seen.namespace, seen.pod), seen.time)
        skew = max(skew, off if off <= _LONGEST else 0)
        holder = book.holder(seen.address, seen.time)
        if isinstance(holder, Pod | Node):
            compared += 1
            if _name(holder) != (seen.namespace, seen.pod):
                disagreements.append((seen, "/".join(filter(None, _name(holder)))))
    return CrossCheck(
        compared=compared,
        disagreements=tuple(sorted(disagreements)),
        skew=skew,
        beyond=_beyond(flows, book.inventory.until, last),
    )


def _beyond(flows: Iterable[Flow], until: int, last: int) -> int:
    loose = (
        flow.last
        for flow in flows
        for side in (flow.client, flow.server)
        if side.ip and not (side.namespace or side.entities)
    )
    return max(0, max(loose, default=0) - until, last - until) if until else 0


def _name(holder: Pod | Node) -> tuple[str, str]:
    return (holder.namespace, holder.name) if isinstance(holder, Pod) else ("", holder.name)

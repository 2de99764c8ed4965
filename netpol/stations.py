"""Addresses at which two judges must be compared by who is there, not by the address alone.

Engines differ in how rules reach a node or an API server: by its address, or as an entity that no
CIDR matches (docs/semantics.md#address-blocks). So what two policy sets do about such an address is
asked of the party that the inventory knows there. A DNS name is asked about as a name of an
ordinary address of the internet, since nobody is without one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import pairwise

from netpol.evaluate import Judge, Span
from netpol.evaluate.space import bounds
from netpol.net import NOT_INTERNET, is_public
from netpol.peers import Cidr, Entity

__all__ = ["Station", "ordinary", "stations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """Addresses of nodes or API servers that are alike to both judges; one speaks for all."""

    peer: Cidr
    spans: tuple[Span, ...]
    """Each of one address, sorted."""
    entities: tuple[Entity, ...]
    """What they are to either judge."""


def stations(old: Judge, new: Judge) -> tuple[Station, ...]:
    """The addresses of nodes and API servers that either world knows."""
    groups: dict[object, list[str]] = {}
    names: dict[object, frozenset[str]] = {}
    for address in sorted(set(_known(old)) | set(_known(new)), key=bounds):
        was, now = old.compiled.standing(address), new.compiled.standing(address)
        groups.setdefault((was, now), []).append(address)
        names[was, now] = was[0].entities | now[0].entities
    return tuple(
        Station(
            peer=Cidr(found[0]),
            spans=tuple(map(bounds, found)),
            entities=tuple(map(Entity, sorted(names[key] - {"world"}))),
        )
        for key, found in groups.items()
    )


def _known(judge: Judge) -> frozenset[str]:
    return judge.world.nodes | judge.world.api_servers


def ordinary(old: Judge, new: Judge) -> Cidr:
    """The first address of the widest part of the internet that no rule cuts and nobody is at."""
    edges = {edge for judge in (old, new) for edge in _edges(judge)}
    private = [bounds(block) for block in NOT_INTERNET]
    edges.update(edge for span in private if span[0] == 4 for edge in span[1:])
    edges.update(last + 1 for version, _, last in private if version == 4)
    parts = [(first - beyond, first) for first, beyond in pairwise(sorted(edges))]
    return next(at for _, first in sorted(parts) if is_public((at := _address(first)).cidr))


def _edges(judge: Judge) -> Iterator[int]:
    """Where a part of the IPv4 addresses begins."""
    spans: Iterable[Span] = (piece[:3] for piece in judge.compiled.everyone.space)
    for version, first, last in (*spans, *map(bounds, _known(judge))):
        if version == 4:
            yield from (first, last + 1)


def _address(number: int) -> Cidr:
    return Cidr(f"{IPv4Address(number)}/32")

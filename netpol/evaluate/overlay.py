"""Answers of several judges, side by side."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from itertools import groupby, pairwise
from operator import itemgetter
from typing import TypeAlias, TypeVar

from netpol.evaluate.abroad import Abroad, Span
from netpol.net import NO_PORTS, PortSet

__all__ = ["aligned", "overlaid", "views_at"]

_Table: TypeAlias = list[tuple[Span, PortSet]]
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def aligned(
    left: Iterable[tuple[_Key, _Value]],
    right: Iterable[tuple[_Key, _Value]],
    rank: Callable[[_Key], object],
    missing: _Value,
) -> Iterator[tuple[_Key, _Value, _Value]]:
    """Two streams that ascend by rank, side by side; ``missing`` where one lacks a key."""

    def tagged(
        side: int, stream: Iterable[tuple[_Key, _Value]]
    ) -> Iterator[tuple[object, _Key, int, _Value]]:
        return ((rank(key), key, side, one) for key, one in stream)

    both = merge(tagged(0, left), tagged(1, right), key=itemgetter(0))
    for _, group in groupby(both, key=itemgetter(0)):
        found = list(group)
        sides = {side: one for _, _, side, one in found}
        yield found[0][1], sides.get(0, missing), sides.get(1, missing)


def overlaid(views: Iterable[Abroad]) -> Iterator[tuple[Span, tuple[PortSet, ...]]]:
    """Address space cut where any view cuts it, with what each one says there."""
    tables = [_table(view) for view in views]
    for version in (4, 6):
        spans = [span for table in tables for span, _ in table if span[0] == version]
        edges = sorted({edge for _, first, last in spans for edge in (first, last + 1)})
        for first, beyond in pairwise(edges):
            span = version, first, beyond - 1
            yield span, tuple(_at(table, span) for table in tables)


def views_at(views: Iterable[Abroad], span: Span) -> tuple[PortSet, ...]:
    """What each view says of a span that none of them cuts."""
    return tuple(_at(_table(view), span) for view in views)


def _table(view: Abroad) -> _Table:
    every = ((span, ports) for ports, spans in view.items() for span in spans)
    return sorted(every, key=itemgetter(0))


def _at(table: _Table, span: Span) -> PortSet:
    """What a view says of a span that it does not cut."""
    place = bisect_right(table, span[:2], key=lambda entry: entry[0][:2]) - 1
    if place < 0 or table[place][0][0] != span[0] or table[place][0][2] < span[1]:
        return NO_PORTS
    return table[place][1]

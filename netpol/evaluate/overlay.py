"""Several views of all addresses, side by side."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from operator import itemgetter
from typing import TypeAlias

from netpol.evaluate.abroad import Abroad, Span
from netpol.net import NO_PORTS, PortSet

__all__ = ["overlaid", "views_at"]

_Table: TypeAlias = list[tuple[Span, PortSet]]


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

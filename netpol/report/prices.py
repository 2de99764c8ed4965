"""The prices of levels, as rows and as lines under the certificate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from netpol.choices import Patterned, Widened
from netpol.peers import label
from netpol.prices import Price

__all__ = [
    "patterned_rows",
    "patterned_text",
    "price_rows",
    "prices_text",
    "widened_rows",
    "widened_text",
]


def price_rows(prices: Iterable[Price]) -> list[dict[str, Any]]:
    """One object per level, the finest first."""
    return [asdict(one) for one in prices]


def prices_text(prices: Iterable[Price]) -> Iterator[str]:
    """A line per level; none where there is nothing to compare."""
    prices = tuple(prices)
    if len(prices) < 2:
        return
    yield "\n  What each level costs:"
    for one in prices:
        yield (
            f"    {one.level:<10}{one.policies:>6,} policies {one.rules:>6,} rules"
            f" {one.lines:>8,} lines {one.unobserved:>8,} unobserved tuples open,"
            f" {one.outside:,} more to the outside"
        )


def widened_rows(widened: Iterable[Widened]) -> list[dict[str, Any]]:
    """One object per list of outside addresses that holds more than was seen."""
    return [
        {
            "workload": label(one.workload),
            "direction": one.direction,
            "ports": str(one.ports),
            "blocks": list(one.blocks),
            "addresses": one.addresses,
        }
        for one in widened
    ]


def widened_text(widened: Iterable[Widened]) -> Iterator[str]:
    """A line per list; none where every address was seen."""
    widened = tuple(widened)
    if widened:
        total = sum(one.addresses for one in widened)
        yield f"\n  Opened outside for shorter lists, {total:,} addresses that nobody used:"
    for one in widened:
        yield (
            f"    {label(one.workload)} {one.direction} {one.ports}: {one.addresses:,} in"
            f" {', '.join(one.blocks)}"
        )


def patterned_rows(patterned: Iterable[Patterned]) -> list[dict[str, Any]]:
    """One object per pattern of DNS names."""
    return [
        {
            "workload": label(one.workload),
            "pattern": one.pattern,
            "ports": str(one.ports),
            "names": list(one.names),
        }
        for one in patterned
    ]


def patterned_text(patterned: Iterable[Patterned]) -> Iterator[str]:
    """A line per pattern; none where every name was seen."""
    patterned = tuple(patterned)
    if patterned:
        yield "\n  Opened outside by patterns, every name that they match, seen or not:"
    for one in patterned:
        seen = f"in the place of {', '.join(one.names)}" if one.names else "as the flow log has it"
        yield f"    {label(one.workload)} {one.ports} → {one.pattern}, {seen}"

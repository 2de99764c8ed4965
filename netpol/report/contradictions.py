"""Contradictions between sources, as rows and as text."""

from __future__ import annotations

from collections.abc import Iterable

from netpol.contradictions import contradictions
from netpol.learn import Learned
from netpol.report.rows import Row, connection_row

__all__ = ["contradiction_rows", "contradictions_text"]


def contradiction_rows(learned: Learned) -> list[Row]:
    """Row and ``said``: signals by source; accepted and held connections alike."""
    edges = [*learned.accepted, *((one.connection, one.evidence) for one in learned.held)]
    return [
        {
            **connection_row(one.connection),
            "said": {source: list(signals) for source, signals in one.said.items()},
        }
        for one in contradictions(edges)
    ]


def contradictions_text(rows: Iterable[Row]) -> Iterable[str]:
    """A line per connection, from the rows of JSON."""
    rows = list(rows)
    if rows:
        yield "\n  Sources contradict each other:"
    for row in rows:
        said = "; ".join(f"{source}: {', '.join(what)}" for source, what in row["said"].items())
        yield f"    {row['client']} → {row['server']} {row['protocol']} {row['ports']}: {said}"

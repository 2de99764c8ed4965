"""What people decided, and what they should look at: rows and lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netpol.decisions import Decided, Decision
from netpol.doubts import Doubt
from netpol.graph import Connection
from netpol.report.rows import Row, connection_row

__all__ = [
    "decided_rows",
    "decided_text",
    "decision_object",
    "decisions_of",
    "doubt_rows",
    "doubt_text",
    "named",
]

_SHOWN = 3
"""Connections that are named on a line."""


def decided_rows(decided: Decided) -> list[Row]:
    """Connections that are taken or held because of a decision."""
    return [
        {**connection_row(connection), **decision_object(one)}
        for connection, one in sorted(decided.by.items(), key=lambda item: item[0].key)
    ]


def decision_object(one: Decision) -> Row:
    """Who decided what, when and why."""
    return {"decision": one.verdict, "by": one.by, "date": one.date, "why": one.why}


def decided_text(decided: Decided) -> Iterator[str]:
    """A line per decision that counts."""
    about = decisions_of(decided)
    if about:
        yield "\n  Decided by people:"
    for one, connections in about.items():
        verb = "allowed" if one.verdict == "allow" else "refused"
        yield f"    {verb} by {one.by} on {one.date}: {named(connections)}; {one.why}"


def decisions_of(decided: Decided) -> dict[Decision, list[Connection]]:
    """The decisions that count, each with what it is about, sorted by that."""
    about: dict[Decision, list[Connection]] = {}
    for connection, one in sorted(decided.by.items(), key=lambda item: item[0].key):
        about.setdefault(one, []).append(connection)
    return about


def doubt_rows(found: Iterable[Doubt]) -> list[Row]:
    """Accepted connections that a person should look at."""
    return [{**connection_row(c), "doubt": one.what} for one in found for c in one.connections]


def doubt_text(found: Iterable[Doubt]) -> Iterator[str]:
    """A line per kind."""
    found = tuple(found)
    if found:
        yield "\n  Accepted, and worth a look:"
    for one in found:
        yield f"    {one.what}: {named(one.connections)}"


def named(connections: Iterable[Connection]) -> str:
    """The first of them, and how many more there are."""
    every = [connection_row(one) for one in connections]
    texts = [f"{r['client']} → {r['server']} {r['protocol']} {r['ports']}" for r in every[:_SHOWN]]
    more = f" and {len(every) - _SHOWN:,} more" if len(every) > _SHOWN else ""
    return "; ".join(texts) + more

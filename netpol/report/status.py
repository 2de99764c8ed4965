"""What a store has learned so far, from whom, and what is missing: as text and as an object.

A section is a part of the report: what it adds to the object and the lines that say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from netpol.doubts import doubts
from netpol.enough import Enough
from netpol.learn import Learned
from netpol.peers import label
from netpol.report.enough import enough_object, enough_text
from netpol.report.judged import decided_rows, decided_text, doubt_rows, doubt_text
from netpol.report.printable import printable_lines
from netpol.report.rows import records_object, time_text
from netpol.report.words import count
from netpol.silence import silent

__all__ = ["Section", "Standing", "basics", "progress", "status_object", "status_text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What there is to report on."""

    learned: Learned
    inputs: int
    """So many inputs were taken in."""
    notices: dict[str, int] = field(default_factory=dict)
    """How often each code was told."""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the report."""

    members: dict[str, Any]
    lines: tuple[str, ...]


def status_object(sections: Iterable[Section]) -> dict[str, Any]:
    """What ``status --format json`` prints."""
    return {name: value for one in sections for name, value in one.members.items()}


def status_text(sections: Iterable[Section]) -> str:
    """The same to read."""
    return printable_lines(line for one in sections for line in one.lines)


def basics(standing: Standing) -> Iterator[Section]:
    """What was learned, when, from whom, and what could not be seen."""
    yield _learned(standing)
    yield _when(standing.learned)
    yield _sources(standing.learned)
    yield _missing(standing)


def progress(learned: Learned, found: Enough) -> Iterator[Section]:
    """Whether it is enough, what people decided, and what they should look at."""
    yield Section({"enough": enough_object(found)}, tuple(enough_text(found)))
    odd, decided = doubts(learned), learned.decided
    yield Section({"decided": decided_rows(decided)}, tuple(decided_text(decided)))
    yield Section({"doubts": doubt_rows(odd)}, tuple(doubt_text(odd)))


def _learned(standing: Standing) -> Section:
    learned = standing.learned
    r = learned.records
    members = {
        "records": records_object(r),
        "inputs": standing.inputs,
        "connections": len(learned.accepted),
        "held_connections": len(learned.held) + len(learned.unattributed),
        "attributed_share": round(learned.attributed_share, 6),
    }
    line = (
        f"Learned from {r.connections:,} of {r.read:,} records of"
        f" {count(standing.inputs, 'input')}: {len(learned.accepted):,} connections;"
        f" {r.held:,} held, {r.other:,} about no connection"
    )
    return Section(members, (line,))


def _when(learned: Learned) -> Section:
    evidence = [found for _, found in learned.accepted]
    hours = frozenset(hour for found in evidence for hour in found.hours)
    first = min((found.first for found in evidence if found.first is not None), default=None)
    last = max((found.last for found in evidence if found.last is not None), default=None)
    newest = max((found.first for found in evidence if found.first is not None), default=None)
    days = {hour // 24 for hour in hours}
    members = {
        "first": time_text(first),
        "last": time_text(last),
        "newest_connection": time_text(newest),
        "hours": len(hours),
        "days": len(days),
    }
    if first is None:
        return Section(members, ("Seen: nothing that is needed",))
    seen = (
        f"Seen from {members['first']} to {members['last']}: in {count(len(hours), 'hour')} of"
        f" {count(len(days), 'day')}"
    )
    newest_text = f"The newest connection was first seen at {members['newest_connection']}"
    return Section(members, (seen, newest_text))


def _sources(learned: Learned) -> Section:
    counts: dict[str, int] = {}
    for _, found in learned.accepted:
        for source, records in found.sources:
            counts[source] = counts.get(source, 0) + records
    lines = [f"From {source}: {records:,} records" for source, records in sorted(counts.items())]
    return Section({"sources": dict(sorted(counts.items()))}, tuple(lines))


def _missing(standing: Standing) -> Section:
    learned = standing.learned
    quiet = sorted(map(label, silent(learned)))
    members = {
        "lost_events": learned.lost_events,
        "blind_spots": {source: list(texts) for source, texts in learned.blind_spots.items()},
        "silent_workloads": quiet,
        "notices": dict(sorted(standing.notices.items())),
    }
    lines = [f"Lost by the sources: {learned.lost_events:,} events"] if learned.lost_events else []
    if quiet:
        lines.append(f"No traffic seen of {count(len(quiet), 'workload')}: {', '.join(quiet)}")
    lines += [f"Blind spots of {s}: {'; '.join(texts)}" for s, texts in learned.blind_spots.items()]
    return Section(members, tuple(lines))

"""What is held, with its reason and what would decide it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from netpol.addresses import GONE, LATER, NOBODY, SEVERAL
from netpol.learn import Learned
from netpol.report.rows import Row, connection_row, unattributed_row
from netpol.report.words import count

__all__ = ["held_rows", "held_text"]

_RECORD: Final = "record the inventory while flows are recorded (netpol inventory record)"

HINTS: Final = {
    SEVERAL.reason: "where the clocks differ by less, say so with --clock-skew",
    GONE.reason: _RECORD,
    LATER.reason: f"add an inventory of that time (--inventory); {_RECORD}",
    NOBODY.reason: f"add an inventory of that time (--inventory); {_RECORD}",
    "its address changed hands while the flow was seen": "give the recorded inventory when the"
    " flows are read, so that they are kept apart by time",
    "an unknown address in the pod range": f"add an inventory of that time; {_RECORD}",
    "a Service address that leads to no one workload": "add EndpointSlices of that time"
    " (--inventory), or the flows of a source that sees pods behind Services",
    "unknown identity": "add an inventory with nodes, pods and Services (--inventory), so that"
    " it is known which addresses are the cluster's",
    "several workloads fit": "add an inventory (--inventory) with the pods of that time",
    "no known pod has these labels": "add an inventory (--inventory) with the pods of that time",
    "a pod without name or labels": "add an inventory (--inventory) with the pods of that time",
    "no namespace can have that name": "look at what wrote the record: the API server refuses it",
    "who opened it is not known": "record longer: one connection seen from its beginning tells",
    "not answered": "if it is needed, see to it that it works while flows are recorded",
    "refused by the server": "if it is needed, see to it that it works while flows are recorded",
    "denied by policy": "if it is needed, allow it, and record again",
}
"""What a person can do, by reason; of the others, what they say themselves."""


def held_rows(learned: Learned) -> list[Row]:
    """Every held connection: row, reason, hint and records."""
    found = [
        ({**connection_row(one.connection), "reason": one.reason}, one.evidence.records)
        for one in learned.held
    ]
    found += [
        (unattributed_row(one), one.evidence.records)
        for one in learned.unattributed
        if not one.beside
    ]
    return [
        {**row, "hint": HINTS.get(row["reason"], ""), "records": records} for row, records in found
    ]


def held_text(rows: Iterable[Row]) -> Iterable[str]:
    """A line per reason: how much, one example, and what would decide it; from JSON's rows."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["reason"]].append(row)
    if groups:
        yield "\n  Held, not taken as needed:"
    for reason, held in sorted(groups.items(), key=lambda item: -_records(item[1])):
        most = max(held, key=lambda row: int(row["records"]))
        yield (
            f"    {reason}: {count(len(held), 'connection')}, {count(_records(held), 'record')};"
            f" {most['client']} → {most['server']} {most['protocol']} {most['ports']}"
        )
        if most["hint"]:
            yield f"      {most['hint']}"


def _records(rows: Iterable[Row]) -> int:
    return sum(int(row["records"]) for row in rows)

"""What is there already, as JSON and as text: findings with their evidence, and conflicts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from netpol.certificate import Denied
from netpol.existing import Excess, Remark
from netpol.report.certificates import blame
from netpol.report.lint import finding_rows, findings_text
from netpol.report.printable import printable
from netpol.report.rows import Row, connection_row, evidence_object, rows

__all__ = ["conflict_rows", "existing_text", "remark_rows"]


def remark_rows(remarks: Iterable[tuple[Remark, str]]) -> list[Row]:
    """Each finding; of a rule that opens too much also what, for whom it is, what would do."""
    return [
        {
            **finding_rows([one.finding])[0],
            **(_excess(one.excess, replacement) if one.excess else {}),
        }
        for one, replacement in remarks
    ]


def _excess(one: Excess, replacement: str) -> dict[str, Any]:
    return {
        "direction": one.at.direction,
        "rule": one.at.number,
        "opens": [row for c in one.opens for row in rows(c.client, c.server, c.opened)],
        "serves": [
            {**connection_row(connection), "evidence": evidence_object(evidence)}
            for connection, evidence in one.serves
        ],
        "held": dict(one.held),
        "replacement": replacement,
    }


def conflict_rows(conflicts: Iterable[Denied]) -> list[Row]:
    """What is needed and denied explicitly: the row, by what, and the evidence."""
    return [
        {
            **connection_row(one.connection),
            "by": blame(one.decision) or "not known: a policy was not understood",
            "evidence": evidence_object(one.evidence),
        }
        for one in conflicts
    ]


def existing_text(where: str, policies: int, found: list[Row], conflicts: list[Row]) -> str:
    """A paragraph per code, the narrower rules, and what cannot be opened."""
    head = f"\nThere already, in {printable(where)}: {policies:,} policies\n"
    narrower = "".join(
        f"\nIn place of {row['direction']} rule {row['rule']} of {printable(row['policy'])}:\n"
        + "".join(f"      {line}\n" for line in row["replacement"].splitlines())
        for row in found
        if row.get("replacement")
    )
    against = "".join(
        f"      {row['client']} → {row['server']} {row['protocol']} {row['ports']}: {row['by']}\n"
        for row in map(_printable, conflicts)
    )
    if against:
        against = f"\nNP152 Denied explicitly, so that nothing proposed can open it:\n{against}"
    return head + findings_text(found) + narrower + against


def _printable(row: Row) -> Row:
    return {
        key: printable(value) if isinstance(value, str) else value for key, value in row.items()
    }

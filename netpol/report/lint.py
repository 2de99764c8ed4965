"""Findings as JSON and as text: each code once, with how often and a few examples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from netpol.catalogue import CATALOGUE
from netpol.lint import Finding
from netpol.report.printable import printable
from netpol.report.rows import Row

__all__ = ["finding_rows", "findings_text"]

_EXAMPLES: Final = 3


def finding_rows(findings: Iterable[Finding]) -> list[Row]:
    """All of them: code, policy, origin and message."""
    return [
        {"code": one.code, "policy": one.policy, "origin": one.origin, "message": one.message}
        for one in findings
    ]


def findings_text(found: Iterable[Row]) -> str:
    """A paragraph per code: title and first cases; empty when there is none."""
    by_code: dict[str, list[Row]] = {}
    for row in found:
        by_code.setdefault(row["code"], []).append(row)
    parts = [_paragraph(code, rows) for code, rows in by_code.items()]
    return "\nFindings (`netpol explain CODE` says more):\n" + "".join(parts) if parts else ""


def _paragraph(code: str, rows: list[Row]) -> str:
    times = f" ({len(rows)}×)" if len(rows) > 1 else ""
    lines = [f"{code} {CATALOGUE[code].title}{times}"]
    lines += [f"      {printable(_said(row))}" for row in rows[:_EXAMPLES]]
    if len(rows) > _EXAMPLES:
        lines.append(f"      … {len(rows) - _EXAMPLES:,} more (--format json lists them)")
    return "".join(line + "\n" for line in lines)


def _said(row: Row) -> str:
    return f"{row['policy']}: {row['message']}"

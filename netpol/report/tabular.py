"""Lines of texts as a plain table, as Markdown and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

from netpol.report.printable import printable

__all__ = ["aligned", "csv_text", "markdown_table"]


def aligned(lines: Iterable[Sequence[str]], indent: str = "") -> str:
    """Columns padded to their widest text, two spaces apart; nothing is cut or wrapped."""
    lines = [[printable(text) for text in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = (
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True))
        for line in lines
    )
    return "".join(f"{indent}{line}".rstrip() + "\n" for line in padded)


def markdown_table(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table as GitHub and GitLab draw it; the texts stay in one cell each."""
    rows = [columns, ["---"] * len(columns), *lines]
    return "".join(f"| {' | '.join(map(_cell, row))} |\n" for row in rows)


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|")


def csv_text(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Comma-separated values (RFC 4180, but lines end in a newline only)."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(lines)
    return out.getvalue()

"""What opens and what closes: after ``terraform plan``, as Markdown, CSV and rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Final, TypeAlias

from netpol.changes import Change
from netpol.net import PortSet
from netpol.peers import label
from netpol.report.blocks import together
from netpol.report.rows import Row, rows
from netpol.report.tabular import aligned, csv_text, markdown_table
from netpol.report.words import count, set_words

__all__ = [
    "Observed",
    "change_rows",
    "closing_observed",
    "diff_csv",
    "diff_markdown",
    "diff_text",
]

_SIGNS: Final = {"opened": "+", "closed": "-", "undecided": "?"}
_ROW: Final = ("change", "client", "server", "protocol", "ports")


Observed: TypeAlias = Callable[[Change, PortSet], int]
"""So many accepted records were seen of these ports of a changed pair."""


def change_rows(changes: Iterable[Change], observed: Observed | None = None) -> list[Row]:
    """What ``diff --format json`` prints: the usual rows with ``change``, sorted.

    Undecided ports have no rows of their own. With ``observed``, each row says the records.
    """
    every = [
        {"change": kind, **row, **({"observed": observed(one, ports)} if observed else {})}
        for one in changes
        for kind, ports in _kinds(one)
        if kind != "undecided"
        for row in rows(one.client, one.server, ports)
    ]
    # Within a pair: opened first, the protocols in the order of netpol.net.PROTOCOLS.
    return sorted(every, key=lambda row: (row["client"], row["server"], row["change"] == "closed"))


def diff_csv(changes: Iterable[Change], observed: Observed | None = None) -> str:
    """The same rows, comma-separated."""
    columns = (*_ROW, "observed") if observed else _ROW
    return csv_text(
        columns, ([str(row[name]) for name in columns] for row in change_rows(changes, observed))
    )


def closing_observed(changes: Iterable[Change], observed: Observed) -> list[str]:
    """A line for each change that closes what was observed: the most often seen first."""
    found = [(observed(one, one.closed), one) for one in changes if one.closed]
    hit = sorted(
        (-records, label(one.client), label(one.server), set_words(one.closed))
        for records, one in found
        if records
    )
    return [
        f"{client} → {server} {ports}: {-records:,} records"
        for records, client, server, ports in hit
    ]


def diff_text(changes: Iterable[Change], workloads: int) -> str:
    """A block per server, a line per client that gains (``+``) or loses (``-``), and the sums."""
    lines = list(_lines(changes))
    if not lines:
        return f"No changes between {count(workloads, 'workload')}.\n"
    blocks = [
        f"{server}\n" + aligned([line[1:] for line in block], indent="  ")
        for server, block in groupby(lines, key=lambda line: line[0])
    ]
    return "\n".join(blocks) + f"\n{_sums(lines)} between {count(workloads, 'workload')}\n"


def diff_markdown(changes: Iterable[Change], workloads: int) -> str:
    """The sums, and a table line per server and client."""
    lines = list(_lines(changes))
    if not lines:
        return f"No changes between {count(workloads, 'workload')}.\n"
    table = markdown_table(
        ("change", "server", "client", "ports"),
        ([change, server, client, ports] for server, change, client, ports in lines),
    )
    return f"**{_sums(lines)}** between {count(workloads, 'workload')}\n\n{table}"


def _lines(changes: Iterable[Change]) -> Iterator[tuple[str, str, str, str]]:
    """(server, ``+ opened``, ``- closed`` or ``? undecided``, client, ports), by server, client."""
    parts = ((one.client, one.server, part) for one in changes for part in _kinds(one))
    for client, server, (kind, ports) in sorted(together(parts), key=lambda row: label(row[1])):
        yield label(server), f"{_SIGNS[kind]} {kind}", label(client), set_words(ports)


def _kinds(change: Change) -> Iterator[tuple[str, PortSet]]:
    every = (
        ("opened", change.opened),
        ("closed", change.closed),
        ("undecided", change.undecided),
    )
    return ((kind, ports) for kind, ports in every if ports)


def _sums(lines: Iterable[tuple[str, str, str, str]]) -> str:
    kinds = [change for _, change, _, _ in lines]
    unsure = kinds.count("? undecided")
    more = f", {unsure:,} undecided" if unsure else ""
    return f"{kinds.count('+ opened'):,} opened, {kinds.count('- closed'):,} closed{more}"

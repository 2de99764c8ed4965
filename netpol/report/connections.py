"""Everything that may talk to everything, as rows, a table, Markdown, CSV and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from netpol.evaluate import Row as Reach
from netpol.peers import label
from netpol.report import graphs
from netpol.report.blocks import together
from netpol.report.rows import Row, rows
from netpol.report.tabular import aligned, csv_text, markdown_table
from netpol.report.words import set_words

__all__ = [
    "connection_rows",
    "connections_csv",
    "connections_dot",
    "connections_markdown",
    "connections_mermaid",
    "connections_text",
]

_COLUMNS: Final = ("client", "server", "ports")
_ROW: Final = ("client", "server", "protocol", "ports")


def connection_rows(found: Iterable[Reach]) -> list[Row]:
    """What ``connections --format json`` prints: a row per pair and protocol, sorted."""
    every = [row for one in found for row in rows(one.client, one.server, one.ports)]
    # Within a pair the protocols keep the order of netpol.net.PROTOCOLS.
    return sorted(every, key=lambda row: (row["client"], row["server"]))


def connections_csv(found: Iterable[Reach]) -> str:
    """The same rows, comma-separated."""
    return csv_text(_ROW, ([row[name] for name in _ROW] for row in connection_rows(found)))


def connections_text(found: Iterable[Reach]) -> str:
    """A line per pair; address blocks that are treated alike share one."""
    lines = _lines(found)
    return aligned([_COLUMNS, *lines]) if lines else "no connection is allowed\n"


def connections_markdown(found: Iterable[Reach]) -> str:
    """The same lines as a Markdown table."""
    return markdown_table(_COLUMNS, _lines(found))


def _lines(found: Iterable[Reach]) -> list[Sequence[str]]:
    return [
        (label(client), label(server), set_words(ports))
        for client, server, ports in together(found)
    ]


def connections_dot(found: Iterable[Reach]) -> str:
    """A Graphviz picture."""
    return graphs.dot(_edges(found))


def connections_mermaid(found: Iterable[Reach]) -> str:
    """A Mermaid picture."""
    return graphs.mermaid(_edges(found))


def _edges(found: Iterable[Reach]) -> Any:  # noqa: ANN401
    # The pictures read client, server and ports of each edge: a Reach has the same.
    return cast("Any", [(Reach(*one), None) for one in together(found)])

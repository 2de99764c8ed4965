"""Tables that a person reads, drawn by rich."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

from netpol.graph import Evidence
from netpol.learn import Learned
from netpol.net import PortSet
from netpol.peers import Cidr, Peer, label
from netpol.report.contradictions import contradictions_text
from netpol.report.held import held_text
from netpol.report.lint import findings_text
from netpol.report.printable import printable, printable_lines
from netpol.report.rows import Row, connection_row, unattributed_row

if TYPE_CHECKING:
    from netpol.opened import Opened

__all__ = ["check_text", "graph_table", "rows_table", "table"]

_WIDEST = 10_000


def table(columns: Sequence[str], lines: Iterable[Sequence[str]], title: str = "") -> str:
    """A plain table, one line per row however narrow the terminal: to be pasted and grepped."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    drawn = Table(*columns, box=SIMPLE, title=title or None, title_justify="left", pad_edge=False)
    for line in lines:
        drawn.add_row(*map(printable, line))
    out = StringIO()
    Console(file=out, width=_WIDEST, markup=False, highlight=False, emoji=False).print(drawn)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def rows_table(found: Iterable[Row], extra: Sequence[str] = ()) -> str:
    """JSON rows as a table, with the columns in ``extra`` after the usual four."""
    columns = ["client", "server", "protocol", "ports", *extra]
    return table(columns, ([str(row.get(c, "")) for c in columns] for row in found))


def graph_table(learned: Learned) -> str:
    """Accepted connections, then the held ones with their reasons."""
    text = rows_table(_seen(learned), ("seen", "names"))
    held = [{**connection_row(h.connection), "held": h.reason} for h in learned.held]
    held += [{**unattributed_row(u), "held": u.reason} for u in learned.unattributed]
    return text + (held_table(held) if held else "")


_SHOWN = 12
_ADDRESSES = 8


def _seen(learned: Learned) -> Iterable[Row]:
    """A row per connection; many outside clients of one server port share a row."""
    outsiders: dict[tuple[Peer, str, int | None], list[Evidence]] = defaultdict(list)
    for connection, evidence in learned.accepted:
        if isinstance(connection.client, Cidr):
            key = connection.server, connection.protocol, connection.port
            outsiders[key].append(evidence)
    for connection, evidence in learned.accepted:
        names = evidence.names | evidence.claimed
        row = {**connection_row(connection), "names": ", ".join(sorted(names))}
        group = outsiders[(connection.server, connection.protocol, connection.port)]
        if isinstance(connection.client, Cidr) and len(group) > _ADDRESSES:
            if evidence is not group[0]:
                continue
            row["client"] = f"{len(group)} outside addresses"
            evidence = sum(group[1:], group[0])
        told = evidence.sources if len(evidence.sources) > 1 else (("", evidence.records),)
        seen = ", ".join(f"{source} {records:,}×".lstrip() for source, records in told)
        yield {**row, "seen": seen}


def check_text(shown: dict[str, Any], opened: Iterable[Opened] | None) -> str:
    """The result of ``check``: denied traffic first, then what nobody uses or needs, then findings.

    ``opened``: what is allowed without having been observed. None: no traffic was given, and
    nothing is said of it.
    """
    findings = findings_text(shown.get("findings", ()))
    if opened is None:
        return findings.lstrip() or "No findings.\n"
    return _replayed_text(shown, opened) + findings


def _replayed_text(shown: dict[str, Any], opened: Iterable[Opened]) -> str:
    unsure = len(shown["undecided"])
    total = shown["allowed"] + len(shown["denied"]) + unsure
    open_ = f"; of {unsure:,} it cannot be decided" if unsure else ""
    parts = [f"{shown['allowed']:,} of {total:,} accepted connections are allowed{open_}.\n"]
    if shown["denied"]:
        parts.append("\nDenied:\n" + rows_table(shown["denied"], ("by",)))
    if unsure:
        rows = ({**row, "because": row["by"] or _WORDLESS} for row in shown["undecided"])
        parts.append("\nNot decided:\n" + rows_table(rows, ("because",)))
    if shown["unused_rules"]:
        lines = ([r["policy"], r["direction"], str(r["rule"])] for r in shown["unused_rules"])
        drawn = table(("policy", "direction", "rule"), lines)
        parts.append("\nRules that no observed connection uses:\n" + drawn)
    if shown["unobserved"]:
        parts.append("\nAllowed in the cluster, never observed:\n" + _unobserved(opened))
    more = (contradictions_text(shown["contradictions"]), held_text(shown["held"]))
    parts.append(printable_lines(line for lines in more for line in lines))
    return "".join(parts)


_WORDLESS: Final = "these policies have no word for it"
_ROWS: Final = 100
"""Rows of what is open and was not observed; the others are counted."""
_CLIENTS: Final = 8


def _unobserved(opened: Iterable[Opened]) -> str:
    """A row for each server, ports and reason, with all clients: else there are thousands."""
    from netpol.opened import is_declared, is_outside
    from netpol.report.words import set_words

    pairs: dict[tuple[str, str, str], PortSet] = defaultdict(PortSet)
    for one in (o for o in opened if is_declared(o) or not is_outside(o)):
        pairs[label(one.server), label(one.client), one.reason] |= one.ports
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for (server, client, reason), ports in pairs.items():
        groups[server, set_words(ports), reason].append(client)
    lines = [
        (server, ports, reason, _some(sorted(clients)))
        for (server, ports, reason), clients in sorted(groups.items())
    ]
    more = f"… {len(lines) - _ROWS:,} rows more (--format json lists them)"
    cut = [(more, "", "", "")] if len(lines) > _ROWS else []
    return table(("server", "ports", "reason", "from"), [*lines[:_ROWS], *cut])


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _CLIENTS:,} more" if len(names) > _CLIENTS else ""
    return f"{', '.join(names[:_CLIENTS])}{more}"


def held_table(held: list[Row]) -> str:
    """Held connections; a reason with very many is cut, with the number that is not shown."""
    shown: list[Row] = []
    for reason in sorted({row["held"] for row in held}):
        group = [row for row in held if row["held"] == reason]
        shown += group[:_SHOWN]
        if len(group) > _SHOWN:
            more = f"… {len(group) - _SHOWN:,} more (--format json lists them)"
            shown.append({"client": more, "held": reason})
    return "\nHeld, not learned:\n" + rows_table(shown, ("held",))

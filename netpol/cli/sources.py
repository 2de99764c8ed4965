"""``netpol sources``: what can be read, what each source can tell, and who would read a file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from netpol.cli.console import Notices

if TYPE_CHECKING:
    from capture.source import Watcher

__all__ = ["SIGHT", "sources"]

SIGHT = {
    "who": "who",
    "direction": "who opened it",
    "port": "which port",
    "verdict": "what became of it",
    "outside": "outside the cluster",
}
"""Members of ``capture.source.Sight`` and their titles."""


@click.command()
@click.argument("files", nargs=-1)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.pass_context
def sources(ctx: click.Context, files: tuple[str, ...], form: str) -> None:
    """List the flow sources with what each can and cannot tell.

    With FILES… (files, directories or patterns), say which source would read each, and how sure it
    is of it, from 0 to 1; exits 1 when there is one that no source recognises.

    \b
    Examples:
      netpol sources
      netpol sources logs/ 'exports/*.json.gz'
    """
    if files:
        rows = _recognised(files)
        click.echo(
            json.dumps(rows, indent=2) + "\n" if form == "json" else _files_text(rows), nl=False
        )
        ctx.exit(0 if all(row["source"] for row in rows) else 1)
    from capture import SOURCES, WATCHERS

    every = (*SOURCES, *WATCHERS)
    if form == "json":
        click.echo(json.dumps([_object(one) for one in every], indent=2))
    else:
        click.echo("\n".join(_lines(every)))


def _object(one: Watcher) -> dict[str, Any]:
    return {"source": one.name, "summary": one.summary, **asdict(one.sight)}


def _lines(every: Iterable[Watcher]) -> Iterable[str]:
    """A block per source: a table would be wider than any terminal."""
    width = max(map(len, SIGHT.values()))
    for one in every:
        yield f"{one.name}: {one.summary}"
        for member, title in SIGHT.items():
            yield f"  {title:<{width}}  {getattr(one.sight, member)}"
        for number, text in enumerate(one.sight.blind):
            yield f"  {'' if number else 'cannot tell':<{width}}  {text}"
        yield ""


def _recognised(files: Iterable[str]) -> list[dict[str, Any]]:
    from capture.inputs import expand, live, recognise

    rows: list[dict[str, Any]] = []
    for path in expand(files, every=True, tell=Notices().tell):
        server = live(path)  # its URL says what it is; it is not asked
        found = [(server, 1.0)] if server else recognise(path)
        ranked = [(one.name, round(sure, 2)) for one, sure in found]
        name, sure = ranked[0] if ranked else ("", 0.0)
        rows.append({"file": path, "source": name, "confidence": sure, "others": dict(ranked[1:])})
    return rows


def _files_text(rows: Iterable[dict[str, Any]]) -> str:
    from netpol.cli.tables import table

    lines = (
        [
            row["file"],
            row["source"] or "none",
            f"{row['confidence']:.2f}" if row["source"] else "",
            ", ".join(f"{name} {sure:.2f}" for name, sure in row["others"].items()),
        ]
        for row in rows
    )
    return table(("file", "source", "confidence", "or"), lines)

"""``netpol store``: a store as text, and back."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from netpol.cli.console import say

__all__ = ["store"]

_PATH = click.Path(dir_okay=False, path_type=Path)


@click.group()
def store() -> None:
    """Turn a store into JSON lines, and JSON lines into a store.

    \b
    Example:
      netpol store export --store shop.db > shop.jsonl
    """


@store.command("export")
@click.option("--store", metavar="FILE", type=_PATH, required=True, help="The store to read.")
@click.option("--format", "form", type=click.Choice(["json"]), default="json", hidden=True)
def export(store: Path, form: str) -> None:
    """Print a store as JSON lines: equal stores give equal bytes.

    It may be learning at the time: what is printed is its last commit.

    \b
    Example:
      netpol store export --store shop.db | zstd > shop.jsonl.zst
    """
    from netpol.store import exported, opened

    with opened(store) as kept, kept.snapshot() as db:
        for line in exported(db):
            sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


@store.command("import")
@click.argument("text")
@click.option(
    "--store",
    metavar="FILE",
    type=_PATH,
    required=True,
    help="Where it goes; what is there already stays, and counts once.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def import_(text: str, store: Path, form: str) -> None:
    """Add what `netpol store export` printed (TEXT; - for standard input) to a store.

    All of it, or nothing where the text is damaged.

    \b
    Example:
      netpol store import shop.jsonl.zst --store copy.db
    """
    from netpol.store import absorb, opened, remember, restored

    with opened(store, write=True) as kept, kept.transaction() as db:
        new = list(absorb(db, restored(_lines(text), text, partial(remember, db))))
    edges = sum(one.edges for one in new)
    if form == "json":
        click.echo(json.dumps({"inputs": len(new), "new_connections": edges}))
    else:
        say(f"{len(new):,} new inputs, {edges:,} new connections")


def _lines(text: str) -> Iterator[bytes]:
    import io
    from typing import BinaryIO, cast

    from capture.compressed import decompressed
    from capture.inputs import opened
    from netpol.errors import NetpolError
    from netpol.notices import Notice

    def damaged(notice: Notice) -> None:
        raise NetpolError(notice.message, where=text)

    with opened(text) as raw:
        yield from cast("BinaryIO", io.BufferedReader(decompressed(raw, text, damaged), 1 << 20))

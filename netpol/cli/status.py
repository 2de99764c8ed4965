"""``netpol status``: what was learned so far, from whom, and what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import click

from netpol.cli.console import Notices

__all__ = ["status"]


@click.command()
@click.option(
    "--store",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="What `netpol learn` keeps there; it may be learning at the time.",
)
@click.option(
    "--inventory",
    metavar="PATH",
    multiple=True,
    help="What `kubectl get … -o json` printed, or a recording: a file or a directory; or the word"
    " cluster, for the live one. Then workloads without traffic are named.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def status(store: Path, inventory: tuple[str, ...], form: str) -> None:
    """Show what a store has learned, when and from whom, and what it could not see.

    \b
    Example:
      netpol status --store shop.db --inventory cluster/
    """
    from netpol.cli.run import inventory_from, learn_from
    from netpol.report.status import Standing, basics, status_object, status_text
    from netpol.store import inputs, opened

    notices = Notices()
    known = inventory_from(inventory, notices)
    learned = learn_from((), known, notices, None, 2.0, store=store)
    with opened(store) as kept, kept.snapshot() as db:
        number = sum(1 for _ in inputs(db))
    standing = Standing(learned=learned, inputs=number, notices=dict(notices.counts))
    sections = list(basics(standing))
    if form == "json":
        click.echo(json.dumps(status_object(sections), indent=2))
    else:
        click.echo(status_text(sections), nl=False)
        notices.show()

"""``netpol status``: what was learned so far, from whom, and what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import click

from netpol.cli.console import noticed
from netpol.cli.judging import Judging, judging_options

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
@judging_options
@click.option(
    "--plot",
    "picture",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw how learning went there, as PNG or SVG (netpol-generator[plot]).",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def status(
    store: Path, inventory: tuple[str, ...], judging: Judging, picture: Path | None, form: str
) -> None:
    """Show what a store has learned, from whom, what it could not see, and whether it is enough.

    \b
    Examples:
      netpol status --store shop.db --inventory cluster/
      netpol status --store shop.db --plot learning.svg
    """
    from netpol.cli.run import inventory_from, learn_from
    from netpol.enough import enough
    from netpol.report.status import Standing, basics, progress, status_object, status_text
    from netpol.store import inputs, opened

    notices = noticed()
    known = inventory_from(inventory, notices)
    learned = learn_from((), known, notices, store=store, judging=judging)
    with opened(store) as kept, kept.snapshot() as db:
        number = sum(1 for _ in inputs(db))
    standing = Standing(learned=learned, inputs=number, notices=dict(notices.counts))
    far = enough(learned)
    sections = [*basics(standing), *progress(learned, far)]
    if picture is not None:
        from netpol.cli.plot import plot

        plot(far, picture)
    if form == "json":
        click.echo(json.dumps(status_object(sections), indent=2))
    else:
        click.echo(status_text(sections), nl=False)
        notices.show()

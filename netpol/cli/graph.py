"""``netpol graph``: what talks to what."""

from __future__ import annotations

import json
from pathlib import Path

import click

from netpol.cli.console import noticed, say_account
from netpol.cli.judging import Judging, judging_options
from netpol.cli.live import live_options
from netpol.cli.options import store_option, strict_option
from netpol.cli.reading import Reading, reading_options
from netpol.cli.sections import Command
from netpol.cli.spreading import jobs_option

__all__ = ["graph"]


@click.command(cls=Command)
@click.argument("sources", nargs=-1)
@store_option
@reading_options
@judging_options
@live_options
@jobs_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "dot", "mermaid", "graphml"]),
    default="table",
    show_default=True,
)
@strict_option
@click.pass_context
def graph(
    ctx: click.Context,
    sources: tuple[str, ...],
    store: Path | None,
    how: Reading,
    judging: Judging,
    form: str,
    strict: bool,
) -> None:
    """Show the service graph that the flows in SOURCES… give.

    SOURCES are files, directories, patterns, or - for standard input; what is compressed (gzip,
    zstd, xz, bzip2) is read as it is. hubble://HOST:PORT, unix:///PATH (an agent's socket) and
    goldmane://HOST:PORT ask a server. `netpol sources` lists what can be read.

    \b
    Examples:
      netpol graph flows.jsonl.gz --inventory cluster/
      hubble observe -o jsonpb | netpol graph - --format mermaid
      netpol graph hubble://localhost:4245 --plaintext --since 10m
    """
    from netpol.cli.run import given, inventory_from, learn_from
    from netpol.cli.tables import graph_table
    from netpol.report import graphs

    notices = noticed()
    given(sources, store)
    known = inventory_from(how.inventory, notices)
    learned = learn_from(sources, known, notices, how, store, judging)
    match form:
        case "table":
            text = graph_table(learned)
        case "json":
            text = json.dumps(graphs.graph_object(learned), indent=2) + "\n"
        case "dot":
            text = graphs.dot(learned.accepted)
        case "mermaid":
            text = graphs.mermaid(learned.accepted)
        case _:
            text = learned.accepted.graphml()
    click.echo(text, nl=False)
    notices.show()
    say_account(learned)
    ctx.exit(1 if strict and notices.counts else 0)

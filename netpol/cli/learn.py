"""``netpol learn``: flows into a store, each of them once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from netpol.cli.console import Notices, say
from netpol.cli.options import flow_options, strict_option

if TYPE_CHECKING:
    from capture.ingest import Ingest
    from netpol.flow import Account

__all__ = ["learn"]


@click.command()
@click.argument("sources", nargs=-1, required=True)
@click.option(
    "--store",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Where it is kept; made where there is none. Others may read it meanwhile.",
)
@flow_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@strict_option
@click.pass_context
def learn(
    ctx: click.Context,
    sources: tuple[str, ...],
    store: Path,
    inventory: tuple[str, ...],
    source: str | None,
    skew: float,
    at: int | None,
    form: str,
    strict: bool,
) -> None:
    """Add what the flows in SOURCES… show to a store, each record once.

    SOURCES are files, directories or patterns, plain or compressed. A file that is known by its
    content is not read again, whatever it is called now and however it is compressed; of one that
    has grown only the rest is. What was interrupted goes on where it was.

    The inventory is not kept. Where flows know addresses alone, a recorded one tells at which times
    an address changed hands, to the second; without it flows are kept apart by the hour.

    \b
    Examples:
      netpol learn logs/ --store shop.db
      netpol learn 'logs/*.jsonl.gz' capture.pcap --inventory cluster.json --store shop.db
    """
    from capture.ingest import Ingest
    from capture.inputs import expand
    from netpol.cli.run import inventory_from
    from netpol.eras import eras
    from netpol.store import opened

    notices = Notices()
    era = eras(inventory_from(inventory, notices), round(skew * 1e9))
    with opened(store, write=True) as kept:
        for path in expand(sources, every=source is not None, tell=notices.tell):
            ingest = Ingest(store=kept, tell=notices.tell, source=source, era=era, at=at)
            edges = _file(path, ingest)
            if form == "json":
                click.echo(json.dumps(_taken(path, ingest.account, edges)))
    notices.show()
    ctx.exit(1 if strict and notices.counts else 0)


def _file(path: str, ingest: Ingest) -> int:
    """Learn a file; so many connections were new in it."""
    from netpol.cli.progress import reading

    edges = commits = 0
    with reading(path, ingest.account):
        for fresh in ingest.file(path):
            edges, commits = edges + fresh.edges, commits + 1
    say(f"  {edges:,} new connections" if commits else "  nothing new: its content is known")
    return edges


def _taken(path: str, account: Account, edges: int) -> dict[str, object]:
    return {
        "input": path,
        "records": account.read,
        "folded": account.folded,
        "held": sum(account.held.values()),
        "other": sum(account.other.values()),
        "lost_events": account.lost_events,
        "new_connections": edges,
    }

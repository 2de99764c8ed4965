"""``netpol learn``: flows into a store, each of them once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from netpol.cli.console import Notices, say
from netpol.cli.live import live_options, wanted
from netpol.cli.options import Duration, flow_options, strict_option

if TYPE_CHECKING:
    from capture.feeds import Feed
    from capture.ingest import Ingest

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
@live_options
@click.option(
    "--interval",
    type=Duration(),
    default="1s",
    show_default=True,
    help="Look so often for more.",
)
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
    interval: float,
    form: str,
    strict: bool,
) -> None:
    """Add what the flows in SOURCES… show to a store, each record once.

    SOURCES are files, directories or patterns, plain or compressed. A file that is known by its
    content is not read again, whatever it is called now and however it is compressed; of one that
    has grown only the rest is. What was interrupted goes on where it was. Of a server (hubble://,
    unix://, goldmane://) what came since the last time is asked for.

    The inventory is not kept. Where flows know addresses alone, a recorded one tells at which times
    an address changed hands, to the second; without it flows are kept apart by the hour.

    \b
    Examples:
      netpol learn logs/ --store shop.db
      netpol learn 'logs/*.jsonl.gz' capture.pcap --inventory cluster.json --store shop.db
      netpol learn hubble://localhost:4245 --plaintext --store shop.db
    """
    from capture.ingest import Ingest
    from netpol.cli.learning import run
    from netpol.cli.run import inventory_from
    from netpol.cli.stopping import stopping
    from netpol.cli.view import viewing
    from netpol.eras import eras
    from netpol.store import opened

    notices = Notices()
    era = eras(inventory_from(inventory, notices), round(skew * 1e9))
    with opened(store, write=True) as kept, stopping() as stopped:
        ingest = Ingest(store=kept, tell=notices.tell, source=source, era=era, at=at)
        with viewing(as_json=form == "json") as view:
            run(_feeds(sources, ingest), stopped, view.seen, interval=interval)
    if stopped.is_set():
        say("stopped; the same command goes on from here")
    notices.show()
    ctx.exit(1 if strict and notices.counts else 0)


def _feeds(sources: tuple[str, ...], ingest: Ingest) -> list[Feed]:
    from capture.feeds import FileFeed, StoreFeed
    from capture.inputs import expand, live
    from capture.live_feed import LiveFeed
    from netpol.store import is_store

    every = ingest.source is not None
    paths = expand(sources, every=every, tell=ingest.tell, stores=True)
    servers = [(one, live(one)) for one in paths]
    feeds: list[Feed] = [LiveFeed(one, at, ingest, wanted()) for one, at in servers if at]
    return feeds + [
        (StoreFeed if is_store(path) else FileFeed)(str(path), ingest)
        for path in (Path(one) for one, at in servers if not at)
        if not (path.exists() and path.samefile(ingest.store.path))
    ]

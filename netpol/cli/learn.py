"""``netpol learn``: flows into a store, each of them once."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from netpol.cli.console import noticed, say
from netpol.cli.live import live_options, refuse_idle, wanted
from netpol.cli.options import Duration, strict_option
from netpol.cli.reading import Reading, reading_options
from netpol.cli.sections import Command
from netpol.cli.spreading import dask_option, jobs_option, shared

if TYPE_CHECKING:
    from capture.feeds import Feed
    from capture.ingest import Ingest
    from netpol.cli.learning import Seen
    from netpol.cli.stable import UntilStable
    from netpol.store import Fresh

__all__ = ["learn"]


@click.command(cls=Command)
@click.argument("sources", nargs=-1, required=True)
@click.option(
    "--store",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Where it is kept; made where there is none. Others may read it meanwhile.",
)
@reading_options
@live_options
@jobs_option
@dask_option
@click.option(
    "--follow",
    is_flag=True,
    help="Go on with what is added to the files, and with new ones, through rotation.",
)
@click.option(
    "--interval",
    type=Duration(),
    default="5s",
    show_default=True,
    help="Commit so often what comes, and look so often for more.",
)
@click.option(
    "--until-stable",
    is_flag=True,
    help="End when enough was learned (`netpol status` says how much that is).",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@strict_option
@click.pass_context
def learn(
    ctx: click.Context,
    sources: tuple[str, ...],
    store: Path,
    how: Reading,
    follow: bool,
    interval: float,
    until_stable: bool,
    form: str,
    strict: bool,
) -> None:
    """Add what the flows in SOURCES… show to a store, each record once.

    SOURCES are files, directories or patterns, plain or compressed, - for standard input, and other
    stores, which are merged. A file that is known by its content is not read again, whatever it is
    called now and however it is compressed; of one that has grown only the rest is. What was
    interrupted goes on where it was. Only of standard input nobody can tell whether it came before:
    given twice, it counts twice. Of a server (hubble://, unix://, goldmane://) what came since the
    last time is asked for.

    Of the inventory is only kept which it was: it, or a later one, is given again where policies
    are made. Where flows know addresses alone, a recorded one tells at which times an address
    changed hands, to the second; without it flows are kept apart by the hour.

    \b
    Examples:
      netpol learn logs/ --store shop.db
      netpol learn 'logs/*.jsonl.gz' capture.pcap --inventory cluster.json --store shop.db
      netpol learn /var/run/cilium/hubble/events.log --follow --store shop.db
      hubble observe --follow -o jsonpb | netpol learn - --store shop.db
      netpol learn hubble://localhost:4245 --plaintext --store shop.db
      netpol learn hubble://localhost:4245 --follow --until-stable --store shop.db
      netpol learn monday.db tuesday.db --store week.db
      netpol learn 's3://logs/hubble/*.jsonl.gz' --dask tcp://scheduler:8786 --store shop.db
    """
    from capture.folded import Settings
    from capture.ingest import Ingest
    from netpol.cli.learning import run
    from netpol.cli.run import inventory_from
    from netpol.cli.stable import UntilStable
    from netpol.cli.stopping import stopping
    from netpol.cli.view import viewing
    from netpol.eras import eras
    from netpol.store import known_of, opened

    refuse_idle(sources)
    notices = noticed()
    known, guard = inventory_from(how.inventory, notices), how.guard
    era, settings = eras(known, guard), Settings(inventory=known, guard=guard, at=how.at)
    with opened(store, write=True) as kept, stopping() as stopped:
        ingest = Ingest(
            store=kept,
            tell=notices.tell,
            source=how.source,
            era=era,
            at=how.at,
            inventory=known_of(known, how.inventory),
        )
        with viewing(as_json=form == "json", notices=notices.counts) as view:
            feeds = _feeds(sources, ingest, stopped, follow, interval)
            with shared(feeds, ingest, settings, stopped, view.working) as others:
                stable = UntilStable(store, known, guard, stopped) if until_stable else None
                run(others, stopped, _watched(view.seen, stable), interval=interval)
    if stable is not None:
        stable.end()
    elif stopped.is_set():
        say("stopped; the same command goes on from here")
    notices.show()
    ctx.exit(1 if strict and notices.counts else 0)


def _watched(seen: Seen, stable: UntilStable | None) -> Seen:
    """Also look whether it is enough, after each round of commits."""
    if stable is None:
        return seen

    def watched(feed: Feed, fresh: Fresh | None) -> None:
        seen(feed, fresh)
        if fresh is None:
            stable.look()

    return watched


def _feeds(
    sources: tuple[str, ...], ingest: Ingest, stopped: Event, follow: bool, interval: float
) -> list[Feed]:
    """Stores first: what is known by them need not be read."""
    from capture.feeds import StoreFeed
    from capture.inputs import live
    from capture.live_feed import LiveFeed
    from netpol.store import is_store

    kept = [one for one in sources if Path(one).is_file() and is_store(Path(one))]
    found: list[Feed] = [StoreFeed(one, ingest) for one in kept if not _same(one, ingest)]
    servers = {one: server for one in sources if (server := live(one))}
    asked = wanted(follow=follow, interval=interval)
    found += [LiveFeed(*one, ingest, asked, stopped) for one in servers.items()]
    files = tuple(one for one in sources if one not in ("-", *kept, *servers))
    if files:
        found += _followed(files, ingest) if follow else _read(files, ingest)
    if "-" in sources:
        from capture.piped import PipedFeed

        pipe = cast("BinaryIO", open(0, "rb", buffering=0, closefd=False))  # noqa: SIM115
        found.append(
            PipedFeed(name="-", ingest=ingest, file=pipe, stopped=stopped, patience=interval)
        )
    return found


def _same(path: str, ingest: Ingest) -> bool:
    """Whether it is the store that is written, or what SQLite keeps beside that."""
    from netpol.store import beside

    kept = beside(ingest.store.path)
    return any(one.exists() and Path(path).exists() and one.samefile(path) for one in kept)


def _read(files: tuple[str, ...], ingest: Ingest) -> list[Feed]:
    from capture.feeds import FileFeed, StoreFeed
    from capture.inputs import expand
    from netpol.store import is_store

    every = ingest.source is not None
    paths = expand(files, every=every, tell=ingest.tell, stores=True)
    return [
        (StoreFeed if Path(path).is_file() and is_store(Path(path)) else FileFeed)(path, ingest)
        for path in paths
        if not _same(path, ingest)
    ]


def _followed(files: tuple[str, ...], ingest: Ingest) -> list[Feed]:
    from capture.follow import FollowFeed
    from capture.inputs import expand, opened

    def present() -> list[str]:
        found = expand(files, every=True, tell=ingest.tell)
        return [path for path in found if not _same(path, ingest)]

    for path in present():
        with opened(path):  # raises where there is none: most likely its name is wrong
            pass
    return [FollowFeed(name=", ".join(files), ingest=ingest, paths=present)]

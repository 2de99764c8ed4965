"""``--jobs``: inputs read by several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from netpol.cli.options import INPUT
from netpol.cli.progress import reading
from netpol.cli.sections import in_section

if TYPE_CHECKING:
    from threading import Event

    from capture.feeds import Feed
    from capture.folded import Settings
    from capture.ingest import Ingest
    from netpol.cli.console import Notices
    from netpol.cli.reading import Reading
    from netpol.flow import Account, Flow
    from netpol.inventory import Inventory

__all__ = ["dask_option", "jobs", "jobs_option", "read_by_jobs", "shared"]

Command = TypeVar("Command", bound=Callable[..., Any])
_META: Final = "netpol.jobs"
_DASK: Final = "netpol.dask"


def _keep(ctx: click.Context, _: click.Parameter, value: int) -> None:
    """It changes how long a command takes and nothing else: kept beside its parameters."""
    ctx.meta[_META] = value


def jobs_option(command: Command) -> Command:
    """``--jobs``: how many processes read."""
    return in_section(INPUT)(
        "--jobs",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        expose_value=False,
        callback=_keep,
        help="Read files by so many processes; a large one is shared among them.",
    )(command)


def dask_option(command: Command) -> Command:
    """``--dask``: files are learned by the workers of a cluster."""
    return in_section(INPUT)(
        "--dask",
        metavar="ADDRESS",
        expose_value=False,
        callback=lambda ctx, _, value: ctx.meta.__setitem__(_DASK, value),
        help="Have files learned by the workers of a Dask cluster (tcp://scheduler:8786); name"
        " them by URLs that all of them can open (s3://bucket/*.jsonl.gz).",
    )(command)


@contextmanager
def shared(
    feeds: list[Feed],
    ingest: Ingest,
    settings: Settings,
    stopped: Event,
    working: Callable[[str], None],
) -> Iterator[list[Feed]]:
    """The same feeds, of which others learn the files, as the present command's options say.

    Where there are few files, each is shared among all processes. ``working`` is told what goes on.
    """
    from capture.crew import Crew
    from capture.elsewhere import on_dask, on_this_machine
    from capture.errand import sent
    from capture.feeds import FileFeed

    address = click.get_current_context().meta.get(_DASK)
    files = sum(isinstance(feed, FileFeed) for feed in feeds)
    if files and address:
        with on_dask(address) as runner:
            yield sent(feeds, ingest, settings, runner, stopped, working)
    elif jobs() > 1 and files >= jobs():
        with on_this_machine(jobs()) as runner:
            yield sent(feeds, ingest, settings, runner, stopped, working)
    elif jobs() > 1 and files:
        with Crew(jobs(), settings) as crew:
            ingest.crew = crew
            yield feeds
    else:
        yield feeds


def jobs() -> int:
    """How many processes the present command may use."""
    found: int = click.get_current_context().meta.get(_META, 1)
    return found


def read_by_jobs(
    paths: Iterable[str],
    inventory: Inventory,
    notices: Notices,
    how: Reading,
    account: Account,
) -> tuple[list[Flow], list[str]]:
    """The flows of the files among ``paths``, and what is left to be read one by one."""
    from capture.crew import Crew
    from capture.folded import Folded, Settings
    from capture.spread import spread
    from netpol.report.words import count

    paths = list(paths)
    files = [path for path in paths if Path(path).is_file()]
    if jobs() == 1 or not files:
        return [], paths
    whole, settings = Folded(), Settings(inventory=inventory, guard=how.guard, at=how.at)
    what = f"{count(len(files), 'file')} by {jobs()} processes"
    with Crew(jobs(), settings) as crew, reading(what, crew):
        for _, folded in spread(files, crew, source=how.source, tell=notices.tell):
            whole.add(folded)
    account.add(whole.account)
    return whole.flows(), [path for path in paths if path not in files]

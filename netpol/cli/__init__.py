"""The desk: where a person meets netpol. Everything that prints, asks or exits is in here."""

from __future__ import annotations

import gc
import sys

import click

from netpol.cli.capture import capture
from netpol.cli.check import check
from netpol.cli.connections import connections
from netpol.cli.console import say_error, show_rest
from netpol.cli.decide import decide
from netpol.cli.diff import diff
from netpol.cli.doctor import doctor
from netpol.cli.explain import explain
from netpol.cli.generate import generate
from netpol.cli.graph import graph
from netpol.cli.inventory import inventory
from netpol.cli.learn import learn
from netpol.cli.review import review
from netpol.cli.sources import sources
from netpol.cli.status import status
from netpol.cli.store import store
from netpol.cli.streams import make_usable, no_room, turn_away
from netpol.cli.why import why
from netpol.errors import NetpolError
from netpol.report.printable import printable

__all__ = ["cli", "main"]

TROUBLE = 2
"""Exit code when the answer could not be computed; 0 is "nothing to report", 1 "look at this"."""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 nothing to report, 1 denied traffic or changes (or notices under"
    " --strict), 2 trouble, or undecided.",
)
@click.version_option(package_name="netpol-generator", prog_name="netpol")
def cli() -> None:
    """Learn what a cluster says to itself; write the smallest policies that let it; prove it.

    \b
    Start here:
      netpol generate flows.jsonl --target kubernetes -o policies
      netpol check policies flows.jsonl
    """


for _command in (
    learn,
    status,
    store,
    generate,
    check,
    connections,
    diff,
    review,
    why,
    graph,
    capture,
    sources,
    inventory,
    decide,
    doctor,
    explain,
):
    cli.add_command(_command)


def _no_file(error: OSError) -> NetpolError:
    """What the system said about a file, or about stdout where it names none."""
    if error.filename is None:
        turn_away()
        return NetpolError(f"the result cannot be written to stdout: {error.strerror}")
    return NetpolError(f"cannot be used: {error.strerror}", where=str(error.filename))


def main() -> None:
    """The ``netpol`` program."""
    # What a command builds stays until it ends: looking for cycles in it took a third of its time.
    gc.set_threshold(200_000, 50, 1_000)
    make_usable()
    context = None
    try:
        # Not cli.main(): it takes a closed pipe for a failure of ours.
        with cli.make_context("netpol", sys.argv[1:]) as context:
            cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except NetpolError as error:
        show_rest(context)  # it may say why
        say_error(error)
        sys.exit(TROUBLE)
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.message = printable(error.message)  # type: ignore[misc] # it may quote a name
        error.show()
        sys.exit(TROUBLE)
    except BrokenPipeError:
        # The reader of our output has gone (`netpol graph … | head`); that is no trouble of ours.
        turn_away()
        sys.exit(0)
    except OSError as error:
        if not no_room(error) and error.filename is None:
            raise
        show_rest(context)
        say_error(_no_file(error))
        sys.exit(TROUBLE)
    sys.exit(0)

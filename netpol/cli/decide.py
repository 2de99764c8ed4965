"""``netpol decide``: allow a held connection or refuse an accepted one, in a file kept in Git."""

from __future__ import annotations

import getpass
import json
import shutil
import subprocess
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from netpol.cli.console import Notices, noticed, say
from netpol.cli.options import store_option
from netpol.cli.reading import Reading, reading_options
from netpol.cli.sections import Command
from netpol.errors import NetpolError

if TYPE_CHECKING:
    from netpol.decisions import Decision
    from netpol.learn import Learned

__all__ = ["decide"]


@click.command(cls=Command)
@click.argument("verdict", type=click.Choice(["allow", "refuse"]))
@click.argument("client")
@click.argument("server")
@click.argument("port")
@click.argument("sources", nargs=-1)
@store_option
@reading_options
@click.option(
    "--decisions",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    default="decisions.yaml",
    show_default=True,
    help="Where it is written down; made where there is none. Keep it in Git.",
)
@click.option("--why", required=True, help="The reason, for whoever reads it in a year.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option("--by", help="Who decides; without it, the user.email of git, or the login name.")
def decide(
    verdict: str,
    client: str,
    server: str,
    port: str,
    sources: tuple[str, ...],
    store: Path | None,
    how: Reading,
    decisions: Path,
    why: str,
    form: str,
    by: str | None,
) -> None:
    """Write down that the connection from CLIENT to SERVER at PORT is needed, or that it is not.

    CLIENT, SERVER and PORT are written as in `netpol why`. The connection must be one that was seen
    in SOURCES or in the store. `netpol generate --decisions FILE` then follows what was decided;
    decisions that are about nothing any more, or change nothing, are told.

    \b
    Examples:
      netpol decide allow shop/api data/postgres 5432 --store shop.db --why "nightly export"
      netpol decide refuse tools/jump data/redis 6379 flows.jsonl.gz --why "a person, by hand"
    """
    from netpol.cli.run import given, inventory_from, learn_from
    from netpol.decisions import entry

    given(sources, store)
    notices = noticed()
    known = inventory_from(how.inventory, notices)
    learned = learn_from(sources, known, notices, how, store)
    decision = _decision(verdict, (client, server, port), learned, by or _who(), why)
    reason = _standing(decision, learned)
    _write(decisions, decision, notices)
    if form == "json":
        click.echo(json.dumps(entry(decision) | {"before": reason, "file": str(decisions)}))
    else:
        click.echo(f"{decision.text}: written to {decisions}")
    notices.show()
    say(f"It was {reason}. Next: netpol generate … --decisions {decisions}")


def _write(path: Path, decision: Decision, notices: Notices) -> None:
    """Add it at the end, if the file as a whole can be read then. Raises NetpolError."""
    from netpol.decisions import added, read_decisions

    before = _text(path)
    known = read_decisions(str(path), notices.tell) if before.strip() else ()
    _refuse_again(decision, known)
    with TemporaryDirectory(dir=path.absolute().parent, prefix=".netpol-") as directory:
        made = Path(directory, path.name)
        made.write_bytes(added(before, decision).encode())
        if read_decisions(str(made), notices.tell) != (*known, decision):
            raise NetpolError(
                "an entry cannot be added at the end of this file",
                where=str(path),
                hint="write `decisions:` as a block list, at the end of the file",
            )
        made.replace(path)


def _refuse_again(decision: Decision, known: Iterable[Decision]) -> None:
    """Raises NetpolError where the last that was decided of the connection says the same."""
    about = [one for one in known if one.about == decision.about]
    if about and about[-1].verdict == decision.verdict:
        last = about[-1]
        raise NetpolError(
            f"{last.text} is decided already, by {last.by} on {last.date}",
            where=last.where,
            hint="nothing was written; edit the entry to give another reason",
        )


def _text(path: Path) -> str:
    """What is in the file, with its own ends of lines. Raises NetpolError."""
    try:
        return path.read_bytes().decode() if path.exists() else ""
    except UnicodeDecodeError as error:
        raise NetpolError(
            f"not UTF-8 from byte {error.start:,} on",
            where=str(path),
            hint="write the file as UTF-8; nothing was written",
        ) from error


def _decision(
    verdict: str, ends: tuple[str, str, str], learned: Learned, by: str, why: str
) -> Decision:
    from netpol.cli.peers import port_of, resolved
    from netpol.decisions import Decision
    from netpol.graph import Connection
    from netpol.peers import label

    client, server = (resolved(text, learned.inventory).peer for text in ends[:2])
    protocol, number = port_of(ends[2], server, learned.inventory)
    return Decision(
        verdict=verdict,  # type: ignore[arg-type] # one of the choices
        client=label(client),
        server=label(server),
        ports=Connection(client, server, protocol, number).ports,
        by=by,
        date=date.today().isoformat(),
        why=why,
    )


def _standing(decision: Decision, learned: Learned) -> str:
    """What became of the connection without the decision. Raises NetpolError if nobody saw it."""
    from netpol.decisions import concerns

    if any(concerns(decision, connection) for connection, _ in learned.accepted):
        if decision.verdict == "allow":
            raise NetpolError(
                f"{decision.text[6:]} is accepted as it is", hint="nothing was written"
            )
        return "accepted"
    for one in learned.held:
        if concerns(decision, one.connection):
            return f"held: {one.reason}"
    raise NetpolError(
        f"no such connection was seen: {decision.client} → {decision.server} {decision.ports}",
        hint="`netpol graph --format json` lists all that were seen, and those that are held;"
        " one whose sides are not known cannot be decided on",
    )


def _who() -> str:
    """Who git says commits here, else who is logged in."""
    git = shutil.which("git")
    if git:
        asked = [git, "config", "user.email"]
        found = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
        if found.stdout.strip():
            return found.stdout.strip()
    return getpass.getuser()

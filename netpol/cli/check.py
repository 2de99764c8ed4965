"""``netpol check``: replay what was learned through policies."""

from __future__ import annotations

import json

import click

from netpol.cli.console import Notices, account_line, say
from netpol.cli.options import flow_options, strict_option

__all__ = ["check"]


@click.command()
@click.argument("policies")
@click.argument("sources", nargs=-1, required=True)
@flow_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@strict_option
@click.pass_context
def check(
    ctx: click.Context,
    policies: str,
    sources: tuple[str, ...],
    inventory: tuple[str, ...],
    source: str | None,
    form: str,
    strict: bool,
) -> None:
    """Say which traffic in SOURCES… the POLICIES (a file or directory) would deny.

    Exits 1 when an accepted connection would be denied. Rules that no observed connection uses and
    what is open without having been observed are listed too.

    \b
    Example:
      netpol check policies/ flows.jsonl.gz --inventory cluster/
    """
    from netpol.cli.run import inventory_from, learn_from, policies_from
    from netpol.cli.tables import check_text
    from netpol.replay import replay
    from netpol.report.certificates import check_object

    notices = Notices()
    known = inventory_from(inventory, notices)
    rules, profile = policies_from(policies, notices)
    learned = learn_from(sources, known, notices, source)
    shown = check_object(replay(rules, learned, profile), learned)
    notices.show()
    if form == "json":
        click.echo(json.dumps(shown, indent=2))
    else:
        say(account_line(learned))
        click.echo(check_text(shown), nl=False)
    ctx.exit(1 if shown["denied"] or (strict and notices.counts) else 0)

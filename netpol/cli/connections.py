"""``netpol connections``: everything that may talk to everything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from netpol.cli.console import noticed, say
from netpol.cli.options import strict_option
from netpol.cli.sides import cluster_options

if TYPE_CHECKING:
    from netpol.evaluate import Row

__all__ = ["connections"]

FORMATS = ("text", "json", "csv", "markdown", "dot", "mermaid")


@click.command()
@click.argument("policies")
@cluster_options
@click.option(
    "--workload",
    "only",
    metavar="NS/NAME",
    multiple=True,
    help="Show only what this workload may reach and who may reach it. May be repeated.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@strict_option
@click.pass_context
def connections(
    ctx: click.Context,
    policies: str,
    inventory: tuple[str, ...],
    cni: str | None,
    only: tuple[str, ...],
    form: str,
    strict: bool,
) -> None:
    """Show everything that the POLICIES (a file or directory) allow.

    A row says what some pod of the client may use at some pod of the server. Outside the cluster, a
    row is about a block of addresses that the policies treat alike.

    \b
    Examples:
      netpol connections manifests/
      netpol connections policies/ --inventory cluster.json --workload shop/checkout
    """
    from netpol.cli.engine import engine
    from netpol.cli.peers import workload_of
    from netpol.cli.run import Referred
    from netpol.cli.sides import (
        allowed,
        inventory_or_own,
        judge_of,
        lone,
        no_workloads,
        present,
        read_policies,
        say_engine,
        say_lost,
        say_on_host,
    )

    notices = noticed()
    read = read_policies(policies, notices, Referred(inventory))
    known = present(inventory_or_own(inventory, policies, notices))
    if not known.pods:
        raise no_workloads(", ".join(inventory) or policies)
    chosen = {workload_of(text, known.workloads) for text in only}
    plugin = engine(cni, known, notices.tell, read.seen)
    profile = read.under(plugin)
    judge = judge_of(read.policies, known, profile)
    every = allowed(judge)
    found = [one for one in every if one.client != one.server or not lone(one.client, known)]
    if chosen:
        found = [one for one in found if one.client in chosen or one.server in chosen]
    click.echo(_shown(found, form), nl=False)
    notices.show()
    say_engine(plugin, profile)
    say_on_host([judge.world])
    say_lost(read.lost)
    unsure = sum(1 for _ in judge.undecided_connections())
    if unsure:
        say(f"{unsure:,} pairs are shown without knowing what could not be read (NP064, NP065)")
    ctx.exit(1 if strict and notices.counts else 0)


def _shown(found: list[Row], form: str) -> str:
    from netpol.report import connections as report

    match form:
        case "json":
            return json.dumps(report.connection_rows(found), indent=2) + "\n"
        case "csv":
            return report.connections_csv(found)
        case "markdown":
            return report.connections_markdown(found)
        case "dot":
            return report.connections_dot(found)
        case "mermaid":
            return report.connections_mermaid(found)
        case _:
            return report.connections_text(found)

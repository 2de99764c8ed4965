"""``netpol diff``: what opens and what closes between two sets of policies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from netpol.cli.console import Notices, noticed, say
from netpol.cli.judging import Judging, judging_options
from netpol.cli.options import strict_option
from netpol.cli.sections import Command
from netpol.cli.sides import cluster_options

if TYPE_CHECKING:
    from netpol.changes import Change
    from netpol.inventory import Inventory
    from netpol.net import PortSet
    from netpol.profile import Profile
    from netpol.report.diff import Observed

__all__ = ["diff"]

FORMATS = ("text", "json", "csv", "markdown")


@click.command(cls=Command)
@click.argument("old")
@click.argument("new")
@cluster_options
@click.option(
    "--store",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What `netpol learn` keeps there: changes that hit observed traffic are marked.",
)
@judging_options
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@strict_option
@click.pass_context
def diff(
    ctx: click.Context,
    old: str,
    new: str,
    inventory: tuple[str, ...],
    cni: str | None,
    store: Path | None,
    judging: Judging,
    form: str,
    strict: bool,
) -> None:
    """Show what opens and what closes when the policies in NEW take the place of those in OLD.

    Both are files or directories, in any dialect. Policies that are only written otherwise (in
    another order, under other names, merged or split, in another dialect) are no change. Exits 1
    when there are changes, 2 when there may be some that cannot be decided.

    \b
    Examples:
      netpol diff main/policies branch/policies --inventory cluster.json
      netpol diff k8s/ calico/ --inventory cluster.json --format markdown
      netpol diff main/policies branch/policies --inventory cluster.json --store shop.db
    """
    from netpol.changes import changes
    from netpol.cli.engine import engine
    from netpol.cli.run import Referred
    from netpol.cli.sides import judge_of, lone, read_policies, say_engine, say_lost, say_on_host
    from netpol.profile import KUBERNETES

    notices = noticed()
    beside = Referred(inventory)
    sides = [read_policies(path, notices, beside) for path in (old, new)]
    worlds = _inventories(old, new, inventory, notices)
    plugin = engine(cni, worlds[1], notices.tell, sides[0].seen | sides[1].seen)
    known = [one.under(plugin) for one in sides if one.seen] or [KUBERNETES]
    # A side without policies is judged as the other: everything is allowed under any engine.
    judges = [
        judge_of(one.policies, world, one.under(plugin) if one.seen else known[0])
        for one, world in zip(sides, worlds, strict=True)
    ]
    every = changes(*judges)
    found = [one for one in every if one.client != one.server or not lone(one.client, *worlds)]
    workloads = len({one for world in worlds for one in world.workloads})
    observed = _observed(store, worlds[1], notices, judging)
    click.echo(_shown(found, workloads, form, observed), nl=False)
    notices.show()
    say_engine(plugin, known[0])
    _say_who_differs(old, new, *worlds)
    say_on_host(judge.world for judge in judges)
    if found:
        _say_gaps(*(judge.profile for judge in judges))
    if any(one.undecided for one in found):
        say("what is undecided depends on policies that could not be read (NP063 to NP065)")
    lost = [notice for one in sides for notice in one.lost]
    say_lost(lost)
    ctx.exit(_code(found) or 2 * bool(lost) or (1 if strict and notices.counts else 0))


def _code(found: list[Change]) -> int:
    """1: something changes; 2: nothing that is known of changes, but not everything is known."""
    known = any(one.opened or one.closed for one in found)
    return 1 if known else 2 * bool(found)


def _inventories(
    old: str, new: str, given: tuple[str, ...], notices: Notices
) -> tuple[Inventory, Inventory]:
    """The cluster before and after; one that says nothing of its own is the same as the other."""
    from netpol.cli.sides import inventory_or_own, no_workloads, present

    before = present(inventory_or_own(given, old, notices))
    after = before if given else present(inventory_or_own((), new, notices))
    if not before.pods and not after.pods:
        raise no_workloads(", ".join(given) or f"{old}, {new}")
    for known, path, other in ((before, old, new), (after, new, old)):
        if not known.pods:
            say(f"{path}: no workload is there, so it is judged for those in {other}")
    return before if before.pods else after, after if after.pods else before


def _say_who_differs(old: str, new: str, before: Inventory, after: Inventory) -> None:
    """All that a workload may do opens or closes with it: then no policy is to blame."""
    from netpol.cli.sides import listed

    was, now = set(before.workloads), set(after.workloads)
    for path, found in ((old, was - now), (new, now - was)):
        if found:
            say(f"only in {path}: {listed(found)}")


def _say_gaps(before: Profile, after: Profile) -> None:
    """What one dialect has no words for may open or close with the other, whoever wrote it."""
    for one, other in ((before, after), (after, before)):
        gaps = [
            what
            for what, mine, theirs in (
                ("ICMP", one.icmp, other.icmp),
                ("DNS names", one.fqdn, other.fqdn),
                ("nodes, the API server and the world", one.entities, other.entities),
            )
            if theirs and not mine
        ]
        if gaps:
            say(
                f"{one.words.name} policies cannot name {', '.join(gaps)}:"
                " rows about those may only show that"
            )


def _observed(
    store: Path | None, known: Inventory, notices: Notices, judging: Judging
) -> Observed | None:
    """What was learned of changes; None: nothing was given."""
    if store is None:
        return None
    from netpol.cli.run import learn_from
    from netpol.peers import Cidr
    from netpol.review.edges import Edge
    from netpol.review.observed import Seen

    seen = Seen(learned=learn_from((), known, notices, store=store, judging=judging))

    def observed(change: Change, ports: PortSet) -> int:
        sides = change.client, change.server
        blocks = tuple(one.cidr for one in sides if isinstance(one, Cidr))
        edge = Edge(kind="closed", client=sides[0], server=sides[1], ports=ports, blocks=blocks)
        return seen.of(edge).records

    return observed


def _shown(found: list[Change], workloads: int, form: str, observed: Observed | None = None) -> str:
    text = _changes(found, workloads, form, observed)
    if observed is None or form in ("json", "csv"):
        return text
    from netpol.report.diff import closing_observed

    lines = closing_observed(found, observed)
    head = "Closes observed traffic:" if lines else "Nothing that was observed closes."
    return text + f"\n{head}\n" + "".join(f"- {line}\n" for line in lines)


def _changes(found: list[Change], workloads: int, form: str, observed: Observed | None) -> str:
    from netpol.report import diff as report

    match form:
        case "json":
            return json.dumps(report.change_rows(found, observed), indent=2) + "\n"
        case "csv":
            return report.diff_csv(found, observed)
        case "markdown":
            return report.diff_markdown(found, workloads)
        case _:
            return _coloured(report.diff_text(found, workloads))


def _coloured(text: str) -> str:
    """Green and red as in terraform; what is no terminal gets no colours from click."""
    colours = {"  + ": "green", "  - ": "red"}
    return "".join(
        click.style(line, fg=colours[line[:4]]) if line[:4] in colours else line
        for line in text.splitlines(keepends=True)
    )

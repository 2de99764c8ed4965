"""``netpol check``: learned traffic replayed through policies, and a look at the policies."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from netpol.cli.console import Notices, noticed, say, say_account
from netpol.cli.judging import Judging, judging_options, tell_open
from netpol.cli.live import live_options
from netpol.cli.options import cni_option, store_option, strict_option
from netpol.cli.reading import Reading, reading_options
from netpol.cli.sections import Command
from netpol.cli.spreading import jobs_option

if TYPE_CHECKING:
    from netpol.inventory import Inventory
    from netpol.lint import Lint
    from netpol.manifests import Document
    from netpol.notices import Notice
    from netpol.policy import PolicySet
    from netpol.profile import Profile

__all__ = ["check"]


@click.command(cls=Command)
@click.argument("policies")
@click.argument("sources", nargs=-1)
@store_option
@reading_options
@judging_options
@live_options
@jobs_option
@cni_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@strict_option
@click.pass_context
def check(
    ctx: click.Context,
    policies: str,
    sources: tuple[str, ...],
    store: Path | None,
    how: Reading,
    judging: Judging,
    cni: str | None,
    form: str,
    strict: bool,
) -> None:
    """Say what is wrong with POLICIES (a file or directory), and which traffic they would deny.

    Every accepted connection in SOURCES… and the store is put to the policies; without any only the
    policies are looked at. Exits 1 when such a connection would be denied, 2 when it depends on
    policies that could not be read. Rules that no observed connection uses, what is open without
    having been observed, and findings about the policies are listed too. Most findings need the
    inventory, or workloads among the policies.

    \b
    Example:
      netpol check policies/ flows.jsonl.gz --inventory cluster/
      netpol check manifests/
    """
    from netpol.cli.engine import engine, tell_other
    from netpol.cli.run import Referred, learn_from, policies_from
    from netpol.cli.tables import check_text
    from netpol.notices import collecting
    from netpol.replay import replay
    from netpol.report.certificates import check_object

    notices, beside = noticed(), Referred(how.inventory)
    told: list[Notice] = []
    rules, seen = policies_from(policies, collecting(told, notices.tell), beside)
    documents = _documents(policies)
    known = _inventory(how.inventory, policies, documents, notices)
    plugin = engine(cni, known, notices.tell, seen)
    profile = plugin.for_policies(seen, policies)
    found = _lint(rules, documents, known, profile, beside, told)
    learned = learn_from(sources, known, notices, how, store, judging)
    replayed = bool(sources or store)
    result = replay(rules, learned, profile) if replayed else None
    tell_other(plugin, profile, rules, learned, notices.tell)
    tell_open(rules, learned, profile, notices.tell)
    shown = check_object(result, learned, found)
    notices.show()
    _say_skipped(found)
    if form == "json":
        click.echo(json.dumps(shown, indent=2))
    else:
        if replayed:
            say_account(learned)
        opened = result.certificate.opened if result else None
        click.echo(check_text(shown, opened), nl=False)
    if shown["denied"] or (strict and (notices.counts or found.findings)):
        ctx.exit(1)
    lost = any(one.code == "NP060" for one in told)
    ctx.exit(2 if result and (result.unsure or lost) else 0)


_WORKLOADS: Final = frozenset(
    {
        "CronJob",
        "DaemonSet",
        "Deployment",
        "DeploymentConfig",
        "Job",
        "Pod",
        "ReplicaSet",
        "ReplicationController",
        "Rollout",
        "StatefulSet",
    }
)


def _quiet(_: Notice) -> None:
    """Tell nobody: what is wrong with the files was told when the policies were read."""


def _documents(path: str) -> tuple[Document, ...]:
    from netpol.manifests import load

    return tuple(load([path], _quiet))


def _inventory(
    given: tuple[str, ...], policies: str, documents: Iterable[Document], notices: Notices
) -> Inventory:
    """The inventory that was given; else what the workloads among the policies amount to."""
    from generators.reading import identity
    from netpol.cli.run import inventory_from

    beside = any(identity(one)[1] in _WORKLOADS for one in documents)
    if given or not beside:
        return inventory_from(given, notices)
    told = Notices()
    found = inventory_from((policies,), told)
    for code in sorted(told.counts):
        if code.startswith("NP08"):  # all else is about the files themselves
            notices.counts[code] += told.counts[code]
            notices.examples.setdefault(code, told.examples[code])
    return found


def _lint(
    policies: PolicySet,
    documents: Iterable[Document],
    inventory: Inventory,
    profile: Profile,
    beside: Iterable[Document],
    told: Iterable[Notice],
) -> Lint:
    from generators import parse
    from netpol.lint import lint, unread

    found = lint(
        policies, documents, inventory, profile, lambda some: parse(some, _quiet, beside)[0]
    )
    return replace(found, findings=(*unread(told), *found.findings))


def _say_skipped(found: Lint) -> None:
    if found.skipped:
        codes = ", ".join(found.skipped)
        say(f"Not looked for without an inventory (--inventory): {codes}")

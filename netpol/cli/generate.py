"""``netpol generate``: flows in, policies and their certificate out."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from netpol.cli.console import account_line, noticed, say, say_blind_spots
from netpol.cli.judging import Judging, judging_options, tell_open
from netpol.cli.live import live_options
from netpol.cli.options import (
    cni_option,
    existing_option,
    store_option,
    strict_option,
)
from netpol.cli.reading import Reading, reading_options
from netpol.cli.sections import Command
from netpol.cli.shaping import Shaping, priced, shaping_options
from netpol.cli.spreading import jobs_option
from netpol.errors import NetpolError

if TYPE_CHECKING:
    from netpol.cli.existing import Found
    from netpol.cli.keeping import Kept
    from netpol.cli.proof import Proof
    from netpol.compare import Difference
    from netpol.learn import Learned
    from netpol.prices import Price
    from netpol.profile import Profile

__all__ = ["generate"]

_ABOUT = ("kustomization.yaml", "README.md")
"""Files that are no policies."""
TARGETS = ("kubernetes", "calico", "cilium")


@click.command(cls=Command)
@click.argument("sources", nargs=-1)
@store_option
@reading_options
@judging_options
@live_options
@jobs_option
@cni_option
@click.option(
    "--target",
    type=click.Choice(TARGETS),
    default="kubernetes",
    show_default=True,
    help="The dialect to write.",
)
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write one file per policy and a kustomization.yaml there; policies that are there keep"
    " their files and names, and text that need not change. Without it, print the YAML.",
)
@existing_option
@shaping_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@strict_option
@click.pass_context
def generate(
    ctx: click.Context,
    sources: tuple[str, ...],
    store: Path | None,
    how: Reading,
    judging: Judging,
    cni: str | None,
    target: str,
    output: Path | None,
    existing: str | None,
    shaping: Shaping,
    form: str,
    strict: bool,
) -> None:
    """Write the smallest policies that allow what the flows in SOURCES… show, and prove it.

    With --existing, only what is missing there; existing policies are not touched. The exit code is
    1 when they deny explicitly what is needed.

    Nothing is written, and the exit code is 2, when the written policies would deny a connection
    that was accepted as needed.

    \b
    Examples:
      netpol generate flows.jsonl.gz --inventory cluster/ --target cilium -o policies
      netpol generate flows.jsonl -n shop | kubectl diff -f -
      netpol generate --store shop.db --inventory cluster/ -o policies
      netpol generate flows.jsonl --inventory cluster/ --existing policies/ -o proposed
    """
    from generators import DIALECTS
    from netpol.cli.engine import engine, tell_other
    from netpol.cli.existing import counted, on_top, read_existing
    from netpol.cli.keeping import keep, kept_anew
    from netpol.cli.proof import prove
    from netpol.cli.run import Referred, given, inventory_from, learn_from
    from netpol.cli.staging import staged
    from netpol.compare import differences
    from netpol.existing import together

    given(sources, store)
    notices = noticed()
    known = inventory_from(how.inventory, notices)
    plugin = engine(cni, known, notices.tell, frozenset({target}))
    standing = (
        read_existing(existing, output, notices, Referred(how.inventory)) if existing else None
    )
    if standing is not None:
        (dialect,) = (one for one in DIALECTS if one.name == target)
        standing = counted(standing, plugin, dialect, notices.tell)
    learned = learn_from(sources, known, notices, how, store, judging)
    # Every dialect is proved, whichever is written: that is how differences come to light. Notices
    # of the others would only repeat those of the target.
    proofs = {
        one.name: prove(
            learned,
            one,
            shaping.options,
            notices.tell if one.name == target else _quiet,
            plugin.for_dialect(one)
            if standing is None or one.name != target
            else plugin.on_top_of(standing.seen, standing.where, one),
        )
        for one in DIALECTS
    }
    chosen, there = proofs[target], None
    prices = priced(
        chosen,
        shaping,
        lambda options: prove(
            learned, chosen.dialect, options, _quiet, plugin.for_dialect(chosen.dialect)
        ),
    )
    if standing is not None:
        chosen, there = on_top(chosen, standing, known, notices.tell)
    conflicts = there.conflicts if there else ()
    _refuse_insufficient(chosen, len(conflicts))
    if shaping.staged and chosen.files:
        chosen = staged(chosen, standing.policies if standing else None)
    used, policies = chosen.certificate.profile, chosen.synthesis.policies
    if there is None:
        tell_other(plugin, used, policies, chosen.synthesis.learned, notices.tell)
    if standing is not None:
        policies = together(standing.policies, policies.policies, policies)
    tell_open(policies, chosen.synthesis.learned, used, notices.tell)
    found = differences((proof.certificate for proof in proofs.values()), learned)
    kept = None
    if output is not None and (chosen.files or there is None):
        _refuse_empty(chosen)
        learned = chosen.synthesis.learned
        kept = (
            kept_anew(chosen.files, output)
            if chosen.plan
            else keep(
                chosen.files,
                chosen.dialect,
                output,
                learned.inventory,
                used,
                # A proposal on top of others is proved together with them.
                (lambda _: None) if there else partial(_refuse_denying, learned, used),
                others=there is None,
            )
        )
    notices.show()
    _print(
        chosen,
        chosen.synthesis.learned,
        found,
        output,
        form,
        plugin.origin_of(used),
        prices,
        there,
        kept,
    )
    ctx.exit(1 if conflicts or (strict and notices.counts) else 0)


def _quiet(_: object) -> None:
    """Tell nobody."""


def _refuse_empty(proof: Proof) -> None:
    if not proof.synthesis.policies.policies:
        raise NetpolError(
            "nothing was learned that a policy could allow; nothing was written",
            hint="`netpol graph` shows what was read, and what was held with its reason",
        )


def _refuse_insufficient(proof: Proof, conflicts: int) -> None:
    from netpol.report.certificates import denied_rows

    denied = denied_rows(proof.certificate)
    if len(denied) > conflicts:
        first = denied[0]
        raise NetpolError(
            f"the {proof.dialect.name} policies would deny {len(denied)} accepted connections;"
            f" nothing was written. The first: {first['client']} → {first['server']}"
            f" {first['protocol']} {first['ports']} ({first['by']})",
            hint="this is a bug in netpol; please report it with `netpol graph --format json`",
        )


def _refuse_denying(learned: Learned, profile: Profile, directory: Path) -> None:
    """The files as they will be, some of them edited, are read back like any others."""
    from netpol.certificate import denied_under
    from netpol.cli.run import policies_from

    denied = denied_under(policies_from(str(directory), _quiet)[0], learned, profile)
    if denied:
        raise NetpolError(
            f"the edited files would deny {len(denied)} accepted connections; nothing was written",
            hint="write to an empty directory, and please report this",
        )


def _what_became(kept: Kept | None, output: Path) -> str:
    """Nothing is said of what there is none of."""
    if kept is None:
        return f"Nothing is missing, so nothing was written to {output}"
    parts = [f"Wrote {len(kept.written)} files to {output}"]
    parts += [f"edited {', '.join(kept.edited)}"] if kept.edited else []
    parts += [f"{len(kept.same)} are as they were"] if kept.same else []
    parts += [f"removed {', '.join(kept.removed)}"] if kept.removed else []
    return "; ".join(parts)


def _print(
    proof: Proof,
    learned: Learned,
    found: tuple[Difference, ...],
    output: Path | None,
    form: str,
    origin: str,
    prices: tuple[Price, ...],
    there: Found | None,
    kept: Kept | None,
) -> None:
    from netpol.report.certificates import certificate_object, certificate_text
    from netpol.report.existing import conflict_rows, existing_text, remark_rows
    from netpol.report.rollout import plan_object

    rows = remark_rows(there.remarks) if there else []
    against = conflict_rows(there.conflicts) if there else []

    certificate = proof.certificate
    if form == "json":
        shown = certificate_object(certificate, learned, found, proof.files, origin, prices)
        shown["staged"] = plan_object(proof.plan) if proof.plan else None
        shown["existing"] = there and {"findings": rows, "conflicts": against}
        click.echo(json.dumps(shown, indent=2))
        return
    text = certificate_text(certificate, learned, found, origin, prices)
    text = f"{account_line(learned)}\n{text}"
    if there:
        standing = there.standing
        text += existing_text(standing.where, len(standing.policies.policies), rows, against)
    if output is None:
        click.echo("---\n".join(t for n, t in proof.files.items() if n not in _ABOUT))
        for line in text.splitlines():
            say(line)
        say_blind_spots(learned)
        return
    click.echo(text, nl=False)
    say_blind_spots(learned)
    click.echo(_what_became(kept, output))
    if proof.plan:
        say(f"Next: {output}/README.md has the plan, with the commands of every stage")
        return
    say(f"Next: read {output}/, then hold it against other traffic with `netpol check {output} …`")

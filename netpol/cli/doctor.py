"""``netpol doctor``: what enforces policies in a cluster, and how."""

from __future__ import annotations

import json

import click

from netpol.cli.options import cni_option

__all__ = ["doctor"]


@click.command()
@click.option(
    "--inventory",
    metavar="PATH",
    multiple=True,
    required=True,
    help="What `kubectl get … -o json` printed: a file or a directory. May be repeated.",
)
@cni_option
@click.option(
    "--target",
    type=click.Choice(["kubernetes", "calico", "cilium"]),
    help="The dialect that you mean to write: say whether it is read there.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.pass_context
def doctor(
    ctx: click.Context, inventory: tuple[str, ...], cni: str | None, target: str | None, form: str
) -> None:
    """Show which network plugin the inventory shows, what says so, and what it does with policies.

    What generate and check assume of it is listed with its source. Exits 1 when nothing enforces
    policies, several plugins show, or the dialect is not one that the plugin reads.

    \b
    Examples:
      netpol doctor --inventory cluster/
      netpol doctor --inventory cluster/ --target calico
    """
    from netpol.cli.console import noticed
    from netpol.cli.run import inventory_from
    from netpol.detect import adjusted, detect, warnings
    from netpol.notices import Notice
    from netpol.profile import CNIS
    from netpol.report.doctor import doctor_object, doctor_text

    notices = noticed()
    known = inventory_from(inventory, notices)
    found = detect(known)
    chosen = adjusted(CNIS[cni], known)[0] if cni else None
    wrong = list(warnings(found, chosen, [target] if target else ()))
    profile = chosen or found.profile
    if profile is None and not wrong:
        wrong = [Notice(code="NP120", message="no object of the inventory is of a network plugin")]
    notices.show()
    if form == "json":
        click.echo(json.dumps(doctor_object(found, profile, wrong), indent=2))
    else:
        click.echo(doctor_text(found, profile, wrong), nl=False)
    ctx.exit(1 if wrong else 0)

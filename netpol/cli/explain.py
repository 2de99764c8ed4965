"""``netpol explain``: a notice in full."""

from __future__ import annotations

import click

from netpol.catalogue import CATALOGUE, Entry
from netpol.errors import NetpolError

__all__ = ["explain"]


@click.command()
@click.argument("code", required=False)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def explain(code: str | None, form: str) -> None:
    """Print what a notice means, why it happens and what to do; without CODE, list them all.

    \b
    Example:
      netpol explain NP001
    """
    chosen = CATALOGUE if code is None else {code.upper(): _entry(code.upper())}
    if form == "json":
        import json

        shown = {
            c: {"title": e.title, "why": e.why, "what_to_do": e.what_to_do}
            for c, e in chosen.items()
        }
        click.echo(json.dumps(shown, indent=2))
    elif code is None:
        for each, entry in chosen.items():
            click.echo(f"{each}  {entry.title}")
    else:
        for each, entry in chosen.items():
            click.echo(
                f"{each}: {entry.title}\n\nWhy: {entry.why}\n\nWhat to do: {entry.what_to_do}"
            )


def _entry(code: str) -> Entry:
    if code not in CATALOGUE:
        raise NetpolError(
            f"there is no notice {code}", hint="`netpol explain` without a code lists them"
        )
    return CATALOGUE[code]

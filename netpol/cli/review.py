"""``netpol review``: a change of policies, as the comment on a pull request."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from netpol.cli.console import noticed, say, say_account
from netpol.cli.judging import judging_options
from netpol.cli.live import live_options
from netpol.cli.options import cni_option, store_option, strict_option
from netpol.cli.reading import reading_options
from netpol.cli.sections import Command
from netpol.errors import NetpolError

if TYPE_CHECKING:
    from netpol.cli.reviewing import Asked
    from netpol.learn import Learned
    from netpol.review import Gate, Review

__all__ = ["review"]

FORMATS = ("markdown", "json", "sarif")


class Gates(click.ParamType["tuple[Gate, ...]"]):
    """Names of gates, with commas between them."""

    name = "gates"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Gate, ...]:
        """Those that there are; anything else is refused."""
        from netpol.review import GATES

        known = {str(name): name for name in GATES}
        asked = [name for name in value.replace(" ", "").split(",") if name]
        for name in asked:
            if name not in known:
                self.fail(f"{name!r} is no gate; one of {', '.join(GATES)}", param, ctx)
        return tuple(dict.fromkeys(known[name] for name in asked))


_FILE: Final = click.Path(dir_okay=False, path_type=Path)


@click.command(cls=Command)
@click.argument("old")
@click.argument("new")
@click.argument("sources", nargs=-1)
@store_option
@reading_options
@judging_options
@live_options
@cni_option
@click.option(
    "--fail-on",
    "gates",
    type=Gates(),
    default="",
    help="Exit 1 when one of these holds: opened-world, breaks-observed, unobserved …, with commas"
    " between (docs/review.md lists them).",
)
@click.option("--rules", metavar="FILE", help="The team's rules; a broken one is a gate, too.")
@click.option(
    "--team-label",
    default="team",
    show_default=True,
    help="The label of namespaces that says whose they are.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="markdown", show_default=True)
@click.option(
    "--max-size",
    type=click.IntRange(min=4_000),
    default=65_536,
    show_default=True,
    help="The most characters of the Markdown: GitHub takes 65536, GitLab 1000000.",
)
@click.option(
    "--name",
    default="default",
    show_default=True,
    help="In the hidden first line, to tell several reviews of one pull request apart.",
)
@click.option("-o", "--output", type=_FILE, help="Write here instead of to standard output.")
@click.option("--full", type=_FILE, help="Write the whole Markdown here, however long it is.")
@click.option("--json", "json_file", type=_FILE, help="Write the JSON here as well.")
@click.option("--sarif", "sarif_file", type=_FILE, help="Write the SARIF here as well.")
@strict_option
@click.pass_context
def review(
    ctx: click.Context,
    /,
    form: str,
    max_size: int,
    name: str,
    output: Path | None,
    full: Path | None,
    json_file: Path | None,
    sarif_file: Path | None,
    strict: bool,
    **given: Any,  # noqa: ANN401 - the fields of Asked
) -> None:
    """Say in one comment what the change from OLD to NEW opens, closes and would break.

    Both are directories or files, in any dialect, or in a Git revision: origin/main:policies (a
    path that is not in the revision means that there were no policies). The connections in SOURCES…
    and the store are the evidence. Exits 1 only when a gate of --fail-on does not let it pass.

    \b
    Examples:
      netpol review origin/main:policies policies flows.jsonl.gz --inventory cluster/
      netpol review old/ new/ flows.jsonl --inventory cluster.json --rules rules.yaml \\
        --fail-on opened-world,breaks-observed --sarif review.sarif
    """
    from netpol.cli.reviewing import Asked, reviewed

    if not _NAME.fullmatch(name):
        raise NetpolError(
            f"{name!r} is no name for a review", hint="at most 60 letters, digits and ._/-"
        )
    notices, asked = noticed(), Asked(**given)
    found, learned = reviewed(asked, notices)
    texts = _Texts(review=found, learned=learned, asked=asked, name=name)
    for file, wanted, size in (
        (full, "markdown", None),
        (json_file, "json", None),
        (sarif_file, "sarif", None),
        (output, form, max_size),
    ):
        if file is not None:
            _write(file, texts.text(wanted, size))
    if output is None:
        click.echo(texts.text(form, max_size), nl=False)
    notices.show()
    if learned is not None:
        say_account(learned)
    for gate, count in found.failed:
        say(f"gate {gate} failed: {count:,}")
    ctx.exit(1 if found.failed or (strict and notices.counts) else 0)


_NAME: Final = re.compile(r"(?=.{1,60}\Z)[A-Za-z0-9._/]+(?:-[A-Za-z0-9._/]+)*", re.ASCII)
"""It stands in an HTML comment, which ends at ``--``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Texts:
    """A review in any form."""

    review: Review
    learned: Learned | None
    asked: Asked
    name: str

    def text(self, form: str, size: int | None) -> str:
        """Only Markdown has a size."""
        match form:
            case "json":
                from netpol.report.review_object import review_object

                return json.dumps(review_object(self.review, self.learned), indent=2) + "\n"
            case "sarif":
                return json.dumps(self._sarif(), indent=2) + "\n"
            case _:
                from netpol.report.review_markdown import review_markdown

                return review_markdown(self.review, self.learned, name=self.name, size=size)

    def _sarif(self) -> dict[str, Any]:
        from importlib.metadata import version

        from netpol.cli.reviewing import in_repository
        from netpol.report.review_sarif import review_sarif

        sides = (self.asked.old, self.asked.new)
        return review_sarif(
            self.review, version("netpol-generator"), lambda file: in_repository(file, sides)
        )


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NetpolError(f"cannot write: {error.strerror}", where=str(file)) from error

"""Options in sections: what a command alone has comes first in its help, then what is shared."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import click

__all__ = ["Command", "Option", "in_section"]

Function = TypeVar("Function", bound=Callable[..., Any])


class Option(click.Option):
    """An option that stands under a heading of its own."""

    def __init__(self, *args: Any, section: str = "Options", **more: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **more)
        self.section = section


class Command(click.Command):
    """A command whose help shows each section of options by itself."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Options without a section first, then the others as they were declared."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                where = param.section if isinstance(param, Option) else "Options"
                sections.setdefault(where, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


def in_section(title: str) -> Callable[..., Callable[[Function], Function]]:
    """``click.option`` for options under that heading."""
    return partial(click.option, cls=Option, section=title)

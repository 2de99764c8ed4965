"""Options that several commands share."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.shell_completion import CompletionItem

from netpol.cli.sections import in_section
from netpol.profile import CNIS

__all__ = [
    "INPUT",
    "Duration",
    "Moment",
    "SourceName",
    "cni_option",
    "duration_option",
    "existing_option",
    "output_option",
    "store_option",
    "strict_option",
]

INPUT: Final = "Input"
"""The heading of options that say what is read."""

Command = TypeVar("Command", bound=Callable[..., Any])


class Duration(click.ParamType[float]):
    """A length of time, in seconds."""

    name = "duration"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """``500ms``, ``90s``, ``1h30m``, ``2d``."""
        if isinstance(value, float):
            return value
        parts = _PART.findall(value)
        if not parts or "".join(number + unit for number, unit in parts) != value:
            self.fail(f"{value!r} is no duration; write 500ms, 90s, 1h30m or 2d", param, ctx)
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)


_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)


class SourceName(click.ParamType[str]):
    """The name of a flow source; which there are is looked up when one is given."""

    name = "source"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """One that there is. Raises NetpolError."""
        from capture.inputs import named

        return named(value).name

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Those that begin so."""
        from capture import SOURCES

        return [CompletionItem(one.name) for one in SOURCES if one.name.startswith(incomplete)]


class Moment(click.ParamType[int]):
    """A point in time, in nanoseconds since the epoch."""

    name = "time"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """``now``, or an RFC 3339 time."""
        from capture.times import instant

        if isinstance(value, int):
            return value
        if value == "now":
            return time.time_ns()
        try:
            return instant(value)
        except ValueError as error:
            self.fail(f"{error}; write 2026-11-02T09:14:07Z, or now", param, ctx)


def cni_option(command: Command) -> Command:
    """``--cni``: the profile of the network plugin that enforces the policies."""
    return click.option(
        "--cni",
        type=click.Choice(sorted(CNIS)),
        help="What enforces the policies; without it, what the inventory shows (`netpol doctor`),"
        " else what their dialect lets assume.",
    )(command)


def existing_option(command: Command) -> Command:
    """``--existing``: policies that are there already."""
    return click.option(
        "--existing",
        metavar="PATH|cluster",
        help="Policies that are there already, in any dialect, or the word cluster for the live"
        " ones: propose only what is missing on top of them, and list what nobody needs.",
    )(command)


def store_option(command: Command) -> Command:
    """``--store``: what was learned before, beside or in place of SOURCES."""
    return in_section(INPUT)(
        "--store",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="What `netpol learn` keeps there, in place of SOURCES or together with them (what is"
        " in both counts twice).",
    )(command)


def output_option(command: Command) -> Command:
    """``--output``: where a recording goes."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Add to this file; without it, standard output.",
    )(command)


def duration_option(command: Command) -> Command:
    """``--duration``: how long a recording takes."""
    return click.option(
        "--duration", type=Duration(), help="Stop after so long: 90s, 30m, 1h30m, 2d."
    )(command)


def strict_option(command: Command) -> Command:
    """``--strict``: notices become a failure."""
    return click.option("--strict", is_flag=True, help="Exit 1 when there is any notice.")(command)

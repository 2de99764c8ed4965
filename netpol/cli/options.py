"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from netpol.profile import CNIS

__all__ = ["Duration", "cni_option", "flow_options", "strict_option"]

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


def cni_option(command: Command) -> Command:
    """``--cni``: the profile of the network plugin that enforces the policies."""
    return click.option(
        "--cni",
        type=click.Choice(sorted(CNIS)),
        help="What enforces the policies; without it, what the inventory shows (`netpol doctor`),"
        " else what their dialect lets assume.",
    )(command)


def flow_options(command: Command) -> Command:
    """Where flows and the inventory come from."""
    for option in (
        click.option(
            "--inventory",
            metavar="PATH",
            multiple=True,
            help="What `kubectl get … -o json` printed, or a recording: a file or a directory; or"
            " the word cluster, for the live one. May be repeated.",
        ),
        click.option(
            "--from",
            "source",
            metavar="SOURCE",
            help="The kind of flow log; without it, each input is recognised by its content.",
        ),
        click.option(
            "--clock-skew",
            "skew",
            type=Duration(),
            default="2s",
            show_default=True,
            help="By how much the clocks of flows and inventory may differ: a flow so close to the"
            " time at which its address changed hands is held.",
        ),
    ):
        command = option(command)
    return command


def strict_option(command: Command) -> Command:
    """``--strict``: notices become a failure."""
    return click.option("--strict", is_flag=True, help="Exit 1 when there is any notice.")(command)

"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from netpol.profile import CNIS

__all__ = ["cni_option", "flow_options", "strict_option"]

Command = TypeVar("Command", bound=Callable[..., Any])


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
    ):
        command = option(command)
    return command


def strict_option(command: Command) -> Command:
    """``--strict``: notices become a failure."""
    return click.option("--strict", is_flag=True, help="Exit 1 when there is any notice.")(command)

"""How flows are read, and beside which inventory: options of every command that learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

from netpol.cli.options import INPUT, Duration, Moment, SourceName
from netpol.cli.sections import in_section

__all__ = ["PLAIN", "Reading", "reading_options"]

Command = Callable[..., Any]
_option = in_section(INPUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What those options say."""

    inventory: tuple[str, ...] = ()
    """Paths, or the word ``cluster``."""
    source: str | None = None
    """The kind of flow log; None: each input is recognised by its content."""
    skew: float = 2.0
    """Seconds by which the clocks of flows and inventory may differ."""
    at: int | None = None
    """When records were taken that carry no time, in nanoseconds since the epoch."""

    @property
    def guard(self) -> int:
        """``skew`` in nanoseconds."""
        return round(self.skew * 1e9)


PLAIN: Final = Reading()
"""For commands that read a store and no flow log."""


_OPTIONS: Final = (
    _option(
        "--inventory",
        metavar="PATH",
        multiple=True,
        help="What `kubectl get … -o json` printed, or a recording: a file or a directory; or"
        " the word cluster, for the live one. May be repeated.",
    ),
    _option(
        "--from",
        "source",
        type=SourceName(),
        help="The kind of flow log (`netpol sources` lists them); without it, each input is"
        " recognised by its content.",
    ),
    _option(
        "--at",
        type=Moment(),
        help="When records were taken that carry no time of their own (`conntrack -L`):"
        " 2026-11-02T09:14:07Z, or now. Without it they are held.",
    ),
    _option(
        "--clock-skew",
        "skew",
        type=Duration(),
        default="2s",
        show_default=True,
        help="By how much the clocks of flows and inventory may differ: a flow so close to the"
        " time at which its address changed hands is held.",
    ),
)


def reading_options(command: Command) -> Command:
    """``--inventory``, ``--from``, ``--at`` and ``--clock-skew``, given as ``how``."""

    @wraps(command)
    def reading(
        *args: object,
        inventory: tuple[str, ...],
        source: str | None,
        skew: float,
        at: int | None,
        **more: object,
    ) -> object:
        how = Reading(inventory=inventory, source=source, skew=skew, at=at)
        return command(*args, how=how, **more)

    for option in reversed(_OPTIONS):
        reading = option(reading)
    return reading

"""How fine the policies are, and the options that say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from netpol.cli.proof import Proof
    from netpol.prices import Price
    from netpol.synthesize import Level, Options

__all__ = ["Shaping", "priced", "shaping_options"]

Command = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaping:
    """What the user traded, and for what."""

    only: tuple[str, ...]
    exclude: tuple[str, ...]
    dns: bool
    level: str
    prices: bool

    @property
    def options(self) -> Options:
        """The same for the core."""
        from netpol.synthesize import Options

        return Options(
            dns=self.dns,
            namespaces=frozenset(self.only) if self.only else None,
            exclude=frozenset(self.exclude),
            level=cast("Level", self.level),
        )

    @property
    def others(self) -> tuple[Level, ...]:
        """The levels whose prices are shown beside that of the chosen one."""
        from netpol.synthesize import LEVELS

        wanted = LEVELS if self.prices else LEVELS[:1]
        return tuple(one for one in wanted if one != self.level)


def shaping_options(command: Command) -> Command:
    """What is policed and how finely, given to the command as ``shaping``."""

    @wraps(command)
    def shaping(
        *args: object,
        only: tuple[str, ...],
        exclude: tuple[str, ...],
        dns: bool,
        level: str,
        prices: bool,
        **more: object,
    ) -> object:
        shape = Shaping(only=only, exclude=exclude, dns=dns, level=level, prices=prices)
        return command(*args, shaping=shape, **more)

    for option in reversed(_OPTIONS):
        shaping = option(shaping)
    return shaping


_OPTIONS = (
    click.option("-n", "--namespace", "only", multiple=True, help="Police only this namespace."),
    click.option(
        "--exclude-namespace", "exclude", multiple=True, help="Leave this namespace unpoliced."
    ),
    click.option(
        "--level",
        type=click.Choice(["workload", "app", "namespace"]),
        default="workload",
        show_default=True,
        help="What is one subject and one peer: a workload, the workloads of a namespace that share"
        " app.kubernetes.io/part-of (else /instance, else /name), or a namespace. Coarser is"
        " shorter, and opens what nobody was seen to need: the price is printed.",
    ),
    click.option(
        "--prices", is_flag=True, help="Print what every level would cost, beside the chosen one."
    ),
    click.option(
        "--dns/--no-dns",
        default=True,
        show_default=True,
        help="Declare name resolution for every pod of a policed namespace.",
    ),
)


def priced(chosen: Proof, shaping: Shaping, prove: Callable[[Options], Proof]) -> tuple[Price, ...]:
    """The price of the chosen level and of those beside it, the finest level first."""
    from dataclasses import replace

    from netpol.synthesize import LEVELS

    found = {chosen.level: chosen}
    found |= {one: prove(replace(shaping.options, level=one)) for one in shaping.others}
    return tuple(found[one].price for one in LEVELS if one in found)

"""How fine the policies are, and the options that say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

import click

from netpol.cli.sections import in_section

if TYPE_CHECKING:
    from netpol.cli.proof import Proof
    from netpol.prices import Price
    from netpol.synthesize import Level, Options, Patterns

__all__ = ["Shaping", "priced", "shaping_options"]

Command = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaping:
    """What the user traded, and for what."""

    only: tuple[str, ...]
    exclude: tuple[str, ...]
    dns: bool
    declared: bool
    level: str
    prices: bool
    widening: int
    blocks: int | None
    patterns: Patterns
    world: bool
    staged: bool
    port_gap: int
    namespace_labels: tuple[str, ...]

    @property
    def options(self) -> Options:
        """The same for the core."""
        from netpol.synthesize import Bound, Options

        return Options(
            dns=self.dns,
            declared=self.declared,
            namespaces=frozenset(self.only) if self.only else None,
            exclude=frozenset(self.exclude),
            level=cast("Level", self.level),
            bound=Bound(blocks=self.blocks, addresses=self.widening),
            patterns=self.patterns,
            allow_world=self.world,
            port_gap=self.port_gap,
            namespace_labels=self.namespace_labels,
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
        declared: bool,
        level: str,
        prices: bool,
        max_widening: int,
        max_blocks: int | None,
        fqdn_patterns: int | None,
        fqdn_pattern: tuple[str, ...],
        allow_world: bool,
        staged: bool,
        max_port_gap: int,
        namespace_label: tuple[str, ...],
        **more: object,
    ) -> object:
        if max_widening and max_blocks:
            raise click.UsageError("give --max-widening or --max-blocks, not both")
        shape = Shaping(
            patterns=_patterns(fqdn_patterns, fqdn_pattern),
            only=only,
            exclude=exclude,
            dns=dns,
            declared=declared,
            level=level,
            prices=prices,
            widening=max_widening,
            blocks=max_blocks,
            world=allow_world,
            staged=staged,
            port_gap=max_port_gap,
            namespace_labels=namespace_label,
        )
        return command(*args, shaping=shape, **more)

    for option in reversed(_OPTIONS):
        shaping = option(shaping)
    return shaping


def _patterns(least: int | None, chosen: tuple[str, ...]) -> Patterns:
    from netpol.synthesize import Patterns
    from netpol.synthesize.patterns import pattern_of

    return Patterns(least, tuple(dict.fromkeys(map(pattern_of, chosen))))


def _keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    from generators.naming import is_label_key

    for key in keys:
        if not is_label_key(key):
            raise click.BadParameter(f"{key!r} is not the key of a label")
    return tuple(dict.fromkeys(keys))


_policies = in_section("Shape of the policies")
_outside = in_section("Outside the cluster")
_needs = in_section("Declared needs")
_OPTIONS = (
    _policies("-n", "--namespace", "only", multiple=True, help="Police only this namespace."),
    _policies(
        "--exclude-namespace", "exclude", multiple=True, help="Leave this namespace unpoliced."
    ),
    _policies(
        "--level",
        type=click.Choice(["workload", "app", "namespace"]),
        default="workload",
        show_default=True,
        help="What is one subject and one peer: a workload, the workloads of a namespace that share"
        " app.kubernetes.io/part-of (else /instance, else /name), or a namespace. Coarser is"
        " shorter, and opens what nobody was seen to need: the price is printed.",
    ),
    _policies(
        "--prices", is_flag=True, help="Print what every level would cost, beside the chosen one."
    ),
    _outside(
        "--max-widening",
        metavar="N",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="Shorten each list of outside addresses as far as N addresses that nobody was seen to"
        " use allow; never with addresses of the cluster or private ones.",
    ),
    _outside(
        "--max-blocks",
        metavar="K",
        type=click.IntRange(1),
        help="Shorten each list of outside addresses to K blocks, at the least price in addresses"
        " that nobody was seen to use.",
    ),
    _outside(
        "--fqdn-patterns",
        metavar="N",
        type=click.IntRange(2),
        help="Write one pattern of DNS names (Cilium) where at least N names of one workload and"
        " port differ in their first label alone, never across what different people register:"
        " the price is printed.",
    ),
    _outside(
        "--fqdn-pattern",
        metavar="PATTERN",
        multiple=True,
        help="Write this pattern of DNS names, such as *.db.example.org, in the place of the names"
        " that it matches; * is any run of characters within one label.",
    ),
    _policies(
        "--namespace-label",
        metavar="KEY",
        multiple=True,
        callback=lambda _ctx, _option, keys: _keys(keys),
        help="Write a set of namespaces by this label of theirs (team, say) where its values select"
        " exactly that set. Shorter, and open to every namespace that is given the label later.",
    ),
    _policies(
        "--max-port-gap",
        metavar="N",
        type=click.IntRange(0, 65535),
        default=0,
        show_default=True,
        help="Write neighbouring ports as one range where at most N ports between them were not"
        " seen; the certificate lists what that opens.",
    ),
    _outside(
        "--allow-world",
        is_flag=True,
        help="Take a port that more than 16 public addresses reached as open to the internet, also"
        " where no Service of type LoadBalancer or NodePort exposes it; and allow connections of"
        " which the flow log only says that the other side is on the internet.",
    ),
    _policies(
        "--staged",
        is_flag=True,
        help="Write a roll-out: policies that are not enforced yet (Calico: Staged kinds, Cilium:"
        " enableDefaultDeny false; Kubernetes: two steps), with the plan in a README.md.",
    ),
    _needs(
        "--dns/--no-dns",
        default=True,
        show_default=True,
        help="Declare name resolution for every pod of a policed namespace.",
    ),
    _needs(
        "--declared/--no-declared",
        default=True,
        show_default=True,
        help="Declare what objects of the inventory say is called: admission webhooks, aggregated"
        " APIs, backends of routes, metrics, the API server for accounts with rights.",
    ),
)


def priced(chosen: Proof, shaping: Shaping, prove: Callable[[Options], Proof]) -> tuple[Price, ...]:
    """The price of the chosen level and of those beside it, the finest level first."""
    from dataclasses import replace

    from netpol.synthesize import LEVELS

    found = {chosen.level: chosen}
    found |= {one: prove(replace(shaping.options, level=one)) for one in shaping.others}
    return tuple(found[one].price for one in LEVELS if one in found)

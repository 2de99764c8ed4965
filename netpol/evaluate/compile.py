"""Policies as bits: for each pod cell the rules that apply to it, tier by tier, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from netpol.errors import NetpolError
from netpol.evaluate.bits import bits, members
from netpol.evaluate.cells import Universe
from netpol.evaluate.ports import PortAtoms
from netpol.net import PortSet
from netpol.policy import Action, Policy, PolicySet, Rule, Selector, Tier, Undecided, turn

__all__ = [
    "DIRECTIONS",
    "Direction",
    "Layer",
    "Match",
    "Program",
    "Programs",
    "Tables",
    "programs",
    "tiers_of",
]

Direction: TypeAlias = Literal["egress", "ingress"]
DIRECTIONS: Final[tuple[Direction, ...]] = ("egress", "ingress")


@dataclass(frozen=True, slots=True)
class Match:
    """A rule: where it stands in the policy set, and what it matches."""

    policy: int
    rule: int
    action: Action
    peers: int
    """Cells (bits)."""
    ports: int
    """Port atoms (bits)."""
    unsure: bool = False
    """It is not known which of these it matches."""


@dataclass(frozen=True, slots=True)
class Layer:
    """The rules of one tier that apply to a pod, in the order in which they are asked."""

    tier: str
    rules: tuple[Match, ...]
    isolating: tuple[int, ...]
    """The policies whose default deny ends this tier; when there is none, the next tier follows."""
    undecided: tuple[int, ...] = ()
    """The entries of ``PolicySet.undecided`` that might decide here: what this tier and later ones
    say is then not certain."""


Program: TypeAlias = tuple[Layer, ...]
"""Everything that decides one direction of a pod; empty: not isolated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """The distinct programs of one direction: pods that the same policies select share one."""

    programs: tuple[Program, ...]
    subjects: tuple[int, ...]
    """For each program the pod cells (bits) that it is for."""
    of_cell: tuple[int, ...]
    """For each pod cell the number of its program."""

    def of(self, cell: int) -> Program:
        """The program of a pod cell."""
        return self.programs[self.of_cell[cell]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """What the rules are compiled against."""

    policies: PolicySet
    everyone: Universe
    selected: dict[Selector, int]
    atoms: PortAtoms


_Compiled: TypeAlias = dict[int, tuple[tuple[int, Match], ...]]
"""For each policy its rules in one direction, each with the pod cells (bits) that it is for; a rule
comes once for each way in which servers resolve its named ports."""


class _Key(NamedTuple):
    """What makes the program of a pod cell."""

    chosen: tuple[int, ...]
    """The policies that select it, in order."""
    conditions: tuple[int, ...]
    """Of their rules that are for some of their pods only, which are for it."""
    undecided: tuple[int, ...]


def programs(tables: Tables, direction: Direction) -> Programs:
    """Compile one direction. Raises NetpolError where a policy is in a tier that does not exist."""
    rules = _compiled(tables, direction)
    subjects: dict[_Key, list[int]] = {}
    keys = _keys(tables, rules, direction)
    for cell, key in enumerate(keys):
        subjects.setdefault(key, []).append(cell)
    numbers = {key: number for number, key in enumerate(subjects)}
    return Programs(
        programs=tuple(_program(tables, key, rules, cells[0]) for key, cells in subjects.items()),
        subjects=tuple(bits(cells) for cells in subjects.values()),
        of_cell=tuple(numbers[key] for key in keys),
    )


def _keys(tables: Tables, rules: _Compiled, direction: Direction) -> list[_Key]:
    """For each pod cell what makes its program."""
    every = tables.policies.policies
    partial = {
        policy: {subject for subject, _ in found} - {_subject(tables, every[policy])}
        for policy, found in rules.items()
    }
    conditions = {policy: tuple(found) for policy, found in partial.items() if found}
    unsure = _undecided(tables, direction)
    return [
        _Key(
            chosen=chosen,
            conditions=tuple(
                subject >> cell & 1 for policy in chosen for subject in conditions.get(policy, ())
            ),
            undecided=tuple(place for place, subject in unsure if subject >> cell & 1),
        )
        for cell, chosen in enumerate(_selecting(tables, direction))
    ]


def _subject(tables: Tables, one: Policy | Undecided | Rule) -> int:
    """The pod cells that it is for."""
    pods = tables.everyone.pods
    return pods if one.subject is None else tables.selected[one.subject] & pods


def _undecided(tables: Tables, direction: Direction) -> list[tuple[int, int]]:
    """The entries that were not understood in this direction: (place, pod cells)."""
    return [
        (place, _subject(tables, one))
        for place, one in enumerate(tables.policies.undecided)
        if direction in one.directions
    ]


def tiers_of(policies: PolicySet) -> dict[str, Tier]:
    """The tiers by name, first asked first."""
    return {tier.name: tier for tier in sorted(policies.tiers)}


def _selecting(tables: Tables, direction: Direction) -> list[tuple[int, ...]]:
    """For each pod cell the policies that say something in this direction, in order."""
    found: list[list[int]] = [[] for _ in members(tables.everyone.pods)]
    for policy in _in_order(tables.policies):
        one = tables.policies.policies[policy]
        if one.rules(direction) is not None:
            for cell in members(_subject(tables, one)):
                found[cell].append(policy)
    return [tuple(chosen) for chosen in found]


def _in_order(policies: PolicySet) -> list[int]:
    """The policies in the order in which they are asked, tier by tier."""
    rank = {name: place for place, name in enumerate(tiers_of(policies))}
    for one in policies.policies:
        if one.tier not in rank:
            raise NetpolError(
                f"policy {one.namespace}/{one.name} is in tier {one.tier!r}, which does not exist",
                where=one.origin,
                hint="add the Tier object to the policies",
            )

    def key(place: int) -> tuple[int, tuple[float, str], int]:
        one = policies.policies[place]
        return rank[one.tier], turn(one), place

    return sorted(range(len(policies.policies)), key=key)


def _compiled(tables: Tables, direction: Direction) -> _Compiled:
    resolved: dict[tuple[tuple[str, str], ...], dict[int, int]] = {}
    found: _Compiled = {}
    for policy, one in enumerate(tables.policies.policies):
        subject, matches = _subject(tables, one), list[tuple[int, Match]]()
        for place, rule in enumerate(one.rules(direction) or ()):
            if rule.named_ports not in resolved:
                resolved[rule.named_ports] = _resolved(tables, rule.named_ports)
            policed = subject & _subject(tables, rule)
            policed &= tables.everyone.all if rule.at is None else _cells(tables, rule.at)
            matches += _matches(
                tables, direction, policed, (policy, place), rule, resolved[rule.named_ports]
            )
        found[policy] = tuple(matches)
    return found


def _resolved(tables: Tables, names: tuple[tuple[str, str], ...]) -> dict[int, int]:
    """For each set of port atoms that the names can mean, the cells for which they mean it."""
    groups: dict[int, list[int]] = {}
    for number, cell in enumerate(tables.everyone.cells if names else ()):
        ports = (PortSet.of(p[0], p[2]) for p in cell.named_ports if p[:2] in names)
        groups.setdefault(tables.atoms.mask(PortSet.union(ports)), []).append(number)
    return {mask: bits(cells) for mask, cells in groups.items()} or {0: tables.everyone.all}


def _matches(
    tables: Tables,
    direction: Direction,
    policed: int,
    place: tuple[int, int],
    rule: Rule,
    resolved: dict[int, int],
) -> Iterator[tuple[int, Match]]:
    """A rule for the ``policed`` cells, once per way in which servers resolve its names."""
    peers = tables.everyone.all if rule.peers is None else _cells(tables, rule.peers)
    peers &= ~_cells(tables, rule.without)
    ports = tables.atoms.mask(rule.ports)
    for named, servers in resolved.items():
        subject, others = (
            (policed & servers, peers) if direction == "ingress" else (policed, peers & servers)
        )
        if subject and others and (ports | named):
            yield subject, Match(*place, rule.action, others, ports | named, bool(rule.unsure))


def _cells(tables: Tables, selectors: tuple[Selector, ...]) -> int:
    found = 0
    for selector in selectors:
        found |= tables.selected[selector]
    return found


def _program(tables: Tables, key: _Key, rules: _Compiled, cell: int) -> Program:
    """The layers for ``cell``, which has ``key``; a tier of which nothing is there is left out."""
    every, tiers = tables.policies.policies, tiers_of(tables.policies)
    matches = [m for policy in key.chosen for subject, m in rules[policy] if subject >> cell & 1]
    unsure = {place: tables.policies.undecided[place].tier for place in key.undecided}
    lost = tuple(place for place, tier in unsure.items() if tier not in tiers)
    layers = [
        Layer(
            name,
            tuple(match for match in matches if every[match.policy].tier == name),
            tuple(
                policy
                for policy in key.chosen
                if tier.default == "deny" and every[policy].tier == name and every[policy].isolates
            ),
            tuple(place for place, found in unsure.items() if found == name),
        )
        for name, tier in tiers.items()
        if name in unsure.values() or any(every[policy].tier == name for policy in key.chosen)
    ]
    # A tier that nobody declared may stand anywhere, so in front of all others.
    return (*((Layer("", (), (), lost),) if lost else ()), *layers)

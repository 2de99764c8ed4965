"""Policies as bits: for each pod cell the rules that apply to it, tier by tier, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from netpol.errors import NetpolError
from netpol.evaluate.bits import bits, members
from netpol.evaluate.cells import Universe
from netpol.evaluate.ports import PortAtoms
from netpol.net import PortSet
from netpol.policy import Action, PolicySet, Rule, Selector, Tier
from netpol.world import NamedPort

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


@dataclass(frozen=True, slots=True)
class Layer:
    """The rules of one tier that apply to a pod, in the order in which they are asked."""

    tier: str
    rules: tuple[Match, ...]
    isolating: tuple[int, ...]
    """The policies whose default deny ends this tier; when there is none, the next tier follows."""


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


_Variants: TypeAlias = tuple[tuple[int, Match], ...]
"""A rule once per way in which servers (bits) resolve its named ports."""
_Key: TypeAlias = tuple[tuple[int, ...], tuple[NamedPort, ...]]


def programs(tables: Tables, direction: Direction) -> Programs:
    """Compile one direction. Raises NetpolError where a policy is in a tier that does not exist."""
    rules = _compiled(tables, direction)
    named = {policy for policy, found in rules.items() if any(len(one) > 1 for one in found)}
    subjects: dict[_Key, list[int]] = {}
    keys: list[_Key] = []
    for cell, chosen in enumerate(_selecting(tables, direction)):
        # Where the subject is the server, its own named ports are part of what the rules mean.
        ports = tables.everyone.cells[cell].named_ports if named.intersection(chosen) else ()
        keys.append((chosen, ports if direction == "ingress" else ()))
        subjects.setdefault(keys[-1], []).append(cell)
    numbers = {key: number for number, key in enumerate(subjects)}
    return Programs(
        programs=tuple(
            _program(tables, chosen, _for_subject(rules, chosen, cells[0], direction))
            for (chosen, _), cells in subjects.items()
        ),
        subjects=tuple(bits(cells) for cells in subjects.values()),
        of_cell=tuple(numbers[key] for key in keys),
    )


def tiers_of(policies: PolicySet) -> dict[str, Tier]:
    """The tiers by name, first asked first."""
    return {tier.name: tier for tier in sorted(policies.tiers)}


def _selecting(tables: Tables, direction: Direction) -> list[tuple[int, ...]]:
    """For each pod cell the policies that say something in this direction, in order."""
    found: list[list[int]] = [[] for _ in members(tables.everyone.pods)]
    for policy in _in_order(tables.policies):
        one = tables.policies.policies[policy]
        if one.rules(direction) is not None:
            for cell in members(tables.selected[one.subject] & tables.everyone.pods):
                found[cell].append(policy)
    return [tuple(chosen) for chosen in found]


def _in_order(policies: PolicySet) -> list[int]:
    """The policies in the order in which they are asked: tier, order, name."""
    rank = {name: place for place, name in enumerate(tiers_of(policies))}
    for one in policies.policies:
        if one.tier not in rank:
            raise NetpolError(
                f"policy {one.namespace}/{one.name} is in tier {one.tier!r}, which does not exist",
                where=one.origin,
                hint="add the Tier object to the policies",
            )

    def key(place: int) -> tuple[int, float, str, str, int]:
        one = policies.policies[place]
        return rank[one.tier], one.order, one.name, one.namespace, place

    return sorted(range(len(policies.policies)), key=key)


def _compiled(tables: Tables, direction: Direction) -> dict[int, tuple[_Variants, ...]]:
    """For each policy its rules in this direction."""
    resolved: dict[tuple[tuple[str, str], ...], dict[int, int]] = {}
    found: dict[int, tuple[_Variants, ...]] = {}
    for policy, one in enumerate(tables.policies.policies):
        rules = one.rules(direction) or ()
        for rule in rules:
            if rule.named_ports not in resolved:
                resolved[rule.named_ports] = _resolved(tables, rule.named_ports)
        found[policy] = tuple(
            _variants(tables, (policy, place), rule, resolved[rule.named_ports])
            for place, rule in enumerate(rules)
        )
    return found


def _resolved(tables: Tables, names: tuple[tuple[str, str], ...]) -> dict[int, int]:
    """For each set of port atoms that the names can mean, the cells for which they mean it."""
    groups: dict[int, list[int]] = {}
    for number, cell in enumerate(tables.everyone.cells if names else ()):
        ports = (PortSet.of(p[0], p[2]) for p in cell.named_ports if p[:2] in names)
        groups.setdefault(tables.atoms.mask(PortSet.union(ports)), []).append(number)
    return {mask: bits(cells) for mask, cells in groups.items()} or {0: tables.everyone.all}


def _variants(
    tables: Tables, place: tuple[int, int], rule: Rule, resolved: dict[int, int]
) -> _Variants:
    peers = tables.everyone.all if rule.peers is None else 0
    for selector in rule.peers or ():
        peers |= tables.selected[selector]
    ports = tables.atoms.mask(rule.ports)
    return tuple(
        (servers, Match(*place, rule.action, peers, ports | named))
        for named, servers in resolved.items()
    )


def _for_subject(
    rules: dict[int, tuple[_Variants, ...]],
    chosen: tuple[int, ...],
    subject: int,
    direction: Direction,
) -> Iterator[Match]:
    """The rules with their ports settled: by the subject's own names, or by each peer's."""
    for variants in (found for policy in chosen for found in rules[policy]):
        for servers, match in variants:
            if direction == "ingress":
                if servers >> subject & 1:
                    yield match
            elif len(variants) == 1:
                yield match
            else:
                peers = match.peers & servers
                yield Match(match.policy, match.rule, match.action, peers, match.ports)


def _program(tables: Tables, chosen: tuple[int, ...], rules: Iterator[Match]) -> Program:
    """The layers of the policies ``chosen``; a tier without any of them is left out."""
    every = tables.policies.policies
    matches = [match for match in rules if match.peers and match.ports]
    return tuple(
        Layer(
            tier.name,
            tuple(match for match in matches if every[match.policy].tier == tier.name),
            tuple(
                policy
                for policy in chosen
                if tier.default == "deny"
                and every[policy].tier == tier.name
                and every[policy].isolates
            ),
        )
        for tier in tiers_of(tables.policies).values()
        if any(every[policy].tier == tier.name for policy in chosen)
    )

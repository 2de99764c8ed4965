"""Selectors as sets of cells: each distinct selector is looked up once, by an inverted index."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import assert_never

from netpol.evaluate.bits import bits, members
from netpol.evaluate.cells import Cell, Universe, Vocabulary
from netpol.peers import Labels
from netpol.policy import (
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Requirement,
    Selector,
)

__all__ = ["selected"]

_CLUSTER = frozenset({"host", "remote-node", "health", "init", "ingress"})
"""Entities that are part of ``cluster``; an API server is when it runs on a node, which makes it a
remote node too (policy-semantics §4.4)."""


@dataclass(frozen=True, slots=True)
class _Index:
    """Which cells carry a label, and which carry its key (bits)."""

    scope: int
    values: dict[tuple[str, str], int] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    known: dict[Requirement, int] = field(default_factory=dict)

    def all_of(self, requirements: tuple[Requirement, ...]) -> int:
        """The cells that meet every requirement."""
        found = self.scope
        for requirement in requirements:
            if requirement not in self.known:
                self.known[requirement] = self._one(requirement)
            found &= self.known[requirement]
        return found

    def _one(self, requirement: Requirement) -> int:
        key = requirement.key
        listed = 0
        for value in requirement.values:
            listed |= self.values.get((key, value), 0)
        match requirement.operator:
            case "In":
                return listed
            case "NotIn":
                return self.scope & ~listed
            case "Exists":
                return self.keys.get(key, 0)
            case "DoesNotExist":
                return self.scope & ~self.keys.get(key, 0)
            case unknown:
                assert_never(unknown)


def selected(words: Vocabulary, everyone: Universe) -> dict[Selector, int]:
    """For each selector of the vocabulary the cells (bits) that it matches."""
    cells = everyone.cells
    pods = _indexed(everyone, lambda cell: cell.labels)
    namespaces = _indexed(everyone, lambda cell: cell.namespace_labels)
    cidrs = dict(zip(words.cidrs, _turned(cells, len(words.cidrs), _cidrs), strict=True))
    fqdns = dict(zip(words.fqdns, _turned(cells, len(words.fqdns), _fqdns), strict=True))

    def of(selector: Selector) -> int:
        match selector:
            case PodSelector():
                return namespaces.all_of(selector.namespaces) & pods.all_of(selector.pods)
            case CidrSelector():
                return cidrs[selector]
            case FqdnSelector():
                return fqdns[selector]
            case EntitySelector(name):
                return _entity(name, everyone)
            case unknown:
                assert_never(unknown)

    return {selector: of(selector) for selector in words.selectors}


def _indexed(everyone: Universe, labels: Callable[[Cell], Labels]) -> _Index:
    values: dict[tuple[str, str], list[int]] = {}
    keys: dict[str, list[int]] = {}
    for number in members(everyone.pods):
        for pair in labels(everyone.cells[number]):
            values.setdefault(pair, []).append(number)
            keys.setdefault(pair[0], []).append(number)
    return _Index(
        everyone.pods,
        {pair: bits(numbers) for pair, numbers in values.items()},
        {key: bits(numbers) for key, numbers in keys.items()},
    )


def _cidrs(cell: Cell) -> int:
    return cell.cidrs


def _fqdns(cell: Cell) -> int:
    return cell.fqdns


def _turned(cells: Iterable[Cell], count: int, of: Callable[[Cell], int]) -> list[int]:
    """From "the selectors of each cell" to "the cells of each selector"."""
    found: list[list[int]] = [[] for _ in range(count)]
    for number, cell in enumerate(cells):
        for selector in members(of(cell)):
            found[selector].append(number)
    return [bits(numbers) for numbers in found]


def _entity(name: str, everyone: Universe) -> int:
    if name == "all":
        return everyone.all
    wanted = _CLUSTER if name == "cluster" else frozenset({name})
    found = bits(n for n, cell in enumerate(everyone.cells) if cell.entities & wanted)
    return found | everyone.pods if name == "cluster" else found

"""Selectors as sets of cells: each distinct selector is looked up once, by an inverted index."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import assert_never

from netpol.evaluate.bits import bits, members
from netpol.evaluate.cells import CLUSTER, Cell, Universe, Vocabulary
from netpol.peers import Labels
from netpol.policy import (
    OPPOSITE,
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Requirement,
    Selector,
)

__all__ = ["selected"]


@dataclass(frozen=True, slots=True)
class _Index:
    """Which cells carry a key, by its values (bits)."""

    scope: int
    values: dict[str, dict[str, int]] = field(default_factory=dict)
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
        values, wanted = self.values.get(requirement.key, {}), requirement.values
        match requirement.operator:
            case "In":
                return self._listed(values, wanted)
            case "NotIn":
                return self.scope & ~self._listed(values, wanted)
            case "Exists":
                return self._listed(values, values)
            case "DoesNotExist":
                return self.scope & ~self._listed(values, values)
            case "Contains":
                return self._listed(values, (v for v in values if any(w in v for w in wanted)))
            case "StartsWith":
                return self._listed(values, (v for v in values if v.startswith(wanted)))
            case "EndsWith":
                return self._listed(values, (v for v in values if v.endswith(wanted)))
            case "NotContains" | "NotStartsWith" | "NotEndsWith" as negated:
                return self.scope & ~self._one(replace(requirement, operator=OPPOSITE[negated]))
            case unknown:
                assert_never(unknown)

    @staticmethod
    def _listed(values: dict[str, int], wanted: Iterable[str]) -> int:
        found = 0
        for value in wanted:
            found |= values.get(value, 0)
        return found


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
    values: dict[str, dict[str, list[int]]] = {}
    for number in members(everyone.pods):
        for key, value in labels(everyone.cells[number]):
            values.setdefault(key, {}).setdefault(value, []).append(number)
    return _Index(
        everyone.pods,
        {
            key: {value: bits(numbers) for value, numbers in found.items()}
            for key, found in values.items()
        },
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
    wanted = CLUSTER if name == "cluster" else frozenset({name})
    found = bits(n for n, cell in enumerate(everyone.cells) if cell.entities & wanted)
    return found | everyone.pods if name == "cluster" else found

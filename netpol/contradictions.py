"""Connections of which sources say what cannot both be: one saw it answered, another denied.

Both may be true, one after the other: policies change. But a source may also be wrong about who the
two sides are, or see a copy that another hook drops, so a person should look before it is a rule.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from netpol.graph import Connection, Evidence

__all__ = ["Contradiction", "contradictions"]

_PASSED: Final = frozenset({"answered", "allowed"})
_STOPPED: Final = frozenset({"denied", "forbidden", "refused"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """A connection, and what the sources said that do not agree."""

    connection: Connection
    said: Mapping[str, tuple[str, ...]]
    """Signals by source, both sorted."""


def contradictions(edges: Iterable[tuple[Connection, Evidence]]) -> tuple[Contradiction, ...]:
    """Those where one source saw it pass and another one, which did not, saw it stopped; sorted."""
    found = []
    for connection, evidence in edges:
        said: dict[str, set[str]] = defaultdict(set)
        for source, signal in evidence.said:
            if signal in _PASSED | _STOPPED:
                said[source].add(signal)
        passed = {source for source, signals in said.items() if signals & _PASSED}
        stopped = {source for source, signals in said.items() if signals & _STOPPED} - passed
        if passed and stopped:
            plain = {source: tuple(sorted(said[source])) for source in sorted(said)}
            found.append(Contradiction(connection=connection, said=plain))
    return tuple(sorted(found, key=lambda one: one.connection.key))

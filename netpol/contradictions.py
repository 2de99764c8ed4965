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

_PAIRS: Final = (
    (frozenset({"answered", "allowed"}), frozenset({"denied", "forbidden"})),
    # A server may well refuse what every policy let pass, but not what it answers.
    (frozenset({"answered"}), frozenset({"refused"})),
)
"""(what lets a connection pass, what says that it did not)."""
_TELLING: Final = frozenset().union(*(one | other for one, other in _PAIRS))


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
            if signal in _TELLING:
                said[source].add(signal)
        if any(_disagree(said, *pair) for pair in _PAIRS):
            plain = {source: tuple(sorted(said[source])) for source in sorted(said)}
            found.append(Contradiction(connection=connection, said=plain))
    return tuple(sorted(found, key=lambda one: one.connection.key))


def _disagree(
    said: Mapping[str, set[str]], passing: frozenset[str], stopping: frozenset[str]
) -> bool:
    """Whether some source says one thing alone and another source the other."""
    stopped = {source for source, signals in said.items() if signals & stopping}
    passed = {
        source
        for source, signals in said.items()
        # Let pass by one side and stopped by the other, as one source may see both.
        if signals & (passing - {"allowed"} if source in stopped else passing)
    }
    return bool(passed and stopped - passed)

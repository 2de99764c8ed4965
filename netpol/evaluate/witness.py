"""For each allow rule a connection that needs it: the proof that no rule can be left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from netpol.evaluate.compile import Direction, Program
from netpol.evaluate.decide import walk
from netpol.graph import Connection

__all__ = ["RuleId", "Trial", "used", "witnesses"]

RuleId: TypeAlias = tuple[int, Direction, int]
"""(place of the policy in the set, direction, place of the rule in that direction)."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One policed side of a connection that is allowed."""

    direction: Direction
    program: Program
    other: int
    ports: int


def witnesses(
    allowed: Iterable[tuple[Connection, Iterable[Trial]]],
) -> dict[RuleId, Connection]:
    """For each allow rule the first connection that is denied without it.

    Only rules that decided can be missed, so each connection tries those alone: without the rule
    the rest of its program is walked again.
    """
    found: dict[RuleId, Connection] = {}
    for connection, trials in allowed:
        for trial in trials:
            for place in _deciding(trial):
                rule = (place[0], trial.direction, place[1])
                if rule not in found and not _allowed_without(trial, place):
                    found[rule] = connection
    return found


def _deciding(trial: Trial) -> Iterator[tuple[int, int]]:
    for verdict in walk(trial.program, trial.other, trial.ports):
        if verdict.rule is not None and verdict.allowed:
            yield verdict.rule.policy, verdict.rule.rule


def _allowed_without(trial: Trial, place: tuple[int, int]) -> bool:
    again = walk(trial.program, trial.other, trial.ports, without=place)
    return all(verdict.allowed for verdict in again)


def used(trials: Iterable[Trial]) -> set[RuleId]:
    """The rules that decide some of these: the first that matches, per side and port."""
    return {
        (verdict.rule.policy, trial.direction, verdict.rule.rule)
        for trial in trials
        for verdict in walk(trial.program, trial.other, trial.ports)
        if verdict.rule is not None
    }

"""A program for all peers at once: which cells, on which ports."""

from __future__ import annotations

from typing import Literal, TypeAlias

from netpol.evaluate.compile import Layer, Match, Program
from netpol.policy import Action

__all__ = ["Doubt", "Reach", "reach"]

Reach: TypeAlias = dict[int, int]
"""Port atoms (bits) → the cells (bits) with which exactly these are allowed; disjoint cells, and
cells with which nothing is allowed are left out. An open direction is one entry, whatever N is."""

_States: TypeAlias = dict[tuple[int, int, int], int]
"""(atoms still asked in this tier, atoms that left it, atoms allowed) → cells (bits)."""


Doubt: TypeAlias = Literal["ignored", "allowed", "denied"]
"""What becomes of connections about which something undecided might have a say."""


def reach(
    program: Program, everyone: int, exempt: int, ports: int, doubt: Doubt = "ignored"
) -> Reach:
    """What a program allows, for each of ``everyone``; ``exempt`` cells are never asked.

    Cells that were treated alike so far are one entry, and each rule splits the entries by its
    peers: no cell is looked at by itself.
    """
    states: dict[tuple[int, int], int] = {(ports, 0): everyone & ~exempt}
    for layer in program:
        if layer.undecided and doubt != "ignored":
            if doubt == "denied":
                states = _denied(states)
            break
        states = _through(layer, states, doubt)
    found: Reach = {}
    for allowed, cells in [*((a | left, c) for (left, a), c in states.items()), (ports, exempt)]:
        if allowed and cells:
            found[allowed] = found.get(allowed, 0) | cells
    return found


def _denied(states: dict[tuple[int, int], int]) -> dict[tuple[int, int], int]:
    """Whatever is still asked is denied."""
    after: dict[tuple[int, int], int] = {}
    for (_, allowed), cells in states.items():
        after[0, allowed] = after.get((0, allowed), 0) | cells
    return after


def _taken(rule: Match, doubt: Doubt) -> Action | None:
    """What a rule does; one of which it is not known what it matches may be taken either way.

    After one that might leave the tier nothing is known.
    """
    if not rule.unsure:
        return rule.action
    if doubt == "allowed":
        return None if rule.action == "deny" else "allow"
    return None if doubt == "ignored" or rule.action == "allow" else "deny"


def _through(
    layer: Layer, states: dict[tuple[int, int], int], doubt: Doubt
) -> dict[tuple[int, int], int]:
    inside: _States = {}
    for (asked, allowed), cells in states.items():
        inside[asked, 0, allowed] = inside.get((asked, 0, allowed), 0) | cells
    for rule in layer.rules:
        action = _taken(rule, doubt)
        if action is None:
            continue
        split: _States = {}
        for (asked, left, allowed), cells in inside.items():
            hit = asked & rule.ports
            matched = cells & rule.peers if hit else 0
            rest = cells & ~matched
            if rest:
                key = (asked, left, allowed)
                split[key] = split.get(key, 0) | rest
            if matched:
                key = (
                    asked & ~hit,
                    left | hit if action == "pass" else left,
                    allowed | hit if action == "allow" else allowed,
                )
                split[key] = split.get(key, 0) | matched
        inside = split
    after: dict[tuple[int, int], int] = {}
    for (asked, left, allowed), cells in inside.items():
        key2 = (left if layer.isolating else left | asked, allowed)
        after[key2] = after.get(key2, 0) | cells
    return after

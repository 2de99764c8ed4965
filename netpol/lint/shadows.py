"""NP111: rules that change nothing, since others have decided the same.

Not by syntax: the Judge is asked about one connection of each kind that the rule matches, with the
rule and without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from netpol.evaluate import Judge
from netpol.graph import Connection
from netpol.lint.candidates import Candidates
from netpol.lint.case import Case, listed
from netpol.lint.finding import DIRECTIONS, Direction, Finding, RuleAt
from netpol.net import PortSet
from netpol.policy import PolicySet, Rule

__all__ = ["needless", "shadowed"]

_NOTHING = Rule(peers=(), ports=PortSet())
"""In place of a rule that is left out, so that the others keep their numbers."""


def shadowed(case: Case) -> Iterator[Finding]:
    """NP111: rules without which everybody, strangers too, may do what they may with them."""
    found = dict(needless(case))
    for at in case.rules:
        if at in found:
            yield at.finding("NP111", _message(found[at]))


def needless(case: Case) -> Iterator[tuple[RuleAt, list[str]]]:
    """Rules that can all go, each with those that decide in its place.

    Of rules that make each other needless the narrower are named, and the wider stay. Rules that
    inspect DNS do more than allow, and are left alone. Silent where not every combination of
    parties can be asked about.
    """
    for direction in DIRECTIONS if case.complete else ():
        possible = Candidates(case, direction)
        yield from _needless(case, possible, _suspects(case, possible))


def _message(deciders: list[str]) -> str:
    why = listed(deciders)
    reason = f"{why} decides the same" if why else "what it says holds without it"
    return f"removing it changes nothing: {reason}; remove it, or mend what it was meant to add"


def _suspects(case: Case, possible: Candidates) -> list[RuleAt]:
    """The rules for which no candidate is denied that would be allowed with them."""
    waiting = {
        (at.index, at.direction, at.place): (at, possible.of(at))
        for at in case.rules
        if at.direction == possible.direction and not (at.rule.dns or at.rule.unsure)
    }
    judge = Judge(
        policies=_facing(case.policies, possible.direction), world=case.world, profile=case.profile
    )
    suspects: list[RuleAt] = []
    batch = 1
    while waiting:
        asked = {rule: list(islice(found, batch)) for rule, (_, found) in waiting.items()}
        # Most rules are needed by the first connection that they match.
        needed = judge.witnesses(one for found in asked.values() for one in found)
        suspects += [at for rule, (at, _) in waiting.items() if not asked[rule]]
        waiting = {r: w for r, w in waiting.items() if asked[r] and r not in needed}
        batch *= 4
    return suspects


def _needless(
    case: Case, possible: Candidates, suspects: Iterable[RuleAt]
) -> Iterator[tuple[RuleAt, list[str]]]:
    """The suspects that can go, each given that those before it are gone, with who decides then."""
    asked = {at: list(possible.of(at)) for at in suspects}
    gone: set[tuple[int, int]] = set()
    for at in sorted(asked, key=lambda one: _expendable(one, len(asked[one]))):
        if not asked[at]:
            continue
        places = sorted(possible.neighbours(at))
        before = _judge(case, possible.direction, places, gone)
        after = _judge(case, possible.direction, places, gone | {(at.index, at.place)})
        if all(_same(before, after, one) for one in asked[at]):
            gone.add((at.index, at.place))
            yield at, _deciders(case, after, places, asked[at])


def _expendable(at: RuleAt, breadth: int) -> tuple[bool, int, int, int]:
    """Who is tried first. Rules that deny are judged while what they deny is still allowed."""
    return at.rule.action == "allow", breadth, -at.index, -at.place


def _same(before: Judge, after: Judge, one: Connection) -> bool:
    return before.decide(one).allowed == after.decide(one).allowed


def _deciders(
    case: Case, judge: Judge, places: list[int], asked: Iterable[Connection]
) -> list[str]:
    names = {(at.index, at.direction, at.place): at.name for at in case.rules}
    return [names[places[index], direction, n] for index, direction, n in judge.used(asked)]


def _judge(
    case: Case, direction: Direction, places: Iterable[int], gone: set[tuple[int, int]]
) -> Judge:
    """Of some policies, one direction, with some rules left out."""
    facing = _facing(case.policies, direction)
    kept = []
    for index in places:
        policy = facing.policies[index]
        rules = tuple(
            _NOTHING if (index, place) in gone else rule
            for place, rule in enumerate(policy.rules(direction) or ())
        )
        kept.append(
            replace(policy, ingress=rules)
            if direction == "ingress"
            else replace(policy, egress=rules)
        )
    return Judge(
        policies=replace(facing, policies=tuple(kept)), world=case.world, profile=case.profile
    )


def _facing(policies: PolicySet, direction: Direction) -> PolicySet:
    """The policies as if they spoke of one direction only: the other side is open."""
    kept = [
        replace(one, egress=None) if direction == "ingress" else replace(one, ingress=None)
        for one in policies.policies
    ]
    return replace(policies, policies=tuple(kept), undecided=())

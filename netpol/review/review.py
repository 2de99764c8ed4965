"""Everything that is to be known about a change of policies, in one value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from netpol.changes import changes
from netpol.decisions import Decision
from netpol.doubts import Doubt
from netpol.enough import Enough, enough
from netpol.evaluate import Judge
from netpol.graph import Evidence
from netpol.learn import Learned
from netpol.lint import LEFT_OUT, Finding
from netpol.peers import Cidr
from netpol.policy import PolicySet
from netpol.profile import Profile
from netpol.review.breaches import Breach, Breaches
from netpol.review.causes import Cause, Causes, Known, deniers
from netpol.review.edges import Edge, Lone, edges
from netpol.review.gates import Gate, stopped
from netpol.review.observed import Broken, Replayed, Seen, replayed
from netpol.review.places import Place, Places
from netpol.review.risks import Risk, Teams, risks
from netpol.review.rules import TeamRule
from netpol.review.touched import Touched, touched

__all__ = ["Broke", "Review", "Reviewed", "Side", "Violation", "review"]


@dataclass(frozen=True, kw_only=True)
class Side:
    """The policies before or after the change."""

    policies: PolicySet
    judge: Judge
    places: Places
    profile: Profile
    findings: tuple[Finding, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    """The text of each file with policies, by its name within the side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """An edge and all that is known of it."""

    edge: Edge
    evidence: Evidence | None
    """None: no flows were given; without records: it was never observed."""
    tried: Mapping[str, int]
    """Records of it that were not taken as needed, by reason."""
    risks: tuple[Risk, ...]
    declared: tuple[str, ...]
    """Why it is a declared need, where it is one."""
    doubts: tuple[str, ...]
    """What is odd about what was observed of it (:mod:`netpol.doubts`)."""
    decided: tuple[Decision, ...]
    """What people decided about it."""
    causes: tuple[Cause, ...]
    place: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Broke:
    """An observed connection that would break, and what breaks it."""

    broken: Broken
    causes: tuple[Cause, ...]
    place: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A breach of a team's rule, and the policies behind it."""

    breach: Breach
    causes: tuple[Cause, ...]
    place: Place | None
    new: bool
    """Whether the old policies kept the rule between these two."""


@dataclass(frozen=True, kw_only=True)
class Review:
    """What :func:`review` found; all lists are sorted."""

    touched: tuple[Touched, ...]
    edges: tuple[Reviewed, ...]
    stay: int
    """Pairs of workloads that may do what they might before."""
    replayed: Replayed | None
    doubts: tuple[Doubt, ...]
    """What is odd about all that was observed."""
    enough: Enough | None
    """Whether enough was observed; None: no flows were given."""
    broke: tuple[Broke, ...]
    violations: tuple[Violation, ...]
    idle: tuple[tuple[TeamRule, str], ...]
    """Rules of the team that are about nobody, with the side on which there is none."""
    findings: tuple[tuple[Finding, Place | None], ...]
    """What is probably not what the author meant, and was not there before."""
    asked: tuple[Gate, ...]
    old: Side
    new: Side

    @property
    def left_out(self) -> int:
        """How many of the new policies, or texts that may be some, could not be read."""
        return sum(1 for one in self.new.findings if one.code in LEFT_OUT)

    @property
    def failed(self) -> tuple[tuple[Gate, int], ...]:
        """The gates that do not let it pass, each with the number of reasons."""
        counted = ((gate, stopped(gate, self)) for gate in self.asked)
        return tuple((gate, count) for gate, count in counted if count)


def review(
    old: Side,
    new: Side,
    learned: Learned | None,
    teams: Teams,
    *,
    lone: Lone,
    rules: Iterable[TeamRule] = (),
    gates: Iterable[Gate] = (),
) -> Review:
    """Review the change from ``old`` to ``new``; ``learned`` None: no flows were given."""
    objects = touched(old.policies, new.policies)
    causes = Causes(
        old=Known(judge=old.judge, places=old.places),
        new=Known(judge=new.judge, places=new.places),
        changed=frozenset(one.name for one in objects if one.how != "reworded"),
    )
    found = edges(changes(old.judge, new.judge), old.judge, new.judge, lone)
    seen = None if learned is None else Seen(learned=learned)
    replay = None
    if learned is not None and seen is not None:
        before, after = ((one.policies, one.profile) for one in (old, new))
        closing = seen.connections(one for one in found.every if one.closes)
        replay = replayed(before, after, learned, closing)
    every = tuple(rules)
    was, now = (Breaches(judge=one.judge, lone=lone, rules=every) for one in (old, new))
    return Review(
        touched=objects,
        edges=tuple(_reviewed(one, seen, teams, causes) for one in found.every),
        stay=found.stay,
        replayed=replay,
        doubts=() if seen is None else seen.odd,
        enough=None if learned is None else enough(learned),
        broke=tuple(_broke(one, causes) for one in replay.broken) if replay else (),
        violations=tuple(v for rule in every for v in _violations(rule, was, now, causes)),
        idle=tuple((rule, side) for rule in every if (side := now.idle(rule))),
        findings=tuple(_findings(old, new)),
        asked=tuple(gates),
        old=old,
        new=new,
    )


def _reviewed(edge: Edge, seen: Seen | None, teams: Teams, causes: Causes) -> Reviewed:
    evidence = None if seen is None else seen.of(edge)
    found = causes.of(edge)
    return Reviewed(
        edge=edge,
        evidence=evidence,
        tried={} if seen is None else seen.tried(edge),
        risks=risks(edge, evidence, teams),
        declared=() if seen is None else seen.declared(edge),
        doubts=() if seen is None else seen.doubted(edge),
        decided=() if seen is None else seen.decided(edge),
        causes=found,
        place=causes.place(found),
    )


def _broke(broken: Broken, causes: Causes) -> Broke:
    found = causes.ranked(deniers(broken.decision))
    return Broke(broken=broken, causes=found, place=causes.place(found))


def _violations(
    rule: TeamRule, before: Breaches, after: Breaches, causes: Causes
) -> Iterator[Violation]:
    """The breaches of a rule, those of this change first; blocks that are alike are one."""
    groups: dict[tuple[object, ...], list[Violation]] = defaultdict(list)
    for one in _each_violation(rule, before, after, causes):
        ends = (Cidr if isinstance(p, Cidr) else p for p in (one.breach.client, one.breach.server))
        because = tuple(cause.text for cause in one.causes)
        groups[*ends, one.breach.ports, one.breach.certain, one.new, because].append(one)
    merged = (_merged(found) for found in groups.values())
    yield from sorted(merged, key=lambda one: not one.new)


def _merged(found: list[Violation]) -> Violation:
    first = found[0]
    sides = (p for one in found for p in (one.breach.client, one.breach.server))
    blocks = tuple(sorted(p.cidr for p in sides if isinstance(p, Cidr)))
    return replace(first, breach=replace(first.breach, blocks=blocks))


def _each_violation(
    rule: TeamRule, before: Breaches, after: Breaches, causes: Causes
) -> Iterator[Violation]:
    was = before.of(rule) if (found := after.of(rule)) else ()
    for breach in found:
        behind = causes.behind(breach.witness)
        old = any(
            (one.client, one.server) == (breach.client, breach.server) and breach.ports <= one.ports
            for one in was
        )
        yield Violation(breach=breach, causes=behind, place=causes.place(behind), new=not old)


def _findings(old: Side, new: Side) -> Iterator[tuple[Finding, Place | None]]:
    """The findings about the new policies that the old ones did not have."""
    known = {(one.code, one.policy, one.message) for one in old.findings}
    for one in new.findings:
        if (one.code, one.policy, one.message) not in known:
            yield one, new.places.of(one.origin)

"""One connection: walk the tiers on both sides and say who decided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from netpol.evaluate.compile import Direction, Layer, Match, Program
from netpol.policy import Policy, PolicySet, Undecided
from netpol.world import Outside, PodClass

__all__ = ["Decision", "Reason", "Step", "Verdict", "step", "walk"]

Reason: TypeAlias = Literal["rule", "default deny", "not isolated", "exempt", "no pod"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one side said, and who.

    ``rule``: the rule ``rule`` (counted from 0) of ``policies[0]`` matched. ``default deny``: no
    rule of the tier matched and ``policies`` isolate. ``not isolated``: no tier decided, because no
    policy speaks for this pod and direction or because those that do leave it open. ``exempt``: the
    engine never asks (own node to pod). ``no pod``: this side is not policed.
    """

    direction: Direction
    allowed: bool
    reason: Reason
    tier: str = ""
    policies: tuple[Policy, ...] = ()
    rule: int | None = None
    undecided: tuple[Undecided, ...] = ()
    """What was not understood and might make this side say otherwise; empty: it is certain."""

    @property
    def number(self) -> int | None:
        """What people call the rule, where one decided."""
        if self.rule is None:
            return None
        return self.policies[0].number(self.direction, self.rule)

    @property
    def denied(self) -> bool:
        """Whether this side denies, whatever the undecided entries mean."""
        return not self.allowed and not self.undecided


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether a connection works, and what each side said.

    Both steps are about one pair of pods (or a pod and a party): the first pair for which it is
    denied for certain, else the first for which it is denied, else the first of all.

    Where ``undecided`` is not empty, the verdict is not known: ``allowed`` is what the policies say
    that were understood, and one of these entries might change it. A side that denies for certain
    makes the whole certain, and so does a tier that decides before theirs.
    """

    allowed: bool
    egress: Step
    ingress: Step
    client: PodClass | Outside
    server: PodClass | Outside
    undecided: tuple[Undecided, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk decided for some of the ports that it was asked about."""

    allowed: bool
    layer: Layer | None
    rule: Match | None
    ports: int
    """For which of them."""
    undecided: tuple[int, ...] = ()
    """Places in ``PolicySet.undecided`` of what might have decided before."""
    unsure: tuple[Match, ...] = ()
    """Rules that might have decided otherwise before."""

    @property
    def certain(self) -> bool:
        """Whether nothing unknown could change it."""
        return not self.undecided and not self.unsure


def walk(
    program: Program, other: int, ports: int, without: tuple[int, int] | None = None
) -> Iterator[Verdict]:
    """Who decides, for a connection with cell ``other`` on these port atoms.

    Several verdicts come where the atoms are decided by several rules; the connection is allowed
    when all of them are. ``without`` leaves out one (policy, rule).
    """
    undecided: tuple[int, ...] = ()
    unsure: list[tuple[Match, int]] = []
    for layer in program:
        undecided += layer.undecided
        here, passed = ports, 0
        for rule in layer.rules:
            hit = here & rule.ports if rule.peers >> other & 1 else 0
            if not hit or (rule.policy, rule.rule) == without:
                continue
            if rule.unsure:
                unsure.append((rule, hit))
                continue
            here &= ~hit
            if rule.action == "pass":
                passed |= hit
            else:
                found = Verdict(rule.action == "allow", layer, rule, hit, undecided)
                yield from _doubted(found, unsure)
            if not here:
                break
        if here and layer.isolating:
            yield from _doubted(Verdict(False, layer, None, here, undecided), unsure)
            here = 0
        ports = here | passed
        if not ports:
            return
    yield from _doubted(Verdict(True, None, None, ports, undecided), unsure)


def _doubted(found: Verdict, unsure: list[tuple[Match, int]]) -> Iterator[Verdict]:
    """The verdict, by whether a rule before it might have said otherwise for these ports.

    After one that might have left the tier nothing is known.
    """
    contrary = [
        (rule, hit & found.ports)
        for rule, hit in unsure
        if hit & found.ports
        and (rule.action == "pass" or (rule.action == "allow") != found.allowed)
    ]
    doubtful = 0
    for _, hit in contrary:
        doubtful |= hit
    if found.ports & ~doubtful or not contrary:
        yield replace(found, ports=found.ports & ~doubtful)
    if contrary:
        yield replace(found, ports=doubtful, unsure=tuple(rule for rule, _ in contrary))


def step(direction: Direction, verdicts: Iterator[Verdict], policies: PolicySet) -> Step:
    """The verdict to tell of: the first denial, one that is certain if there is; else the first."""
    every = list(verdicts)
    told = min(every, key=lambda one: (one.allowed, not (one.certain or one.allowed)))
    undecided = _doubts(direction, every, policies) if told.allowed or not told.certain else ()
    if told.layer is None:
        return Step(direction=direction, allowed=True, reason="not isolated", undecided=undecided)
    rule = told.rule
    return Step(
        direction=direction,
        allowed=told.allowed,
        reason="rule" if rule else "default deny",
        tier=told.layer.tier,
        policies=tuple(
            policies.policies[n] for n in ((rule.policy,) if rule else told.layer.isolating)
        ),
        rule=rule.rule if rule else None,
        undecided=undecided,
    )


def _doubts(
    direction: Direction, every: list[Verdict], policies: PolicySet
) -> tuple[Undecided, ...]:
    """What might change some of the verdicts."""
    places = {n for one in every for n in one.undecided}
    rules = {(rule.policy, rule.rule) for one in every for rule in one.unsure}
    return (
        *(policies.undecided[n] for n in sorted(places)),
        *(_of_rule(policies.policies[policy], direction, rule) for policy, rule in sorted(rules)),
    )


def _of_rule(policy: Policy, direction: Direction, place: int) -> Undecided:
    rule = (policy.rules(direction) or ())[place]
    return Undecided(
        subject=rule.subject or policy.subject,
        directions=(direction,),
        tier=policy.tier,
        reason=rule.unsure,
        origin=policy.origin,
    )

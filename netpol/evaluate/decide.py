"""One connection: walk the tiers on both sides and say who decided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from netpol.evaluate.compile import Direction, Layer, Match, Program
from netpol.policy import Policy, PolicySet
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether a connection works, and what each side said.

    Both steps are about one pair of pods (or a pod and a party): the first pair for which it is
    denied, else the first of all.
    """

    allowed: bool
    egress: Step
    ingress: Step
    client: PodClass | Outside
    server: PodClass | Outside


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk decided for some of the ports that it was asked about."""

    allowed: bool
    layer: Layer | None
    rule: Match | None


def walk(
    program: Program, other: int, ports: int, without: tuple[int, int] | None = None
) -> Iterator[Verdict]:
    """Who decides, for a connection with cell ``other`` on these port atoms.

    Several verdicts come where the atoms are decided by several rules; the connection is allowed
    when all of them are. ``without`` leaves out one (policy, rule).
    """
    for layer in program:
        here, passed = ports, 0
        for rule in layer.rules:
            hit = here & rule.ports if rule.peers >> other & 1 else 0
            if not hit or (rule.policy, rule.rule) == without:
                continue
            here &= ~hit
            if rule.action == "pass":
                passed |= hit
            else:
                yield Verdict(rule.action == "allow", layer, rule)
            if not here:
                break
        if here and layer.isolating:
            yield Verdict(False, layer, None)
            here = 0
        ports = here | passed
        if not ports:
            return
    yield Verdict(True, None, None)


def step(direction: Direction, verdicts: Iterator[Verdict], policies: PolicySet) -> Step:
    """The verdict to tell of: the first denial, else the first of all."""
    every = list(verdicts)
    told = next((one for one in every if not one.allowed), every[0])
    if told.layer is None:
        return Step(direction=direction, allowed=True, reason="not isolated")
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
    )

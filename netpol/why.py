"""Why a connection is allowed or denied: every rule that was asked, and what it answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from netpol.cases import Case, Side, case_of
from netpol.evaluate import Decision, Judge, Step
from netpol.graph import Connection
from netpol.net import ALL_PORTS
from netpol.peers import Peer
from netpol.policy import ANY, Policy, Rule, Tier, turn

__all__ = ["Asked", "Layer", "Part", "Path", "Role", "Why", "why"]

Part: TypeAlias = Literal["subject", "peer", "excluded", "port", "some ports"]
"""What keeps a rule from matching: it is not for this pod; its peers are others; the peer is among
those that it leaves out; its ports are others; it has only some of the ports asked for."""

Role: TypeAlias = Literal["decides", "passes", "unsure", "too late", "no match"]
"""``decides``: gives the verdict; ``passes``: hands on to the next tier; ``unsure``: it is not
known whether it matches; ``too late``: would match, but the verdict was already given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One rule and its answer."""

    number: int
    """Place in its policy's list, from 1."""
    rule: Rule
    role: Role
    why_not: tuple[Part, ...] = ()
    """Empty when it matches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """The policies of one tier that select the pod, in the order in which they are asked."""

    tier: Tier
    reached: bool
    """False: an earlier tier decided."""
    policies: tuple[tuple[Policy, tuple[Asked, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One side of the connection: the verdict and the way to it."""

    peer: Peer
    about: Side
    """Who was asked about: pods of the peer that are all alike, or one address of the party."""
    partly: bool
    """Whether other pods or addresses of the peer get another verdict."""
    step: Step
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The verdict about one connection, with both paths.

    ``decision`` is about one pair of pods with one address each: one for which it is denied, if
    there is any.
    """

    connection: Connection
    decision: Decision
    egress: Path
    ingress: Path


def why(judge: Judge, connection: Connection) -> Why:
    """Ask again, rule by rule. Raises NetpolError for a workload that the world does not know."""
    case = case_of(judge, connection)
    return Why(
        connection=connection,
        decision=case.decision,
        egress=Path(
            peer=connection.client,
            about=case.client,
            partly=case.client_partly,
            step=case.decision.egress,
            layers=tuple(_layers(case, case.decision.egress)),
        ),
        ingress=Path(
            peer=connection.server,
            about=case.server,
            partly=case.server_partly,
            step=case.decision.ingress,
            layers=tuple(_layers(case, case.decision.ingress)),
        ),
    )


def _layers(case: Case, step: Step) -> Iterator[Layer]:
    """Every tier that has policies for this side, first asked first."""
    reached = True
    for tier in sorted(case.judge.policies.tiers):
        chosen = [
            one
            for one in case.judge.policies.policies
            if one.tier == tier.name
            and one.rules(step.direction) is not None
            and case.selects(one.subject, step.direction)
        ]
        if chosen:
            # The order within a tier, as the evaluator has it.
            chosen.sort(key=turn)
            policies = tuple(_answers(case, chosen, step, over=not reached))
            yield Layer(tier=tier, reached=reached, policies=policies)
        reached = reached and step.tier != tier.name


def _answers(
    case: Case, chosen: Iterable[Policy], step: Step, over: bool
) -> Iterator[tuple[Policy, tuple[Asked, ...]]]:
    """The rules of one tier; ``over`` when the verdict was given before."""
    for policy in chosen:
        answers = []
        for place, rule in enumerate(policy.rules(step.direction) or ()):
            parts = tuple(_why_not(case, rule, step.direction))
            role: Role = "no match"
            if not over and step.rule == place and policy in step.policies:
                role = "decides"
            elif not parts:
                role = "too late" if over else "unsure" if rule.unsure else "passes"
            over = over or role in ("decides", "passes")
            answers.append(
                Asked(number=rule.entry or place + 1, rule=rule, role=role, why_not=parts)
            )
        yield policy, tuple(answers)


def _why_not(case: Case, rule: Rule, direction: str) -> Iterator[Part]:
    """What of a rule does not match, each part asked by itself."""
    anyone = replace(rule, peers=ANY, without=(), ports=ALL_PORTS, named_ports=(), subject=None)
    there = rule.at is None or case.matches(anyone, direction)
    if not there or (rule.subject and not case.selects(rule.subject, direction)):
        yield "subject"
    bare = replace(rule, subject=None, at=None)
    anywhere = replace(bare, ports=ALL_PORTS, named_ports=())
    if not case.matches(anywhere, direction):
        known = rule.without and case.matches(replace(anywhere, without=()), direction)
        yield "excluded" if known else "peer"
    if not case.matches(replace(bare, peers=ANY, without=()), direction):
        yield "some ports" if rule.ports & case.asked.ports else "port"

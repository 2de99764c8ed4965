"""Learned traffic replayed through policies that somebody else may have written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netpol.certificate import Certificate, certify, world_of
from netpol.evaluate import Judge
from netpol.graph import Connection
from netpol.learn import Learned
from netpol.policy import Policy, PolicySet
from netpol.profile import Profile
from netpol.synthesize.dns import needs

__all__ = ["Replay", "UnusedRule", "replay"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusedRule:
    """A rule by which no observed connection and no declared need is allowed."""

    policy: Policy
    direction: str
    number: int
    """Place in the policy's list, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What became of the learned connections, and which rules none of them used."""

    certificate: Certificate
    unused: tuple[UnusedRule, ...]


def replay(policies: PolicySet, learned: Learned, profile: Profile) -> Replay:
    """Judge every accepted connection under ``policies``; nothing is generated."""
    policed = frozenset(policy.namespace for policy in policies.policies)
    declared = needs(learned.accepted, learned.inventory, policed)
    return Replay(
        certificate=certify(policies, learned, profile, declared=declared),
        unused=tuple(_unused(policies, learned, profile, declared)),
    )


def _unused(
    policies: PolicySet, learned: Learned, profile: Profile, declared: Iterable[Connection]
) -> Iterable[UnusedRule]:
    judge = Judge(policies=policies, world=world_of(learned), profile=profile)
    used = judge.used([*(connection for connection, _ in learned.accepted), *declared])
    for index, policy in enumerate(policies.policies):
        for direction in ("ingress", "egress"):
            for place, _ in enumerate(policy.rules(direction) or ()):
                if (index, direction, place) not in used:
                    yield UnusedRule(policy=policy, direction=direction, number=place + 1)

"""Learned traffic replayed through policies that somebody else may have written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from netpol.certificate import Certificate, certify, judge_of, translated
from netpol.decisions import Decision
from netpol.enforced import as_enforced
from netpol.evaluate import decides
from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory
from netpol.learn import Learned
from netpol.lint.who import who
from netpol.peers import Workload
from netpol.policy import Policy, PolicySet, Undecided, in_namespace
from netpol.profile import Profile
from netpol.synthesize.dns import needs

__all__ = ["Replay", "Unsure", "UnusedRule", "replay"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusedRule:
    """A rule by which no observed connection and no declared need is allowed."""

    policy: Policy
    direction: str
    number: int
    """Place in the policy's list, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsure:
    """An accepted connection of which nobody can say whether it is denied."""

    connection: Connection
    because: tuple[Undecided, ...]
    """What could not be read, and would have a say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What became of the learned connections, and which rules none of them used."""

    certificate: Certificate
    """Of the connections that are decided."""
    unused: tuple[UnusedRule, ...]
    unsure: tuple[Unsure, ...] = ()


def replay(policies: PolicySet, learned: Learned, profile: Profile) -> Replay:
    """Judge every accepted connection under ``policies``; nothing is generated."""
    policed = _policed(policies, learned.inventory, profile)
    declared = needs(learned.accepted, learned.inventory, policed)
    found = certify(policies, learned, profile, declared=declared, policed=policed)
    unsure = tuple(_unsure(policies, learned, profile))
    open_ = {one.connection for one in unsure}
    return Replay(
        certificate=replace(
            found,
            accepted=found.accepted - len(unsure),
            denied=tuple(one for one in found.denied if one.connection not in open_),
        ),
        unused=tuple(_unused(policies, learned, profile, declared)),
        unsure=unsure,
    )


def _unsure(policies: PolicySet, learned: Learned, profile: Profile) -> Iterator[Unsure]:
    if as_enforced(policies, profile, learned.inventory).certain:
        return  # as nearly always: no second judge is needed
    judge = judge_of(policies, learned, profile)
    for connection, _ in learned.accepted:
        because = judge.decide(connection).undecided if decides(profile, connection) else ()
        if because:
            yield Unsure(connection=connection, because=because)


def open_though_refused(
    policies: PolicySet, learned: Learned, profile: Profile
) -> tuple[tuple[Connection, Decision], ...]:
    """What people refused, and these policies allow: a rule for others lets it through as well."""
    refused = [(c, d) for c, d in learned.decided.by.items() if d.verdict == "refuse"]
    if not refused:
        return ()
    judge = judge_of(policies, learned, profile, [(one, Evidence()) for one, _ in refused])
    passes = judge.replay(one for one, _ in refused)
    return tuple(each for each, passed in zip(refused, passes, strict=True) if passed)


def _policed(policies: PolicySet, inventory: Inventory, profile: Profile) -> frozenset[str]:
    """The namespaces that policies are in, and those of the pods that wider ones select."""
    wide = [p for p in policies.policies if p.subject.namespaces != in_namespace(p.namespace)]
    found = who((one.subject for one in wide), inventory, (), profile) if wide else {}
    selected = {one.namespace for v in found.values() for one in v if isinstance(one, Workload)}
    named = {one.namespace for one in policies.policies if one not in wide}
    return frozenset(selected | named)


def _unused(
    policies: PolicySet, learned: Learned, profile: Profile, declared: Iterable[Connection]
) -> Iterable[UnusedRule]:
    edges = [*learned.accepted, *((one, Evidence()) for one in declared)]
    edges += translated(edges, profile, learned.inventory)
    used = judge_of(policies, learned, profile, edges).used(one for one, _ in edges)
    for index, policy in enumerate(policies.policies):
        for direction in ("ingress", "egress"):
            for place, rule in enumerate(policy.rules(direction) or ()):
                if (index, direction, place) not in used and not rule.unsure:
                    number = policy.number(direction, place)
                    yield UnusedRule(policy=policy, direction=direction, number=number)

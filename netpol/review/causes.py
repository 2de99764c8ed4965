"""The rules behind an edge: who opens it, who closes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netpol.evaluate import Decision, Judge
from netpol.graph import Connection
from netpol.policy import Policy
from netpol.review.edges import Edge
from netpol.review.places import Place, Places
from netpol.review.touched import Name, name_of

__all__ = ["Cause", "Causes", "Known", "deniers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A rule, or a policy as a whole where ``rule`` is None, that decides now or did before."""

    policy: Policy
    direction: str
    rule: int | None = None
    """Its place in the policy's list, from 0."""
    former: bool = False
    """It is one of the old policies: it decides no more."""

    @property
    def text(self) -> str:
        """``ingress rule 2 of ns/name``."""
        _, namespace, name = name_of(self.policy)
        title = f"{namespace}/{name}" if namespace else name
        rule = "isolation"
        if self.rule is not None:
            rule = f"rule {self.policy.number(self.direction, self.rule)}"
        return f"{'former ' if self.former else ''}{self.direction} {rule} of {title}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One side: who judges, and where its policies stand."""

    judge: Judge
    places: Places


@dataclass(frozen=True, slots=True, kw_only=True)
class Causes:
    """Finds what of a change is behind an edge."""

    old: Known
    new: Known
    changed: frozenset[Name]
    """Objects that are not what they were."""

    def of(self, edge: Edge) -> tuple[Cause, ...]:
        """What decides about one connection of the edge; first what this change touches."""
        sample = edge.sample
        if edge.opens:
            found = [*_used(self.new.judge, sample)]
            found += [] if found else [*deniers(self.old.judge.decide(sample), former=True)]
        elif edge.closes:
            found = [*_used(self.old.judge, sample, former=True)]
            found += [*deniers(self.new.judge.decide(sample))]
        else:
            return self.behind(sample)
        return self.ranked(found)

    def behind(self, connection: Connection) -> tuple[Cause, ...]:
        """What decides about one connection now."""
        judge = self.new.judge
        return self.ranked([*deniers(judge.decide(connection)), *_used(judge, connection)])

    def ranked(self, causes: Iterable[Cause]) -> tuple[Cause, ...]:
        """Each once; of those that this change touches there is more to say than of others."""
        every = dict.fromkeys(causes)
        return tuple(one for one in every if not self._untouched(one)) or tuple(every)

    def _untouched(self, cause: Cause) -> bool:
        return name_of(cause.policy) not in self.changed

    def place(self, causes: Iterable[Cause]) -> Place | None:
        """Where to point: the first of them that stands somewhere, in the new files if it can be.

        For a rule that is gone, the object as it is now.
        """
        former = None
        for cause in causes:
            if cause.former and not self._untouched(cause):
                former = former or _place(self.old.places, cause)
                now = self._now(cause)
            elif cause.former:
                continue
            else:
                now = _place(self.new.places, cause)
            if now is not None:
                return now
        return former

    def _now(self, cause: Cause) -> Place | None:
        name = name_of(cause.policy)
        policies = self.new.judge.policies.policies
        found = next((one for one in policies if name_of(one) == name), None)
        return None if found is None else self.new.places.of(found.origin)


def _place(places: Places, cause: Cause) -> Place | None:
    if cause.rule is None:
        return places.of(cause.policy.origin)
    return places.rule(cause.policy, cause.direction, cause.rule)


def _used(judge: Judge, connection: Connection, former: bool = False) -> Iterator[Cause]:
    """The rules by which it is allowed, on either side."""
    for index, direction, number in sorted(judge.used([connection])):
        policy = judge.policies.policies[index]
        if (policy.rules(direction) or ())[number].action == "allow":
            yield Cause(policy=policy, direction=direction, rule=number, former=former)


def deniers(decision: Decision, former: bool = False) -> Iterator[Cause]:
    """The rule, or the policies that isolate, on each side that denies."""
    for step in (decision.egress, decision.ingress):
        for policy in () if step.allowed else step.policies:
            yield Cause(policy=policy, direction=step.direction, rule=step.rule, former=former)

"""What a proposal adds to policies that are there already, and nothing that they allow already.

Not by comparing texts: existing and proposed policies are judged together, and a part of a proposed
rule stays if some connection is denied without it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

from netpol.certificate import judge_of, translated
from netpol.evaluate import Judge, RuleId, decides
from netpol.existing.atoms import atoms, joined
from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory
from netpol.learn import Learned
from netpol.lint.finding import DIRECTIONS, Direction
from netpol.numbered import object_name, renamed
from netpol.policy import NAMESPACE, FqdnSelector, Policy, PolicySet, Requirement, Rule
from netpol.profile import Profile

__all__ = ["missing", "together"]

_Kept: TypeAlias = Mapping[tuple[int, Direction], list[Rule]]


def together(existing: PolicySet, more: Iterable[Policy], tiers: PolicySet) -> PolicySet:
    """The existing policies, in their places, and then those of a proposal."""
    named = {one.name: one for one in (*tiers.tiers, *existing.tiers)}
    return PolicySet(
        policies=(*existing.policies, *more),
        undecided=existing.undecided,
        tiers=tuple(sorted(named.values())),
    )


def missing(
    existing: PolicySet,
    proposed: PolicySet,
    learned: Learned,
    profile: Profile,
    declared: Iterable[Connection],
) -> PolicySet:
    """The part of ``proposed`` without which something needed is denied, under names of its own.

    A namespace that existing policies isolate as a whole needs no default deny a second time.
    """
    gap = _Gap(
        existing=existing,
        proposed=proposed,
        learned=learned,
        profile=profile,
        declared=frozenset(declared),
    )
    taken = {(one.namespace, object_name(one)) for one in existing.policies}
    return replace(proposed, policies=tuple(_renamed(one, taken) for one in gap.left()))


@dataclass(frozen=True, kw_only=True)
class _Gap:
    existing: PolicySet
    proposed: PolicySet
    learned: Learned
    profile: Profile
    declared: frozenset[Connection]

    def left(self) -> Iterable[Policy]:
        """The proposed policies of which something is left."""
        kept = self._kept
        for place, policy in enumerate(self.proposed.policies):
            sides = {d: joined(kept[place, d], policy) for d in DIRECTIONS if kept[place, d]}
            if not any(policy.rules(direction) for direction in DIRECTIONS):
                sides = dict.fromkeys(self._unisolated(policy), ())
            if sides:
                yield replace(policy, ingress=sides.get("ingress"), egress=sides.get("egress"))

    @cached_property
    def _needed(self) -> list[Connection]:
        edges = [(c, e) for c, e in self.learned.accepted if decides(self.profile, c)]
        edges += [(one, Evidence()) for one in sorted(self.declared, key=lambda c: c.key)]
        edges += translated(edges, self.profile, self.learned.inventory)
        return [one for one, _ in edges]

    @cached_property
    def _cut(self) -> tuple[Policy, ...]:
        """The proposal with its rules in atoms."""
        return tuple(
            replace(
                one,
                ingress=None if one.ingress is None else _cut(one.ingress),
                egress=None if one.egress is None else _cut(one.egress),
            )
            for one in self.proposed.policies
        )

    @cached_property
    def _kept(self) -> _Kept:
        """The atoms that are needed, by policy and direction."""
        whole = self._judge(self._cut)
        found = self._own(whole.witnesses(self._needed))
        found |= self._inspecting(found)
        # Where two atoms allow the same connection, neither of them has a witness.
        denied = self._denied(found)
        if denied:
            found |= self._own(whole.used(denied))
        return self._by_side(found)

    def _judge(self, policies: Iterable[Policy]) -> Judge:
        edges = [(one, Evidence()) for one in self._needed]
        every = together(self.existing, policies, self.proposed)
        return judge_of(every, self.learned, self.profile, edges)

    def _own(self, rules: Iterable[RuleId]) -> set[RuleId]:
        """Those of the proposal, by their places in it; behind it is what the plugin adds."""
        first = len(self.existing.policies)
        own = range(first, first + len(self.proposed.policies))
        return {(index - first, side, rule) for index, side, rule in rules if index in own}

    def _denied(self, found: set[RuleId]) -> list[Connection]:
        kept = self._by_side(found)
        reduced = (
            replace(
                one,
                ingress=None if one.ingress is None else tuple(kept[place, "ingress"]),
                egress=None if one.egress is None else tuple(kept[place, "egress"]),
            )
            for place, one in enumerate(self._cut)
        )
        passes = self._judge(reduced).replay(self._needed)
        return [one for one, passed in zip(self._needed, passes, strict=True) if not passed]

    def _inspecting(self, found: set[RuleId]) -> set[RuleId]:
        """Rules through which names are learned, where a rule that is kept is for a name."""
        named = {
            self._cut[place].namespace
            for place, side, rule in found
            if any(
                isinstance(one, FqdnSelector)
                for one in (self._cut[place].rules(side) or ())[rule].peers or ()
            )
        }
        return {
            (place, "egress", number)
            for place, policy in enumerate(self._cut)
            if policy.namespace in named
            for number, rule in enumerate(policy.egress or ())
            if rule.dns
        }

    def _by_side(self, found: set[RuleId]) -> _Kept:
        kept: dict[tuple[int, Direction], list[Rule]] = defaultdict(list)
        for place, side, number in sorted(found):
            kept[place, side].append((self._cut[place].rules(side) or ())[number])
        return kept

    def _unisolated(self, policy: Policy) -> Iterable[Direction]:
        """The directions in which nothing isolates all pods of the policy's namespace yet."""
        for direction in DIRECTIONS:
            if policy.rules(direction) is not None and not any(
                one.isolates
                and one.rules(direction) is not None
                and not one.subject.pods
                and _covers(one.subject.namespaces, policy.namespace, self.learned.inventory)
                for one in self.existing.policies
            ):
                yield direction


def _cut(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    return tuple(part for rule in rules for part in atoms(rule))


def _covers(wanted: Iterable[Requirement], namespace: str, inventory: Inventory) -> bool:
    known = inventory.namespaces.get(namespace)
    labels = {**dict(known.labels if known else ()), NAMESPACE: namespace}
    return all(one.holds(labels.get(one.key)) for one in wanted)


def _renamed(policy: Policy, taken: set[tuple[str, str]]) -> Policy:
    """The policy, under a name that no existing one has."""
    own, more = object_name(policy), 1
    name = own
    while (policy.namespace, name) in taken:
        name = f"{own}-observed" if more == 1 else f"{own}-observed-{more}"
        more += 1
    return renamed(policy, name)

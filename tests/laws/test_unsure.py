"""Rules of which it is not known what they match: undecided is what they could change, no more.

Such a rule may match all that it says or nothing of it, so the best that could happen is that the
allowing ones match and the denying ones do not, and the worst is the opposite. Both are policy sets
without doubt, put to the same evaluator. After a rule that might pass on nothing is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Scene, every_connection, scenes

from netpol.evaluate import Judge
from netpol.net import NO_PORTS
from netpol.policy import Policy, PolicySet, Rule
from netpol.profile import PROFILES

REASON = "depends on the weather"
profiles = st.sampled_from(sorted(PROFILES.values(), key=lambda p: p.name))


def changed(policies: PolicySet, how: Callable[[Rule], Rule | None]) -> PolicySet:
    """The policies with each rule replaced, or left out for None."""

    def of(rules):
        return None if rules is None else tuple(new for one in rules if (new := how(one)))

    def both(one: Policy) -> Policy:
        return replace(one, ingress=of(one.ingress), egress=of(one.egress))

    return replace(policies, policies=tuple(both(one) for one in policies.policies))


def doubted(policies: PolicySet, random: Random) -> PolicySet:
    """About a third of the rules is in doubt."""
    return changed(policies, lambda r: replace(r, unsure=REASON) if random.random() < 0.35 else r)


def at_best(rule: Rule) -> Rule | None:
    if not rule.unsure:
        return rule
    return None if rule.action == "deny" else replace(rule, action="allow", unsure="")


def at_worst(rule: Rule) -> Rule | None:
    if not rule.unsure:
        return rule
    return None if rule.action == "allow" else replace(rule, action="deny", unsure="")


def understood(rule: Rule) -> Rule | None:
    return None if rule.unsure else rule


def test_a_verdict_is_undecided_where_a_doubtful_rule_could_change_it() -> None:
    seen: Counter[str] = Counter()

    @settings(deadline=None, max_examples=60, derandomize=True)
    @given(scenes(), profiles, st.integers(0, 2**16))
    def law(scene: Scene, profile, seed: int) -> None:
        random = Random(seed)
        policies = doubted(scene.policies, random)

        def judge(some: PolicySet) -> Judge:
            return Judge(policies=some, world=scene.world, profile=profile)

        asked = judge(policies)
        best, worst, known = (
            judge(changed(policies, how)) for how in (at_best, at_worst, understood)
        )
        possible = every_connection(scene.peers)
        for one in random.sample(possible, min(40, len(possible))):
            decision = asked.decide(one)
            assert decision.allowed == known.decide(one).allowed
            unsure = best.decide(one).allowed != worst.decide(one).allowed
            assert bool(decision.undecided) == unsure
            assert {doubt.reason for doubt in decision.undecided} <= {REASON}
            seen["cases"] += 1
            seen["undecided"] += unsure
            seen["certain, with doubtful rules"] += not unsure and not policies.certain

    law()
    print(dict(seen))
    assert seen["undecided"] > seen["cases"] // 50
    assert seen["certain, with doubtful rules"] > seen["cases"] // 10


@settings(deadline=None, max_examples=30, derandomize=True)
@given(scenes(), profiles, st.integers(0, 2**16))
def test_rows_are_undecided_between_the_best_and_the_worst(scene: Scene, profile, seed) -> None:
    policies = doubted(scene.policies, Random(seed))

    def rows(some: PolicySet):
        judge = Judge(policies=some, world=scene.world, profile=profile)
        found = [*judge.connections(), *judge.outside_connections()]
        return {(row.client, row.server): row.ports for row in found}

    best, worst = rows(changed(policies, at_best)), rows(changed(policies, at_worst))
    judge = Judge(policies=policies, world=scene.world, profile=profile)
    unsure = {(row.client, row.server): row.ports for row in judge.undecided_connections()}
    expected = {pair: ports - worst.get(pair, NO_PORTS) for pair, ports in best.items()}
    assert unsure == {pair: ports for pair, ports in expected.items() if ports}
    assert rows(policies) == rows(changed(policies, understood))

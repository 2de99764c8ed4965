"""The evaluator against the oracle, and against itself, on random policies in random worlds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Oracle
from strategies import ASKED, Scene, connections, every_connection, policy_sets, scenes

from netpol.evaluate import Judge
from netpol.graph import Connection
from netpol.peers import Workload
from netpol.policy import PolicySet, normal
from netpol.profile import PROFILES

NOTHING: frozenset[tuple[str, int]] = frozenset()
profiles = st.sampled_from(sorted(PROFILES.values(), key=lambda p: p.name))


def oracle(scene: Scene, profile) -> Oracle:
    return Oracle(scene.policies, scene.inventory, scene.outside, profile)


def judge(scene: Scene, profile) -> Judge:
    return Judge(policies=scene.policies, world=scene.world, profile=profile)


def test_decide_agrees_with_the_oracle() -> None:
    seen: Counter[str] = Counter()

    @settings(deadline=None, max_examples=110, derandomize=True)
    @given(st.one_of(scenes(), scenes(), scenes(unread=True)), profiles, st.integers(0, 2**16))
    def law(scene: Scene, profile, seed: int) -> None:
        quick, slow = judge(scene, profile), oracle(scene, profile)
        possible = every_connection(scene.peers)
        for one in Random(seed).sample(possible, min(40, len(possible))):
            decision = quick.decide(one)
            assert list(quick.replay([one, one])) == [decision.allowed] * 2
            row = np.array([(1, 0, 0)] * 2)
            numbered = quick.replay_numbered([one.server, one.client], [one.ports], row)
            assert list(numbered) == [decision.allowed] * 2
            assert decision.allowed == slow.allowed(one.client, one.server, one.ports), one
            certain = slow.certain(one.client, one.server, one.ports)
            assert bool(decision.undecided) == (not certain), one
            seen["undecided"] += not certain
            seen[f"{decision.egress.reason}, {decision.ingress.reason}"] += 1
            seen["allowed"] += decision.allowed
            seen["by a rule"] += "rule" in (decision.egress.reason, decision.ingress.reason)
            seen["cases"] += 1

    law()
    print(dict(seen))
    assert seen["cases"] >= 3000
    # A law over denied or unasked connections alone would prove little.
    assert seen["allowed"] > seen["cases"] // 5
    assert seen["by a rule"] > seen["cases"] // 10
    assert seen["undecided"] > seen["cases"] // 50


@settings(deadline=None, max_examples=30)
@given(scenes(unread=True), profiles)
def test_rows_that_are_not_known_are_those_that_depend_on_it(scene: Scene, profile) -> None:
    found = judge(scene, profile).undecided_connections()
    rows = {(row.client, row.server): row.ports for row in found}
    slow = oracle(scene, profile)
    inside = [w for w in scene.inventory.workloads if w in scene.world.workloads]
    peers = [p for p in scene.peers if p in inside or not isinstance(p, Workload)]
    for client, server in product(peers, peers):
        if client in inside or server in inside:
            for protocol, number in ASKED:
                listed = (protocol, number or 0) in rows.get((client, server), NOTHING)
                assert listed == slow.unknown(client, server, protocol, number or 0)


@settings(deadline=None, max_examples=40)
@given(scenes(), profiles)
def test_connections_are_what_some_pair_of_pods_may_do(scene: Scene, profile) -> None:
    rows = {(row.client, row.server): row.ports for row in judge(scene, profile).connections()}
    slow = oracle(scene, profile)
    inside = [w for w in scene.inventory.workloads if w in scene.world.workloads]
    for client, server, (protocol, number) in product(inside, inside, ASKED):
        listed = (protocol, number or 0) in rows.get((client, server), NOTHING)
        assert listed == slow.somehow(client, server, protocol, number or 0)


@settings(deadline=None, max_examples=40)
@given(scenes(), profiles)
def test_outside_connections_hold_for_the_whole_party(scene: Scene, profile) -> None:
    found = judge(scene, profile).outside_connections()
    rows = {(row.client, row.server): row.ports for row in found}
    slow = oracle(scene, profile)
    inside = [w for w in scene.inventory.workloads if w in scene.world.workloads]
    parties = [peer for peer in scene.peers if not isinstance(peer, Workload)]
    pairs = [pair for a, b in product(inside, parties) for pair in ((a, b), (b, a))]
    for (client, server), (protocol, number) in product(pairs, ASKED):
        listed = (protocol, number or 0) in rows.get((client, server), NOTHING)
        assert listed == slow.somehow(client, server, protocol, number or 0)


@settings(deadline=None, max_examples=40)
@given(scenes(), profiles, st.data())
def test_a_witness_is_the_first_connection_that_its_rule_alone_lets_pass(
    scene: Scene, profile, data: st.DataObject
) -> None:
    asked = data.draw(st.lists(connections(scene.peers), max_size=10))
    found = judge(scene, profile).witnesses(asked)
    slow = oracle(scene, profile)
    allowed = [one for one in asked if slow.allowed(one.client, one.server, one.ports)]
    expected = {}
    for place, policy in enumerate(scene.policies.policies):
        for direction in ("ingress", "egress"):
            for number, rule in enumerate(policy.rules(direction) or ()):
                lacking = replace(slow, policies=without(scene.policies, place, direction, number))
                needs = (o for o in allowed if not lacking.allowed(o.client, o.server, o.ports))
                witness = next(needs, None)
                if rule.action == "allow" and witness:
                    expected[place, direction, number] = witness
    assert found == expected


def without(policies: PolicySet, place: int, direction: str, number: int) -> PolicySet:
    every = list(policies.policies)
    rules = list(every[place].rules(direction) or ())
    del rules[number]
    every[place] = replace(every[place], **{direction: tuple(rules)})
    return replace(policies, policies=tuple(every))


@settings(deadline=None, max_examples=40)
@given(scenes(), profiles, st.randoms(use_true_random=False))
def test_neither_the_order_of_policies_nor_their_normal_form_shows(
    scene: Scene, profile, random
) -> None:
    shuffled = list(scene.policies.policies)
    random.shuffle(shuffled)
    rows = list(judge(scene, profile).connections())
    other = replace(scene, policies=replace(scene.policies, policies=tuple(shuffled)))
    assert list(judge(other, profile).connections()) == rows
    tidy = replace(scene, policies=normal(scene.policies))
    assert list(judge(tidy, profile).connections()) == rows


@settings(deadline=None, max_examples=40)
@given(scenes(), policy_sets(), profiles, st.data())
def test_more_allow_rules_never_close_what_isolation_left_open(
    scene: Scene, more: PolicySet, profile, data: st.DataObject
) -> None:
    """Allow policies that do not isolate, asked after all others, only add."""
    added = tuple(
        replace(
            policy,
            isolates=False,
            order=5000,
            tier=max(scene.policies.tiers).name,
            ingress=only_allow(policy.ingress),
            egress=only_allow(policy.egress),
        )
        for policy in more.policies
    )
    wider = replace(scene.policies, policies=scene.policies.policies + added)
    before = judge(scene, profile)
    after = judge(replace(scene, policies=wider), profile)
    for one in data.draw(st.lists(connections(scene.peers), max_size=8)):
        assert after.decide(one).allowed >= before.decide(one).allowed


def only_allow(rules):
    return None if rules is None else tuple(replace(rule, action="allow") for rule in rules)


@settings(deadline=None, max_examples=30)
@given(scenes(), profiles, st.lists(st.integers(0, 2**16), min_size=1, max_size=12))
def test_who_is_not_listed_is_judged_as_if_he_were(scene: Scene, profile, places) -> None:
    parties = [replace(one, addresses=(), names=frozenset()) for one in scene.outside]
    parties = [replace(one, entities=frozenset()) for one in parties]
    listing, empty = replace(scene, outside=tuple(parties)), replace(scene, outside=())
    possible = every_connection(scene.peers)
    asked = [possible[place % len(possible)] for place in places]
    knows, learns = judge(listing, profile), judge(empty, profile)
    for one in asked:
        assert learns.decide(one) == knows.decide(one)
    assert list(judge(empty, profile).replay(asked)) == list(knows.replay(asked))
    assert judge(empty, profile).witnesses(asked) == knows.witnesses(asked)
    assert judge(empty, profile).used(asked) == knows.used(asked)


@settings(deadline=None, max_examples=20)
@given(scenes(), profiles)
def test_a_world_without_policies_is_open(scene: Scene, profile) -> None:
    free = Judge(policies=PolicySet(), world=scene.world, profile=profile)
    inside = [w for w in scene.inventory.workloads if w in scene.world.workloads]
    rows = {(row.client, row.server): str(row.ports) for row in free.connections()}
    assert set(rows) == set(product(inside, inside))
    for client, server in product(inside, scene.peers):
        decision = free.decide(Connection(client, server, "TCP", 80))
        assert decision.allowed
        assert decision.egress.reason == "not isolated"

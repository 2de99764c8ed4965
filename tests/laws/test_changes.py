"""What opens and closes: nothing between equals, the reverse backwards, and exactly the rest."""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import replace
from itertools import product
from random import Random

from differing import at, check_applied, same
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Oracle
from strategies import ASKED, BLOCKS, Scene, blocks, policy_sets, scenes

from netpol.changes import changes
from netpol.evaluate import Judge
from netpol.net import PortSet
from netpol.peers import Cidr, Entity
from netpol.policy import Policy, PolicySet, Rule, normal
from netpol.profile import PROFILES, Profile
from netpol.world import Outside

profiles = st.sampled_from(sorted(PROFILES.values(), key=lambda p: p.name))
every_scene = st.one_of(scenes(), scenes(), scenes(unread=True))
every_set = st.one_of(policy_sets(), policy_sets(), policy_sets(unread=True))


def judge(scene: Scene, policies: PolicySet, profile: Profile) -> Judge:
    return Judge(policies=policies, world=scene.world, profile=profile)


def table(found, kind: str = "ports") -> dict[tuple, PortSet]:
    return {(one.client, one.server): getattr(one, kind) for one in found if getattr(one, kind)}


# --- nothing between equals


@settings(deadline=None, max_examples=30)
@given(every_scene, profiles, st.randoms(use_true_random=False))
def test_the_same_in_other_words_is_no_change(scene: Scene, profile: Profile, random) -> None:
    one = judge(scene, scene.policies, profile)
    for other in (scene.policies, shuffled(scene.policies, random), split(scene.policies)):
        assert list(changes(one, judge(scene, other, profile))) == []
    tidy = replace(normal(scene.policies), undecided=scene.policies.undecided)
    assert list(changes(judge(scene, tidy, profile), one)) == []


def shuffled(policies: PolicySet, random) -> PolicySet:
    """In another order and under other names; where the order matters, names keep it."""
    if not all(map(plain, policies.policies)):
        return policies
    every = [
        replace(one, name=f"n{number}", origin="x") for number, one in enumerate(policies.policies)
    ]
    random.shuffle(every)
    return replace(policies, policies=tuple(every))


def plain(policy: Policy) -> bool:
    return all(r.action == "allow" for r in (*(policy.ingress or ()), *(policy.egress or ())))


def split(policies: PolicySet) -> PolicySet:
    """Each rule once per peer and protocol, each policy once per direction."""

    def rules(found: tuple[Rule, ...] | None) -> tuple[Rule, ...] | None:
        return None if found is None else tuple(part for rule in found for part in parts(rule))

    parted: list[Policy] = []
    for one in policies.policies:
        parted += [replace(one, ingress=rules(one.ingress), egress=None)] * (
            one.ingress is not None
        )
        parted += [replace(one, egress=rules(one.egress), ingress=None)] * (one.egress is not None)
    return replace(policies, policies=tuple(parted))


def parts(rule: Rule) -> list[Rule]:
    peers = (None,) if rule.peers is None else tuple((peer,) for peer in rule.peers)
    ports = [(part, ()) for part in rule.ports.split()] + [
        (PortSet(), (n,)) for n in rule.named_ports
    ]
    return [
        replace(rule, peers=peer, ports=part, named_ports=names)
        for peer in peers
        for part, names in ports
    ]


# --- backwards


@settings(deadline=None, max_examples=30)
@given(every_scene, every_set, profiles, profiles)
def test_backwards_what_opened_closes(
    scene: Scene, other: PolicySet, one: Profile, two: Profile
) -> None:
    old, new = judge(scene, scene.policies, one), judge(scene, other, two)
    there, back = list(changes(old, new)), list(changes(new, old))
    assert [replace(c, opened=c.closed, closed=c.opened) for c in there] == back
    assert not any(c.opened & c.closed for c in there)
    assert len({(c.client, c.server) for c in there}) == len(there)


# --- exactly the rest


@settings(deadline=None, max_examples=30)
@given(every_scene, every_set, profiles, profiles)
def test_applied_to_what_was_allowed_they_give_what_is_allowed(
    scene: Scene, other: PolicySet, one: Profile, two: Profile
) -> None:
    check_applied(judge(scene, scene.policies, one), judge(scene, other, two))


def test_every_address_opens_and_closes_as_the_oracle_says() -> None:
    seen: Counter[str] = Counter()
    near = st.lists(blocks(), min_size=1, max_size=4)

    @settings(deadline=None, max_examples=30, derandomize=True)
    @given(every_scene, every_set, profiles, near, st.integers(0, 2**16))
    def law(scene: Scene, other: PolicySet, profile: Profile, near: list[str], seed: int) -> None:
        old, new = judge(scene, scene.policies, profile), judge(scene, other, profile)
        found, rows = list(changes(old, new)), list(new.address_connections())
        points = {Cidr(end) for block in (*near, *BLOCKS) for end in ends(block)}
        known = {Cidr(one) for one in scene.world.nodes | scene.world.api_servers}
        points |= known
        parties = tuple(Outside(peer=point) for point in points)
        both = (scene.policies, other)
        was, now = (Oracle(p, scene.inventory, parties, profile) for p in both)
        inside = [w for w in scene.inventory.workloads if w in scene.world.workloads]
        cases = list(product(inside, sorted(points), (False, True), ASKED))
        for workload, point, into, (protocol, number) in Random(seed).sample(
            cases, min(40, len(cases))
        ):
            asked = (point, workload) if into else (workload, point)
            pair = protocol, number or 0
            before, after = was.somehow(*asked, *pair), now.somehow(*asked, *pair)
            seen[f"{before} to {after}"] += 1
            if point in known:
                # Told by a block, by one of its own or by what the address is to an engine.
                seen["nodes"] += before != after
                kind = "opened" if after else "closed"
                assert before == after or pair in about(found, asked, kind)
                continue
            assert (pair in at(found, asked, "opened")) == (after and not before)
            assert (pair in at(found, asked, "closed")) == (before and not after)
            assert (pair in at(rows, asked, "ports")) == after

    law()
    print(dict(seen))
    # A law over addresses for which nothing changes would prove little.
    assert min(seen["True to False"], seen["False to True"], seen["False to False"]) > 20
    assert seen["nodes"] > 20


def ends(block: str) -> tuple[str, ...]:
    net = ipaddress.ip_network(block)
    edges = {int(net[0]) - 1, int(net[0]), int(net[-1]), int(net[-1]) + 1}
    return tuple(str(ipaddress.ip_network(type(net[0])(e))) for e in edges)


def about(found, asked: tuple, kind: str) -> PortSet:
    """What is said of the address of a node or API server, in whatever way."""
    entities = [Entity(name) for name in ("remote-node", "kube-apiserver")]
    ways = [asked, *(tuple(e if isinstance(p, Cidr) else p for p in asked) for e in entities)]
    return PortSet.union(
        getattr(one, kind)
        for one in found
        for way in ways
        if all(same(said, peer) for said, peer in zip((one.client, one.server), way, strict=True))
    )

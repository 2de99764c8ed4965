"""Laws: p against p says nothing; backwards what opened closes; what breaks is denied."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Scene, policy_sets, scenes

from netpol.changes import changes
from netpol.evaluate import Judge
from netpol.graph import Connection
from netpol.net import NO_PORTS, PortSet
from netpol.peers import Cidr, Workload
from netpol.policy import PolicySet
from netpol.profile import PROFILES, Profile
from netpol.review import Edge
from netpol.review.breaches import Breaches
from netpol.review.edges import Edges, edges
from netpol.review.peers import Anyone, Blocks, Party, Pods
from netpol.review.rules import TeamRule
from netpol.review.touched import touched

profiles = st.sampled_from(sorted(PROFILES.values(), key=lambda p: p.name))
every_scene = st.one_of(scenes(), scenes(unread=True))
every_set = st.one_of(policy_sets(), policy_sets(unread=True))


def judge(scene: Scene, policies: PolicySet, profile: Profile) -> Judge:
    return Judge(policies=policies, world=scene.world, profile=profile)


def reviewed(old: Judge, new: Judge) -> Edges:
    return edges(changes(old, new), old, new, lambda _: False)


@settings(deadline=None, max_examples=25)
@given(every_scene, profiles)
def test_nothing_changes_between_equals(scene: Scene, profile: Profile) -> None:
    one = judge(scene, scene.policies, profile)
    assert reviewed(one, one).every == ()
    assert touched(scene.policies, scene.policies) == ()


BACK = {
    "opened": "closed",
    "closed": "opened",
    "broadened": "narrowed",
    "narrowed": "broadened",
    "undecided": "undecided",
}


@settings(deadline=None, max_examples=25)
@given(every_scene, every_set, profiles)
def test_backwards_what_opened_closes(scene: Scene, other: PolicySet, profile: Profile) -> None:
    old, new = judge(scene, scene.policies, profile), judge(scene, other, profile)
    there, back = reviewed(old, new), reviewed(new, old)
    assert there.stay == back.stay
    assert {shown(one, BACK[one.kind]) for one in there.every} == {
        shown(one, one.kind) for one in back.every
    }


def shown(edge: Edge, kind: str) -> tuple[object, ...]:
    return kind, edge.client, edge.server, edge.ports, edge.blocks


@settings(deadline=None, max_examples=25)
@given(every_scene, every_set, profiles)
def test_edges_are_the_changes_and_what_stays_is_the_rest(
    scene: Scene, other: PolicySet, profile: Profile
) -> None:
    old, new = judge(scene, scene.policies, profile), judge(scene, other, profile)
    found, every = reviewed(old, new), list(changes(old, new))
    told: dict[tuple[object, ...], PortSet] = {}
    for edge in found.every:
        way = "opened" if edge.opens else "closed" if edge.closes else "undecided"
        for pair in edge.pairs:
            told[(way, *pair)] = told.get((way, *pair), NO_PORTS) | edge.ports
    assert told == {
        (way, one.client, one.server): ports
        for one in every
        for way in ("opened", "closed", "undecided")
        if (ports := getattr(one, way))
    }
    inside = {(e.client, e.server) for e in every if isinstance(e.client, Workload)}
    rows = [row for row in new.connections() if (row.client, row.server) not in inside]
    assert found.stay == len(rows)


@settings(deadline=None, max_examples=25)
@given(every_scene, every_set, profiles)
def test_an_edge_is_new_where_nothing_of_it_was_allowed(
    scene: Scene, other: PolicySet, profile: Profile
) -> None:
    old, new = judge(scene, scene.policies, profile), judge(scene, other, profile)
    before = {(row.client, row.server): row.ports for row in old.connections()}
    for edge in reviewed(old, new).every:
        if edge.outer is None and edge.opens:
            assert (edge.kind == "broadened") is bool(before.get((edge.client, edge.server)))


PARTIES: st.SearchStrategy[Party] = st.one_of(
    st.just(Anyone()),
    st.builds(Pods, namespace=st.sampled_from(("a", "b", "*")), name=st.just("*")),
    st.builds(
        Blocks,
        cidrs=st.sampled_from((("192.0.2.0/28",), ("10.0.0.0/8", "2001:db8::/124"))),
        others=st.booleans(),
    ),
)


@settings(deadline=None, max_examples=25)
@given(every_scene, profiles, PARTIES, PARTIES, st.sampled_from((53, 80, 443)))
def test_only_from_and_must_deny_share_out_what_is_allowed(
    scene: Scene, profile: Profile, clients: Party, servers: Party, port: int
) -> None:
    """Whoever may reach the servers is either among the clients or not: nobody is in both."""
    given_rules = [
        TeamRule(
            name=demand,
            why="",
            demand=demand,
            clients=(clients,),
            servers=(servers,),
            ports=PortSet.of("TCP", port),
            file="",
            line=1,
        )
        for demand in ("must-deny", "only-from")
    ]
    one = judge(scene, scene.policies, profile)
    asked = Breaches(judge=one, lone=lambda _: False, rules=tuple(given_rules))
    denied, others = (
        {(b.client, b.server) for b in asked.of(rule) if b.certain} for rule in given_rules
    )
    assert not denied & others
    anyone = replace(given_rules[0], clients=(Anyone(),))
    everybody = {(b.client, b.server) for b in asked.of(anyone) if b.certain}
    cut = {pair for pair in denied | others if not any(isinstance(p, Cidr) for p in pair)}
    assert cut == {pair for pair in everybody if not any(isinstance(p, Cidr) for p in pair)}


@settings(deadline=None, max_examples=25)
@given(every_scene, profiles, st.sampled_from((53, 80, 443)))
def test_must_allow_holds_where_decide_says_so_for_every_pair(
    scene: Scene, profile: Profile, port: int
) -> None:
    pods = (Pods(),)
    rule = TeamRule(
        name="x",
        why="",
        demand="must-allow",
        clients=pods,
        servers=pods,
        ports=PortSet.of("TCP", port),
        file="",
        line=1,
    )
    one = judge(scene, scene.policies, profile)
    asked = Breaches(judge=one, lone=lambda _: False, rules=(rule,))
    for breach in asked.of(rule):
        assert not one.decide(breach.witness).allowed
    broken = {(b.client, b.server) for b in asked.of(rule)}
    for client in one.world.workloads:
        for server in one.world.workloads:
            sample = Connection(client, server, "TCP", port)
            assert one.decide(sample).allowed is ((client, server) not in broken)

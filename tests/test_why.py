"""What `why` tells is what the evaluator decided, and every rule's answer is right by itself."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import inventory, labels, pod
from strategies import Scene, connections, scenes

from netpol.evaluate import Judge
from netpol.graph import Connection
from netpol.net import ALL_PORTS, PortSet
from netpol.peers import Cidr, Entity, Workload
from netpol.policy import (
    ANY,
    CidrSelector,
    PodSelector,
    Policy,
    PolicySet,
    Requirement,
    Rule,
    Tier,
    Undecided,
)
from netpol.profile import CALICO, CILIUM, KUBERNETES
from netpol.why import Path, Why, why
from netpol.world import world

WEB, DB = Workload("shop", "Deployment", "web"), Workload("shop", "Deployment", "db")
TCP80 = PortSet.of("TCP", 80)


def asked(policies: PolicySet, connection: Connection, *pods, profile=KUBERNETES) -> Why:
    known = inventory(*(pods or (pod("web"), pod("db"))))
    return why(Judge(policies=policies, world=world(known), profile=profile), connection)


def of_db(*rules: Rule, **more) -> PolicySet:
    """One policy for the pods of db, ingress."""
    subject = PodSelector(pods=(Requirement("app", "In", ("db",)),))
    policy = Policy(name="db", namespace="shop", subject=subject, ingress=rules, **more)
    return PolicySet(policies=(policy,))


def answers(path: Path) -> list[tuple[int, str, tuple[str, ...]]]:
    return [
        (one.number, one.role, one.why_not)
        for layer in path.layers
        for _, rules in layer.policies
        for one in rules
    ]


@settings(deadline=None, max_examples=80)
@given(st.data(), scenes(), st.sampled_from((KUBERNETES, CALICO, CILIUM)))
def test_what_is_told_is_what_is_decided(data, scene: Scene, profile) -> None:
    """The verdict is the evaluator's, and walking the answers tier by tier gives it again."""
    connection = data.draw(connections(scene.peers))
    judge = Judge(policies=scene.policies, world=scene.world, profile=profile)
    told, decided = why(judge, connection), judge.decide(connection)
    assert told.decision.allowed == decided.allowed
    assert bool(told.decision.undecided) == bool(decided.undecided)
    for path in (told.egress, told.ingress):
        whole = all("some ports" not in parts for _, _, parts in answers(path))
        if path.step.reason in ("rule", "default deny", "not isolated") and whole:
            assert walked(path) == path.step.allowed
        deciding = [answer for answer in answers(path) if answer[1] == "decides"]
        assert len(deciding) == (path.step.reason == "rule")


def walked(path: Path) -> bool:
    """The verdict by the specification of netpol.policy, from the answers alone."""
    for layer in path.layers:
        matching = [r for _, rules in layer.policies for r in rules if not r.why_not]
        if matching and matching[0].rule.action != "pass":
            return matching[0].rule.action == "allow"
        isolating = any(policy.isolates for policy, _ in layer.policies)
        if not matching and layer.tier.default == "deny" and isolating:
            return False
    return True


@settings(deadline=None, max_examples=30)
@given(st.data(), scenes())
def test_policies_of_others_do_not_show(data, scene: Scene) -> None:
    """Everything that is listed selects the pod: leaving out the rest changes nothing."""
    connection = data.draw(connections(scene.peers))
    told = why(Judge(policies=scene.policies, world=scene.world, profile=CALICO), connection)
    shown = {
        id(policy)
        for path in (told.egress, told.ingress)
        for layer in path.layers
        for policy, _ in layer.policies
    }
    if told.egress.partly or told.ingress.partly:
        return
    kept = tuple(one for one in scene.policies.policies if id(one) in shown)
    few = replace(scene.policies, policies=kept)
    again = Judge(policies=few, world=scene.world, profile=CALICO).decide(connection)
    assert again.allowed == told.decision.allowed


def test_each_part_that_does_not_match_is_named() -> None:
    web = PodSelector(pods=(Requirement("app", "In", ("web",)),))
    nobody = PodSelector(pods=(Requirement("app", "In", ("nobody",)),))
    rules = (
        Rule(peers=(nobody,), ports=TCP80),
        Rule(peers=(web,), ports=PortSet.of("TCP", 81)),
        Rule(peers=(nobody,), ports=PortSet()),
        Rule(peers=(PodSelector(),), without=(web,), ports=TCP80),
        Rule(peers=(web,), ports=TCP80, subject=nobody),
        Rule(peers=(web,), ports=TCP80),
        Rule(peers=ANY, ports=ALL_PORTS),
    )
    told = asked(of_db(*rules), Connection(WEB, DB, "TCP", 80))
    assert answers(told.ingress) == [
        (1, "no match", ("peer",)),
        (2, "no match", ("port",)),
        (3, "no match", ("peer", "port")),
        (4, "no match", ("excluded",)),
        (5, "no match", ("subject",)),
        (6, "decides", ()),
        (7, "too late", ()),
    ]
    assert told.egress.step.reason == "not isolated"
    assert told.egress.layers == ()


def test_a_rule_with_some_of_the_ports_is_not_the_whole_answer() -> None:
    told = asked(of_db(Rule(peers=ANY, ports=TCP80)), Connection(WEB, DB, "TCP", None))
    assert answers(told.ingress) == [(1, "no match", ("some ports",))]
    assert not told.decision.allowed


def test_pass_hands_on_and_later_tiers_are_shown_as_not_reached() -> None:
    tiers = (Tier(1, "first"), Tier(2, "second"), Tier(3, "third"))
    rules = (("pass", "first"), ("deny", "second"), ("allow", "third"))
    everyone = PodSelector()
    policies = tuple(
        Policy(
            name=tier,
            namespace="",
            subject=everyone,
            ingress=(Rule(action=action, peers=ANY, ports=ALL_PORTS),),
            tier=tier,
        )
        for action, tier in rules
    )
    told = asked(PolicySet(policies=policies, tiers=tiers), Connection(WEB, DB, "TCP", 80))
    found = [(layer.tier.name, layer.reached) for layer in told.ingress.layers]
    assert found == [("first", True), ("second", True), ("third", False)]
    assert [role for _, role, _ in answers(told.ingress)] == ["passes", "decides", "too late"]
    assert not told.decision.allowed


def test_the_pods_that_are_denied_are_named() -> None:
    pods = (
        pod("db-0", owner="db"),
        pod("web-0", owner="web", labels=labels(app="web", canary="yes")),
        pod("web-1", owner="web"),
    )
    canary = PodSelector(pods=(Requirement("canary", "Exists"),))
    told = asked(of_db(Rule(peers=(canary,), ports=TCP80)), Connection(WEB, DB, "TCP", 80), *pods)
    assert not told.decision.allowed
    assert told.egress.partly
    assert told.egress.about.labels == labels(app="web")
    assert not told.ingress.partly


def test_the_address_that_is_denied_is_named() -> None:
    block = CidrSelector("10.0.0.0/8", ("10.1.0.0/16",))
    client = Cidr("10.0.0.0/7")
    told = asked(of_db(Rule(peers=(block,), ports=TCP80)), Connection(client, DB, "TCP", 80))
    assert not told.decision.allowed
    assert told.egress.partly
    assert told.egress.about.addresses in (("10.1.0.0/16",), ("11.0.0.0/8",))


def test_one_pod_address_of_a_workload_that_a_rule_leaves_out() -> None:
    pods = (
        pod("db-0", owner="db"),
        pod("web-0", owner="web", addresses=("10.0.0.1", "fd00::1")),
        pod("web-1", owner="web", addresses=("10.0.0.2", "fd00::2")),
    )
    rule = Rule(peers=(CidrSelector("10.0.0.0/24"), CidrSelector("fd00::1/128")), ports=TCP80)
    told = asked(of_db(rule), Connection(WEB, DB, "TCP", 80), *pods)
    assert not told.decision.allowed
    assert [some.addresses for some in told.egress.about.members] == [(("fd00::2/128",),)]


def test_a_workload_may_be_both_sides() -> None:
    told = asked(of_db(), Connection(DB, DB, "TCP", 80))
    assert not told.decision.allowed
    assert told.egress.step.allowed


def test_what_no_policy_is_about() -> None:
    everyone = of_db(Rule(peers=ANY, ports=ALL_PORTS))
    told = asked(everyone, Connection(Entity("host"), DB, "TCP", 80))
    assert (told.egress.step.reason, told.ingress.step.reason) == ("no pod", "exempt")
    assert told.ingress.layers == ()


def test_undecided_comes_with_its_cause() -> None:
    cause = Undecided(
        subject=PodSelector(), directions=("ingress",), tier="default", reason="a field"
    )
    policies = replace(of_db(Rule(peers=ANY, ports=ALL_PORTS)), undecided=(cause,))
    told = asked(policies, Connection(WEB, DB, "TCP", 80))
    assert told.decision.undecided == (cause,)
    assert told.ingress.step.undecided == (cause,)
    assert not told.egress.step.undecided

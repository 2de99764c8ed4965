"""What opens and closes, by example: blocks, names, entities, differing worlds, the unread."""

from __future__ import annotations

from dataclasses import replace

from netpol.changes import Change, changes
from netpol.evaluate import Judge
from netpol.inventory import Inventory, Node, Pod
from netpol.net import ALL_PORTS, NO_PORTS, PortSet
from netpol.peers import Cidr, Entity, Fqdn, Workload, label
from netpol.policy import (
    ANY,
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Policy,
    PolicySet,
    Requirement,
    Rule,
    Tier,
    Undecided,
    in_namespace,
)
from netpol.profile import CALICO, CILIUM, KUBERNETES, Profile
from netpol.world import Outside, world

HTTPS, HTTP = PortSet.of("TCP", 443), PortSet.of("TCP", 80)


def workload(name: str) -> Workload:
    return Workload("a", "Deployment", name)


def cluster(*names: str, **more) -> Inventory:
    pods = {
        ("a", name): Pod(namespace="a", name=name, workload=workload(name), labels=(("app", name),))
        for name in names
    }
    return Inventory(pods=pods, **more)


def app(name: str) -> PodSelector:
    return PodSelector(in_namespace("a"), (Requirement("app", "In", (name,)),))


def policy(name: str, **more) -> Policy:
    return Policy(name="p", namespace="a", subject=app(name), **more)


def sends(*rules: Rule, name: str = "web") -> Policy:
    return policy(name, egress=rules)


def to(*peers, ports: PortSet = HTTPS, **more) -> Rule:
    return Rule(peers=peers, ports=ports, **more)


def judge(
    *policies: Policy, profile: Profile = KUBERNETES, where: Inventory | None = None, **more
) -> Judge:
    known = world(where or cluster("web", "db"))
    return Judge(policies=PolicySet(policies=policies, **more), world=known, profile=profile)


def told(old: Judge, new: Judge) -> list[str]:
    """``client -> server +opened -closed ?undecided``."""
    return [line(change) for change in changes(old, new)]


def line(one: Change) -> str:
    parts = (("+", one.opened), ("-", one.closed), ("?", one.undecided))
    said = " ".join(f"{sign}{ports}" for sign, ports in parts if ports)
    return f"{label(one.client)} -> {label(one.server)} {said}"


def test_within_the_cluster_both_sides_count() -> None:
    closed = policy("db", ingress=())
    opened = policy("db", ingress=(to(app("web"), ports=HTTP),))
    all_ports = str(ALL_PORTS - HTTP)
    assert told(judge(closed), judge(opened)) == [
        "a/Deployment/web -> a/Deployment/db +TCP 80",
    ]
    found = told(judge(opened), judge())
    assert found[1] == f"a/Deployment/web -> a/Deployment/db +{all_ports}"
    assert f"0.0.0.0/0 -> a/Deployment/db +{ALL_PORTS}" in found
    assert f"::/0 -> a/Deployment/db +{ALL_PORTS}" in found
    assert len(found) == 4
    silent = (policy("db", ingress=()), sends())
    assert told(judge(*silent), judge(opened, sends())) == []


def test_blocks_are_cut_where_either_side_cuts_them_and_are_the_fewest() -> None:
    old = judge(sends(to(CidrSelector("198.51.100.0/24"))))
    halves = (CidrSelector("198.51.100.128/25"), CidrSelector("198.51.100.0/25"))
    assert told(old, judge(sends(to(*halves)))) == []
    narrower = judge(sends(to(CidrSelector("198.51.100.0/24", ("198.51.100.64/26",)))))
    assert told(old, narrower) == ["a/Deployment/web -> 198.51.100.64/26 -TCP 443"]
    wider = judge(sends(to(CidrSelector("198.51.0.0/16")), to(CidrSelector("2001:db8::/32"))))
    assert told(old, wider) == [
        "a/Deployment/web -> 198.51.0.0/18 +TCP 443",
        "a/Deployment/web -> 198.51.101.0/24 +TCP 443",
        "a/Deployment/web -> 198.51.102.0/23 +TCP 443",
        "a/Deployment/web -> 198.51.104.0/21 +TCP 443",
        "a/Deployment/web -> 198.51.112.0/20 +TCP 443",
        "a/Deployment/web -> 198.51.128.0/17 +TCP 443",
        "a/Deployment/web -> 198.51.64.0/19 +TCP 443",
        "a/Deployment/web -> 198.51.96.0/22 +TCP 443",
        "a/Deployment/web -> 2001:db8::/32 +TCP 443",
    ]


def test_ports_that_are_said_of_a_block_in_several_rules_add_up() -> None:
    block = CidrSelector("192.0.2.0/24")
    one = judge(sends(to(block, ports=HTTP | HTTPS)))
    two = judge(sends(to(block, ports=HTTP), to(block, ports=HTTPS)))
    assert told(one, two) == []


def test_names_are_parties_even_where_nobody_was_seen() -> None:
    def named(*names: str) -> Judge:
        return judge(sends(to(*map(FqdnSelector, names))), profile=CILIUM)

    assert told(named("api.example.org"), named("*.example.org")) == [
        "a/Deployment/web -> fqdn:*.example.org +TCP 443"
    ]
    assert told(named("*.example.org"), named("**.example.org")) == [
        "a/Deployment/web -> fqdn:*.*.example.org +TCP 443"
    ]
    assert told(named("**.example.org"), named("api.example.org")) == [
        "a/Deployment/web -> fqdn:*.*.example.org -TCP 443",
        "a/Deployment/web -> fqdn:*.example.org -TCP 443",
    ]
    assert told(named("b.example.org", "a.example.org"), named("*")) == [
        "a/Deployment/web -> fqdn:* +TCP 443"
    ]


def test_entities_are_parties_where_the_engine_or_a_rule_knows_them() -> None:
    nodes = {"n": Node(name="n", addresses=("10.2.0.1",))}
    where = cluster("web", nodes=nodes)
    anywhere = (CidrSelector("0.0.0.0/0"), CidrSelector("::/0"))
    block, everyone = sends(to(*anywhere)), sends(Rule(peers=ANY, ports=HTTPS))
    cilium = [judge(one, profile=CILIUM, where=where) for one in (block, everyone)]
    assert told(*cilium)[1:] == [
        f"a/Deployment/web -> entity:{name} +TCP 443"
        for name in ("health", "host", "ingress", "kube-apiserver", "remote-node")
    ]
    assert told(*cilium)[0] == "a/Deployment/web -> a/Deployment/web +TCP 443"
    node = sends(to(EntitySelector("remote-node")))
    assert told(judge(sends(), profile=CILIUM, where=where), judge(node, profile=CILIUM)) != []
    calico = [judge(one, profile=CALICO, where=where) for one in (block, everyone)]
    assert told(*calico) == ["a/Deployment/web -> a/Deployment/web +TCP 443"]


def test_observed_parties_with_names_and_entities_count_and_blocks_are_in_the_space() -> None:
    inventory = cluster("web")
    party = Outside(peer=Fqdn("api.example.org"), addresses=("192.0.2.1",))
    seen = world(inventory, [party, Outside(peer=Cidr("192.0.2.0/28"))])
    block = judge(sends(to(CidrSelector("192.0.2.1/32"))), where=inventory)
    empty = judge(sends(), where=inventory)
    assert told(replace(empty, world=seen), replace(block, world=seen)) == [
        "a/Deployment/web -> 192.0.2.1/32 +TCP 443",
        "a/Deployment/web -> fqdn:api.example.org +TCP 443",
    ]


def test_a_workload_of_one_world_alone_opens_or_closes_whole() -> None:
    closed = tuple(policy(name, ingress=(), egress=()) for name in ("web", "new"))
    rule = policy("new", ingress=(to(app("web"), ports=HTTP),))
    lets = sends(to(app("new"), ports=HTTP))
    old = judge(*closed, rule, lets, where=cluster("web"))
    new = judge(*closed, rule, lets, where=cluster("web", "new"))
    assert told(old, new) == ["a/Deployment/web -> a/Deployment/new +TCP 80"]
    assert told(new, old) == ["a/Deployment/web -> a/Deployment/new -TCP 80"]


def test_what_was_not_read_makes_changes_uncertain_and_is_one_when_it_comes_or_goes() -> None:
    lost = Undecided(subject=app("db"), directions=("ingress",), tier="default", reason="a field")
    closed = policy("db", ingress=())
    opened = policy("db", ingress=(to(app("web"), ports=HTTP),))
    same = judge(opened, undecided=(lost,))
    assert told(same, judge(replace(opened, name="other"), undecided=(lost,))) == []
    row = "a/Deployment/web -> a/Deployment/db"
    assert told(judge(closed, undecided=(lost,)), same) == [f"{row} +TCP 80 ?TCP 80"]
    found = list(changes(judge(opened), same))
    assert {(one.opened, one.closed, one.undecided) for one in found} == {
        (NO_PORTS, NO_PORTS, ALL_PORTS)
    }
    assert {label(one.client) for one in found} == {
        "a/Deployment/db",
        "a/Deployment/web",
        "0.0.0.0/0",
        "::/0",
    }


def test_one_meaning_in_the_ways_of_three_dialects_is_no_change() -> None:
    """Allow and isolate; allow, then deny the rest; allow without isolating, and isolate apart."""
    rule = to(app("web"), ports=HTTP)
    kubernetes = judge(policy("db", ingress=(rule,)))
    rest = Rule(action="deny", peers=ANY, ports=ALL_PORTS)
    calico = judge(
        replace(policy("db", ingress=(rule, rest)), tier="mine", order=5, name="x"),
        tiers=(Tier(1, "mine", "pass"),),
    )
    cilium = judge(
        replace(policy("db", ingress=(rule,)), isolates=False, name="y"),
        replace(policy("db", ingress=()), name="z"),
    )
    for one in (kubernetes, calico, cilium):
        for other in (kubernetes, calico, cilium):
            assert told(one, other) == []


def test_address_rows_are_exact_and_stay_canonical() -> None:
    block = CidrSelector("10.0.0.0/8", ("10.9.0.0/16",))
    one = judge(policy("web", ingress=(to(block),), egress=()), where=cluster("web"))
    rows = [(label(row.client), str(row.ports)) for row in one.address_connections()]
    assert [cidr for cidr, _ in rows] == [
        "10.0.0.0/13",
        "10.8.0.0/16",
        "10.10.0.0/15",
        "10.12.0.0/14",
        "10.16.0.0/12",
        "10.32.0.0/11",
        "10.64.0.0/10",
        "10.128.0.0/9",
    ]
    assert {ports for _, ports in rows} == {"TCP 443"}
    both = (block, CidrSelector("10.9.0.0/16"))
    whole = judge(policy("web", ingress=(to(*both),), egress=()), where=cluster("web"))
    assert [label(row.client) for row in whole.address_connections()] == ["10.0.0.0/8"]
    kinds = judge(sends(to(EntitySelector("cluster"), FqdnSelector("a.example.org")))).kinds
    assert set(kinds) >= {Entity("host"), Entity("remote-node"), Fqdn("a.example.org")}

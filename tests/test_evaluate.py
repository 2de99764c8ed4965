"""The truth examples of the policy reference (K, L, S), as far as the neutral model says them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netpol.errors import NetpolError
from netpol.evaluate import Judge, Row, decides, name_matches
from netpol.graph import Connection
from netpol.inventory import ContainerPort, Inventory, Namespace, Node, Pod
from netpol.net import ALL_PORTS, PortSet
from netpol.peers import Cidr, Entity, Fqdn, Peer, Workload
from netpol.policy import (
    ANY,
    DENY_TIER,
    SERVICE_ACCOUNT,
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
from netpol.world import Outside, World, world

INTERNET = Cidr("203.0.113.9/32")
HTTP = PortSet.of("TCP", 8080)


def workload(text: str) -> Workload:
    namespace, name = text.split("/")
    return Workload(namespace, "Deployment", name)


def pod(text: str, address: str = "", ports: tuple[ContainerPort, ...] = (), **labels: str) -> Pod:
    """``"ns/name"`` with labels; ``app`` is the name unless given."""
    owner = workload(text)
    return Pod(
        namespace=owner.namespace,
        name=f"{owner.name}-1",
        workload=owner,
        labels=tuple(sorted({"app": owner.name, **labels}.items())),
        addresses=(address,) if address else (),
        ports=ports,
    )


def cluster(*pods: Pod, **more) -> Inventory:
    return Inventory(pods={(one.namespace, one.name): one for one in pods}, **more)


def having(**labels: str) -> tuple[Requirement, ...]:
    return tuple(Requirement(key, "In", (value,)) for key, value in sorted(labels.items()))


def pods_in(namespace: str, **labels: str) -> PodSelector:
    return PodSelector(in_namespace(namespace), having(**labels))


def allow(*peers, ports: PortSet = ALL_PORTS, **more) -> Rule:
    return Rule(peers=peers, ports=ports, **more)


def policy(subject: PodSelector, name: str = "p", **more) -> Policy:
    return Policy(name=name, namespace="any", subject=subject, **more)


def judge(
    where: Inventory | World, *policies: Policy, profile: Profile = KUBERNETES, **more
) -> Judge:
    seen = world(where) if isinstance(where, Inventory) else where
    return Judge(policies=PolicySet(policies=policies, **more), world=seen, profile=profile)


def ask(
    one: Judge, client: Peer | str, server: Peer | str, port: int = 8080, protocol: str = "TCP"
) -> bool:
    sides = (workload(side) if isinstance(side, str) else side for side in (client, server))
    return one.decide(Connection(*sides, protocol, port)).allowed


# --- labels


@pytest.mark.parametrize(
    ("labels", "selected"),
    [({"tier": "web"}, True), ({"tier": "db"}, False), ({}, True), ({"tier": ""}, True)],
)
def test_l1_not_in_holds_where_the_label_is_absent(labels: dict[str, str], selected: bool) -> None:
    subject = PodSelector((), (Requirement("tier", "NotIn", ("db",)),))
    one = judge(cluster(pod("a/x", **labels)), policy(subject, ingress=()))
    assert ask(one, INTERNET, "a/x") is not selected


@pytest.mark.parametrize(
    ("operator", "values", "absent", "inside", "beside"),
    [
        ("In", ("axyb", "y"), False, True, False),
        ("NotIn", ("axyb", "y"), True, False, True),
        ("Exists", (), False, True, True),
        ("DoesNotExist", (), True, False, False),
        ("Contains", ("xy", "nothing"), False, True, False),
        ("StartsWith", ("nothing", "ax"), False, True, False),
        ("EndsWith", ("by",), False, False, False),
        ("EndsWith", ("xyb",), False, True, False),
        ("Contains", ("",), False, True, True),
    ],
)
def test_the_truth_table_of_operators(operator, values, absent, inside, beside) -> None:
    subject = PodSelector((), (Requirement("k", operator, values),))
    where = cluster(pod("a/none"), pod("a/in", k="axyb"), pod("a/out", k="z"))
    one = judge(where, policy(subject, ingress=()))
    found = tuple(not ask(one, INTERNET, f"a/{name}") for name in ("none", "in", "out"))
    assert found == (absent, inside, beside)


def test_requirements_that_contradict_each_other_select_nothing() -> None:
    both = (Requirement("app", "In", ("x",)), Requirement("app", "NotIn", ("x",)))
    one = judge(cluster(pod("a/x")), policy(PodSelector((), both), ingress=()))
    assert ask(one, INTERNET, "a/x")


@pytest.mark.parametrize("profile", [CALICO, CILIUM])
def test_a_pod_carries_the_name_of_its_account_as_a_label(profile: Profile) -> None:
    robot = replace(pod("a/robot"), service_account="robot")
    rule = allow(PodSelector((), having(**{SERVICE_ACCOUNT: "robot"})))
    where = cluster(robot, pod("a/web"), pod("a/db", **{SERVICE_ACCOUNT: "robot"}), pod("a/s"))
    one = judge(where, policy(pods_in("a", app="s"), ingress=(rule,)), profile=profile)
    assert [ask(one, f"a/{name}", "a/s") for name in ("robot", "web", "db")] == [True, False, False]


# --- Kubernetes


@pytest.mark.parametrize(
    ("ingress", "egress", "may_serve", "may_call"),
    [
        ((), None, False, True),
        ((), (), False, False),
        (None, (), True, False),
        (None, (Rule(peers=ANY, ports=ALL_PORTS),), True, True),
        ((Rule(peers=ANY, ports=ALL_PORTS),), None, True, True),
        (None, None, True, True),
    ],
)
def test_k1_a_direction_is_isolated_when_the_policy_has_it(
    ingress, egress, may_serve, may_call
) -> None:
    one = judge(cluster(pod("a/x")), policy(pods_in("a"), ingress=ingress, egress=egress))
    assert ask(one, INTERNET, "a/x") is may_serve
    assert ask(one, "a/x", INTERNET) is may_call


def test_k2_rules_unite_and_both_sides_must_agree() -> None:
    web, api, cron = (pods_in("shop", app=name) for name in ("web", "api", "cron"))
    nine = PortSet.of("TCP", 9000)
    one = judge(
        cluster(pod("shop/web"), pod("shop/api"), pod("shop/cron")),
        policy(api, "p1", ingress=(allow(web, ports=HTTP),)),
        policy(api, "p2", ingress=(allow(cron, ports=nine),)),
        policy(web, "p3", egress=(allow(api, ports=nine),)),
    )
    assert not ask(one, "shop/web", "shop/api", 8080)
    assert not ask(one, "shop/web", "shop/api", 9000)
    assert ask(one, "shop/cron", "shop/api", 9000)
    assert ask(one, "shop/api", "shop/web", 8080)
    told = one.decide(Connection(workload("shop/web"), workload("shop/api"), "TCP", 9000))
    assert (told.egress.reason, told.egress.policies[0].name, told.egress.rule) == ("rule", "p3", 0)
    assert (told.ingress.reason, told.ingress.tier) == ("default deny", "default")
    assert [policy.name for policy in told.ingress.policies] == ["p1", "p2"]


@pytest.mark.parametrize(
    ("peers", "p1", "p2", "internet"),
    [
        (ANY, True, True, True),
        ((pods_in("a"),), True, False, False),
        ((PodSelector(),), True, True, False),
        ((pods_in("a", role="x"),), False, False, False),
        ((PodSelector((), having(role="x")),), False, True, False),
        ((), False, False, False),
    ],
)
def test_k3_who_a_peer_is(peers, p1: bool, p2: bool, internet: bool) -> None:
    where = cluster(pod("a/api"), pod("a/p1"), pod("b/p2", role="x"))
    rule = Rule(peers=peers, ports=ALL_PORTS)
    one = judge(where, policy(pods_in("a", app="api"), ingress=(rule,)))
    assert [ask(one, who, "a/api") for who in ("a/p1", "b/p2", INTERNET)] == [p1, p2, internet]


@pytest.mark.parametrize("profile", [KUBERNETES, CILIUM])
def test_k3_whether_a_block_means_pods_is_the_engine_s_choice(profile: Profile) -> None:
    where = cluster(pod("a/api"), pod("a/p1", "10.244.0.5"))
    rule = allow(CidrSelector("0.0.0.0/0"))
    one = judge(where, policy(pods_in("a", app="api"), ingress=(rule,)), profile=profile)
    assert ask(one, "a/p1", "a/api") is profile.cidr_matches_pods
    assert ask(one, INTERNET, "a/api")


def test_one_peer_with_two_selectors_is_not_two_peers() -> None:
    where = cluster(
        pod("red/c", role="client"),
        pod("red/o", role="other"),
        pod("own/c", role="client"),
        pod("own/o", role="other"),
        pod("own/api"),
        namespaces={"red": Namespace(name="red", labels=(("team", "red"),))},
    )
    red, client = having(team="red"), having(role="client")
    subject = pods_in("own", app="api")
    both = judge(where, policy(subject, ingress=(allow(PodSelector(red, client)),)))
    either = allow(PodSelector(red), PodSelector(in_namespace("own"), client))
    split = judge(where, policy(subject, ingress=(either,)))
    who = ("red/c", "red/o", "own/c", "own/o")
    assert [ask(both, one, "own/api") for one in who] == [True, False, False, False]
    assert [ask(split, one, "own/api") for one in who] == [True, True, True, False]


@pytest.mark.parametrize(
    ("protocol", "port", "expected"),
    [
        ("TCP", 8080, [True, False, False]),
        ("TCP", 80, [False, True, False]),
        ("TCP", 9005, [True, True, True]),
        ("UDP", 9005, [False, False, False]),
        ("UDP", 53, [True, True, True]),
        ("TCP", 53, [False, False, False]),
    ],
)
@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_k4_named_ports_are_the_server_s(direction, protocol, port, expected) -> None:
    servers = (
        pod("a/pod1", ports=(ContainerPort(name="http", port=8080),)),
        pod("a/pod2", ports=(ContainerPort(name="http", port=80),)),
        pod("a/pod3"),
    )
    rule = Rule(
        peers=ANY,
        ports=PortSet.of("TCP", 9000, 9010) | PortSet.of("UDP", 53),
        named_ports=(("TCP", "http"),),
    )
    subject = PodSelector((), (Requirement("app", "NotIn", ("c",)),))
    if direction == "egress":
        subject = pods_in("a", app="c")
    own_http = (ContainerPort(name="http", port=1),)
    one = judge(
        cluster(*servers, pod("a/c", ports=own_http)), policy(subject, **{direction: (rule,)})
    )
    found = [ask(one, "a/c", f"a/pod{n}", port, protocol) for n in (1, 2, 3)]
    assert found == expected


def test_a_named_port_of_a_party_outside_is_nothing() -> None:
    rule = Rule(peers=ANY, ports=PortSet(), named_ports=(("TCP", "http"),))
    named = (ContainerPort(name="http", port=80),)
    one = judge(cluster(pod("a/x", ports=named)), policy(pods_in("a"), egress=(rule,)))
    assert not ask(one, "a/x", INTERNET, 80)


def test_k5_a_block_without_its_exceptions() -> None:
    where = cluster(pod("a/api"), pod("b/p", "10.244.0.5"))
    block = CidrSelector("10.0.0.0/8", ("10.9.0.0/16",))
    subject = pods_in("a", app="api")
    one = judge(where, policy(subject, ingress=(allow(block),)))
    assert ask(one, Cidr("10.1.2.3/32"), "a/api")
    assert not ask(one, Cidr("10.9.8.7/32"), "a/api")
    assert ask(replace(one, profile=CALICO), "b/p", "a/api")
    assert not ask(replace(one, profile=CILIUM), "b/p", "a/api")
    more = judge(where, policy(subject, ingress=(allow(block, CidrSelector("10.9.8.0/24")),)))
    assert ask(more, Cidr("10.9.8.7/32"), "a/api")


def test_a_wide_party_is_allowed_when_every_address_of_it_is() -> None:
    def may_call(*blocks: CidrSelector) -> bool:
        one = judge(cluster(pod("a/x")), policy(pods_in("a"), egress=(allow(*blocks),)))
        return ask(one, "a/x", Cidr("192.0.2.0/24"))

    assert may_call(CidrSelector("192.0.0.0/16"))
    assert may_call(CidrSelector("192.0.2.0/25"), CidrSelector("192.0.2.128/25"))
    assert not may_call(CidrSelector("192.0.2.0/25"))
    assert not may_call(CidrSelector("192.0.0.0/16", ("192.0.2.255/32",)))
    assert not may_call(CidrSelector("::/0"))


def test_exceptions_may_overlap_each_other() -> None:
    holes = ("10.0.0.0/12", "10.1.0.0/16", "10.16.0.0/16", "192.0.2.0/24", "fd00::/8")
    rule = allow(CidrSelector("10.0.0.0/8", holes))
    one = judge(cluster(pod("a/x")), policy(pods_in("a"), egress=(rule,)))
    for address, allowed in (
        ("10.0.0.0", False),
        ("10.1.255.255", False),
        ("10.2.0.0", False),
        ("10.15.255.255", False),
        ("10.16.0.0", False),
        ("10.17.0.0", True),
        ("10.255.255.255", True),
        ("11.0.0.0", False),
    ):
        assert ask(one, "a/x", Cidr(f"{address}/32")) is allowed
    assert ask(one, "a/x", Cidr("10.128.0.0/9"))


def test_a_dual_stack_pod_is_judged_within_one_ip_version() -> None:
    both = replace(pod("a/c"), addresses=("10.0.0.1", "fd00::1"))
    server = replace(pod("a/s"), addresses=("10.0.0.2", "fd00::2"))
    four, six = CidrSelector("10.0.0.0/24"), CidrSelector("fd00::/64")

    def allowed(*blocks: CidrSelector) -> bool:
        rule = (allow(*blocks),)
        return ask(judge(cluster(both, server), policy(pods_in("a"), egress=rule)), "a/c", "a/s")

    assert not allowed(four)
    assert allowed(four, six)
    sent = policy(pods_in("a"), "out", egress=(allow(four),))
    taken = policy(pods_in("a"), "in", ingress=(allow(six),))
    assert not list(judge(cluster(both, server), sent, taken).connections())


# --- Cilium


def test_s1_hosts_are_not_their_pods_labels() -> None:
    agent = replace(pod("a/agent", "10.2.0.9", app="web"), host_network=True)
    nodes = {"n": Node(name="n", addresses=("10.2.0.1",))}
    where = cluster(pod("a/api"), pod("a/web"), pod("b/web"), agent, nodes=nodes)
    rule = allow(pods_in("a", app="web"))
    one = judge(where, policy(pods_in("a", app="api"), ingress=(rule,)), profile=CILIUM)
    assert ask(one, "a/web", "a/api")
    assert not ask(one, "b/web", "a/api")
    assert ask(one, Entity("host"), "a/api")
    assert not ask(one, Entity("remote-node"), "a/api")
    assert not ask(one, "a/agent", "a/api")
    told = one.decide(Connection(Entity("host"), workload("a/api"), "TCP", 8081))
    assert (told.egress.reason, told.ingress.reason) == ("no pod", "exempt")


def test_s2_a_deny_section_beats_every_allow() -> None:
    where = cluster(pod("a/api"), pod("a/web", env="prod"), pod("a/web2", app="web", env="dev"))
    api, web = pods_in("a", app="api"), pods_in("a", app="web")
    deny = Rule(action="deny", peers=(pods_in("a", env="dev"),), ports=ALL_PORTS)
    one = judge(
        where,
        policy(api, "k8s", ingress=(allow(web, ports=HTTP),)),
        policy(api, "cnp", ingress=(deny,), tier=DENY_TIER.name),
        profile=CILIUM,
    )
    assert ask(one, "a/web", "a/api")
    assert not ask(one, "a/web2", "a/api")
    assert ask(one, Entity("host"), "a/api", 8081)
    assert not ask(one, Entity("remote-node"), "a/api")
    assert not ask(one, "a/web", "a/api", 8 * 256, "ICMP")
    told = one.decide(Connection(workload("a/web2"), workload("a/api"), "TCP", 8080))
    assert (told.ingress.reason, told.ingress.tier) == ("rule", "cilium-deny")


def test_s3_a_name_is_allowed_by_its_name() -> None:
    where = cluster(pod("a/x"), pod("kube-system/dns"))
    party = Outside(peer=Fqdn("api.example.org"), addresses=("192.0.2.1", "192.0.2.2"))
    other = Outside(peer=Fqdn("other.example.org"), addresses=("192.0.2.1",))
    shared = replace(other, names=frozenset({"api.example.org"}))
    https = PortSet.of("TCP", 443)
    rule = allow(FqdnSelector("api.example.org"), ports=https)
    one = judge(world(where, [party, other]), policy(pods_in("a"), egress=(rule,)), profile=CILIUM)
    assert ask(one, "a/x", party.peer, 443)
    assert not ask(one, "a/x", party.peer, 80)
    assert not ask(one, "a/x", "kube-system/dns", 53, "UDP")
    assert not ask(one, "a/x", other.peer, 443)
    assert ask(replace(one, world=world(where, [shared])), "a/x", other.peer, 443)


@pytest.mark.parametrize(
    ("pattern", "names", "others"),
    [
        ("example.org", ["example.org", "EXAMPLE.org."], ["a.example.org", "exampleXorg"]),
        ("*.example.org", ["a.example.org"], ["example.org", "a.b.example.org"]),
        ("**.example.org", ["a.example.org", "a.b.example.org"], ["example.org"]),
        ("a*.example.org", ["a.example.org", "ab.example.org"], ["b.example.org"]),
        ("*", ["example.org", "a.b.c"], []),
    ],
)
def test_name_patterns(pattern: str, names: list[str], others: list[str]) -> None:
    assert all(name_matches(pattern, name) for name in names)
    assert not any(name_matches(pattern, name) for name in others)


@pytest.mark.parametrize(
    ("entity", "matched"),
    [
        ("all", {"a/x", "world", "remote-node", "on-node", "off-node", "ingress"}),
        ("cluster", {"a/x", "remote-node", "on-node", "off-node", "ingress"}),
        ("world", {"world"}),
        ("remote-node", {"remote-node", "on-node"}),
        ("kube-apiserver", {"on-node", "off-node"}),
    ],
)
def test_entities(entity: str, matched: set[str]) -> None:
    nodes = {"n": Node(name="n", addresses=("10.2.0.1",))}
    where = cluster(pod("a/x"), pod("a/y"), nodes=nodes)
    rule = allow(EntitySelector(entity))
    names = {"world": INTERNET, "remote-node": Entity("remote-node"), "ingress": Entity("ingress")}
    names |= {"on-node": Entity("kube-apiserver"), "off-node": Entity("kube-apiserver")}
    servers = {"on-node": ("10.2.0.1",), "off-node": ("192.0.2.9",)}

    def may_call(name: str) -> bool:
        seen = world(replace(where, api_servers=servers.get(name, ())))
        one = judge(seen, policy(pods_in("a", app="y"), egress=(rule,)), profile=CILIUM)
        return ask(one, "a/y", names.get(name, name))

    assert {name for name in ("a/x", *names) if may_call(name)} == matched


def test_cilium_blocks_never_mean_nodes() -> None:
    nodes = {"n": Node(name="n", addresses=("10.2.0.1",))}
    where = cluster(pod("a/x"), nodes=nodes, api_servers=("10.2.0.1", "192.0.2.9"))
    rule = allow(CidrSelector("0.0.0.0/0"))
    one = judge(where, policy(pods_in("a"), egress=(rule,)), profile=CILIUM)
    parties = (Entity("remote-node"), Entity("kube-apiserver"), Cidr("10.2.0.1/32"), INTERNET)
    assert [ask(one, "a/x", party) for party in parties] == [False, False, False, True]
    assert [ask(replace(one, profile=CALICO), "a/x", p) for p in parties] == [True] * 4
    off_node = world(replace(where, api_servers=("192.0.2.9",)))
    assert ask(replace(one, world=off_node), "a/x", Entity("kube-apiserver"))


def test_an_api_server_on_a_node_is_not_every_node() -> None:
    nodes = {"n": Node(name="n", addresses=("10.2.0.1", "10.2.0.2"))}
    where = cluster(pod("a/x"), nodes=nodes, api_servers=("10.2.0.1",))
    api = Entity("kube-apiserver")
    party = Outside(peer=api, entities=frozenset({"remote-node"}))
    rule = allow(CidrSelector("10.2.0.1/32"))
    one = judge(world(where, [party]), policy(pods_in("a"), egress=(rule,)))
    assert ask(one, "a/x", api)
    assert not ask(one, "a/x", Entity("remote-node"))


def test_cilium_sees_only_labels_of_the_identity() -> None:
    where = cluster(pod("a/x", **{"pod-template-hash": "123", "app.kubernetes.io/name": "x"}))
    for key, value, seen in (
        ("pod-template-hash", "123", False),
        ("app.kubernetes.io/name", "x", True),
    ):
        subject = PodSelector((), having(**{key: value}))
        one = judge(where, policy(subject, ingress=()), profile=CILIUM)
        assert ask(one, INTERNET, "a/x") is not seen
        assert not ask(replace(one, profile=KUBERNETES), INTERNET, "a/x")


def test_rules_that_do_not_isolate_leave_the_rest_open() -> None:
    where = cluster(pod("a/x"), pod("a/y"))
    rule = allow(pods_in("a"), ports=HTTP)
    one = judge(where, policy(pods_in("a"), ingress=(rule,), isolates=False), profile=CILIUM)
    assert ask(one, "a/y", "a/x", 9999)
    assert ask(one, INTERNET, "a/x")


# --- tiers


def test_c1_a_tier_passes_on_or_ends() -> None:
    metadata = CidrSelector("169.254.169.254/32")
    deny = Rule(action="deny", peers=(metadata,), ports=ALL_PORTS)
    hand_over = Rule(action="pass", peers=ANY, ports=ALL_PORTS)
    where = cluster(pod("a/web"), pod("a/db"), pod("b/x"))
    db = allow(pods_in("a", app="db"), ports=PortSet.of("TCP", 5432))
    tiers = (Tier(500, "platform"), Tier(1_000_000, "default"))

    def platform(*rules: Rule) -> Judge:
        first = policy(PodSelector(), "p", egress=rules, tier="platform")
        return judge(where, first, policy(pods_in("a"), "np", egress=(db,)), tiers=tiers)

    one = platform(deny, hand_over)
    assert not ask(one, "a/web", Cidr("169.254.169.254/32"), 80)
    assert ask(one, "a/web", "a/db", 5432)
    assert not ask(one, "a/web", "a/db", 80)
    assert ask(one, "b/x", INTERNET)
    closed = platform(deny)
    assert not ask(closed, "a/web", "a/db", 5432)
    assert not ask(closed, "b/x", INTERNET)


def test_c2_within_a_tier_the_lower_order_is_asked_first() -> None:
    where = cluster(pod("a/api"), pod("a/dev", env="dev"), pod("a/prod", env="prod"), pod("b/prod"))
    api = pods_in("a", app="api")
    not_prod = PodSelector(in_namespace("a"), (Requirement("env", "NotIn", ("prod",)),))
    deny = Rule(action="deny", peers=(not_prod,), ports=ALL_PORTS)
    for first, second in (("np1", "zz"), ("zz", "np1")):
        one = judge(
            where,
            policy(api, first, order=100, ingress=(deny,)),
            policy(api, second, order=1000, ingress=(allow(pods_in("a")),)),
        )
        who = ("a/dev", "a/prod", "b/prod", "a/api")
        assert [ask(one, client, "a/api") for client in who] == [False, True, False, False]
        assert not ask(one, INTERNET, "a/api")


def test_policies_of_one_order_are_asked_by_name() -> None:
    deny = Rule(action="deny", peers=ANY, ports=ALL_PORTS)
    let = Rule(peers=ANY, ports=ALL_PORTS)
    where = cluster(pod("a/x"))
    for names, allowed in ((("p", "q"), False), (("q", "p"), True)):
        rules = zip(names, (deny, let), strict=True)
        one = judge(where, *(policy(pods_in("a"), name, ingress=(r,)) for name, r in rules))
        assert ask(one, INTERNET, "a/x") is allowed


def test_a_policy_in_a_tier_that_does_not_exist_is_an_error() -> None:
    one = judge(cluster(pod("a/x")), policy(pods_in("a"), tier="nowhere", ingress=()))
    with pytest.raises(NetpolError, match="nowhere"):
        ask(one, INTERNET, "a/x")


# --- what Calico can say more


def test_everyone_but() -> None:
    where = cluster(pod("a/api"), pod("a/dev", env="dev"), pod("b/dev", env="dev"), pod("a/x"))
    dev, block = pods_in("a", env="dev"), CidrSelector("203.0.113.0/24")
    subject = pods_in("a", app="api")

    def who(rule: Rule) -> list[bool]:
        one = judge(where, policy(subject, ingress=(rule,)))
        asked = ("a/dev", "b/dev", "a/x", INTERNET, Cidr("192.0.2.1/32"))
        return [ask(one, client, "a/api") for client in asked]

    assert who(Rule(peers=ANY, without=(dev, block), ports=ALL_PORTS)) == [
        False,
        True,
        True,
        False,
        True,
    ]
    assert who(allow(pods_in("a"), without=(dev,))) == [False, False, True, False, False]
    assert who(allow(without=(dev,))) == [False] * 5


def test_a_rule_for_some_of_the_policy_s_pods() -> None:
    where = cluster(pod("a/x", tier="front"), pod("a/y"), pod("a/c"))
    front = PodSelector((), having(tier="front"))
    one = judge(
        where,
        policy(
            pods_in("a"),
            ingress=(
                allow(pods_in("a"), ports=HTTP, subject=front),
                allow(pods_in("a"), ports=PortSet.of("TCP", 9090)),
            ),
        ),
    )
    asked = [("a/x", 8080), ("a/y", 8080), ("a/x", 9090), ("a/y", 9090)]
    assert [ask(one, "a/c", server, port) for server, port in asked] == [True, False, True, True]


# --- what was not understood


def unread(tier: str, *directions: str, app: str = "x") -> Undecided:
    return Undecided(
        subject=pods_in("a", app=app), directions=directions, tier=tier, reason="a field"
    )


def test_a_verdict_is_undecided_where_something_unread_might_have_decided() -> None:
    tiers = (Tier(1, "first"), Tier(2, "second"), Tier(3, "third"))
    deny = Rule(action="deny", peers=ANY, ports=PortSet.of("TCP", 22))
    hand_over = Rule(action="pass", peers=ANY, ports=ALL_PORTS)
    lost = unread("second", "ingress")
    one = judge(
        cluster(pod("a/x"), pod("a/y"), pod("a/isolated")),
        policy(PodSelector(), "p", tier="first", ingress=(deny, hand_over)),
        policy(pods_in("a", app="isolated"), "q", tier="first", egress=()),
        tiers=tiers,
        undecided=(lost,),
    )

    def verdict(client: str, server: str, port: int) -> tuple[bool, tuple[Undecided, ...]]:
        told = one.decide(Connection(workload(client), workload(server), "TCP", port))
        return told.allowed, told.undecided

    assert verdict("a/y", "a/x", 22) == (False, ())
    assert verdict("a/y", "a/x", 80) == (True, (lost,))
    assert verdict("a/x", "a/y", 80) == (True, ())
    assert verdict("a/isolated", "a/x", 80) == (False, ())
    without_ssh = ALL_PORTS - PortSet.of("TCP", 22)
    assert list(one.undecided_connections()) == [
        Row(workload("a/x"), workload("a/x"), without_ssh),
        Row(workload("a/y"), workload("a/x"), without_ssh),
    ]


def test_something_unread_in_a_tier_that_nobody_declared_may_stand_anywhere() -> None:
    lost = unread("nowhere", "egress")
    deny = policy(pods_in("a"), egress=())
    one = judge(cluster(pod("a/x"), pod("a/y")), deny, undecided=(lost,))
    told = one.decide(Connection(workload("a/x"), workload("a/y"), "TCP", 80))
    assert (told.allowed, told.undecided) == (False, (lost,))
    assert (told.egress.undecided, told.egress.denied) == ((lost,), False)


# --- the judge's answers


def test_a_workload_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(NetpolError, match="a/Deployment/z"):
        ask(judge(cluster(pod("a/x"))), "a/x", "a/z")


def test_one_pod_of_two_is_not_the_workload_but_is_a_hole() -> None:
    first, second = pod("a/x", track="stable"), replace(pod("a/x", track="canary"), name="x-2")
    rule = allow(pods_in("a", app="y"), ports=HTTP)
    one = judge(
        cluster(first, second, pod("a/y")),
        policy(pods_in("a"), "deny", ingress=()),
        policy(pods_in("a", track="canary"), "canary", ingress=(rule,)),
    )
    assert not ask(one, "a/y", "a/x")
    told = one.decide(Connection(workload("a/y"), workload("a/x"), "TCP", 8080))
    assert dict(told.server.labels)["track"] == "stable"
    assert list(one.connections()) == [Row(workload("a/y"), workload("a/x"), HTTP)]


def test_connections_are_sorted_rows_of_workloads_and_parties() -> None:
    where = cluster(pod("a/web"), pod("a/db"))
    rule = allow(pods_in("a", app="web"), ports=PortSet.of("TCP", 5432))
    out = allow(CidrSelector("192.0.2.0/24"), ports=PortSet.of("TCP", 443))
    one = judge(
        world(where, [Outside(peer=Cidr("192.0.2.7/32")), Outside(peer=Entity("host"))]),
        policy(pods_in("a"), "deny", ingress=(), egress=()),
        policy(pods_in("a", app="db"), "db", ingress=(rule,)),
        policy(pods_in("a", app="web"), "web", egress=(allow(pods_in("a", app="db")), out)),
    )
    web, db = workload("a/web"), workload("a/db")
    assert list(one.connections()) == [Row(web, db, PortSet.of("TCP", 5432))]
    assert list(one.outside_connections()) == [
        Row(web, Cidr("192.0.2.7/32"), PortSet.of("TCP", 443)),
        Row(Entity("host"), db, ALL_PORTS),
        Row(Entity("host"), web, ALL_PORTS),
    ]


def test_a_rule_that_another_repeats_has_no_witness() -> None:
    where = cluster(pod("a/web"), pod("a/db"))
    rule = allow(pods_in("a", app="web"), ports=HTTP)
    asked = [Connection(workload("a/web"), workload("a/db"), "TCP", 8080)]
    once = policy(pods_in("a", app="db"), "db", ingress=(rule,))
    twice = replace(once, ingress=(rule, rule))
    assert judge(where, once).witnesses(asked) == {(0, "ingress", 0): asked[0]}
    assert judge(where, twice).witnesses(asked) == {}
    assert judge(where, once).witnesses([replace(asked[0], port=80)]) == {}


def test_icmp_is_not_decided_where_the_dialect_cannot_name_it() -> None:
    ping = Connection(workload("a/x"), workload("a/y"), "ICMP", 8 * 256)
    assert [decides(profile, ping) for profile in (KUBERNETES, CALICO, CILIUM)] == [
        False,
        True,
        True,
    ]
    assert decides(KUBERNETES, replace(ping, protocol="TCP", port=80))
    one = judge(
        cluster(pod("a/x"), pod("a/y")), policy(pods_in("a"), ingress=(allow(pods_in("a")),))
    )
    assert one.decide(ping).allowed


def test_an_icmp_type_needs_every_code() -> None:
    where = cluster(pod("a/x"), pod("a/y"))
    ping = Connection(workload("a/x"), workload("a/y"), "ICMP", 8 * 256)

    def allowed(ports: PortSet) -> bool:
        rule = allow(pods_in("a"), ports=ports)
        return judge(where, policy(pods_in("a"), ingress=(rule,))).decide(ping).allowed

    assert allowed(PortSet.icmp("ICMP", 8))
    assert not allowed(PortSet.icmp("ICMP", 8, 0))


# --- rules for some addresses of the policed pods


def test_a_pod_of_two_ip_versions_talks_to_an_address_from_the_one_that_it_has() -> None:
    """A rule at the pod's IPv6 addresses is not missed where IPv4 could not take part anyway."""
    one = replace(pod("a/x"), addresses=("10.1.0.1", "fd00::1"))
    own, far = CidrSelector("fd00::/64"), CidrSelector("2001:db8::/32")
    placed = policy(PodSelector(), egress=(allow(far, at=(own,)),))
    here = judge(cluster(one), placed, profile=CALICO)
    assert ask(here, "a/x", Cidr("2001:db8::1/128"))
    assert not ask(here, "a/x", Cidr("2001:db9::1/128"))
    assert not ask(here, "a/x", Cidr("192.0.2.1/32"))

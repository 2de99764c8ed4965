"""What a plugin makes of policies that others wrote."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scenes import inventory, labels, pod
from special_cases import API, CLUSTER, DB, SPARE, WEB

from netpol.cli.sides import judge_of
from netpol.graph import Connection
from netpol.inventory import ContainerPort, Inventory
from netpol.net import NO_PORTS, PortSet
from netpol.peers import Cidr, Entity, Workload
from netpol.policy import (
    CidrSelector,
    PodSelector,
    Policy,
    PolicySet,
    Requirement,
    Rule,
    in_namespace,
)
from netpol.profile import CNIS

WIDE = CidrSelector("0.0.0.0/0")
HOLED = CidrSelector("10.0.0.0/8", ("10.9.0.0/16",))
HTTP, SSH = PortSet.of("TCP", 80), PortSet.of("TCP", 22)


def to(*rules: Rule, app: str = "web", name: str = "p") -> Policy:
    subject = PodSelector(in_namespace("shop"), (Requirement("app", "In", (app,)),))
    return Policy(name=name, namespace="shop", subject=subject, egress=rules)


def allowed(cni: str, connection: Connection, *policies: Policy, known=CLUSTER) -> bool:
    found = PolicySet(policies=policies)
    return judge_of(found, known, CNIS[cni]).decide(connection).allowed


def pods(**wanted: str) -> PodSelector:
    return PodSelector(
        in_namespace("shop"), tuple(Requirement(k, "In", (v,)) for k, v in sorted(wanted.items()))
    )


@pytest.mark.parametrize(("cni", "verdict"), [("generic", True), ("aws-vpc-cni", False)])
def test_an_exception_leaks_into_every_rule_for_the_same_pods(cni: str, verdict: bool) -> None:
    """What one rule excepts is denied in the other: docs/semantics.md#amazon-vpc-cni."""
    one = to(Rule(peers=(HOLED,), ports=HTTP))
    other = to(Rule(peers=(WIDE,), ports=SSH), name="q")
    asked = Connection(WEB, Cidr("10.9.8.7/32"), "TCP", 22)
    assert allowed(cni, asked, one, other) is verdict
    assert allowed(cni, Connection(WEB, Cidr("10.8.8.7/32"), "TCP", 22), one, other)


@pytest.mark.parametrize("block", ["10.9.0.0/16", "10.9.8.0/24"])
def test_an_exception_yields_to_blocks_that_are_as_narrow(block: str) -> None:
    rules = (Rule(peers=(HOLED,), ports=HTTP), Rule(peers=(CidrSelector(block),), ports=SSH))
    asked = Connection(WEB, Cidr("10.9.8.7/32"), "TCP", 22)
    assert allowed("aws-vpc-cni", asked, to(*rules))
    elsewhere = to(rules[1], app="api", name="q")
    assert not allowed(
        "aws-vpc-cni", asked, to(rules[0], Rule(peers=(WIDE,), ports=SSH)), elsewhere
    )


@pytest.mark.parametrize(
    ("wanted", "verdict"),
    [({"tier": "back"}, True), ({"app": "api"}, False), ({"app": "api", "tier": "back"}, False)],
)
def test_the_address_of_a_service_is_opened_where_its_selector_satisfies_the_peer(
    wanted: dict[str, str], verdict: bool
) -> None:
    """A peer with more labels than the Service opens the pods: docs/semantics.md#amazon-vpc-cni."""
    policy = to(Rule(peers=(pods(**wanted),), ports=PortSet.of("TCP", 8080)))
    assert allowed("aws-vpc-cni", Connection(WEB, API, "TCP", 8080), policy)
    assert (
        allowed("aws-vpc-cni", Connection(WEB, Cidr("10.96.0.12/32"), "TCP", 80), policy) is verdict
    )
    assert not allowed("generic", Connection(WEB, Cidr("10.96.0.12/32"), "TCP", 80), policy)


@pytest.mark.parametrize(
    ("cni", "verdict"),
    [(name, name in ("aws-vpc-cni", "weave")) for name in CNIS if name != "cilium"],
)
def test_the_own_node_is_exempt_where_the_plugin_says_so(cni: str, verdict: bool) -> None:
    assert allowed(cni, Connection(WEB, Entity("host"), "TCP", 9100), to()) is verdict


@pytest.mark.parametrize(("cni", "verdict"), [("kube-router", True), ("generic", False)])
def test_a_rule_of_unknown_names_alone_falls_open(cni: str, verdict: bool) -> None:
    rule = Rule(peers=(pods(app="db"),), ports=NO_PORTS, named_ports=(("TCP", "sql"),))
    assert allowed(cni, Connection(WEB, DB, "TCP", 22), to(rule)) is verdict
    one = pod("db", labels=labels(app="db"), ports=(ContainerPort(name="sql", port=5432),))
    known = replace(CLUSTER, pods={**CLUSTER.pods, ("shop", "other"): one})
    assert not allowed(cni, Connection(WEB, SPARE, "TCP", 22), to(rule), known=known)


@pytest.mark.parametrize(
    ("cni", "verdict"), [(name, name not in ("weave", "romana")) for name in CNIS]
)
def test_a_named_port_is_no_port_where_names_are_not_known(cni: str, verdict: bool) -> None:
    """What a plugin is not known to understand opens nothing that one may rely on."""
    one = pod("named", labels=labels(app="named"), ports=(ContainerPort(name="sql", port=5432),))
    known = replace(CLUSTER, pods={**CLUSTER.pods, ("shop", "named"): one})
    rule = Rule(peers=(pods(app="named"),), ports=NO_PORTS, named_ports=(("TCP", "sql"),))
    server = Workload("shop", "Deployment", "named")
    asked = Connection(WEB, server, "TCP", 5432)
    assert allowed(cni, asked, to(rule), known=known) is verdict


@pytest.mark.parametrize(("cni", "verdict"), [("weave", False), ("generic", True)])
def test_a_range_is_its_first_port_where_ranges_are_not_known(cni: str, verdict: bool) -> None:
    policy = to(Rule(peers=(pods(app="api"),), ports=PortSet.of("TCP", 80, 90)))
    assert allowed(cni, Connection(WEB, API, "TCP", 80), policy)
    assert allowed(cni, Connection(WEB, API, "TCP", 85), policy) is verdict


def test_a_plugin_that_is_off_allows_everything() -> None:
    off = replace(CNIS["cilium"], enforces=False)
    judge = judge_of(PolicySet(policies=(to(),)), CLUSTER, off)
    assert judge.decide(Connection(WEB, API, "TCP", 80)).allowed


@pytest.mark.parametrize(("cni", "verdict"), [("aws-vpc-cni", False), ("generic", True)])
def test_rules_about_the_other_family_do_nothing(cni: str, verdict: bool) -> None:
    policy = to(Rule(peers=(CidrSelector("2001:db8::/32"),), ports=HTTP))
    asked = Connection(WEB, Cidr("2001:db8::5/128"), "TCP", 80)
    assert allowed(cni, asked, policy) is verdict
    six = replace(pod("six"), addresses=("fd00::5",))
    dual: Inventory = replace(inventory(six, *CLUSTER.pods.values()), nodes=CLUSTER.nodes)
    assert allowed(cni, Connection(WEB, asked.server, "TCP", 80), policy, known=dual)
    assert Workload("shop", "Deployment", "six") in dual.workloads

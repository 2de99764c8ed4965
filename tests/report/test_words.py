"""Selectors, ports and rules in words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from strategies import port_sets, rules, selectors

from netpol.net import ALL_PORTS, PortSet
from netpol.policy import (
    ANY,
    NAMESPACE,
    SERVICE_ACCOUNT,
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Policy,
    Requirement,
    Rule,
    Selector,
    in_namespace,
)
from netpol.report.words import policy_words, ports_words, rule_words, selector_words, set_words

SHOP = in_namespace("shop")
WEB = (Requirement("app", "In", ("web",)),)


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        (PodSelector(), "every pod of the cluster"),
        (PodSelector(SHOP), "every pod in namespace shop"),
        (PodSelector(SHOP, WEB), "pods app=web in namespace shop"),
        (PodSelector((), WEB), "pods app=web in every namespace"),
        (
            PodSelector((Requirement(NAMESPACE, "In", ("a", "b")),), WEB),
            "pods app=web in namespaces a, b",
        ),
        (
            PodSelector((Requirement(NAMESPACE, "NotIn", ("a", "b")),)),
            "every pod in every namespace but a and b",
        ),
        (
            PodSelector((Requirement("team", "In", ("red",)), *SHOP), WEB),
            "pods app=web in namespaces team=red, name=shop",
        ),
        (
            PodSelector(
                SHOP,
                (
                    Requirement("a", "In", ("x", "y")),
                    Requirement("b", "NotIn", ("x",)),
                    Requirement("c", "NotIn", ("x", "y")),
                    Requirement("d", "Exists"),
                    Requirement("e", "DoesNotExist"),
                    Requirement("i", "In", ("",)),
                    Requirement("f", "StartsWith", ("x",)),
                    Requirement("g", "EndsWith", ("x",)),
                    Requirement("h", "Contains", ("x",)),
                    Requirement(SERVICE_ACCOUNT, "In", ("robot",)),
                ),
            ),
            (
                'pods a in (x, y), b not x, c not in (x, y), with label d, without label e, i="",'
                " f starting with x, g ending with x, h containing x, service account=robot"
                " in namespace shop"
            ),
        ),
        (CidrSelector("10.0.0.0/8"), "addresses in 10.0.0.0/8"),
        (CidrSelector("0.0.0.0/0"), "every IPv4 address"),
        (
            CidrSelector("::/0", ("fc00::/7", "fe80::/10")),
            "every IPv6 address except fc00::/7 and fe80::/10",
        ),
        (FqdnSelector("api.example.org"), "the DNS name api.example.org"),
        (FqdnSelector("*.example.org"), "the DNS names *.example.org"),
        (EntitySelector("world"), "everything outside the cluster"),
        (EntitySelector("unheard-of"), "the entity unheard-of"),
    ],
)
def test_selectors(selector: Selector, words: str) -> None:
    assert selector_words(selector) == words


@settings(deadline=None, max_examples=150)
@given(selectors(), selectors())
def test_selectors_that_differ_read_differently(one: Selector, other: Selector) -> None:
    assert (selector_words(one) == selector_words(other)) == (one == other)


@pytest.mark.parametrize(
    ("ports", "words"),
    [
        (ALL_PORTS, "every port"),
        (PortSet(), "no port"),
        (PortSet.of("TCP"), "every TCP port"),
        (PortSet.of("TCP", 80) | PortSet.of("TCP", 443, 450), "TCP 80, 443-450"),
        (PortSet.of("TCP", 80) | PortSet.of("UDP", 53), "TCP 80 and UDP 53"),
        (PortSet.icmp("ICMP", 8), "ICMP type 8"),
        (PortSet.of("ICMP") | PortSet.of("OTHER"), "all ICMP and all other IP protocols"),
    ],
)
def test_ports(ports: PortSet, words: str) -> None:
    assert set_words(ports) == words


@settings(deadline=None, max_examples=150)
@given(port_sets(), port_sets())
def test_ports_that_differ_read_differently(one: PortSet, other: PortSet) -> None:
    assert (set_words(one) == set_words(other)) == (one == other)


def test_rules() -> None:
    http = (("TCP", "http"),)
    every = PodSelector()
    web = PodSelector(SHOP, WEB)
    found = [
        rule_words(Rule(peers=ANY, ports=ALL_PORTS), "ingress"),
        rule_words(Rule(action="deny", peers=(), ports=ALL_PORTS), "egress"),
        rule_words(Rule(peers=(web, CidrSelector("10.0.0.0/8")), ports=PortSet()), "egress"),
        rule_words(Rule(peers=(every,), without=(web,), ports=PortSet.of("TCP", 80)), "ingress"),
        rule_words(Rule(peers=ANY, ports=PortSet(), named_ports=http, subject=web), "ingress"),
    ]
    assert found == [
        "allow from anyone on every port",
        "deny to nobody on every port",
        "allow to pods app=web in namespace shop or addresses in 10.0.0.0/8 on no port",
        "allow from every pod of the cluster, but not pods app=web in namespace shop on TCP 80",
        "allow from anyone on TCP port named http (only for pods app=web in namespace shop)",
    ]
    both = Rule(peers=ANY, ports=PortSet.of("UDP", 53), named_ports=http)
    assert ports_words(both) == "UDP 53 and TCP port named http"


def test_a_long_list_of_peers_is_cut() -> None:
    blocks = tuple(CidrSelector(f"10.{n}.0.0/16") for n in range(20))
    text = rule_words(Rule(peers=blocks, ports=ALL_PORTS), "egress")
    assert "10.5.0.0/16 or 14 more on" in text
    assert "10.6.0.0" not in text


@settings(deadline=None, max_examples=50)
@given(rules())
def test_any_rule_has_words(rule: Rule) -> None:
    assert rule_words(rule, "ingress").startswith(f"{rule.action} from ")


def test_policies_are_called_by_kind_and_name() -> None:
    policy = Policy(name="p", namespace="shop", subject=PodSelector(), kind="NetworkPolicy")
    wide = Policy(name="p", namespace="", subject=PodSelector())
    assert (policy_words(policy), policy_words(wide)) == ("NetworkPolicy shop/p", "policy p")


def test_nearly_every_port_is_said_by_what_is_missing() -> None:
    few = PortSet.of("TCP", 25) | PortSet.of("UDP", 53)
    assert set_words(ALL_PORTS - few) == "every port but TCP 25 and UDP 53"
    assert set_words(few) == "TCP 25 and UDP 53"

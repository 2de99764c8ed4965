"""Learned traffic replayed through policies of any origin."""

from __future__ import annotations

import pytest
from scenes import TARGETS, app, flow, labels, learned, proof, world

from generators import DIALECTS, parse
from netpol.cli.output import write
from netpol.cli.proof import dialect_named
from netpol.manifests import load
from netpol.net import PortSet
from netpol.policy import PodSelector, Policy, PolicySet, Requirement, Rule, in_namespace
from netpol.profile import KUBERNETES
from netpol.replay import replay

DNS = app("coredns", "kube-system", labels=labels(**{"k8s-app": "kube-dns"}))
FLOWS = [
    flow(app("web"), app("api")),
    flow(app("web"), DNS, 53, protocol="UDP"),
    flow(app("api"), world("198.51.100.7", names=frozenset({"api.example.org"})), 443),
    flow(world("198.51.100.9"), app("web"), 8443),
]


@pytest.mark.parametrize("target", TARGETS)
def test_what_was_generated_passes_its_own_check(target: str, tmp_path) -> None:
    what = learned(FLOWS)
    write(proof(what, target).files, tmp_path)
    policies, _ = parse(load([tmp_path], lambda _: None), lambda _: None)
    result = replay(policies, what, dialect_named(target, DIALECTS).profile)
    assert result.certificate.denied == ()
    assert result.unused == ()
    assert {o.reason for o in result.certificate.opened} <= {"declared need: name resolution"}


def subject(name: str) -> PodSelector:
    return PodSelector(in_namespace("shop"), (Requirement("app", "In", (name,)),))


def replayed(*policies: Policy, flows=FLOWS):
    return replay(PolicySet(policies=policies), learned(flows), KUBERNETES)


def test_without_policies_everything_is_allowed() -> None:
    result = replayed()
    assert result.certificate.denied == ()
    assert result.certificate.accepted == len(FLOWS)


def test_a_default_deny_alone_denies_all_of_its_namespace() -> None:
    deny = Policy(
        name="d", namespace="shop", subject=PodSelector(in_namespace("shop")), ingress=(), egress=()
    )
    assert len(replayed(deny).certificate.denied) == len(FLOWS)


def test_rules_that_nothing_uses_are_named_by_their_place() -> None:
    rules = tuple(Rule(peers=(subject("web"),), ports=PortSet.of("TCP", p)) for p in (1, 8080, 2))
    one = Policy(name="api", namespace="shop", subject=subject("api"), ingress=rules)
    assert [(u.policy.name, u.direction, u.number) for u in replayed(one).unused] == [
        ("api", "ingress", 1),
        ("api", "ingress", 3),
    ]


def test_of_two_equal_rules_the_first_is_used() -> None:
    rule = Rule(peers=(subject("web"),), ports=PortSet.of("TCP", 8080))
    one = Policy(name="api", namespace="shop", subject=subject("api"), ingress=(rule, rule))
    assert [u.number for u in replayed(one).unused] == [2]


def test_a_rule_for_name_resolution_counts_as_used() -> None:
    """Also by pods that were not seen to ask: names are a declared need."""
    server = PodSelector(
        in_namespace("kube-system"), (Requirement("k8s-app", "In", ("kube-dns",)),)
    )
    ports = PortSet.of("UDP", 53) | PortSet.of("TCP", 53)
    dns = Policy(
        name="dns",
        namespace="shop",
        subject=subject("api"),
        egress=(Rule(peers=(server,), ports=ports),),
    )
    assert replayed(dns).unused == ()


def test_a_policy_for_pods_that_nobody_knows_denies_nothing() -> None:
    other = Policy(name="x", namespace="shop", subject=subject("gone"), ingress=(), egress=())
    assert replayed(other).certificate.denied == ()

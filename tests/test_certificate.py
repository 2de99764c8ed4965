"""The certificate sees what is denied, opened, superfluous or silent, and is not easily pleased."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scenes import TARGETS, app, entity, flow, inventory, labels, learned, pod, proof, world

from netpol.certificate import Certificate, certify
from netpol.learn import Learned
from netpol.net import PortSet
from netpol.peers import Workload, label
from netpol.policy import ANY, PodSelector, Policy, PolicySet, Requirement, Rule, in_namespace
from netpol.profile import KUBERNETES

HTTP = PortSet.of("TCP", 8080)
PLAIN = learned([flow(app("web"), app("api"))])


def chosen(name: str) -> PodSelector:
    return PodSelector(in_namespace("shop"), (Requirement("app", "In", (name,)),))


def policy(name: str, **directions) -> Policy:
    return Policy(name=name, namespace="shop", subject=chosen(name), **directions)


DENY = Policy(
    name="default-deny",
    namespace="shop",
    subject=PodSelector(in_namespace("shop")),
    ingress=(),
    egress=(),
)
WEB = policy("web", egress=(Rule(peers=(chosen("api"),), ports=HTTP),))
API = policy("api", ingress=(Rule(peers=(chosen("web"),), ports=HTTP),))


def certified(*policies: Policy, what: Learned = PLAIN, **more) -> Certificate:
    return certify(PolicySet(policies=policies), what, KUBERNETES, **more)


def test_the_smallest_policies_are_sufficient_tight_and_minimal() -> None:
    found = certified(DENY, WEB, API)
    assert (found.accepted, found.rules) == (1, 2)
    assert not (found.denied or found.opened or found.without_witness or found.silent)


@pytest.mark.parametrize("missing", [WEB, API])
def test_half_an_allowance_is_a_denial(missing: Policy) -> None:
    (denied,) = certified(*({DENY, WEB, API} - {missing})).denied
    assert label(denied.connection.server) == "shop/Deployment/api"


def test_a_port_that_nobody_used_is_opened() -> None:
    wide = PortSet.of("TCP", 8080, 8081)
    both = [
        replace(WEB, egress=(Rule(peers=(chosen("api"),), ports=wide),)),
        replace(API, ingress=(Rule(peers=(chosen("web"),), ports=wide),)),
    ]
    (opened,) = certified(DENY, *both).opened
    assert str(opened.ports) == "TCP 8081"
    assert opened.reason == "a selector or rule is wider than what was observed"


def test_a_namespace_without_policies_is_said_to_be_open() -> None:
    what = learned([flow(app("web"), app("api")), flow(app("x", "free"), app("y", "free"))])
    found = certified(DENY, WEB, API, what=what)
    assert found.opened == ()
    wide = replace(API, ingress=(Rule(peers=ANY, ports=HTTP),))
    reasons = {o.reason for o in certified(DENY, WEB, wide, what=what).opened}
    assert "free/Deployment/x is not policed" in reasons


def test_a_rule_that_only_repeats_another_has_no_witness() -> None:
    twice = replace(API, ingress=API.ingress * 2)
    assert set(certified(DENY, WEB, twice).without_witness) == {
        "shop/api ingress rule 1",
        "shop/api ingress rule 2",
    }


def test_a_declared_need_is_a_witness_and_a_reason() -> None:
    what = learned([flow(app("web"), app("api")), flow(app("web"), app("dns"))])
    declared = [c for c, _ in what.accepted if c.server == Workload("shop", "Deployment", "dns")]
    dns = replace(WEB, egress=(*WEB.egress, Rule(peers=(chosen("dns"),), ports=HTTP)))
    serve = policy("dns", ingress=(Rule(peers=(chosen("web"),), ports=HTTP),))
    only = replace(what, accepted=PLAIN.accepted)
    found = certified(DENY, dns, API, serve, what=only, declared=declared)
    assert found.without_witness == ()
    assert [o.reason for o in found.opened] == ["declared need: name resolution"]


def test_a_workload_of_which_nothing_was_seen_is_silent_not_superfluous() -> None:
    known = inventory(pod("idle-x", owner="idle"), pod("hosted", host_network=True))
    what = learned([flow(app("web"), app("api"))], known)
    assert certified(DENY, WEB, API, what=what).silent == (Workload("shop", "Deployment", "idle"),)


def test_probes_alone_do_not_break_the_silence() -> None:
    what = learned([flow(app("web"), app("api")), flow(entity("host", ip="10.0.0.1"), app("idle"))])
    assert certified(DENY, WEB, API, what=what).silent == (Workload("shop", "Deployment", "idle"),)


def test_what_the_dialect_cannot_name_is_undecided_not_denied() -> None:
    what = learned([flow(app("web"), app("api"), 2048, protocol="ICMP")])
    found = certified(DENY, what=what)
    assert (found.accepted, len(found.undecided), found.denied) == (0, 1, ())


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_learned_gives_nothing_and_proves_nothing(target: str) -> None:
    found = proof(learned([]), target)
    assert set(found.files) == {"kustomization.yaml"}
    assert (found.certificate.accepted, found.certificate.rules) == (0, 0)


@pytest.mark.parametrize("target", TARGETS)
def test_flows_without_any_workload_give_no_policies(target: str) -> None:
    what = learned([flow(entity("world"), entity("host", ip="10.0.0.1"))])
    assert set(proof(what, target).files) == {"kustomization.yaml"}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("protocol", "port"), [("SCTP", 36412), ("ICMP", 2048), ("ICMPv6", 128 * 256)]
)
def test_every_protocol_with_a_word_for_it_is_proved(target: str, protocol: str, port: int) -> None:
    what = learned([flow(app("web"), app("api"), port, protocol=protocol)])
    found = proof(what, target).certificate
    assert found.accepted + len(found.undecided) == 1
    assert not (found.denied or found.opened or found.without_witness)


@pytest.mark.parametrize("target", TARGETS)
def test_a_protocol_that_no_dialect_can_say_does_not_stop_the_rest(target: str) -> None:
    flows = [flow(app("web"), app("api")), flow(app("web"), app("api"), None, protocol="OTHER")]
    assert "shop/api.yaml" in proof(learned(flows), target).files


@pytest.mark.parametrize("target", TARGETS)
def test_port_0_does_not_stop_the_rest(target: str) -> None:
    flows = [flow(app("web"), app("api")), flow(app("web"), app("api"), 0)]
    assert not proof(learned(flows), target).certificate.denied


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("port", [1, 65535])
def test_the_first_and_the_last_port(target: str, port: int) -> None:
    found = proof(learned([flow(app("web"), app("api"), port)]), target).certificate
    assert not (found.denied or found.opened)


@pytest.mark.parametrize("target", TARGETS)
def test_a_cluster_of_ipv6_alone(target: str) -> None:
    known = inventory(
        pod("web-6d9c7f8b45-x2k9q", owner="web", addresses=("fd00:244::2",)),
        pod("api-6d9c7f8b45-x2k9q", owner="api", addresses=("fd00:244::3",)),
    )
    flows = [
        flow(app("web"), app("api")),
        flow(app("web"), world("2001:db8::7"), 443),
        flow(entity("world"), app("web")),
    ]
    found = proof(learned(flows, known), target).certificate
    assert not (found.denied or found.opened or found.without_witness)


@pytest.mark.parametrize("target", TARGETS)
def test_a_service_of_host_network_pods_can_be_policed(target: str) -> None:
    from netpol.inventory import Node, Service, ServicePort

    known = inventory(
        pod("ne-x", "mon", owner="ne", host_network=True, addresses=("10.0.0.1",)),
        nodes={"n": Node(name="n", addresses=("10.0.0.1",))},
        services={
            ("mon", "ne"): Service(
                namespace="mon",
                name="ne",
                selector=labels(app="ne"),
                cluster_ips=("10.96.0.6",),
                ports=(ServicePort(port=9100),),
            )
        },
    )
    what = learned([flow(app("prom"), world("10.96.0.6"), 9100)], known)
    assert not proof(what, target).certificate.denied

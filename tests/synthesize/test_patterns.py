"""Servers outside that are known by name: as patterns, at a price, and where no address is told."""

from __future__ import annotations

import json

import hubble_lines
import pytest
import yaml
from scenes import TARGETS, app, flow, labels, learned, proof, world

from generators import DIALECTS
from netpol.cli.proof import dialect_named, prove
from netpol.notices import Notice
from netpol.report.certificates import certificate_object, certificate_text
from netpol.synthesize import Options, Patterns

DNS = app("coredns", "kube-system", labels=labels(**{"k8s-app": "kube-dns"}))
ASKS = flow(app("web"), DNS, 53, protocol="UDP")
SHARDS = tuple(f"shard-{n}.db.example.org" for n in (1, 2, 3))
BUCKETS = tuple(f"b{n}.s3.eu-west-1.amazonaws.com" for n in (1, 2, 3))


def calls(names, port: int = 443, first: int = 1) -> list:
    """One call of ``web`` to each name, each at an address of its own."""
    return [
        flow(app("web"), world(f"198.51.100.{n}", names=frozenset({name})), port)
        for n, name in enumerate(names, first)
    ]


def nameless(*names: str, port: int = 443):
    """A call to somebody of whom a flow log tells names and no address."""
    return flow(app("web"), world("", names=frozenset(names)), port)


def made(flows, target: str = "cilium", **options):
    """The proof, which must hold."""
    found = proof(learned([ASKS, *flows]), target, **options)
    assert not found.certificate.denied
    assert not found.certificate.without_witness
    return found


def names_in(found) -> set[str]:
    """Every name and pattern of ``shop/web``."""
    rules = yaml.safe_load(found.files["shop/web.yaml"])["spec"]["egress"]
    return {one for rule in rules for entry in rule.get("toFQDNs", ()) for one in entry.values()}


def told(flows, target: str = "cilium", **options) -> list[Notice]:
    said: list[Notice] = []
    prove(learned([ASKS, *flows]), dialect_named(target, DIALECTS), Options(**options), said.append)
    return said


def test_names_stay_names_unless_the_user_says_otherwise() -> None:
    found = made(calls(SHARDS))
    assert names_in(found) == set(SHARDS)
    assert found.certificate.patterned == ()


def test_enough_names_become_a_pattern_and_its_price_is_told() -> None:
    found = made(calls(SHARDS), patterns=Patterns(3))
    assert names_in(found) == {"shard-*.db.example.org"}
    (one,) = found.certificate.patterned
    assert (one.pattern, one.names, str(one.ports)) == ("shard-*.db.example.org", SHARDS, "TCP 443")
    what = learned([ASKS, *calls(SHARDS)])
    text = certificate_text(found.certificate, what, ())
    assert "shop/Deployment/web TCP 443 → shard-*.db.example.org, in the place of shard-1" in text
    shown = certificate_object(found.certificate, what, (), found.files)["patterns"]
    assert json.loads(json.dumps(shown))[0]["names"] == list(SHARDS)


def test_the_need_for_names_comes_with_a_pattern() -> None:
    found = made(calls(SHARDS), patterns=Patterns(2))
    rules = yaml.safe_load(found.files["shop/allow-dns.yaml"])["spec"]["egress"]
    asked = [one["rules"]["dns"] for rule in rules for one in rule["toPorts"]]
    assert asked == [[{"matchPattern": "*"}]]


def test_fewer_names_or_other_ports_are_no_pattern() -> None:
    assert names_in(made(calls(SHARDS), patterns=Patterns(4))) == set(SHARDS)
    apart = [*calls(SHARDS[:1]), *calls(SHARDS[1:2], port=5432, first=7)]
    assert names_in(made(apart, patterns=Patterns(2))) == set(SHARDS[:2])


def test_the_names_of_different_people_are_no_pattern_but_by_the_users_own_word() -> None:
    found = made(calls(BUCKETS), patterns=Patterns(2))
    assert names_in(found) == set(BUCKETS)
    assert [one.code for one in told(calls(BUCKETS), patterns=Patterns(2))] == ["NP055"]
    chosen = Patterns(chosen=("*.s3.eu-west-1.amazonaws.com",))
    assert names_in(made(calls(BUCKETS), patterns=chosen)) == {"*.s3.eu-west-1.amazonaws.com"}


@pytest.mark.parametrize("target", TARGETS)
def test_a_pattern_that_stands_for_nothing_is_told(target: str) -> None:
    flows = calls(SHARDS) if target != "cilium" else calls(BUCKETS)
    found = told(flows, target, patterns=Patterns(chosen=("*.db.example.org",)))
    assert [one.code for one in found] == ["NP056"]


def test_a_name_at_a_private_address_is_no_part_of_the_internet() -> None:
    inside = flow(app("web"), world("10.9.0.1", names=frozenset({"db.example.org"})), 443)
    found = made([inside, flow(app("web"), world(""), 443)])
    assert names_in(found) == {"db.example.org"}


def test_each_of_several_names_of_an_address_has_its_witness() -> None:
    """Which of them was meant nobody knows; another port of one makes a rule of its own."""
    both = frozenset({"a.example.org", "b.example.net"})
    shared = flow(app("web"), world("198.51.100.7", names=both), 443)
    found = made([shared, *calls(["a.example.org"], port=5432), *calls(["a.example.org"], first=3)])
    assert names_in(found) == both


# --- names without an address


def test_a_server_known_by_name_alone_is_a_rule_about_the_name() -> None:
    found = made([nameless("pay.example.org", "api.example.org")])
    assert names_in(found) == {"pay.example.org", "api.example.org"}
    assert "0.0.0.0/0" not in found.files["shop/web.yaml"]


@pytest.mark.parametrize("at", ["", "198.51.100.7"])
def test_a_pattern_that_a_flow_log_tells_is_a_pattern_in_the_rule(at: str) -> None:
    found = made([flow(app("web"), world(at, names=frozenset({"*.example.org"})), 443)])
    assert names_in(found) == {"*.example.org"}
    assert [one.names for one in found.certificate.patterned] == [()]


def test_a_whole_name_beside_a_pattern_is_enough() -> None:
    told_both = frozenset({"*.example.org", "a.example.org"})
    for at in ("", "198.51.100.7"):
        assert names_in(made([flow(app("web"), world(at, names=told_both), 443)])) == {
            "a.example.org"
        }


@pytest.mark.parametrize("name", ["*", "*.org", "*.co.uk", "a.*.org", "*.s3.amazonaws.com", "-"])
def test_a_pattern_past_what_one_party_registered_is_never_taken_from_a_log(name: str) -> None:
    found = made([flow(app("web"), world("198.51.100.7", names=frozenset({name})), 443)])
    assert names_in(found) == set()
    assert "198.51.100.7/32" in found.files["shop/web.yaml"]


@pytest.mark.parametrize("target", ["kubernetes", "calico"])
def test_where_no_rule_can_name_it_it_is_held_or_everyone_outside_is_allowed(target) -> None:
    flows = [nameless("pay.example.org"), flow(app("web"), app("api"))]
    found = made(flows, target)
    assert "0.0.0.0/0" not in found.files["shop/web.yaml"]
    assert [one.code for one in told(flows, target)] == ["NP028"]
    found = made(flows, target, allow_world=True)
    assert "0.0.0.0/0" in found.files["shop/web.yaml"]
    assert [one.code for one in told(flows, target, allow_world=True)] == ["NP057"]


@pytest.mark.parametrize("flows", [[nameless("*.co.uk")], [nameless("a.example.org")]])
def test_where_cilium_learns_no_name_it_is_held(flows) -> None:
    dns = flows[0].server.names == {"*.co.uk"}
    found = made([*flows, flow(app("web"), app("api"))], dns=dns)
    assert names_in(found) == set()
    assert "0.0.0.0/0" not in found.files["shop/web.yaml"]


def test_a_server_with_several_names_counts_its_records_once() -> None:
    what = learned([ASKS, nameless("a.example.org", "b.example.org")])
    assert sum(evidence.records for _, evidence in what.accepted) == 2


def test_what_a_pod_asked_for_with_a_star_is_no_pattern() -> None:
    asked = hubble_lines.record(
        destination=hubble_lines.WORLD, destination_names=["*.example.org", "a.example.org"]
    )
    assert hubble_lines.one(asked).server.names == {"a.example.org"}

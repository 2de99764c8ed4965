"""A team's rules: what breaks them, with a witness, and what is wrong with the file itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from review_shop import DB, WEB, Shop

from netpol.errors import NetpolError
from netpol.net import ALL_PORTS, PortSet
from netpol.peers import Cidr, Entity, Fqdn, Workload
from netpol.review.peers import inside, rest
from netpol.review.rules import read_rules
from netpol.world import World

PROBED = (
    DB + "  - from: [{namespaceSelector: {matchLabels: {team: blue}}}]\n    ports: [{port: 5432}]\n"
)
OFFICE = DB + "  - from: [{ipBlock: {cidr: 192.0.2.0/24}}]\n    ports: [{port: 5432}]\n"


WORDS = (
    *(
        "rules",
        "name",
        "must-deny",
        "may-only",
        "from",
        "to",
        "only-from",
        "ports",
        "teams",
        "label",
    ),
    *(
        "namespaces",
        "a/b",
        "any",
        "10.0.0.0/33",
        "udp/70000",
        "icmp/300",
        "tcp/9-1",
        "1",
        "~",
        "x:y",
    ),
)


def nearly() -> st.SearchStrategy[str]:
    """YAML out of the words of a rules file."""
    word = st.sampled_from(WORDS)
    value = st.recursive(
        word | st.integers() | st.none() | st.booleans(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(word, inner, max_size=4),
        max_leaves=12,
    )
    whole = st.fixed_dictionaries({}, optional={"rules": value, "teams": value})
    one = st.fixed_dictionaries(
        {"name": st.just("x"), "must-deny": st.dictionaries(word, value, max_size=4)}
    )
    return (whole | st.lists(one, max_size=2).map(lambda rules: {"rules": rules})).map(json.dumps)


def broken(shop: Shop, text: str) -> list[dict[str, Any]]:
    (shop.place / "rules.yaml").write_text(text, encoding="utf-8")
    found: list[dict[str, Any]] = shop.object("--rules", "rules.yaml")["rules"]
    return found


def pairs(rows: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(row["client"], row["server"]) for row in rows}


ONLY_API = "rules: [{name: api only, may-only: {to: data/*, only-from: shop/api}}]"


def test_nothing_but_these_may_reach_those(shop: Shop) -> None:
    assert broken(shop, ONLY_API) == []
    shop.write("new", {"db.yaml": PROBED})
    (row,) = broken(shop, ONLY_API)
    assert (row["client"], row["server"]) == ("watch/Deployment/probe", "data/Deployment/db")
    assert row["witness"] == {
        "client": "watch/Deployment/probe",
        "server": "data/Deployment/db",
        "protocol": "TCP",
        "ports": "5432",
    }
    assert (row["new"], row["certain"]) == (True, True)
    assert row["because"] == ["ingress rule 2 of data/db"]
    assert (row["file"], row["line"]) == ("new/db.yaml", 11)


def test_a_broken_rule_is_a_gate_and_what_was_broken_before_is_told_apart(shop: Shop) -> None:
    shop.write("old", {"db.yaml": PROBED})
    shop.write("new", {"db.yaml": PROBED})
    (row,) = broken(shop, ONLY_API)
    assert row["new"] is False
    assert shop.review("--rules", "rules.yaml").exit_code == 1
    gates = shop.object("--rules", "rules.yaml", "--fail-on", "new-rules")["gates"]["failed"]
    assert gates == {"rules": 1}


def test_an_address_is_outside_of_a_block_by_the_part_that_is(shop: Shop) -> None:
    shop.write("new", {"db.yaml": OFFICE})
    only = "rules: [{name: x, may-only: {to: data/*, only-from: [shop/*, %s]}}]"
    assert broken(shop, only % "192.0.2.0/24") == []
    assert pairs(broken(shop, only % "192.0.2.0/25")) == {("192.0.2.128/25", "data/Deployment/db")}
    assert pairs(broken(shop, only % "192.0.3.0/24")) == {("192.0.2.0/24", "data/Deployment/db")}
    deny = "rules: [{name: x, must-deny: {from: 192.0.2.7, to: data/*}}]"
    assert pairs(broken(shop, deny)) == {("192.0.2.7/32", "data/Deployment/db")}


@pytest.mark.parametrize("word", ["must-deny", "forbids"])
def test_must_deny_is_broken_by_one_port(shop: Shop, word: str) -> None:
    rule = f"rules: [{{name: x, {word}: {{from: shop/*, to: data/db, ports: 5000-6000}}}}]"
    assert [(row["client"], row["ports"]) for row in broken(shop, rule)] == [
        ("shop/Deployment/api", "5432")
    ]
    assert broken(shop, rule.replace("5000-6000", "udp/5432")) == []


@pytest.mark.parametrize("word", ["must-allow", "permits"])
def test_must_allow_is_broken_where_some_port_is_denied(shop: Shop, word: str) -> None:
    rule = f"rules: [{{name: x, {word}: {{from: shop/api, to: data/db, ports: [5432]}}}}]"
    assert broken(shop, rule) == []
    (row,) = broken(shop, rule.replace("[5432]", "[5432-5433, tcp/80]"))
    assert row["ports"] == "80,5433"
    shop.write("new", {"db.yaml": DB.replace("5432", "5433")})
    (row,) = broken(shop, rule)
    assert (row["ports"], row["new"]) == ("5432", True)


def test_must_allow_is_about_every_address(shop: Shop) -> None:
    rule = "rules: [{name: x, must-allow: {from: %s, to: shop/web, ports: 8080}}]"
    assert broken(shop, rule % "198.51.100.0/25") == []
    assert len(broken(shop, rule % "198.51.0.0/16")) == 1
    assert broken(shop, rule % "internet")
    shop.write("new", {"web.yaml": WEB.replace("198.51.100.0/24", "0.0.0.0/0")})
    assert all(":" in row["client"] for row in broken(shop, rule % "internet"))


def test_only_to_is_the_other_way_round(shop: Shop) -> None:
    rule = "rules: [{name: x, may-only: {from: shop/api, only-to: %s}}]"
    others = {row["server"] for row in broken(shop, rule % "data/*")}
    assert others  # no egress policy: it may go out to every address
    assert not any(server.startswith("data/") for server in others)
    assert broken(shop, rule % "any") == []


def test_names_labels_and_namespaces(shop: Shop) -> None:
    rule = "rules: [{name: x, must-deny: {from: %s, to: any, ports: 8081}}]"
    inside = "{namespace-labels: {team: red}, name: w*}"
    web = ("shop/Deployment/web", "shop/Deployment/api")
    assert web in pairs(broken(shop, rule % inside))
    assert web in pairs(broken(shop, rule % "{labels: {app: web}}"))
    assert web in pairs(broken(shop, rule % "shop/deployment/w?b"))
    assert not pairs(broken(shop, rule % "{namespace-labels: {team: blue}, name: w*}"))


def test_a_rule_about_nobody_is_told(shop: Shop) -> None:
    text = "rules:\n- name: typo\n  must-deny: {from: shopp/*, to: data/*}\n"
    (shop.place / "rules.yaml").write_text(text, encoding="utf-8")
    result = shop.review("--rules", "rules.yaml")
    assert result.exit_code == 0
    assert "NP142" in result.stderr
    assert "rules.yaml:2: typo: nobody is in from" in result.stderr
    assert shop.object("--rules", "rules.yaml")["rules_about_nobody"] == [
        {"rule": "typo", "side": "from", "file": "rules.yaml", "line": 2}
    ]


def test_what_cannot_be_read_makes_a_rule_undecided_and_no_breach(shop: Shop) -> None:
    mesh = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
    mesh += "metadata: {name: m, namespace: data}\n"
    shop.write("new", {"mesh.yaml": mesh})
    found = broken(shop, "rules: [{name: x, must-deny: {from: shop/api, to: data/*}}]")
    assert found
    assert not any(row["certain"] for row in found)
    assert shop.object("--rules", "rules.yaml", "--fail-on", "undecided")["gates"][
        "failed"
    ].keys() == {"undecided"}


def test_teams_may_be_said_in_the_file(shop: Shop) -> None:
    shop.write("new", {"db.yaml": DB + "  - from: [{namespaceSelector: {}}]\n"})

    def crossing(teams: str) -> set[str]:
        (shop.place / "rules.yaml").write_text(f"teams: {teams}", encoding="utf-8")
        rows = shop.object("--rules", "rules.yaml")["changes"]
        return {row["client"] for row in rows if "cross-team" in row["risks"]}

    assert crossing("{label: team}") == {"watch/Deployment/probe"}
    assert crossing("{label: nothing}") == set()
    assert crossing("{namespaces: {x: [shop], y: 'd*'}}") >= {"shop/Deployment/web"}


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("rules: 7", "rules.yaml:1: .rules", "expected a list, found 7"),
        ("rule: []", "rules.yaml:1: .rule", "there is no such field; one of teams, rules"),
        (
            "rules:\n- name: a\n  must-deny: {from: a/b}",
            "rules.yaml:3: .rules[0].must-deny.to",
            "is required",
        ),
        (
            "rules:\n- name: a\n  must-deny:\n    from: nobody\n    to: any",
            "rules.yaml:4: .rules[0].must-deny.from",
            "'nobody' is nobody",
        ),
        (
            "rules:\n- name: a\n  must-deny: {from: a/b, to: any, ports: [x y]}",
            "rules.yaml:3: .rules[0].must-deny.ports[0]",
            "expected a port such as",
        ),
        ("rules:\n- name: a", "rules.yaml:2: .rules[0]", "expected one of must-allow"),
        (
            "rules:\n- {name: a, must-allow: {from: a/b, to: c/d}}",
            "rules.yaml:2: .rules[0].must-allow.ports",
            "is required",
        ),
        (
            "rules:\n- {name: a, must-deny: {from: 1.2.3.4, to: internet}}",
            "rules.yaml:2: .rules[0].must-deny",
            "one side must be pods",
        ),
        (
            "rules:\n- {name: a, may-only: {from: a/b, to: c/d}}",
            "rules.yaml:2: .rules[0].may-only",
            "expected {to, only-from} or {from, only-to}",
        ),
        (
            "rules:\n" + "- {name: a, must-deny: {from: a/b, to: any}}\n" * 2,
            "rules.yaml:3: .rules[1].name",
            "two rules are called 'a'",
        ),
        (
            "rules:\n- {name: a, must-deny: {from: a/b, to: 'entity:mars'}}",
            "rules.yaml:2: .rules[0].must-deny.to",
            "'entity:mars' is nobody",
        ),
    ],
)
def test_what_is_wrong_is_said_with_line_and_field(
    shop: Shop, text: str, where: str, what: str
) -> None:
    (shop.place / "rules.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(NetpolError) as caught:
        shop.review("--rules", "rules.yaml")
    assert (caught.value.where, what in caught.value.what) == (where, True), str(caught.value)


def test_inside_and_rest_are_a_peer_in_two_parts(shop: Shop) -> None:
    (shop.place / "rules.yaml").write_text(
        "rules:\n- name: x\n  must-deny:\n"
        "    {from: ['10.0.0.0/9', 'fqdn:*.example.org', a/*, entity:host], to: any}",
        encoding="utf-8",
    )
    (rule,) = read_rules("rules.yaml", lambda _: None).rules
    world = World()
    assert (rule.ports, rule.demand) == (ALL_PORTS, "must-deny")
    assert inside(rule.clients, Cidr("10.0.0.0/8"), world) == (Cidr("10.0.0.0/9"),)
    assert rest(rule.clients, Cidr("10.0.0.0/8"), world) == (Cidr("10.128.0.0/9"),)
    assert rest(rule.clients, Cidr("10.1.0.0/16"), world) == ()
    for peer in (Workload("a", "Pod", "x"), Fqdn("a.example.org"), Entity("host")):
        assert (inside(rule.clients, peer, world), rest(rule.clients, peer, world)) == ((peer,), ())
    for other in (Workload("b", "Pod", "x"), Fqdn("a.example.com"), Entity("world")):
        assert (inside(rule.clients, other, world), rest(rule.clients, other, world)) == (
            (),
            (other,),
        )
    assert PortSet.of("TCP", 1) <= rule.ports


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode) | nearly().map(str.encode))
def test_any_file_is_rules_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, text: bytes
) -> None:
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_bytes(text)
    try:
        read_rules(str(path), lambda _: None)
    except NetpolError as error:
        assert error.where.startswith(str(path))


def test_blocks_that_break_a_rule_alike_are_one_breach(shop: Shop) -> None:
    """The internet is a hundred blocks, which nobody reads one by one."""
    shop.write("new", {"web.yaml": WEB.replace("198.51.100.0/24", "0.0.0.0/0")})
    found = broken(shop, "rules:\n- {name: a, must-deny: {from: internet, to: shop/web}}\n")
    new = [row for row in found if row["new"]]
    assert [row["protocol"] for row in new] == ["TCP"]
    assert len(new[0]["blocks"]) > 20
    assert new[0]["client"] in new[0]["blocks"]
    assert found[0]["new"], "what this change breaks comes first"
    text = shop.review("--rules", "rules.yaml").stdout
    assert len([line for line in text.splitlines() if line.startswith("| `a` |")]) == len(found)

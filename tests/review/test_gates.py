"""What a pipeline may refuse to let pass: each gate fails for its reason and for no other."""

from __future__ import annotations

import pytest
from review_shop import API, DB, WEB, Shop

from netpol.errors import NetpolError
from netpol.report.review_markdown import LEAST
from netpol.review import GATES

WORLD = WEB.replace("198.51.100.0/24", "0.0.0.0/0")
PEER = (
    "  - from:\n"
    "    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %s}}\n"
    "      podSelector: {matchLabels: {app: %s}}\n"
    "    ports: [%s]\n"
)
OUT = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress: [%s]
"""
CASES: dict[str, dict[str, str]] = {
    "opened": {"api.yaml": API + PEER % ("shop", "api", "{port: 9}")},
    "opened-world": {"web.yaml": WORLD},
    "opened-outside": {"web.yaml": WEB.replace("198.51.100.0/24", "198.51.0.0/16")},
    "opened-database": {"db.yaml": DB + PEER % ("shop", "web", "{port: 5432}")},
    "opened-admin": {"api.yaml": API + PEER % ("shop", "web", "{port: 22}")},
    "opened-every-port": {
        "api.yaml": API + PEER.replace("    ports: [%s]\n", "") % ("shop", "web")
    },
    "opened-cross-team": {"api.yaml": API + PEER % ("watch", "probe", "{port: 9}")},
    "unobserved": {"api.yaml": API + PEER % ("watch", "probe", "{port: 9}")},
    "closed": {"api.yaml": API.replace("8081", "8082")},
    "breaks-observed": {"api.yaml": API.replace("8081", "8082")},
    "findings": {"db.yaml": DB.replace("{app: db}", "{app: dbs}")},
}
ALSO: dict[str, set[str]] = {
    "opened-world": {"opened", "opened-outside", "unobserved"},
    "opened-outside": {"opened", "unobserved"},
    "opened-database": {"opened", "unobserved"},
    "opened-admin": {"opened", "unobserved"},
    "opened-every-port": {"opened", "opened-admin", "opened-database", "unobserved", "findings"},
    "opened-cross-team": {"opened", "unobserved"},
    "unobserved": {"opened", "opened-cross-team"},
    "opened": {"unobserved"},
    "closed": {"breaks-observed", "opened", "unobserved"},
    "breaks-observed": {"closed", "opened", "unobserved"},
    "findings": {"closed", "breaks-observed"},
}
"""Which other gates a case has a reason for."""


@pytest.mark.parametrize("name", CASES)
def test_a_gate_fails_for_its_reason_alone(shop: Shop, name: str) -> None:
    every = ",".join(GATES)
    assert shop.review("--fail-on", every).exit_code == 0
    shop.write("new", CASES[name])
    assert set(shop.object("--fail-on", every)["gates"]["failed"]) == {name} | ALSO[name]
    assert shop.review("--fail-on", name).exit_code == 1
    assert shop.review().exit_code == 0


def test_what_was_seen_once_is_told_from_what_was_seen_often(shop: Shop) -> None:
    shop.write("new", {"api.yaml": API + PEER % ("watch", "probe", "{port: 9}")})
    shop.saw("watch/probe", "shop/api", 9)
    assert set(shop.object("--fail-on", "seen-once,unobserved")["gates"]["failed"]) == {"seen-once"}
    shop.saw("watch/probe", "shop/api", 9)
    assert shop.object("--fail-on", "seen-once,unobserved")["gates"]["failed"] == {}


def test_without_flows_nothing_is_said_to_be_unobserved(shop: Shop) -> None:
    shop.write("new", {"api.yaml": API + PEER % ("watch", "probe", "{port: 9}")})
    assert shop.review("--fail-on", "unobserved", flows=False).exit_code == 0
    assert shop.review("--fail-on", "opened", flows=False).exit_code == 1


def test_the_metadata_address_is_named_and_can_be_left_out(shop: Shop) -> None:
    """Egress to everybody reaches what hands out credentials, unless it is excepted."""
    block = "{to: [{ipBlock: {cidr: 0.0.0.0/0%s}}]}"
    shop.write("old", {"out.yaml": OUT % ""})
    shop.write("new", {"out.yaml": OUT % (block % "")})
    assert "opened-metadata" in shop.object("--fail-on", "opened-metadata")["gates"]["failed"]
    safe = block % ", except: [169.254.169.254/32]"
    shop.write("new", {"out.yaml": OUT % safe})
    assert shop.object("--fail-on", "opened-metadata")["gates"]["failed"] == {}


def test_a_change_that_cannot_be_decided(shop: Shop) -> None:
    mesh = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
    mesh += "metadata: {name: m, namespace: data}\n"
    shop.write("new", {"mesh.yaml": mesh})
    found = shop.object("--fail-on", "undecided,opened,closed")
    assert set(found["gates"]["failed"]) == {"undecided"}
    assert {row["change"] for row in found["changes"]} == {"undecided"}


def test_unknown_gates_are_refused(shop: Shop) -> None:
    result = shop.review("--fail-on", "opened-wrold")
    assert result.exit_code == 2
    assert "'opened-wrold' is no gate" in result.output
    assert "opened-world" in result.output


@pytest.mark.parametrize("name", ["a-->b", "", "a--b", "x" * 61, "-", "a b"])
def test_a_name_cannot_end_the_marker(shop: Shop, name: str) -> None:
    with pytest.raises(NetpolError, match="is no name for a review"):
        shop.review("--name", name)
    assert shop.review("--name", "prod-eu/1").stdout.startswith(
        "<!-- netpol-review: prod-eu/1 -->\n"
    )


def test_no_comment_is_asked_to_be_shorter_than_its_head(shop: Shop) -> None:
    assert shop.review("--max-size", str(LEAST)).exit_code == 0
    assert shop.review("--max-size", str(LEAST - 1)).exit_code == 2

"""What ``netpol check`` says of policies: what it cannot decide, and tables that can be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from review_shop import Shop, run

MESH = """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mesh, namespace: data}
"""
OPEN = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open, namespace: %s}
spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}
"""
BASELINE = """\
apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {name: default}
spec:
  subject: {namespaces: {}}
  ingress: [{name: none, action: Deny, from: [{namespaces: {}}]}]
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.chdir(tmp_path)
    made = Shop(tmp_path)
    made.review()  # writes the flows
    return made


def check(shop: Shop, policies: str, *args: str):
    (shop.place / "p.yaml").write_text(policies, encoding="utf-8")
    return run("check", "p.yaml", "flows.jsonl", "--inventory", "cluster.yaml", *args)


def test_what_depends_on_an_unread_policy_is_neither_allowed_nor_denied(shop: Shop) -> None:
    """As `netpol why` has it: the mesh may say anything about the pods in data."""
    done = check(shop, OPEN % "shop" + "---\n" + MESH)
    assert done.exit_code == 2
    assert "1 of 2 accepted connections are allowed; of 1 it cannot be decided." in done.stdout
    shown = json.loads(check(shop, OPEN % "shop" + "---\n" + MESH, "--format", "json").stdout)
    (row,) = shown["undecided"]
    assert (row["client"], row["server"]) == ("shop/Deployment/api", "data/Deployment/db")
    assert "AuthorizationPolicy data/mesh" in row["by"]
    assert (shown["allowed"], shown["denied"]) == (1, [])


def test_what_is_denied_whatever_the_unread_policy_means_is_denied(shop: Shop) -> None:
    done = check(shop, OPEN.replace("[{}]", "[]") % "shop" + "---\n" + MESH)
    assert done.exit_code == 1
    assert "0 of 2 accepted connections are allowed.\n" in done.stdout


def test_where_a_text_cannot_be_read_nobody_knows_that_all_is_allowed(shop: Shop) -> None:
    """As `netpol why` has it: it may be a policy about any pod."""
    everything = "---\n".join(OPEN % name for name in ("shop", "data"))
    assert check(shop, everything).exit_code == 0
    done = check(shop, everything + "---\nkind: [\n")
    assert done.exit_code == 2
    assert "NP060" in done.stdout


def test_what_is_open_and_unused_is_one_row_for_many_clients(shop: Shop) -> None:
    """Every pair of workloads by every protocol would be a table that nobody reads."""
    done = check(shop, "---\n".join(OPEN % name for name in ("shop", "data", "watch")))
    lines = done.stdout.partition("never observed:\n")[2].splitlines()
    rows = [line for line in lines if line.startswith(" data/Deployment/db ")]
    wider = "a selector or rule is wider than what was observed"
    others = "data/Deployment/db, shop/Deployment/web, watch/Deployment/probe"
    assert [" ".join(row.split()) for row in rows] == [
        f"data/Deployment/db every port {wider} {others}",
        f"data/Deployment/db every port but TCP 5432 {wider} shop/Deployment/api",
    ]


def test_a_policy_of_the_whole_cluster_is_called_by_its_name(shop: Shop) -> None:
    shown = json.loads(check(shop, BASELINE, "--format", "json").stdout)
    assert {row["by"] for row in shown["denied"]} == {"ingress: rule 1 of default"}

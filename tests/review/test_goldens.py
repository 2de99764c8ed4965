"""One review for each kind of change, as a reviewer reads it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from review_shop import API, DB, POLICIES, WEB, Shop, run

from netpol.errors import NetpolError

Golden = Callable[[str, str], None]

PROBED = API + (
    "  - from:\n"
    "    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: watch}}\n"
    "      podSelector: {matchLabels: {app: probe}}\n"
    "    ports: [{port: 9090}]\n"
)
MOVED = API.replace("name: api", "name: api-from-web").replace(
    "matchLabels: {app: web}", "matchExpressions: [{key: app, operator: In, values: [web]}]"
)
CASES: dict[str, dict[str, str | None]] = {
    "no-change": {},
    "new-connection": {"api.yaml": PROBED},
    "world": {"web.yaml": WEB.replace("198.51.100.0/24", "0.0.0.0/0")},
    "removal": {"db.yaml": None},
    "refactoring": {"api.yaml": None, "from-web.yaml": MOVED, "web.yaml": "# A comment.\n" + WEB},
}


BREAK = {"db.yaml": DB.replace("{app: api}", "{app: apis}")}


@pytest.mark.parametrize("name", CASES)
def test_goldens(shop: Shop, golden: Golden, name: str) -> None:
    shop.saw("198.51.100.7", "shop/web", 8080, 1200)
    shop.write("new", CASES[name])
    result = shop.review()
    assert result.exit_code == 0, result.output
    golden(f"review/{name}.md", result.stdout)


def test_an_object_that_says_the_same_in_other_words_does_not_change(shop: Shop) -> None:
    shop.write("new", {"api.yaml": API + API[API.index("  - from") :]})
    found = shop.object()
    assert found["policies"] == [{"policy": "NetworkPolicy shop/api", "change": "reworded"}]
    assert found["summary"].startswith("1 policy is only written otherwise: nothing opens, nothing")


def test_nothing_new_says_nothing(shop: Shop) -> None:
    found = shop.object()
    assert not any(found[key] for key in ("policies", "changes", "breaks", "findings"))


def test_what_is_denied_by_both_is_no_work_of_the_change(shop: Shop) -> None:
    shop.saw("watch/probe", "data/db", 5432)
    shop.write("new", {"web.yaml": WEB.replace("8080", "8081")})
    found = shop.object()
    assert found["breaks"] == []
    assert [row["client"] for row in found["denied_before"]] == ["watch/Deployment/probe"]


def test_an_old_side_without_policies_allowed_everything(shop: Shop) -> None:
    for name in POLICIES:
        (shop.place / "old" / name).unlink()
    found = shop.object()
    assert {row["change"] for row in found["changes"]} <= {"closed", "narrowed"}
    assert {one["change"] for one in found["policies"]} == {"added"}
    assert "no policy is there" in shop.review().stderr


def test_evidence_of_what_was_held_stands_beside_what_opens(shop: Shop) -> None:
    shop.saw("watch/probe", "shop/api", 9090)
    shop.flows[-1]["signals"] = {"opened": 1, "denied": 1}
    shop.write("new", {"api.yaml": PROBED})
    (row,) = shop.object()["changes"]
    assert row["held"] == {"denied by policy": 1}
    assert "never-observed" in row["risks"]


def test_workloads_without_traffic_are_named(shop: Shop) -> None:
    assert shop.object()["coverage"]["silent_workloads"] == ["watch/Deployment/probe"]
    assert "without any traffic: `watch/Deployment/probe`." in shop.review().stdout


CANARY = """\
apiVersion: v1
kind: Pod
metadata:
  name: cart-%(name)s
  namespace: shop
  labels: {app: cart, track: %(name)s}
  ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: cart, uid: u1, controller: true}]
spec: {containers: [{name: main}]}
---
"""


def test_what_only_some_pods_were_allowed_breaks_for_them(shop: Shop) -> None:
    """OLD denies it to the canary, so not all of it was allowed; NEW takes it from the others."""
    cluster = shop.place / "cluster.yaml"
    pods = "".join(CANARY % {"name": name} for name in ("stable", "canary"))
    cluster.write_text(cluster.read_text(encoding="utf-8") + pods, encoding="utf-8")
    peer = "  - from: [{podSelector: {matchLabels: {app: cart, track: %s}}}]\n"
    shop.write("old", {"api.yaml": API + peer % "stable"})
    shop.saw("shop/cart", "shop/api", 8081)
    shop.flows[-1]["client"] = {"namespace": "shop", "pods": ["cart-stable"]}
    assert [row["client"] for row in shop.object()["breaks"]] == ["shop/StatefulSet/cart"]
    shop.write("new", {"api.yaml": API + peer % "stable"})
    found = shop.object()
    assert (found["breaks"], len(found["denied_before"])) == ([], 1)


def test_probes_from_the_own_node_are_no_evidence_that_anybody_was_there(shop: Shop) -> None:
    """Policies do not touch them, so what closes for every address was not observed."""
    (shop.place / "old/deny.yaml").unlink()
    shop.saw("10.2.0.1", "watch/probe", 8080, 9)
    shop.flows[-1]["client"] = {"ip": "10.2.0.1", "entities": ["host"]}
    found = shop.object()
    rows = [one for one in found["changes"] if one["blocks"]]
    assert {(one["server"], one["change"]) for one in rows} == {
        ("watch/Deployment/probe", "closed")
    }
    assert all(one["evidence"] == {} for one in rows), rows
    assert found["breaks"] == []


def test_what_closes_unobserved_is_folded_away(shop: Shop) -> None:
    (shop.place / "old/deny.yaml").unlink()
    text = shop.review().stdout
    folded = text[text.index("<details>") : text.index("</details>")]
    assert "5 connections close of which nothing was observed" in folded
    assert "| closed | `shop/Deployment/api` | `watch/Deployment/probe` | every port |" in folded
    assert "<details><summary>5 conn" not in shop.review(flows=False).stdout


def test_a_store_is_as_good_as_the_flows(shop: Shop) -> None:
    shop.write("new", BREAK)
    expected = shop.object()
    assert run("learn", "flows.jsonl", "--store", "learned.db").exit_code == 0
    given = ["--inventory", "cluster.yaml", "--format", "json"]
    found = json.loads(run("review", "old", "new", "--store", "learned.db", *given).stdout)
    assert found == expected


def test_all_forms_come_from_one_run(shop: Shop) -> None:
    shop.write("new", CASES["world"])
    files = ("-o", "out.md", "--full", "full.md", "--json", "out.json", "--sarif", "out.sarif")
    assert shop.review(*files).stdout == ""
    texts = {name: (shop.place / name).read_text(encoding="utf-8") for name in files[1::2]}
    assert texts["out.md"] == texts["full.md"] == shop.review().stdout
    assert texts["out.json"] == shop.review("--format", "json").stdout
    assert texts["out.sarif"] == shop.review("--format", "sarif").stdout
    with pytest.raises(NetpolError, match="cannot write"):
        shop.review("-o", "nowhere/out.md")


def test_without_an_inventory_the_flows_say_who_there_is(shop: Shop) -> None:
    shop.write("new", BREAK)
    shop.review()  # writes the flows
    result = run("review", "old", "new", "flows.jsonl")
    assert "1 observed connection would be denied" in result.stdout
    with pytest.raises(NetpolError, match="no pod or workload is there"):
        run("review", "old", "new")

"""What is odd about the evidence, what people decided, and whether it is enough, in a review."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from review_shop import DB, Shop, run

HOUR = 498298
"""2026-11-02T10."""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop that was watched for a day; then one of its workloads goes about."""
    monkeypatch.chdir(tmp_path)
    made = Shop(tmp_path)
    for one in made.flows:
        one["hours"] = list(range(HOUR, HOUR + 30))
        one["last"] = "2026-11-03T15:50:00.000000000Z"
    for port in range(7000, 7009):
        made.saw("shop/web", "watch/probe", port, 3)
        made.flows[-1] |= {
            "first": "2026-11-03T15:10:00.000000000Z",
            "last": "2026-11-03T15:20:00.000000000Z",
            "hours": [HOUR + 29],
        }
    made.saw("shop/api", "shop/web", 8080)
    ports = ", ".join(f"{{port: {port}}}" for port in range(7000, 7009))
    opened = DB.replace("name: db, namespace: data", "name: probe, namespace: watch")
    opened = opened.replace("app: db", "app: probe").replace("{app: api}", "{app: web}")
    made.write("new", {"probe.yaml": opened.replace("[{port: 5432}]", f"[{ports}]")})
    return made


FAN_OUT = "sudden fan-out of shop/Deployment/web"


def test_what_is_odd_stands_beside_what_opens(shop: Shop) -> None:
    found = shop.object()
    (row,) = [one for one in found["changes"] if one["change"] == "opened"]
    assert row["doubts"] == ["seen in one hour only", FAN_OUT]
    assert {one["doubt"] for one in found["doubts"]} == {
        "seen once",
        "seen in one hour only",
        FAN_OUT,
    }
    fan = [one for one in found["doubts"] if one["doubt"] == FAN_OUT]
    assert [one["ports"] for one in fan] == [str(port) for port in range(7000, 7009)]
    text = shop.review().stdout
    assert f"`seen in one hour only`, `{FAN_OUT}`" in text
    assert re.search(rf"`{FAN_OUT}` \| `.*and 6 more`", text)
    sarif = json.loads(shop.review("--format", "sarif").stdout)
    assert any(FAN_OUT in one["message"]["text"] for one in sarif["runs"][0]["results"])


def test_whether_it_was_long_enough(shop: Shop) -> None:
    enough = shop.object()["coverage"]["enough"]
    assert (enough["unit"], enough["units"]) == ("hour", 30)
    low, high = enough["estimate"]["coverage_interval"]
    assert low < enough["estimate"]["coverage"] < high
    text = shop.review().stdout
    share = f"{enough['estimate']['coverage']:.1%} of all activity is of known connections"
    assert f"Was it long enough? {share}" in text


def test_what_people_decided(shop: Shop) -> None:
    why = "a | [debug](https://evil.example) session\nof <b>ours</b>"
    (shop.place / "decisions.yaml").write_text(
        json.dumps(
            {
                "decisions": [
                    {
                        "decision": "refuse",
                        "client": "shop/Deployment/web",
                        "server": "watch/Deployment/probe",
                        "protocol": "TCP",
                        "ports": "7000-7008",
                        "by": "ana@example.org",
                        "date": "2026-11-04",
                        "why": why,
                    }
                ]
            }
        ),
        encoding="utf-8",
    )
    found = shop.object("--decisions", "decisions.yaml")
    (row,) = [one for one in found["changes"] if one["change"] == "opened"]
    decided = {"decision": "refuse", "by": "ana@example.org", "date": "2026-11-04", "why": why}
    assert row["decided"] == [decided]
    assert row["held"] == {"refused by a decision": 9 * 3} and row["doubts"] == []
    assert len(found["decided"]) == 9
    text = shop.review("--decisions", "decisions.yaml").stdout
    (line,) = [one for one in text.splitlines() if one.startswith("| refused")]
    assert "ana" in line and "<b>" not in re.sub(r"`[^`]*`", "", line)


def test_without_flows_there_is_nothing_to_say(shop: Shop) -> None:
    shop.review()
    shown = run(
        "review", "old", "new", "--inventory", "cluster.yaml", "--format", "json", "--fail-on", ""
    )
    found = json.loads(shown.stdout)
    assert (found["doubts"], found["decided"], found["coverage"]) == ([], [], None)


def test_status_and_review_mean_the_same_by_silent(shop: Shop) -> None:
    """Probes of the node are no traffic, and who is on the node's network is not asked about."""
    node = (
        "  template: {metadata: {labels: {app: agent}},"
        " spec: {hostNetwork: true, containers: [{name: main}]}}"
    )
    agent = (
        "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent, namespace: watch}\n"
        f"spec:\n  selector: {{matchLabels: {{app: agent}}}}\n{node}\n---\n"
    )
    idle = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: idle, namespace: watch}\n"
        "spec:\n  selector: {matchLabels: {app: idle}}\n"
        "  template: {metadata: {labels: {app: idle}}, spec: {containers: [{name: main}]}}\n---\n"
    )
    cluster = shop.place / "cluster.yaml"
    cluster.write_text(cluster.read_text(encoding="utf-8") + agent + idle, encoding="utf-8")
    shop.saw("10.2.0.1", "watch/idle", 8080, 9)
    shop.flows[-1]["client"] = {"ip": "10.2.0.1", "entities": ["host"]}
    silent = shop.object()["coverage"]["silent_workloads"]
    run("learn", "flows.jsonl", "--inventory", "cluster.yaml", "--store", "shop.db")
    words = "status", "--store", "shop.db", "--inventory", "cluster.yaml", "--format", "json"
    status = json.loads(run(*words).stdout)["silent_workloads"]
    assert status == silent == ["watch/Deployment/idle"]

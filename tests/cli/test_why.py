"""`netpol why` on a small shop: screens, exit codes, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netpol.cli import cli
from netpol.errors import NetpolError

DATA = "tests/data/policies"
CLUSTER = ("--inventory", f"{DATA}/cluster.yaml")


@pytest.fixture(autouse=True)
def at_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(root)
    yield


def why(*args: str, policies: str = f"{DATA}/before") -> Result:
    return CliRunner().invoke(cli, ["why", policies, *args], catch_exceptions=False)


@pytest.mark.parametrize(
    ("name", "args", "code"),
    [
        ("allowed", ("shop/web", "shop/Deployment/api", "http"), 0),
        ("denied", ("shop/api", "shop/web", "8080"), 1),
        ("some-pods", ("watch/prometheus", "shop/api", "metrics"), 1),
        ("one-pod", ("watch/prometheus-1", "shop/api", "metrics"), 0),
        ("from-outside", ("0.0.0.0/0", "shop/web", "http"), 1),
    ],
)
def test_screens(
    golden: Callable[[str, str], None], name: str, args: tuple[str, ...], code: int
) -> None:
    result = why(*args, *CLUSTER)
    assert result.exit_code == code, result.stderr
    golden(f"why/{name}.txt", result.stdout)


@pytest.mark.parametrize(
    ("args", "verdict"),
    [
        (("shop/web", "shop/api", "8081"), "allowed"),
        (("shop/web", "shop/api", "8081/udp"), "denied"),
        (("shop/web", "shop/api", "icmp/8"), "denied"),
        (("198.51.100.7", "shop/web", "8080"), "allowed"),
        (("10.9.9.9", "shop/web", "8080"), "denied"),
        (("watch/prometheus", "entity:world", "443"), "allowed"),
        (("shop/backup", "fqdn:example.org", "443"), "denied"),
        (("entity:host", "shop/db", "5432"), "allowed"),
        (("watch/node-exporter", "shop/db", "5432"), "denied"),
        (("10.0.1.11", "shop/api", "9090"), "allowed"),
    ],
)
def test_verdicts(args: tuple[str, ...], verdict: str) -> None:
    result = why(*args, *CLUSTER, "--format", "json")
    shown = json.loads(result.stdout)
    assert shown["verdict"] == verdict
    assert result.exit_code == {"allowed": 0, "denied": 1}[verdict]
    assert result.stdout.count('"decides": true') == sum(
        shown[side]["reason"] == "rule" for side in ("egress", "ingress")
    )


def test_json_says_what_the_screen_says() -> None:
    shown = json.loads(why("shop/web", "shop/api", "http", *CLUSTER, "--format", "json").stdout)
    row = {name: shown[name] for name in ("client", "server", "protocol", "ports")}
    assert row == {
        "client": "shop/Deployment/web",
        "server": "shop/Deployment/api",
        "protocol": "TCP",
        "ports": "8081",
    }
    ingress = shown["ingress"]
    assert (ingress["reason"], ingress["by"], ingress["rule"]) == ("rule", ["shop/back"], 1)
    back, deny = ingress["tiers"][0]["policies"]
    assert [rule["why_not"] for rule in back["rules"]] == [[], ["peer", "port"], ["peer", "port"]]
    assert deny["rules"] == []
    assert shown["undecided"] == []


def test_workloads_beside_the_policies_need_no_inventory(tmp_path: Path) -> None:
    for name in ("cluster.yaml", "before/shop.yaml"):
        text = Path(DATA, name).read_text(encoding="utf-8")
        (tmp_path / Path(name).name).write_text(text, encoding="utf-8")
    result = why("shop/web", "shop/api", "8081", policies=str(tmp_path))
    assert (result.exit_code, result.stderr) == (0, "")


def test_the_engine_can_be_chosen(tmp_path: Path) -> None:
    """A CIDR reaches pods in Kubernetes as most engines have it, and does not in Cilium."""
    (tmp_path / "policy.yaml").write_text(
        """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: api, namespace: shop}
        spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.1.0/24}}]}]}
        """,
        encoding="utf-8",
    )
    asked = ("watch/prometheus", "shop/api", "9090", *CLUSTER)
    codes = [
        why(*asked, *engine, policies=str(tmp_path)).exit_code
        for engine in ((), ("--cni", "calico"), ("--cni", "cilium"))
    ]
    assert codes == [0, 0, 1]


def test_a_policy_that_is_not_understood_makes_it_undecided(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(
        """
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: mesh, namespace: shop}
        """,
        encoding="utf-8",
    )
    result = why("shop/web", "shop/api", "8081", *CLUSTER, policies=str(tmp_path))
    assert result.exit_code == 2
    first, second = result.stdout.splitlines()[:2]
    assert first.startswith("undecided: ")
    assert "AuthorizationPolicy" in second
    assert "NP065" in result.stderr


def test_a_text_that_cannot_be_read_may_say_anything(tmp_path: Path) -> None:
    """Were it left out in silence, a slip in YAML would pass for a policy that is not there."""
    (tmp_path / "policy.yaml").write_text("kind: NetworkPolicy\nspec: {podSelector: {\n")
    result = why("shop/web", "shop/api", "8081", *CLUSTER, policies=str(tmp_path))
    assert result.exit_code == 2
    first, second = result.stdout.splitlines()[:2]
    assert first.startswith("undecided: ")
    assert "policy.yaml: document 1: line" in second and "not readable as YAML" in second


def test_without_workloads_there_is_nobody_to_ask_about() -> None:
    with pytest.raises(NetpolError) as error:
        why("shop/web", "shop/api", "8081")
    assert "--inventory" in error.value.hint


def test_a_pod_and_itself_are_no_question_for_policies(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(
        "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}, spec: {}}",
        encoding="utf-8",
    )
    with pytest.raises(NetpolError, match="never leaves it"):
        CliRunner().invoke(cli, ["why", str(tmp_path), "x/a", "x/a", "80"], catch_exceptions=False)


def test_two_sides_outside_are_no_question_for_policies() -> None:
    with pytest.raises(NetpolError, match="neither"):
        why("10.9.9.9", "entity:world", "443", *CLUSTER)

"""Findings as part of ``netpol check``, and the law: what netpol writes gives none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netpol.catalogue.findings import FINDINGS
from netpol.cli import cli
from netpol.lint import Finding
from netpol.lint.run import _AS_WRITTEN, _IN_A_CLUSTER
from netpol.report.lint import finding_rows, findings_text

FLOWS = "samples/shop/hubble.jsonl.gz"
CLUSTER = "samples/shop/cluster"
TARGETS = ("kubernetes", "calico", "cilium")
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, egress: [{ports: [{port: 53, protocol: UDP}]}]}
"""
DEPLOYMENT = """
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: wbe}}
  template:
    metadata: {labels: {app: wbe}}
    spec: {containers: [{name: web, image: web}]}
"""


@pytest.fixture(scope="module", autouse=True)
def at_root(root: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        yield


def run(*args: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in args], catch_exceptions=False)


def shown(*args: object) -> dict[str, list[dict[str, str]]]:
    return json.loads(run(*args, "--format", "json").stdout)


@pytest.mark.parametrize("target", TARGETS)
def test_what_netpol_writes_gives_no_finding(target: str, tmp_path: Path) -> None:
    # The cluster runs Cilium, which does not read Calico's policies: that is told, too.
    cni = ("--cni", "calico") if target == "calico" else ()
    args = ("--inventory", CLUSTER, *cni)
    run("generate", FLOWS, *args, "--target", target, "-o", tmp_path)
    result = run("check", tmp_path, *args, "--strict", "--format", "json")
    assert json.loads(result.stdout)["findings"] == []
    assert result.exit_code == 0


def test_without_sources_the_policies_are_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "policies.yaml"
    file.write_text(POLICY, encoding="utf-8")
    result = run("check", file)
    assert result.exit_code == 0
    assert "NP101 policyTypes does not say what the rules suggest" in result.stdout
    assert "accepted connections" not in result.stdout
    assert "NP109" in result.stderr
    assert run("check", file, "--strict").exit_code == 1


def test_nothing_found_is_said(tmp_path: Path) -> None:
    file = tmp_path / "policies.yaml"
    file.write_text(POLICY.replace("egress:", "policyTypes: [Egress], egress:"), encoding="utf-8")
    result = run("check", file, "--strict")
    assert (result.exit_code, result.stdout) == (0, "No findings.\n")


def test_workloads_among_the_policies_are_the_inventory(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(POLICY + DEPLOYMENT, encoding="utf-8")
    found = shown("check", tmp_path)
    assert found["findings_skipped"] == []
    (one,) = [f for f in found["findings"] if f["code"] == "NP109"]
    assert one["policy"] == "shop/web"
    assert one["origin"] == f"{tmp_path}/all.yaml: document 1, line 2, NetworkPolicy shop/web"
    assert "app=web" in one["message"]


@pytest.mark.parametrize("kind", ["[Deployment]", "{Deployment: 1}", "null"])
def test_a_kind_that_is_no_text_is_nobodys(kind: str, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(f"{POLICY}---\nkind: {kind}\n", encoding="utf-8")
    assert "findings" in shown("check", tmp_path)


def test_traffic_and_findings_together(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(POLICY, encoding="utf-8")
    result = run("check", tmp_path, FLOWS, "--inventory", CLUSTER)
    assert result.exit_code == 0
    assert "accepted connections are allowed" in result.stdout
    assert "NP109 a policy selects no pod" in result.stdout


def test_every_code_is_explained_and_looked_for() -> None:
    assert sorted(_AS_WRITTEN | _IN_A_CLUSTER) == list(FINDINGS) == sorted(FINDINGS)
    assert not _AS_WRITTEN.keys() & _IN_A_CLUSTER.keys()


def test_many_findings_are_cut_in_text_and_not_in_json() -> None:
    many = [Finding(code="NP109", policy=f"a/{n}", origin="", message="m\x1b") for n in range(5)]
    text = findings_text(finding_rows(many))
    assert "NP109 a policy selects no pod (5×)" in text
    assert "… 2 more" in text
    assert "a/3" not in text
    assert "\x1b" not in text
    assert len(finding_rows(many)) == 5

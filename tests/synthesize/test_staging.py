"""A roll-out changes nothing today, ends in the same policies, and says how, and how back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from scenes import TARGETS, app, flow, inventory, labels, learned, pod, proof

from generators import parse
from netpol.certificate import judge_of
from netpol.cli import cli
from netpol.cli.output import write
from netpol.cli.proof import Proof
from netpol.cli.staging import staged
from netpol.graph import Connection
from netpol.manifests import load
from netpol.peers import Workload
from netpol.policy import PolicySet

DNS = app("dns", "kube-system", labels=labels(**{"k8s-app": "kube-dns"}))
KNOWN = inventory(pod("web"), pod("api"), pod("idle"))
WHAT = learned(
    [
        flow(app("web"), app("api")),
        flow(app("web"), DNS, 53, protocol="UDP"),
        flow(app("x", "other"), DNS, 53, protocol="UDP"),
    ],
    KNOWN,
)


def judged(texts: dict[str, str], made: Proof, directory: Path):
    write(texts, directory)
    policies, _ = parse(load([str(directory)], lambda _: None), lambda _: None)
    return judge_of(policies, WHAT, made.certificate.profile), policies


def workload(name: str) -> Workload:
    return next(one for one in WHAT.inventory.workloads if one.name == name)


NEVER_SEEN = Connection(workload("idle"), workload("api"), "TCP", 22)


@pytest.mark.parametrize("target", ["calico", "cilium"])
def test_what_is_staged_denies_nothing(target: str, tmp_path: Path) -> None:
    made = proof(WHAT, target)
    assert not judged(made.files, made, tmp_path / "plain")[0].decide(NEVER_SEEN).allowed
    judge, _ = judged(staged(made).files, made, tmp_path / "staged")
    assert judge.decide(NEVER_SEEN).allowed
    assert all(judge.decide(connection).allowed for connection, _ in WHAT.accepted)


def test_the_first_step_of_kubernetes_leaves_pods_without_policy_open(tmp_path: Path) -> None:
    made = proof(WHAT, "kubernetes")
    files = staged(made).files
    first = {name: text for name, text in files.items() if name.startswith("1-")}
    judge, _ = judged(first, made, tmp_path / "first")
    assert all(judge.decide(connection).allowed for connection, _ in WHAT.accepted)
    assert judge.decide(Connection(workload("idle"), workload("dns"), "TCP", 22)).egress.allowed
    assert not judge.decide(NEVER_SEEN).ingress.allowed
    assert not judge.decide(Connection(workload("web"), workload("idle"), "TCP", 22)).allowed


def test_both_steps_of_kubernetes_allow_what_the_normal_policies_do(tmp_path: Path) -> None:
    made = proof(WHAT, "kubernetes")
    _, policies = judged(staged(made).files, made, tmp_path / "both")
    judge = judge_of(PolicySet(policies=policies.policies), WHAT, made.certificate.profile)
    allowed = {(one.client, one.server): one.ports for one in judge.connections()}
    assert allowed == made.certificate.allowed


@pytest.mark.parametrize("target", TARGETS)
def test_the_plan_names_every_workload_and_who_was_not_seen(target: str) -> None:
    plan = staged(proof(WHAT, target)).files["README.md"]
    rows = [line for line in plan.splitlines() if re.match(r"\| \d+ \|", line)]
    assert {row.split(" | ")[1].rpartition("/")[2] for row in rows} >= {"web", "api"}
    assert "idle" in plan.rpartition("No traffic was seen")[2]
    assert plan.count("\nBack:\n") == plan.count("\n### ") > len(rows)


def test_the_plan_goes_when_nothing_is_staged_any_more(tmp_path: Path) -> None:
    made = proof(WHAT, "calico")
    write(staged(made).files, tmp_path)
    assert (tmp_path / "README.md").is_file()
    write(made.files, tmp_path)
    assert not (tmp_path / "README.md").exists()


# --- as a command


def generated(root: Path, *args: str) -> str:
    source = str(root / "samples/tiny/flows.jsonl")
    result = CliRunner().invoke(
        cli, ["generate", source, "--staged", *args], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("target", TARGETS)
def test_the_plan_is_written_beside_the_policies_and_changes_when_nothing_does(
    target: str, root: Path, tmp_path: Path
) -> None:
    first = generated(root, "--target", target, "-o", str(tmp_path))
    files = {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()}
    assert "Wrote " in first
    assert "## Workload by workload" in (tmp_path / "README.md").read_text()
    again = generated(root, "--target", target, "-o", str(tmp_path))
    assert "Wrote 0 files" in again
    assert {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()} == files


@pytest.mark.parametrize("target", TARGETS)
def test_the_plan_is_part_of_the_json(target: str, root: Path, tmp_path: Path) -> None:
    shown = json.loads(generated(root, "--target", target, "--format", "json", "-o", str(tmp_path)))
    plan = shown["staged"]
    for row in (*plan["stages"], *plan["namespaces"]):
        assert all((tmp_path / one).is_file() for one in row["files"])
        assert row["apply"] != row["roll_back"]
    assert "README.md" in shown["files"]


@pytest.mark.parametrize("target", TARGETS)
def test_on_top_of_existing_policies_what_is_missing_is_staged(
    target: str, root: Path, tmp_path: Path
) -> None:
    source = str(root / "samples/tiny/flows.jsonl")
    there, more = tmp_path / "there", tmp_path / "more"
    args = ["generate", source, "--target", target, "-o", str(there)]
    assert CliRunner().invoke(cli, args, catch_exceptions=False).exit_code == 0
    kept = sorted(there.rglob("*.yaml"))
    gone = next(one for one in kept if one.parent != there and one.name not in _WHOLE)
    gone.unlink()
    (there / "kustomization.yaml").unlink()
    for one in there.rglob("*.yaml"):
        one.write_text(one.read_text().partition("\n")[2])  # somebody's own now
    out = ["--target", target, "--existing", str(there), "-o", str(more), "--format", "json"]
    plan = json.loads(generated(root, *out))["staged"]
    written = {str(one.relative_to(more)) for one in more.rglob("*.yaml")}
    assert any(one.endswith(gone.name) for one in written)
    assert {one for row in plan["stages"] for one in row["files"]} <= written
    assert (more / "README.md").is_file()
    again = json.loads(generated(root, *out[:-4], "--format", "json"))
    assert again["staged"] == plan


_WHOLE = ("default-deny.yaml", "allow-dns.yaml")

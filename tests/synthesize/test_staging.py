"""A roll-out changes nothing today, ends in the same policies, and says how, and how back."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from scenes import TARGETS, app, flow, inventory, labels, learned, pod, proof

from generators import parse
from netpol.certificate import judge_of
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


@pytest.mark.parametrize("target", ["calico", "cilium"])
def test_the_commands_of_the_plan_make_the_normal_policies(target: str, tmp_path: Path) -> None:
    made = proof(WHAT, target)
    files = staged(made).files
    script = next(re.finditer(r"`(sed .*?) FILE \| kubectl apply", files["README.md"]))[1]
    for name, text in made.files.items():
        if name == "kustomization.yaml":
            continue
        (tmp_path / "FILE").write_text(files[name], encoding="utf-8")
        done = subprocess.run(
            ["sh", "-c", f"{script} FILE"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            encoding="utf-8",
        ).stdout
        if target == "calico":
            assert done == text
        else:
            assert re.sub(r"  enableDefaultDeny:\n(    \w+: true\n)+", "", done) == text


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
    assert "Roll back:" in plan


def test_the_plan_goes_when_nothing_is_staged_any_more(tmp_path: Path) -> None:
    made = proof(WHAT, "calico")
    write(staged(made).files, tmp_path)
    assert (tmp_path / "README.md").is_file()
    write(made.files, tmp_path)
    assert not (tmp_path / "README.md").exists()

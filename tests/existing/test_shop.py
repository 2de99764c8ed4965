"""The hand-written policies of samples/shop: both commands find what a careful reviewer would."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netpol.cli import cli

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "samples/shop"
POLICIES = SHOP / "policies"
TRAFFIC = (str(SHOP / "hubble.jsonl.gz"), "--inventory", str(SHOP / "cluster"))
LIST = json.loads((SHOP / "findings.json").read_text(encoding="utf-8"))


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, args, catch_exceptions=False)


def generate(*args: str) -> Result:
    return run("generate", *TRAFFIC, "--target", "cilium", "--existing", str(POLICIES), *args)


@pytest.fixture(scope="module")
def proposed(tmp_path_factory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("proposed") / "out"
    done = generate("-o", str(out), "--format", "json")
    assert done.exit_code == 0, done.output
    return out, json.loads(done.stdout)


def said(found: list[dict]) -> set[tuple[str, str, str]]:
    """Code, policy and rule; what is about a whole policy names no rule."""
    named = (one["message"].partition(":")[0] for one in found)
    return {
        (one["code"], one["policy"], rule if " rule " in rule else "")
        for one, rule in zip(found, named, strict=True)
    }


def listed(found: list[dict]) -> set[tuple[str, str, str]]:
    return {(one["code"], one["policy"], one["rule"]) for one in found}


def test_generate_finds_what_a_careful_reviewer_would(proposed) -> None:
    found = proposed[1]["existing"]["findings"]
    assert said(found) == listed(LIST["findings"])
    assert len(found) == len(LIST["findings"])


def test_review_finds_the_same_as_far_as_no_traffic_is_asked(tmp_path) -> None:
    done = run("review", str(tmp_path), str(POLICIES), *TRAFFIC, "--format", "json")
    both = [one for one in LIST["findings"] if "review" in one["by"]]
    assert said(json.loads(done.stdout)["findings"]) == listed([*both, *LIST["incomplete"]])


def test_the_proof_is_over_both_together(proposed) -> None:
    out, shown = proposed
    assert (shown["accepted"], shown["denied"]) == (202, 0)
    assert shown["rules_without_witness"] == 0
    assert shown["existing"]["conflicts"] == []
    names = {str(one.relative_to(out)) for one in out.rglob("*.yaml")}
    assert names == set(shown["files"])
    # What the hand-written set says well enough is not said again.
    assert "data/default-deny.yaml" not in names
    assert "shop/cart.yaml" not in names
    assert {"payments/payments-observed.yaml", "payments/default-deny.yaml"} <= names


def test_the_narrower_rule_is_shown_with_its_evidence(proposed) -> None:
    (wide,) = (one for one in proposed[1]["existing"]["findings"] if one["code"] == "NP151")
    assert {one["client"] for one in wide["serves"]} == {
        "payments/Deployment/payments",
        "shop/CronJob/order-digest",
        "shop/Deployment/api",
        "shop/Deployment/checkout",
    }
    assert all(one["evidence"]["count"] for one in wide["serves"])
    assert "shop/Deployment/imaging" in {one["client"] for one in wide["opens"]}
    assert wide["replacement"].startswith("ingress:\n- from:\n")


def test_a_second_run_beside_its_own_proposals_changes_no_byte(tmp_path) -> None:
    there = tmp_path / "policies"
    for file in POLICIES.rglob("*.yaml"):
        copy = there / file.relative_to(POLICIES)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    more = ("--target", "cilium", "--existing", str(there), "-o", str(there / "proposed"))
    states = []
    for _ in range(2):
        assert run("generate", *TRAFFIC, *more).exit_code == 0
        states.append({one: one.read_bytes() for one in there.rglob("*.yaml")})
    assert states[0] == states[1]
    assert len(states[0]) > len(list(POLICIES.rglob("*.yaml")))
    for file in POLICIES.rglob("*.yaml"):
        assert (there / file.relative_to(POLICIES)).read_bytes() == file.read_bytes()


def test_into_the_same_folder_existing_files_keep_every_byte(tmp_path) -> None:
    there = tmp_path / "policies"
    shutil.copytree(POLICIES, there)
    args = ("--target", "cilium", "--existing", str(there), "-o", str(there))
    for _ in range(2):
        assert run("generate", *TRAFFIC, *args).exit_code == 0
        for file in POLICIES.rglob("*.yaml"):
            assert (there / file.relative_to(POLICIES)).read_bytes() == file.read_bytes()
        assert (there / "payments/payments-observed.yaml").exists()


DENY = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: no-checkout, namespace: payments}
spec:
  endpointSelector: {}
  ingressDeny:
  - fromEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: shop}}]
"""


def test_what_is_denied_explicitly_is_a_conflict_and_the_rest_is_proposed(tmp_path) -> None:
    (tmp_path / "deny.yaml").write_text(DENY)
    out = tmp_path / "out"
    args = (*TRAFFIC, "--target", "cilium", "--existing", str(tmp_path / "deny.yaml"))
    done = run("generate", *args, "-o", str(out), "--format", "json")
    assert done.exit_code == 1
    shown = json.loads(done.stdout)
    (one,) = shown["existing"]["conflicts"]
    assert (one["client"], one["server"]) == (
        "shop/Deployment/checkout",
        "payments/Deployment/payments",
    )
    assert "rule 1 of payments/no-checkout" in one["by"]
    assert shown["denied"] == 1
    assert (out / "payments/payments.yaml").exists()
    assert "NP152" in run("generate", *args, "-o", str(out)).stdout


def test_what_the_target_has_no_words_for_is_left_to_policies_that_have_them(tmp_path) -> None:
    """The set has a policy of Cilium in it, whose engine decides about ICMP; Kubernetes cannot."""
    done = generate("--target", "kubernetes", "-o", str(tmp_path / "out"), "--format", "json")
    assert done.exit_code == 0, done.output
    shown = json.loads(done.stdout)
    assert shown["denied"] == 0
    assert {one["protocol"] for one in shown["undecided"]} == {"ICMP", "ICMPv6"}
    assert said(shown["existing"]["findings"]) == listed(LIST["findings"])

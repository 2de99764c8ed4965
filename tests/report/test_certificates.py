"""The certificate as JSON and as the first screen."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from scenes import TARGETS, app, flow, inventory, labels, learned, pod, proof, world

from netpol.certificate import certify
from netpol.compare import differences
from netpol.policy import PodSelector, Policy, PolicySet, in_namespace
from netpol.profile import KUBERNETES
from netpol.replay import replay
from netpol.report.certificates import (
    certificate_object,
    certificate_text,
    check_object,
    denied_rows,
)

DNS = app("coredns", "kube-system", labels=labels(**{"k8s-app": "kube-dns"}))
DENY = Policy(
    name="default-deny",
    namespace="shop",
    subject=PodSelector(in_namespace("shop")),
    ingress=(),
    egress=(),
)
WHAT = learned(
    [
        flow(app("web"), app("api")),
        flow(app("web"), DNS, 53, protocol="UDP"),
        flow(app("web"), app("api"), 2048, protocol="ICMP"),
        flow(app("api"), world("198.51.100.7", names=frozenset({"api.example.org"})), 443),
    ],
    inventory(pod("idle-x", owner="idle")),
)


def text(what=WHAT, target: str = "kubernetes") -> str:
    proofs = {name: proof(what, name).certificate for name in TARGETS}
    return certificate_text(proofs[target], what, differences(proofs.values(), what))


def test_a_line_per_promise() -> None:
    lines = text().splitlines()[:5]
    assert [line.split()[1] for line in lines] == [
        "sufficient",
        "tight",
        "minimal",
        "equal",
        "honest",
    ]
    assert [line.split()[0] for line in lines] == ["✔", "✔", "✔", "✔", "!"]


def test_what_was_not_seen_is_on_the_first_screen() -> None:
    lost = replace(WHAT, lost_events=1234)
    honest = text(lost).splitlines()[4]
    assert "1,234 events lost" in honest
    assert "no traffic seen of shop/Deployment/idle" in honest
    assert "ICMP" in honest


def test_many_silent_workloads_are_counted() -> None:
    known = inventory(*(pod(f"idle{n}-x", owner=f"idle{n}") for n in range(5)))
    assert "and 2 more" in text(learned([flow(app("web"), app("api"))], known))


def test_a_namespace_that_nothing_was_seen_of_is_open_until_it_is_named() -> None:
    known = inventory(pod("jump-x", owner="jump", namespace="tools"))
    what = learned([flow(app("web"), app("api"))], known)
    assert "nothing seen in tools" in text(what)
    made = proof(what, "kubernetes", namespaces=frozenset({"shop", "tools"}))
    assert not made.certificate.open_namespaces
    assert {one.namespace for one in made.synthesis.policies.policies} == {"shop", "tools"}


def test_a_broken_promise_is_marked() -> None:
    found = certify(PolicySet(policies=(DENY,)), WHAT, KUBERNETES)
    assert certificate_text(found, WHAT, ()).splitlines()[0].startswith("  ! sufficient")


def test_equal_dialects_are_said_to_be_equal() -> None:
    assert "allow the same in-cluster connections" in text(learned([flow(app("web"), app("api"))]))


@pytest.mark.parametrize("target", TARGETS)
def test_the_certificate_is_json(target: str) -> None:
    made = proof(WHAT, target)
    shown = json.loads(json.dumps(certificate_object(made.certificate, WHAT, (), made.files)))
    assert (shown["target"], shown["denied"], shown["rules_without_witness"]) == (target, 0, 0)
    assert shown["silent_workloads"] == ["shop/Deployment/idle"]
    assert shown["files"] == sorted(made.files)


def test_a_denial_names_the_policies_to_blame() -> None:
    found = denied_rows(certify(PolicySet(policies=(DENY,)), WHAT, KUBERNETES))
    assert {row["by"] for row in found if row["server"] == "shop/Deployment/api"} == {
        "egress: default deny of shop/default-deny; ingress: default deny of shop/default-deny"
    }


def test_the_check_is_json_and_adds_up() -> None:
    shown = json.loads(
        json.dumps(check_object(replay(PolicySet(policies=(DENY,)), WHAT, KUBERNETES), WHAT))
    )
    assert shown["allowed"] + len(shown["denied"]) + len(shown["undecided"]) == len(WHAT.accepted)


def test_rules_that_nothing_needs_are_named() -> None:
    """Their number alone says that something is wrong, and not what."""
    found = proof(WHAT, "kubernetes")
    idle = replace(found.certificate, without_witness=("shop/api ingress rule 1",))
    said = certificate_text(idle, found.synthesis.learned, ())
    assert "need" in said and "them; not shop/api ingress rule 1\n" in said


def test_records_of_which_nobody_knows_whose_they_are_are_no_tick() -> None:
    """Nothing was attributed, and the first screen said that all was well."""
    what = learned([flow(app("web"), app("api"))])
    found = proof(what, "kubernetes")
    quiet = replace(found.certificate, silent=(), open_namespaces=())
    assert "✔ honest" in certificate_text(quiet, what, ())
    half = replace(what, records=replace(what.records, read=2 * what.records.read))
    assert "! honest     50.0% of the records" in certificate_text(quiet, half, ())

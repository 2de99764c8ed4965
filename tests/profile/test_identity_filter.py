"""Cilium's option ``labels``: what it drops from identities is in no selector, nor seen by one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scenes import inventory, labels, pod
from special_cases import of

from generators import DIALECTS
from netpol.cli.proof import dialect_named, prove
from netpol.detect import adjusted
from netpol.evaluate.identity import identity_relevant
from netpol.graph import Connection, Evidence
from netpol.profile import CNIS
from netpol.synthesize import Options


@pytest.mark.parametrize(
    ("custom", "kept", "dropped"),
    [
        ("", "app stage app.kubernetes.io/name", "k8s.io/x pod-template-hash"),
        ("k8s:!stage", "app app.kubernetes.io/name", "stage stage-two k8s.io/x"),
        ("!stage$", "app stage-two", "stage"),
        ("k8s:app", "app application app.kubernetes.io/name", "stage team k8s.io/x"),
        ("k8s:app$ k8s:!application", "app", "application stage"),
        ("k8s:k8s.io/x", "k8s.io/x", "k8s.io/y app"),
        ("reserved:.*", "app.kubernetes.io/name", "app stage"),
        ("cidr:!app", "app stage", "k8s.io/x"),
        ("any:!app", "stage", "app"),
        ("k8s:!(", "app stage", "k8s.io/x"),
    ],
)
def test_what_the_option_leaves(custom, kept, dropped) -> None:
    assert [key for key in kept.split() if not identity_relevant(key, custom)] == []
    assert [key for key in dropped.split() if identity_relevant(key, custom)] == []


KNOWN = inventory(
    pod("web", labels=labels(app="web", stage="one")),
    pod("twin", labels=labels(app="web", stage="two")),
    pod("db"),
)
SETTINGS = {("kube-system", "cilium-config"): {"labels": "k8s:!stage"}}


def scene(**more):
    known = replace(KNOWN, **more)
    web, _, db = (one.workload for one in KNOWN.pods.values())
    return of([(Connection(web, db, "TCP", 5432), Evidence(records=1))], known)


def proof(what):
    profile, told = adjusted(CNIS["cilium"], what.inventory)
    said = []
    made = prove(what, dialect_named("cilium", DIALECTS), Options(), said.append, profile)
    return made, told, {one.code for one in said}


def test_by_default_the_label_tells_them_apart() -> None:
    made, told, said = proof(scene())
    assert "stage: one" in made.files["shop/web.yaml"]
    assert (told, said, made.certificate.opened) == ((), set(), ())


def test_with_the_option_it_is_used_by_nobody_and_what_that_opens_is_told() -> None:
    made, told, said = proof(scene(settings=SETTINGS))
    assert [(setting.key, where) for setting, where in told] == [
        ("labels", "kube-system/ConfigMap/cilium-config")
    ]
    assert "stage" not in "".join(made.files.values())
    assert said == {"NP025"}
    assert {one.client.name for one in made.certificate.opened} == {"twin"}
    assert made.certificate.denied == ()


def test_the_judge_sees_what_the_engine_sees() -> None:
    """Policies that use a label that is dropped match nobody: the connection is denied."""
    plain, _, _ = proof(scene())
    what = scene(settings=SETTINGS)
    profile, _ = adjusted(CNIS["cilium"], what.inventory)
    from netpol.certificate import denied_under

    assert denied_under(plain.synthesis.policies, what, profile)
    assert not denied_under(plain.synthesis.policies, what, CNIS["cilium"])

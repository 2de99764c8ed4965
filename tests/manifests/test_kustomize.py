"""Trees as kustomize has them: bases and overlays, of which nobody has made one yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from netpol.manifests import load

KUSTOMIZE = "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\n"
POLICY = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: api}\n"


def tree(folder: Path, kustomization: str) -> Path:
    """A base with a policy, and an overlay that changes it."""
    for path, text in {
        "base/policy.yaml": POLICY + "spec: {podSelector: {}}\n",
        "base/kustomization.yaml": "resources: [policy.yaml]\n",
        "overlay/kustomization.yaml": kustomization,
        "overlay/patch.yaml": POLICY + "spec: {egress: [{}]}\n",
    }.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    return folder


@pytest.mark.parametrize(
    "kustomization",
    [
        "resources: [../base]\npatches: [{path: patch.yaml, target: {kind: NetworkPolicy}}]\n",
        "bases: [../base]\npatchesStrategicMerge: [patch.yaml]\n",
        "resources: [../base]\npatchesJson6902: [{path: ./patch.yaml}]\n",
        KUSTOMIZE + "resources: [../base]\npatches: [7, {patch: x}, {path: patch.yaml}]\n",
    ],
)
def test_a_patch_does_not_take_the_place_of_what_it_patches(tmp_path, kustomization):
    told = []
    (found,) = load([tree(tmp_path, kustomization)], told.append)
    assert found.data["spec"] == {"podSelector": {}}
    ((notice),) = told
    assert (notice.code, notice.where) == ("NP070", str(tmp_path / "overlay/patch.yaml"))
    assert "kubectl kustomize" in notice.message


@pytest.mark.parametrize(
    "kustomization",
    [
        "resources: [patch.yaml]\n",
        "patches: {path: patch.yaml}\n",
        "patches: [\n",
        "patches: [{}]\n",
    ],
)
def test_what_no_kustomization_lists_as_a_patch_is_an_object(tmp_path, kustomization):
    assert len(list(load([tree(tmp_path, kustomization)], lambda _: None))) == 2


def test_a_patch_that_is_asked_for_is_read(tmp_path):
    path = tree(tmp_path, "patches: [{path: patch.yaml}]\n") / "overlay/patch.yaml"
    assert len(list(load([path], pytest.fail))) == 1

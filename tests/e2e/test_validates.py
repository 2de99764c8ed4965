"""Everything that the main job writes is an object that the API server would take."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner

from netpol.cli import cli

CRDS = {
    "calico": "calico/projectcalico.org_v3/projectcalico.org_networkpolicies.yaml",
    "cilium": "cilium/crds_v1.20.0-pre.4/ciliumnetworkpolicies.yaml",
}


def objects(root: Path, out: Path, target: str) -> list[dict]:
    flows, cluster = root / "samples/shop/hubble.jsonl.gz", root / "samples/shop/cluster"
    args = ["generate", str(flows), "--inventory", str(cluster), "--target", target, "-o", str(out)]
    assert CliRunner().invoke(cli, args, catch_exceptions=False).exit_code == 0
    files = [path for path in out.rglob("*.yaml") if path.name != "kustomization.yaml"]
    assert len(files) > 25
    return [yaml.safe_load(path.read_text()) for path in files]


def test_kubernetes(root: Path, tmp_path: Path) -> None:
    for one in objects(root, tmp_path, "kubernetes"):
        kubernetes_validate.validate(one, "1.31", strict=True)


@pytest.mark.parametrize("target", sorted(CRDS))
def test_custom_resources(root: Path, shared: Path, tmp_path: Path, target: str) -> None:
    crd = yaml.load((shared / "schemas" / CRDS[target]).read_text(), yaml.CSafeLoader)
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    check = jsonschema.Draft7Validator(schema)
    for one in objects(root, tmp_path, target):
        check.validate(one)


def test_the_kustomization_lists_every_file(root: Path, tmp_path: Path) -> None:
    objects(root, tmp_path, "cilium")
    listed = yaml.safe_load((tmp_path / "kustomization.yaml").read_text())["resources"]
    files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.yaml")}
    assert listed == sorted(files - {"kustomization.yaml"})

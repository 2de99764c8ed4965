"""What policies refer to may stand in the inventory instead of beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netpol.cli import cli

POD = """
apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: lib, labels: {app: %s}}
spec: {containers: [{name: c}]}
---"""
CLUSTER = f"""
{{apiVersion: v1, kind: Namespace, metadata: {{name: lib, labels: {{team: books}}}}}}
---{POD % ("web", "web")}{POD % ("db", "db")}
apiVersion: v1
kind: Service
metadata: {{name: db, namespace: lib, labels: {{part: data}}}}
spec: {{selector: {{app: db}}, ports: [{{port: 80, targetPort: 5432}}]}}
---
apiVersion: projectcalico.org/v3
kind: NetworkSet
metadata: {{name: banks, namespace: lib}}
spec: {{nets: [198.51.100.0/24]}}
---
apiVersion: cilium.io/v2
kind: CiliumCIDRGroup
metadata: {{name: banks}}
spec: {{externalCIDRs: [198.51.100.0/24]}}
"""
CALICO = """
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: web, namespace: lib}
spec: {selector: app == 'web', types: [Egress], egress: [{action: Allow, destination: %s}]}
"""
CILIUM = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: lib}
spec: {endpointSelector: {matchLabels: {app: web}}, egress: [%s]}
"""
LABELS = "{matchLabels: {part: data}}"
DB, BANK = ("lib/db", "5432"), ("198.51.100.7", "443")
CASES = [
    (CALICO % "{services: {name: db, namespace: lib}}", {DB}),
    (CALICO % "{namespaceSelector: team == 'books'}", {DB, BANK}),
    (CALICO % "{namespaceSelector: team == 'films'}", set()),
    (CILIUM % "{toServices: [{k8sService: {serviceName: db, namespace: lib}}]}", {DB}),
    (CILIUM % f"{{toServices: [{{k8sServiceSelector: {{selector: {LABELS}}}}}]}}", {DB}),
    (CILIUM % "{toCIDRSet: [{cidrGroupRef: banks}]}", {BANK}),
]


@pytest.fixture
def netpol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    Path("cluster.yaml").write_text(CLUSTER)
    return lambda *args: CliRunner().invoke(cli, args)


@pytest.mark.parametrize(("policy", "allowed"), CASES)
def test_a_verdict_knows_them(netpol: Callable[..., Result], policy: str, allowed: object) -> None:
    Path("policy.yaml").write_text(policy)
    asked = {
        side: netpol("why", "policy.yaml", "lib/web", *side, "--inventory", "cluster.yaml")
        for side in (DB, BANK)
    }
    assert {side for side, result in asked.items() if result.exit_code == 0} == allowed
    assert {result.exit_code for result in asked.values()} <= {0, 1}


@pytest.mark.parametrize(("policy", "allowed"), CASES)
def test_every_command_takes_them_for_the_same(
    netpol: Callable[..., Result], policy: str, allowed: object
) -> None:
    Path("apart").mkdir()
    Path("together").mkdir()
    Path("apart/policy.yaml").write_text(policy)
    Path("together/policy.yaml").write_text(policy)
    Path("together/cluster.yaml").write_text(CLUSTER)
    tail = ("--inventory", "cluster.yaml", "--format", "json")
    for command in ("connections", "check"):
        apart, together = (netpol(command, where, *tail) for where in ("apart", "together"))
        assert "NP064" not in apart.stderr
        assert _said(apart) == _said(together)
    assert netpol("diff", "apart", "together", *tail).exit_code == 0
    reviewed = netpol("review", "apart", "together", *tail)
    assert json.loads(reviewed.stdout)["undecided"] == []


def _said(result: Result) -> object:
    """All but what is found about the sets themselves, which are no part of the policies apart."""
    said = json.loads(result.stdout.replace("together/", "apart/"))
    if isinstance(said, dict):
        said["findings"] = [one for one in said["findings"] if "Set " not in one["origin"]]
        said["findings"] = [one for one in said["findings"] if "Group " not in one["origin"]]
    return said


def test_what_stands_beside_the_policies_goes_first(netpol: Callable[..., Result]) -> None:
    own = CLUSTER[CLUSTER.index("apiVersion: cilium.io") :].replace("198.51.100", "203.0.113")
    Path("policy.yaml").write_text(f"{CASES[-1][0]}---\n{own}")
    for address, code in (("198.51.100.7", 1), ("203.0.113.7", 0)):
        tail = (address, "443", "--inventory", "cluster.yaml")
        found = netpol("why", "policy.yaml", "lib/web", *tail)
        assert (found.exit_code, "NP067" in found.stderr) == (code, False)

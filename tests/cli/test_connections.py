"""`netpol connections` on a small shop."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netpol.cli import cli, main
from netpol.errors import NetpolError

DATA = "tests/data/policies"
CLUSTER = ("--inventory", f"{DATA}/cluster.yaml")


@pytest.fixture(autouse=True)
def at_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(root)
    yield


def connections(*args: str) -> Result:
    return CliRunner().invoke(cli, ["connections", *args], catch_exceptions=False)


def rows(*args: str) -> list[dict[str, str]]:
    result = connections(*args, "--format", "json")
    assert result.exit_code == 0
    found: list[dict[str, str]] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("form", ["text", "markdown", "mermaid"])
def test_screens(golden: Callable[[str, str], None], form: str) -> None:
    result = connections(f"{DATA}/before", *CLUSTER, "--format", form)
    assert result.exit_code == 0
    golden(f"connections/before.{form}", result.stdout)


def test_rows_are_exact_and_sorted() -> None:
    found = rows(f"{DATA}/before", *CLUSTER)
    assert {tuple(row) for row in found} == {("client", "server", "protocol", "ports")}
    pairs = [(row["client"], row["server"]) for row in found]
    assert pairs == sorted(pairs)
    inside = {
        (row["client"], row["server"], row["protocol"], row["ports"])
        for row in found
        if row["client"].startswith(("shop/", "watch/")) and row["server"].startswith("shop/")
    }
    web, api, db = "shop/Deployment/web", "shop/Deployment/api", "shop/StatefulSet/db"
    assert inside == {
        (web, api, "TCP", "8081"),
        (api, db, "TCP", "5432"),
        ("watch/StatefulSet/prometheus", api, "TCP", "9090"),
    }


def test_csv_has_the_rows_of_json() -> None:
    text = connections(f"{DATA}/before", *CLUSTER, "--format", "csv").stdout
    assert list(csv.DictReader(StringIO(text))) == rows(f"{DATA}/before", *CLUSTER)


def test_one_workload_in_both_directions() -> None:
    api = "shop/Deployment/api"
    found = rows(f"{DATA}/before", *CLUSTER, "--workload", "shop/api")
    assert found == [
        r for r in rows(f"{DATA}/before", *CLUSTER) if api in (r["client"], r["server"])
    ]
    assert {row["client"] == api for row in found} == {True, False}


def test_dot_is_a_picture() -> None:
    text = connections(f"{DATA}/before", *CLUSTER, "--format", "dot").stdout
    assert text.startswith("digraph ")
    assert '"shop/Deployment/web" -> "shop/Deployment/api"' in text


def test_no_policy_allows_everything_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(
        "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}, spec: {}}",
        encoding="utf-8",
    )
    result = connections(str(tmp_path))
    assert "everything is allowed" in result.stderr
    assert result.stdout.splitlines()[1:] == [
        "every address  x/Pod/a        every port",
        "x/Pod/a        every address  every port",
    ]


DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: x}
spec: {podSelector: {}}
"""


WEAVE = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: weave-net, namespace: kube-system}
spec:
  template:
    metadata: {labels: {name: weave-net}}
    spec: {hostNetwork: true, containers: [{name: weave, image: weaveworks/weave-kube}]}
---
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}, spec: {}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: some, namespace: x}
spec: {podSelector: {}, ingress: [{ports: [{port: 80, endPort: 90}]}]}
"""


def test_a_bare_pod_does_not_talk_to_itself_but_replicas_do(tmp_path: Path) -> None:
    one = {"metadata": {"labels": {"app": "b"}}, "spec": {"containers": []}}
    many = {"kind": "Deployment", "apiVersion": "apps/v1", "spec": {"template": one}}
    bare = {"kind": "Pod", "apiVersion": "v1", "spec": {}}
    objects = [
        {**bare, "metadata": {"name": "a", "namespace": "x"}},
        {**many, "metadata": {"name": "b", "namespace": "x"}},
    ]
    (tmp_path / "all.json").write_text(json.dumps({"kind": "List", "items": objects}))
    found = rows(str(tmp_path))
    assert {r["client"] for r in found if r["client"] == r["server"]} == {"x/Deployment/b"}


def test_pods_that_are_over_have_no_connections(tmp_path: Path) -> None:
    """A Job's pod stands for the next one, an evicted one not for its successor."""

    def pod(name: str, phase: str, *owner: str) -> dict[str, object]:
        metadata: dict[str, object] = {"name": name, "namespace": "x", "labels": {"app": name}}
        if owner:
            kind, of = owner
            metadata["ownerReferences"] = [{"kind": kind, "name": of, "controller": True}]
        return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "status": {"phase": phase}}

    objects = [
        pod("hook", "Succeeded"),
        pod("job-1", "Succeeded", "Job", "job"),
        pod("old", "Failed", "StatefulSet", "db"),
        pod("db-0", "Running", "StatefulSet", "db"),
    ]
    (tmp_path / "all.json").write_text(json.dumps({"kind": "List", "items": objects}))
    (tmp_path / "some.yaml").write_text(
        DENY.replace(
            "podSelector: {}", "ingress: [{from: [{podSelector: {matchLabels: {app: old}}}]}]"
        ),
        encoding="utf-8",
    )
    found = rows(str(tmp_path))
    assert {row["client"] for row in found} == {"x/Job/job", "x/StatefulSet/db"}
    assert {row["server"] for row in found} == {"0.0.0.0/0", "::/0"}
    assert "they have finished: x/Pod/hook\n" in connections(str(tmp_path)).stderr


def test_workloads_on_the_network_of_their_node_are_named(tmp_path: Path) -> None:
    (tmp_path / "pods.yaml").write_text(
        "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}, spec: {}}\n---\n"
        "{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: x},"
        " spec: {hostNetwork: true}}\n",
        encoding="utf-8",
    )
    assert "their node's network and policies see the node: x/Pod/b" in (
        connections(str(tmp_path)).stderr
    )
    (tmp_path / "deny.yaml").write_text(DENY, encoding="utf-8")
    only = connections(str(tmp_path), "--workload", "x/b")
    assert only.stdout == "no connection is allowed\n"
    assert "x/Pod/b" in only.stderr


def test_a_plugin_that_nobody_named_is_said(tmp_path: Path) -> None:
    """Weave takes an endPort for the port alone (docs/semantics.md#ports)."""
    (tmp_path / "all.yaml").write_text(WEAVE, encoding="utf-8")
    for asked, ports, said in (((), {"80"}, 1), (("--cni", "generic"), {"80-90"}, 0)):
        result = connections(str(tmp_path), "--format", "json", *asked)
        assert {r["ports"] for r in json.loads(result.stdout) if r["protocol"] == "TCP"} >= ports
        assert result.stderr.count("judged as weave enforces policies") == said


def test_policies_that_would_be_refused_are_not_called_absent(tmp_path: Path) -> None:
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}, spec: {}}\n---"
    (tmp_path / "all.yaml").write_text(
        pod + DENY.replace("podSelector: {}", "policyTypes: [ingress]"), encoding="utf-8"
    )
    told = connections(str(tmp_path)).stderr
    assert "no policy takes effect, so everything is allowed there" in told
    assert "NP063" in told


def test_what_could_not_be_read_is_told_before_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pods.yaml").write_text(
        "{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {version: 1}}, spec: {}}\n" + DENY,
        encoding="utf-8",
    )
    monkeypatch.setattr("sys.argv", ["netpol", "connections", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert told.index("NP080") < told.index("no pod or workload is there")


def test_nobody_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NetpolError, match="no such file"):
        connections(str(tmp_path / "absent"))
    with pytest.raises(NetpolError, match="no pod or workload"):
        connections(f"{DATA}/before")
    with pytest.raises(NetpolError, match="shop/wbe"):
        connections(f"{DATA}/before", *CLUSTER, "--workload", "shop/wbe")

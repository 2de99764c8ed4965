"""`netpol diff` on a small shop, before and after a change."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from generators import DIALECTS, parse
from generators.generator import files
from netpol.cli import cli
from netpol.cli.output import write
from netpol.errors import NetpolError
from netpol.manifests import load

DATA = "tests/data/policies"
BEFORE, AFTER = f"{DATA}/before", f"{DATA}/after"
CLUSTER = ("--inventory", f"{DATA}/cluster.yaml")


PODS_ALONE = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: api}}}]
    ports: [{port: 5432}, {port: 9000, endPort: 9010}]
"""


@pytest.fixture(autouse=True)
def at_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(root)
    yield


def diff(*args: str) -> Result:
    return CliRunner().invoke(cli, ["diff", *args], catch_exceptions=False)


def rows(*args: str) -> list[dict[str, str]]:
    result = diff(*args, "--format", "json")
    found: list[dict[str, str]] = json.loads(result.stdout)
    assert result.exit_code == (1 if found else 0)
    return found


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_screens(golden: Callable[[str, str], None], form: str) -> None:
    result = diff(BEFORE, AFTER, *CLUSTER, "--format", form)
    assert result.exit_code == 1
    golden(f"diff/shop.{form}", result.stdout)


def test_rows_inside_the_cluster() -> None:
    found = [r for r in rows(BEFORE, AFTER, *CLUSTER) if r["client"].startswith(("shop", "watch"))]
    assert found == [
        {
            "change": "opened",
            "client": "shop/CronJob/backup",
            "server": "shop/StatefulSet/db",
            "protocol": "TCP",
            "ports": "5432",
        }
    ]


def test_rows_outside_the_cluster() -> None:
    found = [row for row in rows(BEFORE, AFTER, *CLUSTER) if row["client"][0].isdigit()]
    assert found == [
        {
            "change": "closed",
            "client": "192.0.2.0/24",
            "server": "shop/Deployment/web",
            "protocol": "TCP",
            "ports": "8080",
        }
    ]


def test_the_other_way_round_opened_and_closed_change_places() -> None:
    there, back = rows(BEFORE, AFTER, *CLUSTER), rows(AFTER, BEFORE, *CLUSTER)
    turned = {"opened": "closed", "closed": "opened"}
    key = lambda row: tuple(row.values())  # noqa: E731
    assert sorted(({**r, "change": turned[r["change"]]} for r in there), key=key) == sorted(
        back, key=key
    )


def test_csv_has_the_rows_of_json() -> None:
    text = diff(BEFORE, AFTER, *CLUSTER, "--format", "csv").stdout
    assert list(csv.DictReader(StringIO(text))) == rows(BEFORE, AFTER, *CLUSTER)


def test_no_change_is_exit_code_0() -> None:
    result = diff(BEFORE, BEFORE, *CLUSTER)
    assert (result.exit_code, result.stdout) == (0, "No changes between 6 workloads.\n")


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.name)
def test_another_dialect_is_no_change(dialect, tmp_path: Path) -> None:
    """Peers are pods alone here: whether a CIDR means pods is where engines do differ."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "policies.yaml").write_text(PODS_ALONE, encoding="utf-8")
    policies, _ = parse(load([source], _fail), _fail)
    write(files(dialect, policies), tmp_path / dialect.name)
    result = diff(str(source), str(tmp_path / dialect.name), *CLUSTER)
    assert result.exit_code == 0, result.stdout


def _fail(notice: object) -> None:
    raise AssertionError(notice)


def test_a_side_without_policies_allows_everything(tmp_path: Path) -> None:
    result = diff(str(tmp_path), BEFORE, *CLUSTER, "--format", "json")
    assert result.exit_code == 1
    assert {row["change"] for row in json.loads(result.stdout)} == {"closed"}
    assert "everything is allowed" in result.stderr


def test_workloads_beside_the_policies_are_their_world(tmp_path: Path) -> None:
    """What only the new side has is all opened; a side without workloads borrows the other's."""
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: x}, spec: {}}\n"
    old, new, bare = tmp_path / "old", tmp_path / "new", tmp_path / "bare"
    for path, names in ((old, "a"), (new, "ab"), (bare, "")):
        path.mkdir()
        text = "---\n".join(pod % name for name in names)
        (path / "pods.yaml").write_text(text, encoding="utf-8")
    told = diff(str(old), str(bare))
    assert (told.exit_code, told.stderr.count(f"it is judged for those in {old}")) == (0, 1)
    assert diff(str(bare), str(old)).exit_code == 0
    assert f"only in {new}: x/Pod/b" in diff(str(old), str(new)).stderr
    found = rows(str(old), str(new))
    assert found
    assert all("x/Pod/b" in (row["client"], row["server"]) for row in found)
    with pytest.raises(NetpolError, match="no pod or workload"):
        diff(str(bare), str(bare))


def test_a_bare_pod_and_one_on_its_nodes_network_are_no_change(tmp_path: Path) -> None:
    """What a pod says to itself cannot be blocked; the node is what policies see of the other."""
    old, new = tmp_path / "old", tmp_path / "new"
    for path in (old, new):
        path.mkdir()
        (path / "pods.yaml").write_text(
            "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}, spec: {}}\n---\n"
            "{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: x},"
            " spec: {hostNetwork: true}}\n",
            encoding="utf-8",
        )
    (new / "deny.yaml").write_text(
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy,"
        " metadata: {name: deny, namespace: x}, spec: {podSelector: {}}}",
        encoding="utf-8",
    )
    found = diff(str(old), str(new), "--format", "json")
    assert {(r["client"], r["server"]) for r in json.loads(found.stdout)} == {
        ("0.0.0.0/0", "x/Pod/a"),
        ("::/0", "x/Pod/a"),
    }
    assert found.stderr.count("x/Pod/b") == 1


def test_only_undecided_changes_are_trouble(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(
        """
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: mesh, namespace: shop}
        """,
        encoding="utf-8",
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    result = diff(str(empty), str(tmp_path), *CLUSTER)
    assert result.exit_code == 2
    assert "? undecided" in result.stdout
    assert "undecided depends on policies that could not be read" in result.stderr


def test_without_a_change_what_cannot_be_read_may_still_be_one(tmp_path: Path) -> None:
    for side in ("old", "new"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "a.yaml").write_text(PODS_ALONE, encoding="utf-8")
    sides = str(tmp_path / "old"), str(tmp_path / "new")
    assert diff(*sides, *CLUSTER).exit_code == 0
    (tmp_path / "new/b.yaml").write_text("kind: NetworkPolicy\nspec: {podSelector: {\n")
    result = diff(*sides, *CLUSTER)
    assert result.exit_code == 2
    assert (
        "1 text of the policies could not be read (NP060), and may say otherwise" in result.stderr
    )
    (tmp_path / "new/a.yaml").write_text(PODS_ALONE.replace("5432", "5433"), encoding="utf-8")
    assert diff(*sides, *CLUSTER).exit_code == 1

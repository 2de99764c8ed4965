"""docs/semantics.md says what the evaluator says: every verdict in its tables is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from netpol.cli import cli

TEXT = (Path(__file__).resolve().parent.parent / "docs/semantics.md").read_text(encoding="utf-8")
EXITS = {"allow": 0, "deny": 1, "undecided": 2}
GROUPS = {
    "NetworkPolicy": "networking.k8s.io/v1",
    "ClusterNetworkPolicy": "policy.networking.k8s.io/v1alpha2",
    "Calico NetworkPolicy": "projectcalico.org/v3",
    "Calico GlobalNetworkPolicy": "projectcalico.org/v3",
    "Calico Tier": "projectcalico.org/v3",
    "CiliumNetworkPolicy": "cilium.io/v2",
    "Antrea NetworkPolicy": "crd.antrea.io/v1beta1",
}
_PART = re.compile(
    r"^#+ (?P<heading>[^\n]+)|^```yaml\n(?P<yaml>.*?)^```$|^(?P<table>\| from \|.*?\n)(?!\|)",
    re.M | re.S,
)


class Row(NamedTuple):
    """One verdict of the page: what ``netpol why`` is asked, and what it must say."""

    heading: str
    policies: str
    client: str
    server: str
    port: str
    cni: str
    verdict: str


def rows(text: str) -> Iterator[Row]:
    """The verdicts of the page; each table is about the policies above it."""
    heading, policies = "", ""
    for found in _PART.finditer(text):
        heading = found["heading"] or heading
        policies = found["yaml"] or policies
        for cells in _table(found["table"] or ""):
            client, server, port = (cells.pop(name) for name in ("from", "to", "port"))
            cells.pop("why")
            for cni, verdict in cells.items():
                if verdict != "—":
                    yield Row(heading, policies, client, server, port, cni, verdict)


def _table(text: str) -> Iterator[dict[str, str]]:
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    for cells in lines[2:]:
        yield dict(zip(lines[0], cells, strict=True))


def whole(specs: str) -> str:
    """The objects of which a block of the page shows kind, name and spec."""
    return "---\n".join(map(_object, specs.split("---\n")))


def _object(spec: str) -> str:
    head, _, body = spec.partition("\n")
    kind, _, name = head.removeprefix("# ").rpartition(" ")
    namespace, _, name = name.rpartition("/")
    where = f"{{name: {name}, namespace: {namespace or 'null'}}}"
    plain = kind.rpartition(" ")[2]
    indented = "".join(f"  {line}\n" for line in body.splitlines())
    return f"apiVersion: {GROUPS[kind]}\nkind: {plain}\nmetadata: {where}\nspec:\n{indented}"


ROWS = list(rows(TEXT))
CLUSTER = next(found["yaml"] for found in _PART.finditer(TEXT) if found["yaml"])


def test_every_table_of_verdicts_is_asked_for() -> None:
    assert {row.verdict for row in ROWS} == set(EXITS)
    blocks = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.M | re.S)
    assert list(dict.fromkeys(row.policies for row in ROWS)) == blocks[1:]
    assert TEXT.count("\n| from |") == len(blocks) - 1


@pytest.mark.parametrize(
    "row", ROWS, ids=lambda row: f"{row.heading}-{row.client}-{row.server}-{row.port}-{row.cni}"
)
def test_the_verdict_of_a_row(row: Row, tmp_path: Path) -> None:
    cluster, policies = tmp_path / "cluster.yaml", tmp_path / "policies.yaml"
    cluster.write_text(CLUSTER, encoding="utf-8")
    policies.write_text(whole(row.policies), encoding="utf-8")
    asked = ["why", str(policies), row.client, row.server, row.port, "--inventory", str(cluster)]
    result = CliRunner().invoke(
        cli, asked if row.cni == "verdict" else [*asked, "--cni", row.cni], catch_exceptions=False
    )
    assert result.exit_code == EXITS[row.verdict], result.output

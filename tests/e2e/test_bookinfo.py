"""A real export of a real cluster, without any inventory: only the application's own edges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from netpol.cli import cli


@pytest.fixture
def export(shared: Path) -> str:
    return str(shared / "data/hubble/basic-sample-400-tcp-flows.json")


def graph(export: str) -> dict:
    result = CliRunner().invoke(cli, ["graph", export, "--format", "json"], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_the_edges_are_the_application_s_each_once(export: str) -> None:
    rows = [(r["client"], r["server"], r["ports"]) for r in graph(export)["connections"]]
    app = "bookinfo/Deployment/"
    reviews = [f"{app}reviews-v{n}" for n in (1, 2, 3)]
    assert rows == sorted(
        [
            (f"{app}productpage-v1", f"{app}details-v1", "9080"),
            *((f"{app}productpage-v1", one, "9080") for one in reviews),
            *((one, f"{app}ratings-v1", "9080") for one in reviews[1:]),
            # somebody ran the load from inside the ratings pod
            (f"{app}ratings-v1", f"{app}productpage-v1", "9080"),
            # tracing, the probe of its health port, and the collector that reads the nodes' Hubble
            (
                "kube-system/DaemonSet/otelcol-hubble-collector",
                "jaeger/Deployment/jaeger-default",
                "14250",
            ),
            ("entity:host", "jaeger/Deployment/jaeger-default", "14269"),
            ("kube-system/DaemonSet/otelcol-hubble-collector", "entity:host", "4244"),
        ]
    )


def test_the_account_adds_up_to_400(export: str) -> None:
    r = graph(export)["records"]
    assert r["read"] == 400 == r["connections"] + r["held"] + r["other"]


@pytest.mark.parametrize("target", ["kubernetes", "calico", "cilium"])
def test_it_generates_and_checks(export: str, target: str, tmp_path: Path) -> None:
    args = ["generate", export, "--target", target, "-o", str(tmp_path)]
    assert CliRunner().invoke(cli, args, catch_exceptions=False).exit_code == 0
    args = ["check", str(tmp_path), export]
    assert CliRunner().invoke(cli, args, catch_exceptions=False).exit_code == 0

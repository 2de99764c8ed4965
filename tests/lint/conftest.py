"""Policies as YAML and a small cluster, looked at for findings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from scenes import inventory, labels

from generators import parse
from netpol.inventory import ContainerPort, Inventory, Node, Pod, Service, ServicePort
from netpol.lint import Finding, Lint, lint
from netpol.manifests import load
from netpol.peers import Workload
from netpol.profile import PROFILES

Look = Callable[..., list[str]]


def one(name: str, address: str, *ports: ContainerPort, **more: object) -> Pod:
    """A pod of the Deployment ``ns/app``, labelled ``app=app``."""
    namespace, app = name.split("/")
    given = {"labels": labels(app=app), **more}
    return Pod(
        namespace=namespace,
        name=f"{app}-0",
        workload=Workload(namespace, "Deployment", app),
        addresses=(address,),
        ports=ports,
        **given,
    )


def service(name: str, port: int, target: int | str) -> Service:
    namespace, app = name.split("/")
    ports = (ServicePort(port=port, target=target),)
    return Service(namespace=namespace, name=app, selector=labels(app=app), ports=ports)


API_PORTS = (ContainerPort(name="http", port=8080), ContainerPort(name="stats", port=9090))
CLUSTER = inventory(
    one("shop/web", "10.244.1.10"),
    one("shop/api", "10.244.1.11", *API_PORTS),
    one("shop/db", "10.244.1.12", ContainerPort(port=5432)),
    one("shop/agent", "10.0.0.7", host_network=True),
    one("ops/prometheus", "10.244.1.20"),
    one("kube-system/coredns", "10.244.1.53", labels=labels(**{"k8s-app": "kube-dns"})),
    services={("shop", "api"): service("shop/api", 80, "http")},
    nodes={"n1": Node(name="n1", addresses=("10.0.0.7",), pod_cidrs=("10.244.1.0/24",))},
)
"""Namespaces ``shop`` (web, api, db; agent on the host), ``ops`` and ``kube-system``."""


@pytest.fixture
def found(tmp_path: Path) -> Callable[..., Lint]:
    """Look at policies in YAML; ``cluster`` None: without an inventory."""

    def look(text: str, cluster: Inventory | None = CLUSTER, engine: str = "kubernetes") -> Lint:
        file = tmp_path / "policies.yaml"
        file.write_text(dedent(text), encoding="utf-8")
        told: list[object] = []
        documents = tuple(load([file], told.append))
        policies, _ = parse(documents, told.append)
        assert [n for n in told if n.code not in ("NP065", "NP066", "NP068")] == []
        return lint(
            policies,
            documents,
            cluster or Inventory(),
            PROFILES[engine],
            lambda some: parse(some, told.append)[0],
        )

    return look


@pytest.fixture
def look(found: Callable[..., Lint]) -> Look:
    """``ns/policy: message`` of each finding with a code."""

    def only(code: str, text: str, **more: object) -> list[str]:
        return [said(one) for one in found(text, **more).findings if one.code == code]

    return only


def said(finding: Finding) -> str:
    return f"{finding.policy}: {finding.message}"

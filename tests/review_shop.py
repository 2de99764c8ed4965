"""A shop of four workloads in three namespaces, its policies, and an hour of flows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from click.testing import CliRunner, Result

from netpol.cli import cli

CLUSTER = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: red}}
---
apiVersion: v1
kind: Namespace
metadata: {name: data, labels: {team: red}}
---
apiVersion: v1
kind: Namespace
metadata: {name: watch, labels: {team: blue}}
---
"""
WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: %(name)s, namespace: %(space)s}
spec:
  selector: {matchLabels: {app: %(name)s}}
  template: {metadata: {labels: {app: %(name)s}}, spec: {containers: [{name: main}]}}
---
"""
WORKLOADS = {"web": "shop", "api": "shop", "db": "data", "probe": "watch"}

DENY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: %s}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
WEB = """\
# Everybody shops.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 198.51.100.0/24}}]
    ports: [{port: 8080}]
"""
API = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 8081}]
"""
DB = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: data}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}
      podSelector: {matchLabels: {app: api}}
    ports: [{port: 5432}]
"""
POLICIES = {
    "deny.yaml": "---\n".join(DENY % name for name in ("shop", "data", "watch")),
    "web.yaml": WEB,
    "api.yaml": API,
    "db.yaml": DB,
}


class Shop:
    """A directory with the cluster, policies before and after, and flows."""

    def __init__(self, place: Path) -> None:
        self.place = place
        text = CLUSTER + "".join(WORKLOAD % {"name": n, "space": s} for n, s in WORKLOADS.items())
        (place / "cluster.yaml").write_text(text, encoding="utf-8")
        self.flows: list[dict[str, object]] = []
        self.write("old", POLICIES)
        self.write("new", POLICIES)
        self.saw("shop/web", "shop/api", 8081, 90)
        self.saw("shop/api", "data/db", 5432, 60)

    def write(self, side: str, files: Mapping[str, str | None]) -> None:
        """Put files there; None takes one away."""
        for name, text in files.items():
            path = self.place / side / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_text(text, encoding="utf-8")

    def saw(self, client: str, server: str, port: int, count: int = 1) -> None:
        """Answered connections between two workloads, between ten and eleven o'clock."""
        self.flows.append(
            {
                "netpol": 1,
                "client": end(client),
                "server": end(server),
                "protocol": "TCP",
                "port": port,
                "records": count,
                "count": count,
                "first": "2026-11-02T10:00:00.000000000Z",
                "last": "2026-11-02T10:50:00.000000000Z",
                "hours": [498298],
                "signals": {"opened": count, "answered": count},
                "source": "hubble",
            }
        )

    def review(self, *args: str, flows: bool = True) -> Result:
        """Of what is in ``old`` and ``new``; paths are relative to the directory."""
        path = self.place / "flows.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in self.flows), encoding="utf-8")
        given = ["review", "old", "new", *(["flows.jsonl"] if flows else [])]
        return run(*given, "--inventory", "cluster.yaml", *args)

    def object(self, *args: str) -> dict:
        """The review as JSON."""
        found: dict = json.loads(self.review("--format", "json", *args).stdout)
        return found


def end(name: str) -> dict[str, object]:
    """A side of a flow: ``namespace/app``, or an address."""
    namespace, slash, app = name.partition("/")
    if not slash:
        return {"ip": name, "entities": ["world"]}
    return {
        "namespace": namespace,
        "pods": [f"{app}-6d9c7f8b45-x2k9q"],
        "labels": {"app": app},
        "workload": {"kind": "Deployment", "name": app},
    }


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, list(args), catch_exceptions=False)

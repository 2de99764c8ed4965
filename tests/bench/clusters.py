"""Bench input: a cluster and its policies as kubectl prints them, the same for equal arguments.

Labels as Helm and the controllers write them, so that nearly every pod differs from its siblings in
labels that no policy reads; 60 % of the pods are in 20 % of the workloads, which are spread over
one namespace for each ten. Each namespace has a default deny and a rule for DNS; the other policies
are one workload's: about three clients and three servers, each allowed on both sides, some by named
ports, some by the labels of namespaces, and now and then a block of addresses with an exception.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

__all__ = ["Shape", "write"]

LETTERS = "bcdfghjklmnpqrstvwxz2456789"
COMPONENTS = ("api", "worker", "database", "cache", "web", "proxy")
TEAMS = ("checkout", "search", "identity", "data", "platform")
PORTS = (80, 443, 3000, 3306, 5432, 5672, 6379, 8000, 8080, 8081, 8443, 9000, 9090, 9092, 9200)
JSON = {"separators": (",", ":")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How large a cluster is."""

    pods: int
    workloads: int
    policies: int
    seed: int = 7
    spaces: int = 0
    """Namespaces; 0: one for each ten workloads."""

    @property
    def namespaces(self) -> int:
        return self.spaces or max(1, self.workloads // 10)

    def __str__(self) -> str:
        return f"{self.pods:,} pods, {self.workloads:,} workloads, {self.policies:,} policies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A Deployment or StatefulSet."""

    number: int
    namespace: str
    name: str
    stateful: bool
    labels: dict[str, str]
    port: int
    pods: int


def write(shape: Shape, folder: Path) -> tuple[Path, Path]:
    """The inventory, a file per namespace, and the policies; made only if they are not there."""
    inventory, policies = folder / "inventory", folder / "policies"
    if not policies.exists():
        inventory.mkdir(parents=True)
        workloads = list(_workloads(shape))
        for number, name in enumerate(_names(shape)):
            here = [one for one in workloads if one.namespace == name]
            items = [_namespace(number, name), *(pod for one in here for pod in _pods(one))]
            _dump(items, inventory / f"{name}.json")
        policies.mkdir()
        _dump(list(_policies(shape, workloads)), policies / "policies.json")
    return inventory, policies


def _dump(items: list[dict[str, object]], path: Path) -> None:
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, **JSON))


def _names(shape: Shape) -> list[str]:
    return [f"team-{number:03}" for number in range(shape.namespaces)]


def _text(random: Random, length: int) -> str:
    return "".join(random.choices(LETTERS, k=length))


def _workloads(shape: Shape) -> Iterator[Workload]:
    names = _names(shape)
    large = max(1, shape.workloads // 5)
    for number in range(shape.workloads):
        share = (0.6, large) if number % 5 == 0 else (0.4, shape.workloads - large)
        name, namespace = f"service-{number:04}", names[number % len(names)]
        yield Workload(
            number=number,
            namespace=namespace,
            name=name,
            stateful=number % 4 == 3,
            port=PORTS[number % len(PORTS)],
            pods=max(1, round(shape.pods * share[0] / share[1])),
            labels={
                "app.kubernetes.io/name": name,
                "app.kubernetes.io/instance": f"{name}-{namespace}",
                "app.kubernetes.io/component": COMPONENTS[number % len(COMPONENTS)],
                "app.kubernetes.io/part-of": f"shop-{number % 20}",
                "app.kubernetes.io/version": f"1.{number % 30}.0",
                "app.kubernetes.io/managed-by": "Helm",
                "helm.sh/chart": f"{name}-1.{number % 30}.0",
            },
        )


def _namespace(number: int, name: str) -> dict[str, object]:
    labels = {"kubernetes.io/metadata.name": name, "team": TEAMS[number % len(TEAMS)]}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _pods(one: Workload) -> Iterator[dict[str, object]]:
    random = Random(one.number)
    replica_set = f"{one.name}-{_text(random, 10)}"
    for index in range(one.pods):
        labels = dict(one.labels)
        if one.stateful:
            name, owner = f"{one.name}-{index}", ("StatefulSet", one.name)
            labels["apps.kubernetes.io/pod-index"] = str(index)
            labels["statefulset.kubernetes.io/pod-name"] = name
            labels["controller-revision-hash"] = replica_set
        else:
            name, owner = f"{replica_set}-{_text(random, 5)}", ("ReplicaSet", replica_set)
            labels["pod-template-hash"] = replica_set.rpartition("-")[2]
        yield _pod(one, name, owner, labels, one.number * 512 + index)


def _pod(
    one: Workload, name: str, owner: tuple[str, str], labels: dict[str, str], place: int
) -> dict[str, object]:
    address = str(ipaddress.IPv4Address("10.64.0.0") + place)
    ports = [
        {"name": "http", "containerPort": one.port, "protocol": "TCP"},
        {"name": "metrics", "containerPort": 9102, "protocol": "TCP"},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": one.namespace,
            "labels": labels,
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": owner[0], "name": owner[1], "controller": True}
            ],
        },
        "spec": {
            "serviceAccountName": one.name,
            "nodeName": f"node-{place % 400}",
            "containers": [{"name": "main", "image": "example.org/main:1", "ports": ports}],
        },
        "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]},
    }


# --- policies


def _policies(shape: Shape, workloads: list[Workload]) -> Iterator[dict[str, object]]:
    random = Random(shape.seed)
    names = _names(shape)[: shape.policies // 2]
    for name in names:
        yield _policy("default-deny", name, {})
        yield _policy("allow-dns", name, {}, egress=[_dns()])
    count = shape.policies - 2 * len(names)
    sides = [_Sides() for _ in range(count)]
    for _ in range(3 * count):
        _connect(random, workloads, sides)
    for number, rules in enumerate(sides):
        one = workloads[number % len(workloads)]
        if random.random() < 0.15:
            rules.egress.append(_rule("to", [_block(random)], [{"port": 443, "protocol": "TCP"}]))
        if random.random() < 0.05:
            rules.ingress.append(_rule("from", [_block(random)], _ports(random, one)))
        chosen, name = _chosen(one), f"{one.name}-{number}"
        yield _policy(name, one.namespace, chosen, rules.ingress, rules.egress)


@dataclass(frozen=True, slots=True)
class _Sides:
    """The rules of one policy."""

    ingress: list[object] = field(default_factory=list)
    egress: list[object] = field(default_factory=list)


def _connect(random: Random, workloads: list[Workload], sides: list[_Sides]) -> None:
    """One connection, allowed on both sides: in a policy of its client and one of its server."""
    out, into = random.randrange(len(sides)), random.randrange(len(sides))
    client, server = workloads[out % len(workloads)], workloads[into % len(workloads)]
    ports = _ports(random, server)
    sides[out].egress.append(_rule("to", [_peer(random, client, server)], ports))
    sides[into].ingress.append(_rule("from", [_peer(random, server, client)], ports))


def _policy(
    name: str,
    namespace: str,
    pods: dict[str, object],
    ingress: list[object] | None = None,
    egress: list[object] | None = None,
) -> dict[str, object]:
    spec = {
        "podSelector": pods,
        "policyTypes": ["Ingress", "Egress"],
        "ingress": ingress or [],
        "egress": egress or [],
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def _chosen(one: Workload) -> dict[str, object]:
    keys = ("app.kubernetes.io/name", "app.kubernetes.io/instance")
    return {"matchLabels": {key: one.labels[key] for key in keys}}


def _rule(side: str, peers: list[object], ports: list[object]) -> dict[str, object]:
    return {side: peers, "ports": ports}


def _peer(random: Random, one: Workload, other: Workload) -> dict[str, object]:
    if random.random() < 0.05:
        match = {"key": "team", "operator": "In", "values": random.choices(TEAMS, k=2)}
        return {"namespaceSelector": {"matchExpressions": [match]}, "podSelector": _chosen(other)}
    if one.namespace == other.namespace:
        return {"podSelector": _chosen(other)}
    name = {"matchLabels": {"kubernetes.io/metadata.name": other.namespace}}
    return {"namespaceSelector": name, "podSelector": _chosen(other)}


def _ports(random: Random, server: Workload) -> list[object]:
    kind = random.random()
    if kind < 0.1:
        return [{"port": "http", "protocol": "TCP"}]
    if kind < 0.15:
        low = random.choice((8000, 9000, 30000))
        return [{"port": low, "endPort": low + random.randint(1, 90), "protocol": "TCP"}]
    return [{"port": server.port, "protocol": "TCP"}, {"port": 9102, "protocol": "TCP"}][
        : random.randint(1, 2)
    ]


def _block(random: Random) -> dict[str, object]:
    net = ipaddress.ip_network((random.getrandbits(32), random.randint(12, 28)), strict=False)
    inner = random.choice(list(net.subnets(prefixlen_diff=2)))
    holes = {"except": [str(inner)]} if random.random() < 0.3 else {}
    return {"ipBlock": {"cidr": str(net), **holes}}


def _dns() -> dict[str, object]:
    system = {"matchLabels": {"kubernetes.io/metadata.name": "team-000"}}
    peer = {"namespaceSelector": system, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}
    return _rule("to", [peer], [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}])

"""Who is no pod of a workload: what an address alone becomes, and how each dialect names it.

Every row is one connection of which a source saw nothing but addresses and a port, in the cluster
of :func:`objects`. It says who that was, and by which addresses or entities the policies of the
namespace ``shop`` allow it: in Kubernetes' and Calico's by address, in Cilium's by entity where
there is one. The certificate of each must be sufficient, and every rule needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from scenes import TARGETS, accepted, flow, held, learned, proof

from capture.snapshot import read_inventory
from generators import DIALECTS
from netpol.cli.proof import Proof, dialect_named, prove
from netpol.learn import Learned
from netpol.peers import Endpoint
from netpol.profile import CNIS
from netpol.synthesize import Options

API, CART = "10.244.1.5", "10.244.1.6"
"""Two pods on the node ``worker``."""
WORKER, CONTROL, OTHER = "172.18.0.2", "172.18.0.5", "172.18.0.8"
"""The nodes; the API server runs on ``control``."""
NODES = {f"{one}/32" for one in (WORKER, CONTROL, OTHER)}
CLIENT = "198.51.100.7"
"""Somebody on the internet."""
TO_API, CART_TO = "-> shop/Deployment/api TCP 8080", "shop/Deployment/cart ->"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One connection, and what becomes of it."""

    what: str
    client: str
    server: str
    port: int = 8080
    protocol: str = "TCP"
    becomes: str
    """The connection that is learned."""
    blocks: set[str] = field(default_factory=set)
    """The addresses that Kubernetes' and Calico's policies allow; none: no rule is needed."""
    cilium: set[str]
    """What Cilium's allow."""
    cluster: dict[str, Any] = field(default_factory=dict)
    """What is otherwise in the cluster; see :func:`objects`."""


LEARNED = [
    # --- nodes
    Row(
        what="a probe of the kubelet comes from the pod's own node, which no engine stops",
        client=WORKER,
        server=API,
        becomes=f"entity:host {TO_API}",
        cilium=set(),
    ),
    Row(
        what="a process or hostNetwork pod of another node; tomorrow it may run on any",
        client=OTHER,
        server=API,
        becomes=f"entity:remote-node {TO_API}",
        blocks=NODES,
        cilium={"remote-node"},
    ),
    Row(
        what="the gateway of the own node's bridge (cni0, cbr0, antrea-gw0)",
        client="10.244.1.1",
        server=API,
        becomes=f"entity:host {TO_API}",
        cilium=set(),
    ),
    Row(
        what="the gateway of another node; those of all nodes, if of one",
        client="10.244.2.1",
        server=API,
        becomes=f"entity:remote-node {TO_API}",
        blocks=NODES | {f"10.244.{n}.1/32" for n in (0, 1, 2)},
        cilium={"remote-node"},
    ),
    Row(
        what="Calico's tunnel address of another node, which its annotation tells",
        client="10.244.2.64",
        server=API,
        becomes=f"entity:remote-node {TO_API}",
        blocks=NODES | {"10.244.2.64/32"},
        cilium={"remote-node"},
        cluster={"annotations": {"projectcalico.org/IPv4VXLANTunnelAddr": "10.244.2.64"}},
    ),
    Row(
        what="Cilium's router address of another node, likewise",
        client="10.244.2.77",
        server=API,
        becomes=f"entity:remote-node {TO_API}",
        blocks=NODES | {"10.244.2.77/32"},
        cilium={"remote-node"},
        cluster={"annotations": {"network.cilium.io/ipv4-cilium-host": "10.244.2.77"}},
    ),
    Row(
        what="a hostNetwork server (node-exporter) on the client's own node",
        client=CART,
        server=WORKER,
        port=9100,
        becomes=f"{CART_TO} entity:host TCP 9100",
        blocks=NODES,
        cilium={"host"},
    ),
    Row(
        what="a hostNetwork server on another node",
        client=CART,
        server=OTHER,
        port=9100,
        becomes=f"{CART_TO} entity:remote-node TCP 9100",
        blocks=NODES,
        cilium={"remote-node"},
    ),
    # --- the API server
    Row(
        what="the API server on a node: that node alone",
        client=CART,
        server=CONTROL,
        port=6443,
        becomes=f"{CART_TO} entity:kube-apiserver TCP 6443",
        blocks={f"{CONTROL}/32"},
        cilium={"kube-apiserver"},
    ),
    Row(
        what="the API server by the address of its Service: never that address, nor its port",
        client=CART,
        server="10.96.0.1",
        port=443,
        becomes=f"{CART_TO} entity:kube-apiserver TCP 6443",
        blocks={f"{CONTROL}/32"},
        cilium={"kube-apiserver"},
    ),
    Row(
        what="the API server calls a webhook",
        client=CONTROL,
        server=API,
        becomes=f"entity:kube-apiserver {TO_API}",
        blocks={f"{CONTROL}/32"},
        cilium={"kube-apiserver"},
    ),
    Row(
        what="a managed API server outside, which only default/kubernetes tells",
        client=CART,
        server="203.0.113.10",
        port=443,
        becomes=f"{CART_TO} entity:kube-apiserver TCP 443",
        blocks={"203.0.113.10/32"},
        cilium={"kube-apiserver"},
        cluster={"api_server": ("203.0.113.10", 443)},
    ),
    Row(
        what="a managed API server by the address of its Service",
        client=CART,
        server="10.96.0.1",
        port=443,
        becomes=f"{CART_TO} entity:kube-apiserver TCP 443",
        blocks={"203.0.113.10/32"},
        cilium={"kube-apiserver"},
        cluster={"api_server": ("203.0.113.10", 443)},
    ),
    # --- from outside
    Row(
        what="NodePort with externalTrafficPolicy Cluster: the pod sees the node that took it in",
        client=OTHER,
        server=API,
        becomes=f"entity:remote-node {TO_API}",
        blocks=NODES,
        cilium={"remote-node"},
        cluster={"service": {"type": "NodePort"}},
    ),
    Row(
        what="NodePort with externalTrafficPolicy Local: the client; everyone, as it is shown",
        client=CLIENT,
        server=API,
        becomes=f"{CLIENT}/32 {TO_API}",
        blocks={"0.0.0.0/0"},
        cilium={"0.0.0.0/0"},
        cluster={"service": {"type": "NodePort", "externalTrafficPolicy": "Local"}},
    ),
    Row(
        what="NodePort as the client dials it: the pods behind it, on their own port",
        client=CLIENT,
        server=WORKER,
        port=30080,
        becomes=f"{CLIENT}/32 {TO_API}",
        blocks={"0.0.0.0/0"},
        cilium={"0.0.0.0/0"},
        cluster={"service": {"type": "NodePort"}},
    ),
    Row(
        what="the address of a load balancer: the pods behind it",
        client=CLIENT,
        server="203.0.113.80",
        port=80,
        becomes=f"{CLIENT}/32 {TO_API}",
        blocks={"0.0.0.0/0"},
        cilium={"0.0.0.0/0"},
        cluster={"service": {"type": "LoadBalancer"}},
    ),
    Row(
        what="a pod that dials the load balancer never leaves the cluster",
        client=CART,
        server="203.0.113.80",
        port=80,
        becomes=f"{CART_TO} shop/Deployment/api TCP 8080",
        cilium=set(),
        cluster={"service": {"type": "LoadBalancer"}},
    ),
    Row(
        what="a client that no Service shows the port to is its address and nobody else",
        client=CLIENT,
        server=API,
        becomes=f"{CLIENT}/32 {TO_API}",
        blocks={f"{CLIENT}/32"},
        cilium={f"{CLIENT}/32"},
    ),
    # --- to outside
    Row(
        what="an address on the internet",
        client=CART,
        server=CLIENT,
        port=443,
        becomes=f"{CART_TO} {CLIENT}/32 TCP 443",
        blocks={f"{CLIENT}/32"},
        cilium={f"{CLIENT}/32"},
    ),
    *(
        Row(
            what=f"{what}: its address, never the internet",
            client=CART,
            server=address,
            port=port,
            becomes=f"{CART_TO} {address}/32 TCP {port}",
            blocks={f"{address}/32"},
            cilium={f"{address}/32"},
        )
        for what, address, port in (
            ("the metadata of a cloud", "169.254.169.254", 80),
            ("the metadata server of GKE, translated", "169.254.169.252", 988),
            ("credentials of tasks on AWS", "169.254.170.2", 80),
            ("EKS Pod Identity", "169.254.170.23", 80),
            ("the platform address of Azure", "168.63.129.16", 80),
        )
    ),
    # --- names
    Row(
        what="kube-dns by the address of its Service: its pods, by label",
        client=CART,
        server="10.96.0.10",
        port=53,
        protocol="UDP",
        becomes=f"{CART_TO} kube-system/Deployment/coredns UDP 53",
        cilium=set(),
    ),
    Row(
        what="OpenShift's resolver: port 5353 of pods behind port 53 of a Service",
        client=CART,
        server="10.96.0.10",
        port=53,
        protocol="UDP",
        becomes=f"{CART_TO} kube-system/Deployment/coredns UDP 5353",
        cilium=set(),
        cluster={"dns_port": 5353},
    ),
    Row(
        what="NodeLocal DNSCache: the node, which Cilium may also take for an address outside",
        client=CART,
        server="169.254.20.10",
        port=53,
        protocol="UDP",
        becomes=f"{CART_TO} 169.254.20.10/32 UDP 53",
        blocks={"169.254.20.10/32"},
        cilium={"host", "169.254.20.10/32"},
    ),
    Row(
        what="the resolver of AWS",
        client=CART,
        server="169.254.169.253",
        port=53,
        protocol="UDP",
        becomes=f"{CART_TO} 169.254.169.253/32 UDP 53",
        blocks={"169.254.169.253/32"},
        cilium={"169.254.169.253/32"},
    ),
]

NEVER_A_RULE = [
    # In the cluster, but nobody known: never outside.
    ("10.244.1.99", 8080, "an unknown address in the pod range"),
    ("10.96.7.7", 443, "a Service address that leads to no one workload"),
    ("10.96.0.20", 81, "a Service address that leads to no one workload"),
    # Noise: nothing that a policy of pods is about.
    ("224.0.0.251", 5353, "multicast or broadcast"),
    ("239.255.255.250", 1900, "multicast or broadcast"),
    ("ff02::fb", 5353, "multicast or broadcast"),
    ("255.255.255.255", 67, "multicast or broadcast"),
    ("0.0.0.0", 67, "multicast or broadcast"),
    ("127.0.0.1", 8080, "loopback"),
    ("::1", 8080, "loopback"),
    ("169.254.7.7", 80, "link-local address"),
    ("fe80::1", 80, "link-local address"),
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("row", LEARNED, ids=lambda row: row.what)
def test_who_is_no_pod_of_a_workload(row: Row, target: str, tmp_path: Path) -> None:
    what = seen(row.client, row.server, row.port, row.protocol, tmp_path, **row.cluster)
    assert accepted(what) == {row.becomes}
    if target == "cilium" or row.becomes.startswith("entity:host"):
        expected = row.cilium
    else:
        expected = row.blocks
    assert allowed(what, target) == expected


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("server", "port", "reason"), NEVER_A_RULE)
def test_what_is_held_with_its_reason_and_never_a_rule(
    server: str, port: int, reason: str, target: str, tmp_path: Path
) -> None:
    what = seen(CART, server, port, "UDP", tmp_path)
    assert accepted(what) == set()
    assert set(held(what).values()) == {reason}
    assert allowed(what, target) == set()


def test_traffic_between_nodes_and_health_checks_are_beside_the_question(tmp_path: Path) -> None:
    annotations = {"network.cilium.io/ipv4-health-ip": "10.244.2.78"}
    for client, server, reason in (
        (WORKER, OTHER, "between nodes"),
        (WORKER, "169.254.20.10", "between nodes"),
        (WORKER, "10.244.2.78", "health check"),
    ):
        what = seen(client, server, 53, "UDP", tmp_path, annotations=annotations)
        assert (what.records.other, set(what.records.reasons)) == (1, {reason})


def test_where_policies_are_asked_first_the_address_of_the_service_is_allowed_too(
    tmp_path: Path,
) -> None:
    """Amazon's plugin sees the address that was dialled (docs/semantics.md#amazon-vpc-cni)."""
    what = seen(CART, "10.96.0.1", 443, "TCP", tmp_path)
    profile = CNIS["aws-vpc-cni"]
    made = prove(what, dialect_named("kubernetes", DIALECTS), Options(), lambda _: None, profile)
    assert not (made.certificate.denied or made.certificate.without_witness)
    rules = yaml.safe_load(made.files["shop/cart.yaml"])["spec"]["egress"]
    assert [
        ([peer["ipBlock"]["cidr"] for peer in rule["to"]], [one["port"] for one in rule["ports"]])
        for rule in rules
    ] == [(["10.96.0.1/32"], [443]), ([f"{CONTROL}/32"], [6443])]


def test_where_the_own_node_is_asked_about_too_its_probes_have_a_rule(tmp_path: Path) -> None:
    """Cilium with ``allow-localhost: policy``."""
    profile = replace(CNIS["cilium"], node_to_pod=False)
    pods = flow(Endpoint(ip=CART), Endpoint(ip=API))
    what = seen(WORKER, API, 8080, "TCP", tmp_path)
    what = learned([flow(Endpoint(ip=WORKER), Endpoint(ip=API)), pods], what.inventory)
    made = prove(what, dialect_named("cilium", DIALECTS), Options(), lambda _: None, profile)
    assert not (made.certificate.denied or made.certificate.without_witness)
    assert "- host\n" in made.files["shop/api.yaml"]


# --- how it is tried


def allowed(what: Learned, target: str) -> set[str]:
    """The addresses and entities of the policies of ``shop``; its certificate must hold."""
    if not accepted(what):
        return set()
    made = proof(what, target)
    certificate = made.certificate
    assert not (certificate.denied or certificate.without_witness)
    reasons = {one.reason for one in certificate.opened}
    assert reasons <= {"declared need: name resolution"}
    assert all("world" not in text for text in made.files.values())
    return set(peers(made))


def peers(made: Proof) -> Iterator[str]:
    for name, text in made.files.items():
        if name.startswith("shop/"):
            # What is excepted from a block is indented below it.
            plain = re.sub(r"(except|notNets|excluded):\n(\s*- .*\n)+", "", text)
            yield from re.findall(r"[0-9a-f.:]+/[0-9]+", plain)
            yield from re.findall(r"- (host|remote-node|kube-apiserver)\n", plain)


def seen(
    client: str, server: str, port: int, protocol: str, folder: Path, **cluster: Any
) -> Learned:
    """What is learned of one answered connection, from the cluster's objects as kubectl prints."""
    path = folder / "cluster.json"
    items = list(objects(**cluster))
    path.write_text(json.dumps({"kind": "List", "apiVersion": "v1", "items": items}))
    known = read_inventory([str(path)], lambda notice: pytest.fail(str(notice)))
    sides = Endpoint(ip=client), Endpoint(ip=server)
    return learned([flow(*sides, port, protocol=protocol)], known)


def objects(
    annotations: dict[str, str] | None = None,
    api_server: tuple[str, int] = (CONTROL, 6443),
    service: dict[str, str] | None = None,
    dns_port: int = 53,
) -> Iterator[dict[str, Any]]:
    """Three nodes, two applications and kube-dns.

    ``annotations`` are of the node ``other``, ``service`` is the spec of the one before ``api``.
    """
    for number, (name, address) in enumerate(
        (("control", CONTROL), ("worker", WORKER), ("other", OTHER))
    ):
        yield {
            "kind": "Node",
            "apiVersion": "v1",
            "metadata": {
                "name": name,
                "annotations": (annotations or {}) if name == "other" else {},
            },
            "spec": {"podCIDR": f"10.244.{number}.0/24"},
            "status": {"addresses": [{"type": "InternalIP", "address": address}]},
        }
    dns = {"k8s-app": "kube-dns"}
    yield from deployment("shop", "api", {"app": "api"}, API)
    yield from deployment("shop", "cart", {"app": "cart"}, CART)
    yield from deployment("kube-system", "coredns", dns, "10.244.2.5")
    port, target = api_server
    yield service_object("default", "kubernetes", {}, "10.96.0.1", "TCP", 443, target)
    yield {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "addressType": "IPv4",
        "metadata": {
            "namespace": "default",
            "name": "kubernetes",
            "labels": {"kubernetes.io/service-name": "kubernetes"},
        },
        "ports": [{"name": "", "protocol": "TCP", "port": target}],
        "endpoints": [{"addresses": [port]}],
    }
    yield service_object("kube-system", "kube-dns", dns, "10.96.0.10", "UDP", 53, dns_port)
    made = service_object("shop", "api", {"app": "api"}, "10.96.0.20", "TCP", 80, 8080)
    made["spec"].update(service or {})
    if service:
        made["spec"]["ports"][0]["nodePort"] = 30080
    if service and service["type"] == "LoadBalancer":
        made["status"] = {"loadBalancer": {"ingress": [{"ip": "203.0.113.80"}]}}
    yield made


def deployment(
    namespace: str, name: str, labels: dict[str, str], address: str
) -> Iterator[dict[str, Any]]:
    """A Deployment with its ReplicaSet and one pod, on the node whose range the address is of."""
    owner = {"apiVersion": "apps/v1", "controller": True}
    meta = {"namespace": namespace, "labels": labels}
    replicas = f"{name}-6d9c7f8b45"
    deployed = {**owner, "kind": "Deployment", "name": name, "uid": f"d-{name}"}
    replicated = {**owner, "kind": "ReplicaSet", "name": replicas, "uid": f"r-{name}"}
    spec = {"selector": {"matchLabels": labels}}
    yield {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {**meta, "name": name, "uid": f"d-{name}"},
        "spec": spec,
    }
    yield {
        "kind": "ReplicaSet",
        "apiVersion": "apps/v1",
        "metadata": {
            **meta,
            "name": replicas,
            "uid": f"r-{name}",
            "ownerReferences": [deployed],
        },
        "spec": spec,
    }
    yield {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            **meta,
            "name": f"{replicas}-x2k9q",
            "uid": f"p-{name}",
            "ownerReferences": [replicated],
        },
        "spec": {"nodeName": "worker" if address.startswith("10.244.1.") else "other"},
        "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]},
    }


def service_object(
    namespace: str,
    name: str,
    selector: dict[str, str],
    address: str,
    protocol: str,
    port: int,
    target: int,
) -> dict[str, Any]:
    return {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "clusterIP": address,
            "selector": selector,
            "ports": [{"protocol": protocol, "port": port, "targetPort": target}],
        },
    }

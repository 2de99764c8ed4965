"""Who talks: the two sides of a conversation, each as Hubble's endpoints describe it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chance import mac, number
from describe import Node
from pods import Pod, endpoint_id, identity, identity_labels

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a conversation; `node` is where it is a local endpoint, None outside of pods."""

    ip: str
    node: Node | None
    near: Json  # as its own node writes it
    far: Json  # as another node writes it
    bare: Json  # as a policy verdict writes a remote: known by its labels only
    mac: str = ""
    name: str = ""  # what DNS called it


def pod_side(pod: Pod, *, ip6: bool = False) -> Side:
    bare: Json = {
        "identity": identity(pod),
        "namespace": pod.workload.namespace,
        "labels": identity_labels(pod),
    }
    far = bare | {"pod_name": pod.name}
    near: Json = {"ID": endpoint_id(pod)} | far
    if pod.node.agent != "old" and pod.workload.kind != "Pod":
        near["workloads"] = [{"name": pod.workload.name, "kind": pod.workload.kind}]
    return Side(
        ip=pod.ip6 if ip6 else pod.ip4,
        node=pod.node,
        near=near,
        far=far,
        bare=bare,
        mac=mac(pod.key),
    )


RESERVED: dict[str, tuple[int, list[str]]] = {
    "host": (1, ["reserved:host"]),
    "health": (4, ["reserved:health"]),
    "remote-node": (6, ["reserved:remote-node"]),
    "kube-apiserver": (7, ["reserved:kube-apiserver", "reserved:remote-node"]),
    "world-ipv4": (9, ["reserved:world-ipv4"]),
    "world-ipv6": (10, ["reserved:world-ipv6"]),
}


def entity(ip: str, name: str) -> Side:
    known, labels = RESERVED[name]
    endpoint: Json = {"identity": known, "labels": labels}
    return Side(ip=ip, node=None, near=endpoint, far=endpoint, bare=endpoint)


def outside(ip: str, label: str = "", name: str = "") -> Side:
    """Give an address outside the cluster; a policy that names it gives it its own identity."""
    family = "reserved:world-ipv6" if ":" in ip else "reserved:world-ipv4"
    if not label:
        known = entity(ip, family.removeprefix("reserved:"))
        return Side(ip=ip, node=None, near=known.near, far=known.far, bare=known.bare, name=name)
    local = 16777216 + number(f"cidr/{label}", 1, 200)  # differs from node to node in real life
    endpoint: Json = {"identity": local, "labels": [label, family]}
    return Side(ip=ip, node=None, near=endpoint, far=endpoint, bare=endpoint, name=name)


@dataclass(frozen=True, kw_only=True)
class Talk:
    """A conversation: who opened it to whom, on which ports. For ICMP `port` is the type."""

    client: Side
    server: Side
    protocol: str
    port: int
    client_port: int

    @property
    def same_node(self) -> bool:
        return self.client.node is not None and self.client.node == self.server.node

    def sender(self, *, reply: bool) -> Side:
        return self.server if reply else self.client

    def receiver(self, *, reply: bool) -> Side:
        return self.client if reply else self.server

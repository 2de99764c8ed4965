"""Nodes, and the address blocks of a cluster."""

from __future__ import annotations

import msgspec

from capture.objects.base import Camel, LabelPairs, Meta, Object

__all__ = [
    "CiliumAddress",
    "CiliumHealth",
    "CiliumIpam",
    "CiliumNode",
    "CiliumNodeSpec",
    "Node",
    "NodeAddress",
    "NodeMeta",
    "NodeSpec",
    "NodeStatus",
    "Ranges",
    "RangesSpec",
]


class NodeMeta(Meta):
    """The metadata of a Node: only there are the annotations of use."""

    annotations: LabelPairs | None = None


class NodeSpec(Camel):
    """The spec of a Node."""

    pod_cidr: str | None = msgspec.field(default=None, name="podCIDR")
    pod_cidrs: list[str] | None = msgspec.field(default=None, name="podCIDRs")


class NodeAddress(Camel):
    """One of a Node's ``status.addresses``."""

    type: str
    address: str


class NodeStatus(Camel):
    """The status of a Node."""

    addresses: list[NodeAddress] | None = None


class Node(Object):
    """A Node."""

    metadata: NodeMeta
    spec: NodeSpec | None = None
    status: NodeStatus | None = None


class RangesSpec(Camel):
    """Address blocks, under the names that the kinds of :class:`Ranges` give them."""

    cidrs: list[str] | None = None
    cidr: str | None = None
    disabled: bool | None = None


class Ranges(Object):
    """A ServiceCIDR of Kubernetes or an IPPool of Calico."""

    spec: RangesSpec | None = None


class CiliumAddress(Camel):
    """One of a CiliumNode's ``addresses``."""

    ip: str | None = None
    type: str | None = None


class CiliumIpam(Camel):
    """Where a node's pods get their addresses from."""

    pod_cidrs: list[str] | None = msgspec.field(default=None, name="podCIDRs")


class CiliumHealth(Camel):
    """Where a node's health endpoint is."""

    ipv4: str | None = None
    ipv6: str | None = None


class CiliumNodeSpec(Camel):
    """The spec of a CiliumNode."""

    addresses: list[CiliumAddress] | None = None
    health: CiliumHealth | None = None
    ipam: CiliumIpam | None = None


class CiliumNode(Object):
    """What Cilium knows of a node of that name."""

    spec: CiliumNodeSpec | None = None

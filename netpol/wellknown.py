"""Addresses that mean the same in every cluster: services of the clouds, resolvers on the node.

No inventory tells them. Each is somebody that policies must be able to name, though its range says
"link-local" (docs/semantics.md#special-addresses).
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from netpol.inventory import Inventory, Pod

__all__ = [
    "CLOUD",
    "CLOUD_DNS",
    "CLUSTER_DNS",
    "DNS",
    "LOCAL_DNS",
    "NODE_LOCAL_DNS",
    "local_caches",
    "noise",
    "on_node",
]

NODE_LOCAL_DNS: Final = frozenset({"169.254.20.10", "fd00::a"})
"""Where NodeLocal DNSCache listens by default, on every node. Others choose another link-local
address: kubespray 169.254.25.10, Talos 169.254.116.108 (cilium/cilium issues 36761, 35153)."""

CLOUD_DNS: Final = frozenset(
    {"169.254.169.253", "169.254.169.254", "168.63.129.16", "fd00:ec2::253"}
)
"""Where the clouds resolve names: AWS, Google (beside its metadata), Azure, AWS by IPv6. AWS does
so at the third address of a VPC, too, which no address tells."""

CLOUD: Final = CLOUD_DNS | {"169.254.169.252", "169.254.170.2", "169.254.170.23", "fd00:ec2::254"}
"""Metadata, credential and name services of the clouds: outside the cluster, whatever their range.
169.254.169.252 is the metadata server of GKE, for those that see it translated (port 988)."""

LOCAL_DNS: Final = ("k8s-app", "node-local-dns")
"""The label of NodeLocal DNSCache."""

CLUSTER_DNS: Final = frozenset(
    {
        ("k8s-app", "kube-dns"),
        ("k8s-app", "coredns"),
        ("dns.operator.openshift.io/daemonset-dns", "default"),
        LOCAL_DNS,
    }
)
"""The labels of the usual resolvers."""

DNS: Final = 53
"""On a link-local address nothing but names is asked for on this port."""


@lru_cache(maxsize=4096)
def on_node(address: str) -> bool:
    """Whether an address can only be that of the machine that a packet leaves, on every machine.

    Beside the defaults of NodeLocal DNSCache all link-local addresses of IPv4 but those of clouds.
    """
    one = ip_address(address)
    return address in NODE_LOCAL_DNS or (
        one.version == 4 and one.is_link_local and address not in CLOUD
    )


@lru_cache(maxsize=4096)
def noise(address: str, port: int | None = None) -> str:
    """Why an address names nobody: multicast, loopback and the like; empty when it may.

    ``port``: on which somebody there was asked.
    """
    one = ip_address(address)
    if address in CLOUD or address in NODE_LOCAL_DNS or (port == DNS and on_node(address)):
        return ""
    if one.is_loopback:
        return "loopback"
    if one.is_multicast or one.is_unspecified or address == "255.255.255.255":
        return "multicast or broadcast"
    return "link-local address" if one.is_link_local else ""


def local_caches(inventory: Inventory) -> tuple[Pod, ...]:
    """The pods of NodeLocal DNSCache."""
    return tuple(pod for pod in inventory.pods.values() if LOCAL_DNS in pod.labels)

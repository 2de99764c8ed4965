"""What of a cluster's configuration tells which network plugin it runs, and how that is set.

Everything else that ConfigMaps and annotations hold is nobody's business here: it is not kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from netpol.peers import Labels

__all__ = ["CONFIG_MAPS", "is_setting", "telling"]

CONFIG_MAPS: Final = frozenset(
    {
        ("cilium", "cilium-config"),
        ("kube-flannel", "kube-flannel-cfg"),
        ("kube-system", "amazon-vpc-cni"),
        ("kube-system", "antrea-config"),
        ("kube-system", "calico-config"),
        ("kube-system", "canal-config"),
        ("kube-system", "cilium-config"),
        ("kube-system", "kube-flannel-cfg"),
        ("kube-system", "kube-router-cfg"),
        ("kube-system", "weave-net"),
    }
)
"""(namespace, name) of the ConfigMaps that are read; no other ever is."""

_ANNOTATIONS: Final = (
    "flannel.alpha.coreos.com/",
    "io.cilium.network",
    "k8s.ovn.org/",
    "kube-router.io/",
    "network.cilium.io/",
    "node.antrea.io/",
    "projectcalico.org/",
)
"""How the annotations that network plugins write on nodes begin."""


def is_setting(namespace: str, name: str) -> bool:
    """Whether the ConfigMap of this name belongs to a network plugin."""
    return (namespace, name) in CONFIG_MAPS


def telling(annotations: Mapping[str, str | None]) -> Labels:
    """Those annotations of a node that a network plugin wrote, sorted by key."""
    return tuple(sorted((k, v or "") for k, v in annotations.items() if k.startswith(_ANNOTATIONS)))

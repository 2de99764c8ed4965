"""GKE Dataplane V2: a managed fork of Cilium that is given plain Kubernetes policies."""

from __future__ import annotations

from typing import Final

from netpol.profile.cilium import CILIUM_SETTINGS, CILIUM_SOURCES
from netpol.profile.model import Profile, Signs, Source, unverified
from netpol.profile.words import KUBERNETES_WORDS

__all__ = ["GKE_DATAPLANE_V2"]

GKE_DATAPLANE_V2: Final = Profile(
    name="gke-dataplane-v2",
    summary="GKE Dataplane V2, the vendor's fork of Cilium",
    words=KUBERNETES_WORDS,
    reads=("kubernetes",),
    groups=frozenset({"networking.gke.io", "networking.k8s.io"}),
    cidr_matches_pods=False,
    cidr_matches_nodes=False,
    identity_labels_only=True,
    sctp="when enabled",
    sources={
        name: unverified(f"taken from Cilium: {source.text}")
        for name, source in CILIUM_SOURCES.items()
    },
    remarks=(
        Source(
            "CiliumNetworkPolicy is not offered, L7 neither; FQDNNetworkPolicy and a subset of"
            " CiliumClusterwideNetworkPolicy are (GKE docs)."
        ),
        unverified(
            "With Workload Identity pods need egress to 169.254.169.254, on ports 80 and 988."
        ),
    ),
    signs=Signs(
        workloads=frozenset({"anetd"}),
        labels=frozenset({("k8s-app", "anetd")}),
        beneath=frozenset({"cilium"}),
        config=frozenset({("kube-system", "cilium-config")}),
        settings=CILIUM_SETTINGS,
    ),
)

"""An engine of which nothing is known but that it does what Kubernetes says."""

from __future__ import annotations

from typing import Final

from netpol.profile.model import Profile, Signs, Source, unverified
from netpol.profile.words import KUBERNETES_WORDS

__all__ = ["GENERIC"]

GENERIC: Final = Profile(
    name="generic",
    called="kubernetes",
    summary="any engine that does what Kubernetes says; where that is open, the cautious reading",
    words=KUBERNETES_WORDS,
    reads=("kubernetes",),
    groups=frozenset({"networking.k8s.io", "policy.networking.k8s.io"}),
    cidr_matches_pods=True,
    cidr_matches_nodes=True,
    icmp_rule="undefined",
    sources={
        "cidr_matches_pods": Source(
            "not specified; kube-network-policies and the policy-assistant go by address alone"
        ),
        "cidr_matches_nodes": Source(
            "not specified; kube-network-policies and the policy-assistant go by address alone"
        ),
        "before_dnat": Source("not specified: the concept page leaves the order to the engine"),
        "node_to_pod": Source("concept page Network Policies; comments of the API types"),
        "pod_to_node": Source(
            "the concept page exempts it, the API types do not, engines differ: policed, to be safe"
        ),
        "icmp_rule": Source("undefined for allow and for deny: concept page Network Policies"),
    },
    remarks=(
        Source(
            "An add-on such as kube-network-policies or Azure NPM is taken for this; Azure NPM"
            " ignores endPort (Azure/azure-container-networking issue 2313)."
        ),
        unverified("Kube-OVN is taken for this, too."),
    ),
    signs=Signs(
        workloads=frozenset({"azure-npm", "kube-network-policies", "kube-ovn-cni"}),
        labels=frozenset({("k8s-app", "azure-npm"), ("app", "kube-ovn-cni")}),
    ),
)

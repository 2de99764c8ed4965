"""Antrea, given plain Kubernetes policies."""

from __future__ import annotations

from typing import Final

from netpol.profile.model import Profile, Signs, Source, unverified
from netpol.profile.words import KUBERNETES_WORDS

__all__ = ["ANTREA"]

ANTREA: Final = Profile(
    name="antrea",
    summary="Antrea",
    words=KUBERNETES_WORDS,
    reads=("kubernetes",),
    groups=frozenset({"crd.antrea.io", "networking.k8s.io", "policy.networking.k8s.io"}),
    cidr_matches_pods=True,
    cidr_matches_nodes=True,
    sources={
        "cidr_matches_pods": unverified("OpenFlow rules go by address"),
        "cidr_matches_nodes": unverified("OpenFlow rules go by address"),
        "before_dnat": unverified("after translation, as every engine that is known but Amazon's"),
        "node_to_pod": Source("antrea-io/antrea docs/antrea-network-policy.md"),
        "pod_to_node": unverified("policed like any other egress"),
        "icmp_rule": Source("a rule with ports has a match on L4 that ICMP never meets"),
        "end_port": Source("network-policy-api implementations page"),
        "sctp": Source("network-policy-api implementations page"),
    },
    remarks=(
        Source("Connections that are established stay when a policy changes (Antrea docs)."),
        Source("A pod that reaches itself through its Service is always allowed in (Antrea docs)."),
    ),
    signs=Signs(
        workloads=frozenset({"antrea-agent"}),
        labels=frozenset({("component", "antrea-agent")}),
        config=frozenset({("kube-system", "antrea-config")}),
        annotations=("node.antrea.io/",),
    ),
)

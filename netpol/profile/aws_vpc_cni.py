"""Amazon VPC CNI with its policy controller and agent; also EKS Auto Mode."""

from __future__ import annotations

from typing import Final

from netpol.profile.model import Profile, Signs, Source, unverified
from netpol.profile.words import KUBERNETES_WORDS

__all__ = ["AWS_VPC_CNI"]

_CONTROLLER: Final = Source(
    "aws/amazon-network-policy-controller-k8s pkg/resolvers/endpoints.go: addresses alone"
)
_AGENT: Final = "aws/aws-network-policy-agent pkg/ebpf, pkg/fwruleprocessor"
_EKS: Final = "EKS docs, Limit Pod traffic with Kubernetes network policies"

AWS_VPC_CNI: Final = Profile(
    name="aws-vpc-cni",
    summary="Amazon VPC CNI with its network policy agent",
    words=KUBERNETES_WORDS,
    reads=("kubernetes",),
    groups=frozenset({"networking.k8s.aws", "networking.k8s.io"}),
    cidr_matches_pods=True,
    cidr_matches_nodes=True,
    before_dnat=True,
    pod_to_node=True,
    excepts="all rules",
    one_family=True,
    port_entries=24,
    sources={
        "cidr_matches_pods": _CONTROLLER,
        "cidr_matches_nodes": _CONTROLLER,
        "before_dnat": Source(
            f"{_AGENT}: the hook at the pod's veth sees the ClusterIP; the controller adds those of"
            " Services whose selector satisfies the peer (pkg/resolvers/endpoints.go)"
        ),
        "node_to_pod": Source(f"{_AGENT}: the node's address is always an entry"),
        "pod_to_node": Source(f"{_AGENT}: the node's address is always an entry"),
        "icmp_rule": Source(f"{_AGENT}: only entries of any protocol match ICMP"),
        "end_port": Source("network-policy-api implementations page; agent code"),
        "sctp": Source(f"{_AGENT}: parsed in eBPF"),
        "named_ports": Source(
            "pkg/resolvers/endpoints.go: resolved by the controller, not for CIDR peers"
        ),
        "excepts": Source(f"{_AGENT}: every except range is an entry of its own that denies"),
        "one_family": Source(_EKS),
        "port_entries": Source(f"{_AGENT}: 24 port and protocol entries per address block"),
    },
    remarks=(
        Source(f"Pods need ownerReferences: bare pods are not protected ({_EKS})."),
        Source(f"Linux EC2 nodes only, primary interface only, kernel 5.10 or later ({_EKS})."),
        Source("A Service's port should be that of its pods (EKS docs)."),
        Source(
            "Standard mode starts pods open until they are programmed, strict mode denied: then"
            " even DNS needs a policy (aws-network-policy-agent README)."
        ),
        unverified("Its own ApplicationNetworkPolicy and ClusterNetworkPolicy are not written."),
    ),
    signs=Signs(
        workloads=frozenset({"aws-node"}),
        labels=frozenset({("k8s-app", "aws-node")}),
        config=frozenset({("kube-system", "amazon-vpc-cni")}),
        switch=("enable-network-policy-controller", "true"),
    ),
)

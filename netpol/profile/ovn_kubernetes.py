"""OVN-Kubernetes, the network of OpenShift."""

from __future__ import annotations

from typing import Final

from netpol.profile.model import Profile, Signs, Source, unverified
from netpol.profile.words import KUBERNETES_WORDS

__all__ = ["OVN_KUBERNETES"]

_ACL: Final = Source("ovn-org/ovn-kubernetes gress_policy.go: ACLs on ip4.src and ip4.dst")

OVN_KUBERNETES: Final = Profile(
    name="ovn-kubernetes",
    summary="OVN-Kubernetes, OpenShift",
    words=KUBERNETES_WORDS,
    reads=("kubernetes",),
    groups=frozenset({"k8s.ovn.org", "networking.k8s.io", "policy.networking.k8s.io"}),
    cidr_matches_pods=True,
    cidr_matches_nodes=True,
    sources={
        "cidr_matches_pods": _ACL,
        "cidr_matches_nodes": _ACL,
        "before_dnat": unverified("after translation, as every engine that is known but Amazon's"),
        "node_to_pod": Source(
            "ovn-org/ovn-kubernetes docs/design/acls.md: the management port's address is allowed"
        ),
        "pod_to_node": unverified("policed like any other egress"),
        "icmp_rule": Source("a rule with ports has a match on L4 that ICMP never meets"),
        "end_port": Source("network-policy-api implementations page"),
        "sctp": Source("network-policy-api implementations page"),
    },
    remarks=(
        Source(
            "A peer with a podSelector can include node addresses of hostNetwork pods"
            " (base_network_controller_policy.go); netpol takes those pods for their nodes."
        ),
        unverified(
            "OpenShift routers on the host network are allowed by namespaces with the label"
            " policy-group.network.openshift.io/host-network."
        ),
    ),
    signs=Signs(
        workloads=frozenset({"ovnkube-node", "ovs-node"}),
        labels=frozenset({("app", "ovnkube-node")}),
        annotations=("k8s.ovn.org/",),
    ),
)

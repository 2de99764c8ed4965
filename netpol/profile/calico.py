"""Calico: also Canal, installs of the Tigera operator, and managed offers that run it."""

from __future__ import annotations

from typing import Final

from netpol.profile.model import Profile, Signs, Source, unverified
from netpol.profile.words import CALICO_WORDS

__all__ = ["CALICO"]

_CODE: Final = Source("projectcalico/calico libcalico-go conversion: ipBlock becomes nets, notNets")

CALICO: Final = Profile(
    name="calico",
    summary="Calico and Canal",
    words=CALICO_WORDS,
    reads=("kubernetes", "calico"),
    groups=frozenset(
        {
            "crd.projectcalico.org",
            "networking.k8s.io",
            "policy.networking.k8s.io",
            "projectcalico.org",
        }
    ),
    cidr_matches_pods=True,
    cidr_matches_nodes=True,
    sources={
        "cidr_matches_pods": _CODE,
        "cidr_matches_nodes": _CODE,
        "before_dnat": Source("Calico docs, pages on service IPs: kube-proxy translates before"),
        "node_to_pod": Source("Calico docs: traffic from the host to local workloads passes"),
        "pod_to_node": Source(
            "Calico docs: egress of the workload is policed, then defaultEndpointToHostAction"
        ),
        "icmp_rule": Source(
            "a rule with ports has a match on L4 that ICMP never meets; rules of its own name types"
        ),
        "end_port": Source("network-policy-api implementations page"),
        "sctp": Source("network-policy-api implementations page"),
    },
    remarks=(
        unverified(
            "What happens to traffic to the own node after its egress was allowed is up to"
            " defaultEndpointToHostAction, which no inventory shows."
        ),
    ),
    signs=Signs(
        workloads=frozenset({"calico-node", "calico-node-windows", "canal"}),
        labels=frozenset({("k8s-app", "calico-node"), ("k8s-app", "canal")}),
        config=frozenset({("kube-system", "calico-config"), ("kube-system", "canal-config")}),
        annotations=("projectcalico.org/",),
        beneath=frozenset({"aws-vpc-cni"}),
    ),
)

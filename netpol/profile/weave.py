"""Weave Net, which nobody maintains any more."""

from __future__ import annotations

from typing import Final

from netpol.profile.model import Profile, Signs, Source, unverified
from netpol.profile.words import KUBERNETES_WORDS

__all__ = ["WEAVE"]

WEAVE: Final = Profile(
    name="weave",
    summary="Weave Net with its policy controller",
    words=KUBERNETES_WORDS,
    reads=("kubernetes",),
    groups=frozenset({"networking.k8s.io"}),
    cidr_matches_pods=True,
    cidr_matches_nodes=True,
    pod_to_node=True,
    end_port=False,
    sctp="no",
    named_ports="no",
    sources={
        "cidr_matches_pods": unverified("ipsets of addresses"),
        "cidr_matches_nodes": unverified("ipsets of addresses"),
        "before_dnat": unverified("iptables on the forwarded packet, after translation"),
        "node_to_pod": unverified("as Kubernetes says"),
        "pod_to_node": Source("weaveworks/weave issue 3924: egress to the own node is not policed"),
        "icmp_rule": unverified("rules without ports"),
        "end_port": unverified("older than endPort: only the first port of a range"),
        "sctp": unverified("older than SCTP in policies"),
        "named_ports": Source("weaveworks/weave issues 3032, 3785: a crash, or no effect"),
    },
    remarks=(unverified("The project was archived in 2024."),),
    signs=Signs(
        workloads=frozenset({"weave-net"}),
        labels=frozenset({("name", "weave-net")}),
        config=frozenset({("kube-system", "weave-net")}),
    ),
)

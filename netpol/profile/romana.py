"""Romana, unmaintained since about 2018: nearly all is assumed."""

from __future__ import annotations

from typing import Final

from netpol.profile.model import Profile, Signs, unverified
from netpol.profile.words import KUBERNETES_WORDS

__all__ = ["ROMANA"]

ROMANA: Final = Profile(
    name="romana",
    summary="Romana",
    words=KUBERNETES_WORDS,
    reads=("kubernetes",),
    groups=frozenset({"networking.k8s.io"}),
    cidr_matches_pods=True,
    cidr_matches_nodes=True,
    icmp_rule="undefined",
    end_port=False,
    sctp="no",
    named_ports="no",
    sources={
        "cidr_matches_pods": unverified("rules go by address"),
        "cidr_matches_nodes": unverified("rules go by address"),
        "before_dnat": unverified("iptables on the forwarded packet, after translation"),
        "node_to_pod": unverified("as Kubernetes says"),
        "pod_to_node": unverified("policed, to be safe"),
        "icmp_rule": unverified("nothing is known"),
        "end_port": unverified("older than endPort: only the first port of a range"),
        "sctp": unverified("older than SCTP in policies"),
        "named_ports": unverified("nothing is known; numbers are safe"),
    },
    remarks=(
        unverified("Unmaintained since about 2018."),
        unverified("It may not police egress at all: try it before you rely on it."),
    ),
    signs=Signs(
        workloads=frozenset({"romana-agent"}),
        labels=frozenset({("romana-app", "agent")}),
    ),
)

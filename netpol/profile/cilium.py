"""Cilium, with its defaults; its ConfigMap says where they are changed."""

from __future__ import annotations

from typing import Final

from netpol.profile.model import Profile, Setting, Signs, Source, unverified
from netpol.profile.words import CILIUM_WORDS

__all__ = ["CILIUM", "CILIUM_SETTINGS", "CILIUM_SOURCES"]

_LAYER3: Final = Source("Cilium docs, Layer 3 policies; cilium/cilium issue 9209")

CILIUM_SOURCES: Final = {
    "cidr_matches_pods": _LAYER3,
    "cidr_matches_nodes": Source("Cilium docs, Layer 3: unless policy-cidr-match-mode has nodes"),
    "before_dnat": Source("Cilium docs: the socket load balancer translates before the policy"),
    "node_to_pod": Source("Cilium docs, host policies: allow-localhost is always by default"),
    "pod_to_node": Source("Cilium docs: policed, the entity host allows it"),
    "icmp_rule": Source("Cilium docs, ICMP rules: rules about addresses alone include it"),
    "identity_labels_only": Source("Cilium docs, limiting identity-relevant labels"),
    "end_port": Source("Cilium docs, Layer 4; releases before ignored it (issue 16622)"),
    "sctp": Source("Cilium docs, SCTP: beta, only with enable-sctp"),
}
CILIUM_SETTINGS: Final = (
    Setting(key="policy-cidr-match-mode", value="nodes", field="cidr_matches_nodes", becomes=True),
    Setting(key="enable-sctp", value="true", field="sctp", becomes="yes"),
    Setting(key="enable-sctp", value="false", field="sctp", becomes="no"),
    Setting(key="allow-localhost", value="policy", field="node_to_pod", becomes=False),
    Setting(key="enable-policy", value="never", field="enforces", becomes=False),
    Setting(key="policy-audit-mode", value="true", field="enforces", becomes=False),
)

CILIUM: Final = Profile(
    name="cilium",
    summary="Cilium",
    words=CILIUM_WORDS,
    reads=("kubernetes", "cilium"),
    groups=frozenset({"cilium.io", "networking.k8s.io"}),
    cidr_matches_pods=False,
    cidr_matches_nodes=False,
    identity_labels_only=True,
    sctp="when enabled",
    sources=CILIUM_SOURCES,
    remarks=(
        unverified("Established connections are judged again, packet by packet, after a change."),
        Source("SCTP has no translation of ports, even where it is switched on (Cilium docs)."),
    ),
    signs=Signs(
        workloads=frozenset({"cilium"}),
        labels=frozenset({("k8s-app", "cilium"), ("app.kubernetes.io/name", "cilium-agent")}),
        config=frozenset({("kube-system", "cilium-config"), ("cilium", "cilium-config")}),
        annotations=("network.cilium.io/", "io.cilium.network"),
        beneath=frozenset({"aws-vpc-cni"}),
        settings=CILIUM_SETTINGS,
    ),
)

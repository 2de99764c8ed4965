"""kube-router, read in its code and not run."""

from __future__ import annotations

from typing import Final

from netpol.profile.model import Profile, Signs, Source, unverified
from netpol.profile.words import KUBERNETES_WORDS

__all__ = ["KUBE_ROUTER"]

_CODE: Final = "cloudnativelabs/kube-router pkg/controllers/netpol"

KUBE_ROUTER: Final = Profile(
    name="kube-router",
    summary="kube-router with its firewall",
    words=KUBERNETES_WORDS,
    reads=("kubernetes",),
    groups=frozenset({"networking.k8s.io"}),
    cidr_matches_pods=True,
    cidr_matches_nodes=True,
    icmp_open=(3, 8, 11),
    named_ports="open when unresolved",
    sources={
        "cidr_matches_pods": Source(f"{_CODE}/policy.go: hash:net sets of addresses"),
        "cidr_matches_nodes": Source(
            f"{_CODE}/policy.go: hash:net sets; the own node is accepted before"
        ),
        "before_dnat": unverified("after translation, as every engine that is known but Amazon's"),
        "node_to_pod": Source(f"{_CODE}/pod.go: a source that is LOCAL is accepted"),
        "pod_to_node": Source(f"{_CODE}/pod.go: hooks the INPUT chain too"),
        "icmp_rule": Source("a rule with ports has a match on L4 that ICMP never meets"),
        "icmp_open": Source(
            f"{_CODE}: destination-unreachable, echo-request and time-exceeded are accepted"
        ),
        "end_port": Source(f"{_CODE}/policy.go: port:end"),
        "sctp": unverified("rules are made with -p SCTP; kube-router issue 1019 is still open"),
        "named_ports": unverified(
            f"{_CODE}/policy.go: a pod peer whose only ports are names that no pod has gets every"
            " port; read in the code, not run"
        ),
    },
    remarks=(
        Source("::/0 is programmed as 2000::/3 and fd00::/8 (pkg/controllers/netpol/utils.go)."),
        Source("Names of ports towards an ipBlock are ignored: no rule (policy.go)."),
        unverified("Run with --run-firewall=false it enforces nothing; no inventory shows that."),
    ),
    signs=Signs(
        workloads=frozenset({"kube-router"}),
        labels=frozenset({("k8s-app", "kube-router")}),
        config=frozenset({("kube-system", "kube-router-cfg")}),
        annotations=("kube-router.io/",),
    ),
)

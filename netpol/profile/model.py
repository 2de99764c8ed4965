"""What the engine that will enforce a policy set does, where engines differ.

Facts and sources: Kubernetes NetworkPolicy concept page and API comments, Calico and Cilium
documentation; each field says which behaviour it stands for. Cilium's defaults are assumed where
Cilium can be configured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["CALICO", "CILIUM", "KUBERNETES", "PROFILES", "Profile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Behaviour of an engine, and what its policy dialect can say."""

    name: str
    cidr_matches_pods: bool
    """Whether a CIDR peer matches pods by their address (Kubernetes leaves it open)."""
    cidr_matches_nodes: bool
    """Whether a CIDR peer matches nodes by their address."""
    entities: frozenset[str] = frozenset()
    """Entities that a rule can name; others must be written as addresses."""
    fqdn: bool = False
    """Whether a rule can name a DNS name."""
    icmp: bool = False
    """Whether a rule can name ICMP types; where not, ICMP is outside what the dialect decides."""
    identity_labels_only: bool = False
    """Whether selectors see only identity-relevant labels (Cilium)."""
    mixed_peers: bool = True
    """Whether one rule may list peers of several kinds (pods, CIDRs, entities, names)."""


KUBERNETES: Final = Profile(name="kubernetes", cidr_matches_pods=True, cidr_matches_nodes=True)
CALICO: Final = Profile(
    name="calico", cidr_matches_pods=True, cidr_matches_nodes=True, icmp=True, mixed_peers=False
)
CILIUM: Final = Profile(
    name="cilium",
    cidr_matches_pods=False,
    cidr_matches_nodes=False,
    entities=frozenset({"world", "host", "remote-node", "kube-apiserver", "ingress", "health"}),
    fqdn=True,
    icmp=True,
    identity_labels_only=True,
    mixed_peers=False,
)
PROFILES: Final = {one.name: one for one in (KUBERNETES, CALICO, CILIUM)}

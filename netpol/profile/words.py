"""What each dialect has words for: how policies are written, whoever enforces them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["CALICO_WORDS", "CILIUM_WORDS", "KUBERNETES_WORDS", "Words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What policies of one dialect can say."""

    name: str
    entities: frozenset[str] = frozenset()
    """Entities that a rule can name; others must be written as addresses."""
    fqdn: bool = False
    """Whether a rule can name a DNS name."""
    icmp: bool = False
    """Whether a rule can name ICMP types; where not, ICMP is outside what the dialect decides."""
    mixed_peers: bool = True
    """Whether one rule may list peers of several kinds (pods, CIDRs, entities, names)."""
    one_peer: bool = False
    """Whether each selector of pods needs a rule of its own."""
    ports_per_list: int | None = None
    """How many ports one list of them may hold; longer ones are written as several lists."""


KUBERNETES_WORDS: Final = Words(name="kubernetes")
CALICO_WORDS: Final = Words(name="calico", icmp=True, mixed_peers=False, one_peer=True)
CILIUM_WORDS: Final = Words(
    name="cilium",
    entities=frozenset({"world", "host", "remote-node", "kube-apiserver", "ingress", "health"}),
    fqdn=True,
    icmp=True,
    mixed_peers=False,
    ports_per_list=40,
)

"""What no rule can say under a profile: such connections are held, with the reason.

Writing a rule all the same would look like an allowance, and the CNI would not act upon it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from netpol.choices import Choices, listed
from netpol.families import families
from netpol.graph import Connection
from netpol.inventory import Inventory
from netpol.net import ICMP_PROTOCOLS, network
from netpol.parties import local_blocks
from netpol.peers import Cidr, Entity, Peer, label
from netpol.profile import Profile
from netpol.ranges import node_addresses

__all__ = ["Refusals", "needs_a_rule", "note_names"]

_NODES: Final = frozenset({"host", "remote-node"})
_INSIDE: Final = frozenset({"health", "ingress"})
_FROM_NODE: Final = "no rule: its own node, with probes, always reaches a pod"
_TO_NODE: Final = "no rule: a pod always reaches its own node"


@dataclass(frozen=True, kw_only=True)
class Refusals:
    """What no rule can allow, for one profile and cluster."""

    profile: Profile
    inventory: Inventory
    blocks: Mapping[str, tuple[str, ...]] | None = None
    """Addresses of each entity, where they matter: see :func:`netpol.parties.entity_blocks`."""

    def unreachable(self, peer: Peer) -> bool:
        """Whether no rule can name a peer."""
        return bool(self._of_peer(peer)[0])

    def of(self, connection: Connection) -> tuple[str, str]:
        """(field of the profile, reason) why no rule can allow it; empty where one can."""
        if connection.protocol == "SCTP" and self.profile.sctp == "no":
            return "sctp", f"{self.profile.title} enforces no rules about SCTP"
        found = (self._of_peer(peer) for peer in (connection.client, connection.server))
        return next((one for one in found if one[0]), ("", ""))

    def _of_peer(self, peer: Peer) -> tuple[str, str]:
        profile = self.profile
        match peer:
            case Entity(name) if name not in profile.entities:
                if not profile.cidr_matches_nodes and self._on_nodes(name):
                    return "cidr_matches_nodes", self._unnamed(name)
                if not profile.cidr_matches_pods and name in _INSIDE:
                    return "cidr_matches_pods", self._unnamed(name)
                if self._unaddressed(name):
                    said = f"{profile.words.name} policies have no word for it"
                    return "words", f"no address of {name} is known, and {said}"
            case Cidr(cidr) if profile.one_family:
                version = network(cidr).version
                if version not in self._families:
                    return "one_family", f"IPv{version} in a cluster of the other family"
            case Cidr(cidr) if "host" not in profile.entities and not profile.cidr_matches_nodes:
                if local_blocks((cidr,), self.inventory):
                    return "cidr_matches_nodes", self._unnamed("host")
            case _:
                pass
        return "", ""

    def _unnamed(self, name: str) -> str:
        """The reason for a peer that has neither a name nor an address in the rules."""
        return (
            f"{self.profile.title} matches no addresses of {name}, and {self.profile.words.name}"
            " policies have no word for it"
        )

    def _unaddressed(self, name: str) -> bool:
        """Whether a rule would need an address that neither flows nor inventory tell."""
        return self.blocks is not None and name != "world" and not self.blocks.get(name)

    def _on_nodes(self, name: str) -> bool:
        servers = set(self.inventory.api_servers)
        return name in _NODES or (name == "kube-apiserver" and bool(servers & self._addresses))

    @cached_property
    def _addresses(self) -> frozenset[str]:
        return node_addresses(self.inventory)

    @cached_property
    def _families(self) -> frozenset[int]:
        return families(self.inventory)


def needs_a_rule(connection: Connection, choices: Choices) -> bool:
    """Not what the CNI exempts, nor what the dialect does not decide; both are choices."""
    profile = choices.profile
    if connection.client == Entity("host") and profile.node_to_pod:
        choices.add("node_to_pod", _FROM_NODE, label(connection.server))
        return False
    if connection.server == Entity("host") and profile.pod_to_node:
        choices.add("pod_to_node", _TO_NODE, label(connection.client))
        return False
    if connection.protocol in ICMP_PROTOCOLS and not profile.icmp:
        choices.add(*_icmp(connection, profile), listed(connection))
        return False
    if connection.protocol == "SCTP" and profile.sctp == "when enabled":
        what = f"written, but {profile.title} enforces rules about SCTP only where that is enabled"
        choices.add("sctp", what, listed(connection))
    return True


def note_names(connection: Connection, names: frozenset[str], choices: Choices) -> None:
    """A server that was called by name is allowed by address, where no rule can name it."""
    if names and not choices.profile.fqdn and isinstance(connection.server, Cidr):
        called = ", ".join(sorted(names))
        what = f"{called}: only the addresses that were seen are allowed, and they may change"
        choices.add("words", what, label(connection.client))


def _icmp(connection: Connection, profile: Profile) -> tuple[str, str]:
    """(field, what becomes of ICMP that no rule can name)."""
    kind = None if connection.port is None else connection.port // 256
    if connection.protocol == "ICMP" and kind in profile.icmp_open:
        return "icmp_open", f"no rule: {profile.title} always lets it pass"
    said = f"{profile.words.name} policies cannot name ICMP"
    if profile.icmp_rule == "undefined":
        return "icmp_rule", f"no rule: {said}; whether it passes is up to the engine"
    return "icmp_rule", f"no rule: {said}; {profile.title} drops it where a side is isolated"

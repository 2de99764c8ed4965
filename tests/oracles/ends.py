"""Who stands at the two ends of a connection, for oracles that judge what manifests say.

An end is one pod at one of its addresses, or one address of somebody who is no pod. What there is
in a cluster is read from netpol's Inventory; who is let through is for the oracle of each dialect
to say, which reads the documents as they are and shares no code with what it checks.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from netpol.graph import Connection
from netpol.inventory import Inventory, Pod
from netpol.peers import Cidr, Entity, Fqdn, Peer, Workload

NODES = {"host", "remote-node"}


@dataclass(frozen=True, eq=False)
class End:
    """``namespace`` is empty for what is no pod, ``address`` None where none is known."""

    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    namespace_labels: dict[str, str] = field(default_factory=dict)
    account: str = ""
    ports: frozenset[tuple[str, str, int]] = frozenset()
    address: Any = None
    entities: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    @property
    def pod(self) -> bool:
        return bool(self.namespace)

    @property
    def node(self) -> bool:
        return bool(self.entities & NODES)

    def within(self, *blocks: str) -> bool:
        """Whether the address is in one of the blocks."""
        return self.address is not None and any(
            self.address in ipaddress.ip_network(block, strict=False) for block in blocks
        )

    def listens(self, protocol: str, name: str, number: int) -> bool:
        """Whether a container port of this name is this one."""
        return (protocol, name, number) in self.ports


class Oracle(Protocol):
    """What one dialect says of one pod: may it have this connection with the other end?"""

    def allows(
        self, direction: str, me: End, other: End, server: End, protocol: str, number: int
    ) -> bool: ...


@dataclass(frozen=True)
class Cluster:
    """The ends that each peer has. ``documents`` tell at which addresses something may change."""

    inventory: Inventory
    parties: tuple[Any, ...]
    documents: list[Any]

    def allowed(self, oracle: Oracle, asked: Connection) -> bool:
        """Every pod, every address, every port, both sides."""
        pairs = [(a, b) for a in self.ends(asked.client) for b in self.ends(asked.server)]
        return all(
            (not a.pod or oracle.allows("egress", a, b, b, asked.protocol, number))
            and (
                not b.pod
                or "host" in a.entities
                or oracle.allows("ingress", b, a, b, asked.protocol, number)
            )
            for a, b in pairs
            if self._possible(a, b)
            for number in numbers(asked)
        )

    def _possible(self, one: End, other: End) -> bool:
        """Of one IP version: in a world with both of them every pod has both."""
        if not (one.address and other.address):
            return True
        return bool(one.address.version == other.address.version)

    def ends(self, peer: Peer) -> list[End]:
        if isinstance(peer, Workload):
            pods = [one for one in self.inventory.pods.values() if one.workload == peer]
            if all(one.host_network for one in pods):
                return self.ends(Entity("remote-node"))
            return [end for one in pods if not one.host_network for end in self._of_pod(one)]
        return list(self._of_party(peer))

    def _of_pod(self, pod: Pod) -> Iterator[End]:
        known = self.inventory.namespaces.get(pod.namespace)
        for address in pod.addresses or (None,):
            yield End(
                namespace=pod.namespace,
                labels=dict(pod.labels),
                namespace_labels={
                    **dict(known.labels if known else ()),
                    "kubernetes.io/metadata.name": pod.namespace,
                },
                account=pod.service_account,
                ports=frozenset((p.protocol, p.name, p.port) for p in pod.ports if p.name),
                address=address and ipaddress.ip_address(address),
            )

    def _of_party(self, peer: Peer) -> Iterator[End]:
        given = [one for one in self.parties if one.peer == peer]
        blocks = {block for one in given for block in one.addresses}
        names = {name for one in given for name in one.names}
        entities = {name for one in given for name in one.entities}
        match peer:
            case Cidr(cidr):
                blocks, entities = blocks | {cidr}, entities | {"world"}
            case Fqdn(name):
                names, entities = names | {name}, entities | {"world"}
            case Entity(name):
                entities |= {name}
                known = {"kube-apiserver": {*self.inventory.api_servers}}
                known |= dict.fromkeys(NODES, self._nodes())
                blocks |= known.get(name, set())
        ends = [(block, at) for block in blocks for at in self._telling(block)]
        for block, address in ends or [("", None)]:
            here = frozenset(self._known(block, entities))
            yield End(address=address, names=frozenset(names), entities=here)

    def _known(self, block: str, entities: set[str]) -> set[str]:
        """Nodes and API servers are known by their addresses."""
        one = block.removesuffix("/32").removesuffix("/128")
        if one in self.inventory.api_servers:
            entities = entities | {"kube-apiserver"}
        if one in self._nodes() and "host" not in entities:
            entities = entities - {"world"} | {"remote-node"}
        return entities

    def _nodes(self) -> set[str]:
        nodes, pods = self.inventory.nodes.values(), self.inventory.pods.values()
        found = {address for node in nodes for address in node.addresses}
        return found | {a for pod in pods if pod.host_network for a in pod.addresses}

    def _telling(self, block: str) -> list[Any]:
        """Of a block the addresses where a block of the documents begins or ends, or the next."""
        net = ipaddress.ip_network(block)
        low, high = int(net[0]), int(net[-1])
        found = {low, high}
        if low != high:
            for other in blocks_in(self.documents):
                if other.version == net.version:
                    first, last = int(other[0]), int(other[-1])
                    found |= {first - 1, first, last, last + 1}
        return [type(net[0])(number) for number in sorted(found) if low <= number <= high]


def numbers(asked: Connection) -> Iterable[int]:
    """The numbers that a connection stands for: some codes of an ICMP type, some protocols."""
    if asked.protocol in ("ICMP", "ICMPv6"):
        assert asked.port is not None
        return [asked.port // 256 * 256 + code for code in (0, 1, 2, 3, 4, 255)]
    if asked.port is None:
        return [2, 4, 47, 112, 136, 200]
    return [asked.port]


def blocks_in(value: Any) -> Iterator[Any]:
    """Every text in a tree of dicts and lists that is an address or a block."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from blocks_in(one)
    elif isinstance(value, str) and ("." in value or ":" in value):
        try:
            yield ipaddress.ip_network(value, strict=False)
        except ValueError:
            return


def meets(selector: dict[str, Any] | None, labels: dict[str, str]) -> bool:
    """A metav1.LabelSelector, by docs/semantics.md#label-selectors; null holds, as ``{}``."""
    selector = selector or {}
    return all(
        labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()
    ) and all(expression(one, labels) for one in selector.get("matchExpressions") or [])


def expression(one: dict[str, Any], labels: dict[str, str]) -> bool:
    there, value = one["key"] in labels, labels.get(one["key"])
    return {
        "In": there and value in (one.get("values") or []),
        "NotIn": not there or value not in (one.get("values") or []),
        "Exists": there,
        "DoesNotExist": not there,
    }[one["operator"]]

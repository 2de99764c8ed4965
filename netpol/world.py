"""The world that policies are judged in: pods by equivalence class, and the parties outside.

Two pods that no selector can tell apart (same namespace, labels, named ports, service account) are
one :class:`PodClass`, however many they are. hostNetwork pods are no pods here: engines see the
node (docs/semantics.md#host-network-and-finished-pods).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from typing import TypeAlias

from netpol.inventory import Inventory, Pod
from netpol.net import canonical_cidr, host_cidr
from netpol.peers import Cidr, Entity, Fqdn, Labels, Peer, Workload, label
from netpol.policy import NAMESPACE, SERVICE_ACCOUNT

__all__ = ["Members", "NamedPort", "Outside", "PodClass", "World", "world"]

NamedPort: TypeAlias = tuple[str, str, int]
"""(protocol, name, number) of a container port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """The pods of one workload in a class."""

    workload: Workload
    pods: int
    """How many; finished pods and templates count."""
    addresses: tuple[tuple[str, ...], ...] = ()
    """The distinct address sets of those that have one now, as canonical CIDRs. Pods that have none
    (finished, templates) are taken to get such addresses too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodClass:
    """Pods with equal namespace, labels, named ports and service account."""

    namespace: str
    namespace_labels: Labels
    labels: Labels
    """The pods' own; selectors read :attr:`visible_labels`."""
    named_ports: tuple[NamedPort, ...] = ()
    service_account: str = "default"
    account_labels: Labels = ()
    """Labels of that service account, as far as they are known."""
    members: tuple[Members, ...] = ()
    """Whose pods these are, one entry per workload, sorted."""

    @property
    def account_keys(self) -> tuple[str, ...]:
        """The keys under which selectors see the service account."""
        return SERVICE_ACCOUNT, *(f"{SERVICE_ACCOUNT}.{key}" for key, _ in self.account_labels)

    @property
    def visible_labels(self) -> Labels:
        """Every label of the model: the pods' own, then what policies know of the account."""
        account = {f"{SERVICE_ACCOUNT}.{key}": value for key, value in self.account_labels}
        account[SERVICE_ACCOUNT] = self.service_account
        return tuple(sorted({**dict(self.labels), **account}.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """One party that is no pod. A connection with it must work for every one of its addresses.

    ``addresses`` are canonical CIDRs; empty: unknown, so that no CIDR rule speaks of it.
    ``names`` are DNS names in lower case, ``entities`` some of ``netpol.peers.ENTITIES``.
    ``instead`` is what an engine may take the party for as well; it must work either way.
    """

    peer: Cidr | Fqdn | Entity
    addresses: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()
    instead: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class World:
    """Everybody who can be client or server; make one with :func:`world`."""

    classes: tuple[PodClass, ...] = ()
    outside: tuple[Outside, ...] = ()
    """One per peer, sorted by label."""
    nodes: frozenset[str] = frozenset()
    """Addresses of nodes, as canonical CIDRs."""
    api_servers: frozenset[str] = frozenset()
    on_host: frozenset[Workload] = frozenset()
    """Workloads all of whose pods use the host's network."""

    @cached_property
    def workloads(self) -> dict[Workload, tuple[int, ...]]:
        """For each workload, by label, the places in ``classes`` where its pods are."""
        places: dict[Workload, list[int]] = {}
        for place, one in enumerate(self.classes):
            for some in one.members:
                places.setdefault(some.workload, []).append(place)
        return {name: tuple(places[name]) for name in sorted(places, key=label)}

    @cached_property
    def parties(self) -> dict[Peer, int]:
        """For each peer outside the pods its place in ``outside``."""
        return {one.peer: place for place, one in enumerate(self.outside)}

    def knowing(self, peers: Iterable[Peer]) -> World:
        """This world, with the outside ones among ``peers`` added from what is known of them."""
        found = (p for p in peers if not isinstance(p, Workload) and p not in self.parties)
        new = {peer: self.party(peer) for peer in found}
        return replace(self, outside=_sorted([*self.outside, *new.values()])) if new else self

    def party(self, peer: Cidr | Fqdn | Entity) -> Outside:
        """Somebody outside, by what the peer says of itself and what the inventory says of it."""
        return self._completed(Outside(peer=peer))

    def _completed(self, party: Outside) -> Outside:
        """What a peer says of itself and what the inventory says of it, added to ``party``."""
        addresses, names, entities = set(party.addresses), set(party.names), set(party.entities)
        match party.peer:
            case Cidr(cidr):
                addresses.add(cidr)
                entities = entities or {"world"}
            case Fqdn(name):
                names.add(name)
                entities.add("world")
            case Entity(name):
                entities.add(name)
                # By the peer's name: an API server on a node is a remote node, but not every node.
                known = {"kube-apiserver": self.api_servers}
                known |= {"host": self.nodes, "remote-node": self.nodes}
                addresses |= known.get(name, frozenset())
        return replace(
            party,
            addresses=_blocks(addresses),
            names=frozenset(n.lower().rstrip(".") for n in names),
            entities=frozenset(entities),
        )


def world(inventory: Inventory, outside: Iterable[Outside] = ()) -> World:
    """The world of an inventory and the parties outside; several of one peer add up.

    A Cidr party has its block as its address and is of the entity ``world`` if of no other, a Fqdn
    party its name and ``world``, an Entity party itself with the addresses that the inventory knows
    for it.
    """
    pods = inventory.pods.values()
    hosted = [pod for pod in pods if pod.host_network]
    addresses = [a for node in inventory.nodes.values() for a in node.addresses]
    addresses += [a for pod in hosted if not pod.finished for a in pod.addresses]
    bare = World(
        classes=_classes(inventory),
        nodes=frozenset(_blocks(addresses)),
        api_servers=frozenset(_blocks(inventory.api_servers)),
        on_host=frozenset(pod.workload for pod in hosted)
        - {pod.workload for pod in pods if not pod.host_network},
    )
    parties: dict[Peer, Outside] = {}
    for one in outside:
        parties[one.peer] = _both(parties.get(one.peer, one), one)
    return replace(bare, outside=_sorted(bare._completed(one) for one in parties.values()))


def _classes(inventory: Inventory) -> tuple[PodClass, ...]:
    alike: dict[tuple[object, ...], list[Pod]] = {}
    for _, pod in sorted(inventory.pods.items(), key=itemgetter(0)):
        if not pod.host_network:
            key = pod.namespace, pod.labels, pod.ports, pod.service_account
            alike.setdefault(key, []).append(pod)
    labels: dict[str, Labels] = {}
    groups: dict[PodClass, list[Pod]] = {}
    for pods in alike.values():
        name = pods[0].namespace
        if name not in labels:
            labels[name] = _namespace_labels(inventory, name)
        groups.setdefault(_class_of(pods[0], labels[name]), []).extend(pods)
    return tuple(_with_members(one, pods) for one, pods in groups.items())


def _class_of(pod: Pod, namespace_labels: Labels) -> PodClass:
    return PodClass(
        namespace=pod.namespace,
        namespace_labels=namespace_labels,
        labels=pod.labels,
        named_ports=tuple(sorted({(p.protocol, p.name, p.port) for p in pod.ports if p.name})),
        service_account=pod.service_account,
    )


def _namespace_labels(inventory: Inventory, name: str) -> Labels:
    """The labels of a namespace; the API server's own one even where nobody declared it."""
    known = inventory.namespaces.get(name)
    return tuple(sorted({**dict(known.labels if known else ()), NAMESPACE: name}.items()))


def _with_members(one: PodClass, pods: list[Pod]) -> PodClass:
    owners: dict[Workload, list[Pod]] = {}
    for pod in pods:
        owners.setdefault(pod.workload, []).append(pod)
    return replace(one, members=tuple(_members(owner, owners[owner]) for owner in sorted(owners)))


def _members(workload: Workload, pods: list[Pod]) -> Members:
    # A finished pod has lost its address, whatever its status says; a template never had one.
    living = {_blocks(pod.addresses) for pod in pods if not (pod.finished or pod.template)}
    return Members(workload=workload, pods=len(pods), addresses=tuple(sorted(living - {()})))


def _both(left: Outside, right: Outside) -> Outside:
    return replace(
        left,
        addresses=(*left.addresses, *right.addresses),
        names=left.names | right.names,
        entities=left.entities | right.entities,
        instead=left.instead | right.instead,
    )


def _sorted(parties: Iterable[Outside]) -> tuple[Outside, ...]:
    return tuple(sorted(parties, key=lambda one: label(one.peer)))


def _blocks(addresses: Iterable[str]) -> tuple[str, ...]:
    """Canonical CIDRs, sorted; a text that is no address is left out: no CIDR contains it."""
    found = set()
    for text in addresses:
        with suppress(ValueError):
            found.add(canonical_cidr(text) if "/" in text else host_cidr(text))
    return tuple(sorted(found))

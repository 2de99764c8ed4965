"""Service addresses: who stood behind an address and port at a time, and on which pod port."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Final, TypeAlias

from netpol.inventory import (
    ALWAYS,
    Dated,
    EndpointSlice,
    Inventory,
    Pod,
    Service,
    ServicePort,
    SliceEndpoint,
)
from netpol.net import contains, host_cidr, is_public, network
from netpol.peers import Cidr, Entity, Peer, Workload
from netpol.stretches import Stretches, living, stretches

__all__ = [
    "EVERYWHERE",
    "NODE",
    "Backends",
    "Exposed",
    "Target",
    "Targets",
    "backends",
    "exposed_ports",
    "shown_to",
    "targets",
]

Target: TypeAlias = tuple[Peer, int]
"""A server and the port on which its pods listen."""
Targets: TypeAlias = frozenset[Target]

Exposed: TypeAlias = Mapping[Workload, Mapping[tuple[str, int], tuple[str, ...]]]
"""Of each workload the ports, (protocol, number), that are shown to clients in these blocks."""
EVERYWHERE: Final = ("0.0.0.0/0", "::/0")

_Place: TypeAlias = tuple[str, str, int]
"""(block of one address, or "node"; protocol; port)."""
_Name: TypeAlias = tuple[str, str]
NODE: Final = "node"
"""Stands for the address of any node."""
_API: Final = ("default", "kubernetes")


@dataclass(frozen=True, kw_only=True)
class Backends:
    """What each Service address and port, and each node port, led to at a time."""

    table: Mapping[_Place, tuple[Dated[Targets], ...]]
    names: Mapping[_Place, frozenset[str]] = field(default_factory=dict)
    """The Services, as ``namespace/name``, that had an address and port at some time."""
    guard: int = 0
    """By how many nanoseconds clocks may differ."""
    _known: dict[_Place, Stretches[Targets]] = field(default_factory=dict)

    def of(self, address: str, protocol: str, port: int | None, time: int) -> Targets:
        """Behind a Service's address, or :data:`NODE`; empty when it is none, or leads nowhere.

        There are several where a named port has different numbers on its pods, where the pods are
        of several workloads, and where something changed about that time.
        """
        return self._at(_place(address, protocol, port), time)

    def name(self, address: str, protocol: str, port: int | None) -> str:
        """The Service that has an address (or :data:`NODE`) and port; empty when it is not one."""
        names = self.names.get(_place(address, protocol, port), frozenset())
        return next(iter(names)) if len(names) == 1 else ""

    def cuts(self, address: str) -> tuple[int, ...]:
        """The times at which something behind an address changed, by any of the two clocks."""
        places = self._places.get(host_cidr(address), ())
        return tuple(sorted({cut for place in places for cut in self._stretches(place).cuts}))

    @cached_property
    def _places(self) -> Mapping[str, list[_Place]]:
        found: dict[str, list[_Place]] = defaultdict(list)
        for place in self.table:
            found[place[0]].append(place)
        return found

    def _stretches(self, place: _Place) -> Stretches[Targets]:
        if place not in self._known:
            self._known[place] = stretches(self.table[place], self.guard)
        return self._known[place]

    def _at(self, place: _Place, time: int) -> Targets:
        if place not in self.table:
            return frozenset()
        return frozenset(one for found, _ in self._stretches(place).at(time) for one in found)


def _place(address: str, protocol: str, port: int | None) -> _Place:
    block = NODE if address == NODE else host_cidr(address)
    return block, protocol, -1 if port is None else port


def backends(inventory: Inventory, guard: int = 0) -> Backends:
    """The table for an inventory.

    EndpointSlices tell where they are known at that time, else the Service's selector does. A named
    target port is resolved by the pods' own container ports, hostNetwork pods are their node, and
    ``default/kubernetes``, which selects no pods, is the API server (Kubernetes Service API).
    """
    slices: dict[_Name, list[Dated[EndpointSlice]]] = defaultdict(list)
    for one in inventory.slices:
        slices[one.thing.namespace, one.thing.service].append(one)
    table: dict[_Place, list[Dated[Targets]]] = defaultdict(list)
    names: dict[_Place, set[str]] = defaultdict(set)
    for state in _states(inventory):
        service = state.thing
        known = slices[service.namespace, service.name]
        for port in service.ports:
            spans = list(_spans(inventory, state, port, known))
            for place in _places(service, port):
                table[place] += spans
                names[place].add(f"{service.namespace}/{service.name}")
    return Backends(
        table={place: tuple(spans) for place, spans in table.items()},
        names={place: frozenset(found) for place, found in names.items()},
        guard=guard,
    )


def _states(inventory: Inventory) -> list[Dated[Service]]:
    """Every state of every Service; one of which none is dated has always been as it is."""
    dated = {(one.thing.namespace, one.thing.name) for one in inventory.services_then}
    undated = (Dated(one) for name, one in inventory.services.items() if name not in dated)
    return [*inventory.services_then, *undated]


def _places(service: Service, port: ServicePort) -> Iterator[_Place]:
    for address in (*service.cluster_ips, *service.external_ips):
        yield host_cidr(address), port.protocol, port.port
    if port.node_port is not None:
        yield NODE, port.protocol, port.node_port


def _spans(
    inventory: Inventory,
    state: Dated[Service],
    port: ServicePort,
    slices: Iterable[Dated[EndpointSlice]],
) -> Iterator[Dated[Targets]]:
    """Who is behind a port of a Service while it is in one state."""
    slices = [one for one in slices if one.start < state.end and state.start < one.end]
    selected = list(_selected(inventory, state.thing, port))
    inner = {time for one in (*slices, *selected) for time in (one.start, one.end)}
    times = sorted({state.start, state.end, *(t for t in inner if state.start < t < state.end)})
    last: Dated[Targets] | None = None
    # Before the oldest pod that is known there was another one, of the same make.
    others = frozenset(one.thing for one in selected if one.end == ALWAYS)
    told = [
        Dated(frozenset(_listed(inventory, state.thing, port, one.thing)), one.start, one.end)
        for one in slices
    ]
    walk = zip(pairwise(times), living(told, times), living(selected, times), strict=False)
    for (start, end), live, lived in walk:
        found = frozenset().union(*live) or frozenset(lived) or others
        if last is not None and last.thing == found:
            last = Dated(found, last.start, end)
            continue
        if last is not None:
            yield last
        last = Dated(found, start, end)
    if last is not None:
        yield last


def _listed(
    inventory: Inventory, service: Service, port: ServicePort, one: EndpointSlice
) -> Iterator[Target]:
    """Whom an EndpointSlice lists."""
    numbers = [n for name, proto, n in one.ports if (name, proto) == (port.name, port.protocol)]
    for endpoint in one.endpoints if numbers else ():
        for peer in _behind(inventory, service, one.namespace, endpoint):
            yield from ((peer, number) for number in numbers)


def _behind(
    inventory: Inventory, service: Service, namespace: str, endpoint: SliceEndpoint
) -> Iterator[Peer]:
    if (service.namespace, service.name) == _API and not service.selector:
        yield Entity("kube-apiserver")
    elif endpoint.pod:
        known = inventory.pod(namespace, endpoint.pod, endpoint.uid)
        yield from () if known is None else (_peer(known),)
    elif not service.selector:
        # Somebody wrote these addresses down. Whose they are, attribution asks at the flow's time.
        yield from (Cidr(host_cidr(address)) for address in endpoint.addresses)


def exposed_ports(inventory: Inventory) -> Exposed:
    """Pod ports (protocol, number) that Services show to clients outside the cluster.

    Each with the blocks that these clients may come from: none is part of another, and all of IPv4
    and IPv6 are two of them.
    """
    table: dict[Workload, dict[tuple[str, int], set[str]]] = {}
    for service in inventory.services.values():
        for port in service.ports if service.public else ():
            for peer, number in targets(inventory, service, port):
                if isinstance(peer, Workload):
                    ports = table.setdefault(peer, {})
                    blocks = ports.setdefault((port.protocol, number), set())
                    blocks.update(service.source_ranges or EVERYWHERE)
    return {
        workload: {port: _widest(blocks) for port, blocks in ports.items()}
        for workload, ports in table.items()
    }


def _widest(blocks: Iterable[str]) -> tuple[str, ...]:
    found: list[str] = []
    for one in sorted(blocks, key=lambda block: (network(block).prefixlen, block)):
        if not any(contains(wide, one) for wide in found):
            found.append(one)
    return tuple(found)


def shown_to(exposed: Exposed, client: Peer, server: Peer, port: tuple[str, int | None]) -> str:
    """The block whose addresses are all customers of the port that this public client called.

    Empty: the port is not shown to him, or he is no public address.
    """
    if not (isinstance(client, Cidr) and isinstance(server, Workload) and is_public(client.cidr)):
        return ""
    blocks = exposed.get(server, {}).get((port[0], port[1] or 0), ())
    return next((one for one in blocks if contains(one, client.cidr)), "")


def targets(inventory: Inventory, service: Service, port: ServicePort) -> Targets:
    """Whom the selector of a Service chooses now, and their ports."""
    found = _selected(inventory, service, port)
    return frozenset(one.thing for one in found if one.end == ALWAYS)


def _selected(inventory: Inventory, service: Service, port: ServicePort) -> Iterator[Dated[Target]]:
    """Whom the selector chooses, and while when there was a pod of that kind."""
    if (service.namespace, service.name) == _API and not service.selector:
        number = port.target if isinstance(port.target, int) else port.port
        yield Dated((Entity("kube-apiserver"), number))
    wanted = set(service.selector)
    lives: dict[Target, list[tuple[int, int]]] = defaultdict(list)
    for pod in inventory.by_namespace.get(service.namespace, ()) if wanted else ():
        # Of one that is finished it must be known when that was.
        if wanted.issubset(pod.labels) and (not pod.finished or pod.ended < ALWAYS):
            for number in _numbers(pod, port):
                lives[_peer(pod), number].append((pod.started, pod.ended))
    for target, spans in lives.items():
        yield from (Dated(target, *span) for span in _merged(spans))


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same times in spans that do not touch."""
    start, end = min(spans)
    for first, last in sorted(spans):
        if first > end:
            yield start, end
            start = first
        end = max(end, last)
    yield start, end


def _peer(pod: Pod) -> Peer:
    return Entity("remote-node") if pod.host_network else pod.workload


def _numbers(pod: Pod, port: ServicePort) -> list[int]:
    match port.target:
        case None:
            return [port.port]
        case int(number):
            return [number]
        case str(name):
            return [p.port for p in pod.ports if (p.name, p.protocol) == (name, port.protocol)]

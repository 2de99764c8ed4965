"""Who is who: flows' endpoints become peers, and flows become connections with evidence.

The rules, in the order in which they are asked:

1. Names that the flow itself carries win: a pod's name gives its workload through the inventory,
   the owner that the source named, or the pattern of the pod's name.
2. A pod known by its labels only is the one workload of that namespace whose pods carry them.
3. A side known by its address only is whoever had that address then (:mod:`netpol.identify`).
4. A Service's address and port are those of the pods behind it at that time.
5. Reserved identities are entities; an outside address is a /32 or /128 of its own.
6. An address that belongs to the cluster but to nobody known is never outside: it is held.

Everything is decided over all flows together, so that neither the order of records nor the way in
which they were split into files shows in the result.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from netpol.addresses import GUARD, AddressBook, Unclear
from netpol.aggregated import families, meant
from netpol.crosscheck import CrossCheck, cross_check
from netpol.evaluate.identity import identity_relevant
from netpol.flow import Flow
from netpol.graph import Connection, Evidence, ServiceGraph
from netpol.identify import identified
from netpol.inventory import Inventory, Node, Pod
from netpol.net import PORT_PROTOCOLS, host_cidr
from netpol.peers import Cidr, Endpoint, Entity, Fqdn, Labels, Peer, Workload, label
from netpol.proxied import Seen, proxies
from netpol.ranges import Ranges, ranges
from netpol.services import NODE, Backends, backends

__all__ = ["Attributed", "Unattributed", "attribute"]

_CLIENTS: Final = ("host", "kube-apiserver", "remote-node", "ingress")
_SERVERS: Final = ("kube-apiserver", "host", "remote-node", "ingress")
"""Reserved identities that are peers of their own; the first that holds is taken. What comes from a
pod's own node is the node's, even where the API server runs on it: every engine lets it pass."""

_NODES: Final = frozenset({"kube-apiserver", "host", "remote-node"})
"""Those that have the address of a node, where ports of Services are open."""

_SHARED: Final = "a Service address that leads to no one workload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unattributed:
    """A flow of which one side, the port or the direction is not known. Never a rule."""

    client: str
    server: str
    protocol: str
    port: int | None
    reason: str
    evidence: Evidence
    beside: bool = False
    """No policy of pods could be about it, whoever it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributed:
    """The graph of all flows whose two sides are known, and the flows that are not in it."""

    graph: ServiceGraph
    held: tuple[Unattributed, ...] = ()
    crosscheck: CrossCheck = field(default_factory=CrossCheck)


@dataclass(frozen=True, slots=True)
class _Directory:
    """The inventory, arranged for the questions that attribution asks."""

    book: AddressBook
    ranges: Ranges
    backends: Backends
    by_labels: dict[tuple[str, Labels], frozenset[Workload]] = field(default_factory=dict)
    by_name: dict[tuple[str, str], list[Pod]] = field(default_factory=dict)
    siblings: dict[tuple[str, str], list[Pod]] = field(default_factory=dict)

    @property
    def inventory(self) -> Inventory:
        """Who there is."""
        return self.book.inventory

    def named(self, endpoint: Endpoint, name: str, flow: Flow) -> Iterable[Pod]:
        """The pods that had a name while a flow was seen; those that ever had it, if none did.

        An aggregated name is that of all pods for which it stands.
        """
        if not self.by_name:
            for pod in self.inventory.every_pod:
                self.by_name.setdefault((pod.namespace, pod.name), []).append(pod)
            self.siblings.update(families(self.inventory))
        space = endpoint.namespace
        every = self.by_name.get((space, name)) or meant(
            self.siblings, space, name, endpoint.labels
        )
        if len(every) == 1:
            return every
        return [pod for pod in every if self.lived(pod, flow)] or every

    def lived(self, pod: Pod, flow: Flow) -> bool:
        """Whether a pod was there while a flow was seen."""
        guard = self.book.guard
        return pod.started - guard <= flow.last and flow.first < pod.ended + guard

    def labelled(self, namespace: str, labels: Labels) -> frozenset[Workload]:
        """The workloads of a namespace of which a pod carries these labels.

        Sources show identity-relevant labels only, so those are what is compared; where no pod has
        exactly these, pods that have more of them will do.
        """
        key = (namespace, labels)
        if key not in self.by_labels:
            wanted = set(labels)
            wider = [
                pod
                for pod in self.inventory.by_namespace.get(namespace, ())
                if not pod.host_network and wanted.issubset(pod.labels)
            ]
            exact = [
                pod for pod in wider if {p for p in pod.labels if identity_relevant(p[0])} == wanted
            ]
            self.by_labels[key] = frozenset(pod.workload for pod in exact or wider)
        return self.by_labels[key]


def attribute(flows: Iterable[Flow], inventory: Inventory, guard: int = GUARD) -> Attributed:
    """The service graph of ``flows``; ``inventory`` must include their roster.

    See :func:`netpol.roster.roster` for what the flows themselves say about the cluster. ``guard``:
    by how many nanoseconds the clocks of flows and inventory may differ.
    """
    directory = _Directory(
        AddressBook(inventory=inventory, guard=guard), ranges(inventory), backends(inventory, guard)
    )
    held: list[Unattributed] = []
    known: list[Seen] = []
    flows = list(flows)
    for flow in flows:
        for found in _resolve(flow, directory):
            if isinstance(found, Unattributed):
                held.append(found)
            else:
                known.append(found)
    listening, proxy, named = _listening(known, inventory), proxies(known), _answers(known)
    observed: list[tuple[Connection, Evidence]] = []
    for flow, connection in known:
        behind = proxy.behind(flow, connection)
        if not flow.certain and _service_key(connection) not in listening:
            held.append(_unattributed(flow, connection, "who opened it is not known"))
        elif len(behind) > 1:
            held.append(_unattributed(flow, connection, "answered through a proxy of several pods"))
        elif behind:
            (pod,) = behind
            client = replace(flow.client, ip="")
            evidence = _evidence(replace(flow, client=client), connection, named)
            observed.append((replace(connection, client=pod), evidence))
        else:
            observed.append((connection, _evidence(flow, connection, named)))
    return Attributed(
        graph=ServiceGraph.of(observed),
        held=_merged(held),
        crosscheck=cross_check(flows, directory.book),
    )


def _resolve(flow: Flow, directory: _Directory) -> Iterator[Seen | Unattributed]:
    """The connections that a flow is: one, but where a Service's port has several numbers."""
    one = identified(flow, directory.book, directory.ranges)
    if one.noise:
        yield _held(flow, Unclear(""), Unclear(""), one.noise, beside=True)
        return
    flow = one.flow
    client = one.client or _peer(flow.client, flow, directory, _CLIENTS)
    flow, server, ports = _server(flow, one.server, directory)
    if isinstance(client, Unclear) or isinstance(server, Unclear):
        reason = client.reason if isinstance(client, Unclear) else ""
        reason = reason or (server.reason if isinstance(server, Unclear) else "")
        yield _held(flow, client, server, reason)
    elif flow.protocol in PORT_PROTOCOLS and not all(ports):
        yield _held(flow, client, server, "the port is not known")
    else:
        for number, port in enumerate(ports):
            # Its records count once, whatever number the pod had that answered.
            part = replace(flow, records=0, count=0) if number else flow
            yield part, Connection(client, server, flow.protocol, port)


def _server(
    flow: Flow, unclear: Unclear | None, directory: _Directory
) -> tuple[Flow, Peer | Unclear, tuple[int | None, ...]]:
    """The server and the ports of its pods: a Service's address and port are translated.

    The flow comes back with the Service that was dialled.
    """
    server = unclear or _peer(flow.server, flow, directory, _SERVERS)
    places = [] if isinstance(server, Workload) or not flow.server.ip else [flow.server.ip]
    places += [NODE] if isinstance(server, Entity) and server.name in _NODES else []
    for place in places:
        dialled = place, flow.protocol, flow.port
        found = directory.backends.of(*dialled, flow.first)
        if found:
            name = flow.service or directory.backends.name(*dialled)
            flow = replace(flow, service=name, service_port=flow.port)
            peers = {_written(peer, flow, directory) for peer, _ in found}
            ports = tuple(sorted(port for _, port in found))
            return flow, (peers.pop() if len(peers) == 1 else Unclear(_SHARED)), ports
    return flow, server, (flow.port,)


def _written(peer: Peer, flow: Flow, directory: _Directory) -> Peer | Unclear:
    """Who is at an address that somebody wrote down as a Service's: it may be the cluster's own."""
    if not isinstance(peer, Cidr):
        return peer
    address = peer.cidr.partition("/")[0]
    match directory.book.holder(address, flow.first):
        case Pod(host_network=False) as pod:
            return pod.workload
        case Pod() | Node():
            return Entity("remote-node")
        case Unclear() as unclear:
            return unclear
        case None:
            return _outside_peer(Endpoint(ip=address), directory)


def _peer(
    endpoint: Endpoint, flow: Flow, directory: _Directory, entities: tuple[str, ...]
) -> Peer | Unclear:
    if endpoint.namespace:
        return _pod_peer(endpoint, flow, directory)
    for name in entities:
        if name in endpoint.entities:
            return Entity(name)
    if "world" in endpoint.entities:
        return _outside_peer(endpoint, directory)
    return Unclear("the source gives no address" if endpoint.called else "unknown identity")


def _pod_peer(endpoint: Endpoint, flow: Flow, directory: _Directory) -> Peer | Unclear:
    if endpoint.pods:
        pods = [pod for name in endpoint.pods for pod in directory.named(endpoint, name, flow)]
        if any(pod.host_network for pod in pods):
            return Entity("remote-node")
        found = {pod.workload for pod in pods}
        if endpoint.workload and not any(directory.lived(pod, flow) for pod in pods):
            # The source says whose it was; who has a pod of that name now may be another owner.
            found = {one for one in found if (one.kind, one.name) == endpoint.workload}
            if not found:
                return Unclear("only a later pod had its name")
    elif endpoint.labels:
        found = set(directory.labelled(endpoint.namespace, endpoint.labels))
    else:
        return Unclear("a pod without name or labels")
    if not found:
        return Unclear("no known pod has these labels")
    return found.pop() if len(found) == 1 else Unclear("several workloads fit")


def _outside_peer(endpoint: Endpoint, directory: _Directory) -> Peer | Unclear:
    if not endpoint.ip:
        return Entity("world")
    match directory.ranges.kind(endpoint.ip):
        case None:
            return Cidr(host_cidr(endpoint.ip))
        case "node":
            return Entity("remote-node")
        case "service":
            return Unclear(_SHARED)
        case _:
            return Unclear("an unknown address in the pod range")


def _service_key(connection: Connection) -> tuple[Peer, str, int | None]:
    return connection.server, connection.protocol, connection.port


def _listening(known: Iterable[Seen], inventory: Inventory) -> set[tuple[Peer, str, int | None]]:
    """Servers whose port is proved: it answered a flow of certain direction, or is declared."""
    said: dict[Connection, Counter[str]] = defaultdict(Counter)
    for flow, connection in known:
        if flow.certain:
            said[connection].update(flow.signals)
    proved = {_service_key(connection) for connection, signals in said.items() if _proves(signals)}
    declared = {
        (pod.workload, port.protocol, port.port)
        for pod in inventory.pods.values()
        for port in pod.ports
    }
    return proved | declared


def _proves(signals: Mapping[str, int]) -> bool:
    """Of all flows of a connection together: where packets were traced, an answer would show."""
    seen = signals.get
    return bool(seen("answered") or (seen("allowed") and not seen("traced")))


def _answers(known: Iterable[Seen]) -> dict[tuple[Peer, str], set[str]]:
    """(client, outside block) → the names for which the client was answered that address."""
    named: dict[tuple[Peer, str], set[str]] = defaultdict(set)
    for flow, connection in known:
        for name, address in flow.answers:
            named[connection.client, host_cidr(address)].add(name)
    return named


def _evidence(
    flow: Flow, connection: Connection, named: Mapping[tuple[Peer, str], set[str]]
) -> Evidence:
    names: frozenset[str] = frozenset()
    if isinstance(connection.server, Cidr):
        answered = named.get((connection.client, connection.server.cidr), set())
        names = flow.server.names | answered
    elif isinstance(connection.client, Cidr | Fqdn):
        names = flow.client.names
    return replace(
        Evidence.of(flow),
        names=names,
        client_addresses=_address(connection.client, flow.client),
        server_addresses=_address(connection.server, flow.server),
    )


def _address(peer: Peer, seen: Endpoint) -> frozenset[str]:
    return frozenset({seen.ip} if isinstance(peer, Entity) and seen.ip else ())


def _merged(held: Iterable[Unattributed]) -> tuple[Unattributed, ...]:
    """Equal flows, which several inputs may report, as one each; sorted."""
    groups: dict[tuple[str, str, str, int, str], Unattributed] = {}
    for one in held:
        port = -1 if one.port is None else one.port
        key = (one.client, one.server, one.protocol, port, one.reason)
        known = groups.get(key)
        groups[key] = one if known is None else replace(one, evidence=known.evidence + one.evidence)
    return tuple(groups[key] for key in sorted(groups))


def _unattributed(flow: Flow, connection: Connection, reason: str) -> Unattributed:
    return _held(flow, connection.client, connection.server, reason)


def _held(
    flow: Flow,
    client: Peer | Unclear,
    server: Peer | Unclear,
    reason: str,
    *,
    beside: bool = False,
) -> Unattributed:
    return Unattributed(
        client=_shown(client, flow.client),
        server=_shown(server, flow.server),
        protocol=flow.protocol,
        port=flow.port,
        reason=reason,
        evidence=Evidence.of(flow),
        beside=beside,
    )


def _shown(peer: Peer | Unclear, endpoint: Endpoint) -> str:
    if not isinstance(peer, Unclear):
        return label(peer)
    if endpoint.namespace:
        who = ",".join(endpoint.pods) or ",".join(f"{k}={v}" for k, v in endpoint.labels)
        return f"{endpoint.namespace}/?/{who or '?'}"
    return endpoint.ip or endpoint.called or "?"

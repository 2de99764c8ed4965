"""Who is who: flows' endpoints become peers, and flows become connections with evidence.

The rules, in the order in which they are asked:

1. Names that the flow itself carries win: a pod's name gives its workload through the inventory,
   the owner that the source named, or the pattern of the pod's name.
2. A pod known by its labels only is the one workload of that namespace whose pods carry them.
3. Reserved identities are entities; an outside address is a /32 or /128 of its own.
4. An address that belongs to the cluster but to nobody known is never outside: it is held.

Everything is decided over all flows together, so that neither the order of records nor the way in
which they were split into files shows in the result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from netpol.flow import Flow
from netpol.graph import Connection, Evidence, ServiceGraph
from netpol.inventory import Inventory
from netpol.net import host_cidr
from netpol.peers import Cidr, Endpoint, Entity, Labels, Peer, Workload, label
from netpol.ranges import Ranges, ranges
from netpol.services import backend

__all__ = ["Attributed", "Unattributed", "attribute"]

_AS_ENTITY = ("kube-apiserver", "host", "remote-node", "ingress")
"""Reserved identities that are peers of their own; the first that holds is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unattributed:
    """A flow of which one side, or the direction, is not known. Never a rule."""

    client: str
    server: str
    protocol: str
    port: int | None
    reason: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributed:
    """The graph of all flows whose two sides are known, and the flows that are not in it."""

    graph: ServiceGraph
    held: tuple[Unattributed, ...] = ()


@dataclass(frozen=True, slots=True)
class _Resolved:
    """A flow with the peers of its two sides; the server's port may have been translated."""

    flow: Flow
    client: Peer | str
    server: Peer | str
    port: int | None

    @property
    def connection(self) -> Connection:
        assert not isinstance(self.client, str)
        assert not isinstance(self.server, str)
        return Connection(self.client, self.server, self.flow.protocol, self.port)


@dataclass(frozen=True, slots=True)
class _Directory:
    """The inventory, arranged for the questions that attribution asks."""

    inventory: Inventory
    ranges: Ranges
    by_labels: dict[tuple[str, Labels], frozenset[Workload]] = field(default_factory=dict)

    def labelled(self, namespace: str, labels: Labels) -> frozenset[Workload]:
        """The workloads of a namespace of which a pod carries all these labels."""
        key = (namespace, labels)
        if key not in self.by_labels:
            wanted = set(labels)
            pods = self.inventory.by_namespace.get(namespace, ())
            exact = {pod.workload for pod in pods if set(pod.labels) == wanted}
            wider = {pod.workload for pod in pods if wanted.issubset(pod.labels)}
            self.by_labels[key] = frozenset(exact or wider)
        return self.by_labels[key]


def attribute(flows: Iterable[Flow], inventory: Inventory) -> Attributed:
    """The service graph of ``flows``; ``inventory`` must include their roster.

    See :func:`netpol.roster.roster` for what the flows themselves say about the cluster.
    """
    directory = _Directory(inventory, ranges(inventory))
    resolved = [_resolve(flow, directory) for flow in flows]
    known = [one for one in resolved if not _unknown(one)]
    listening = _listening(known, inventory)
    proxied = _proxied(known)
    named = _answers(known)
    observed: list[tuple[Connection, Evidence]] = []
    held = [_unattributed(one) for one in resolved if _unknown(one)]
    for one in known:
        if not one.flow.certain and _service_key(one) not in listening:
            held.append(_unattributed(one, "who opened it is not known"))
        else:
            observed.append((proxied.get(id(one), one.connection), _evidence(one, named)))
    return Attributed(graph=ServiceGraph.of(observed), held=_merged(held))


def _merged(held: Iterable[Unattributed]) -> tuple[Unattributed, ...]:
    """Equal flows, which several inputs may report, as one each; sorted."""
    groups: dict[tuple[str, str, str, int, str], Unattributed] = {}
    for one in held:
        key = (one.client, one.server, one.protocol, one.port or -1, one.reason)
        known = groups.get(key)
        groups[key] = one if known is None else replace(one, evidence=known.evidence + one.evidence)
    return tuple(groups[key] for key in sorted(groups))


def _unknown(one: _Resolved) -> bool:
    return isinstance(one.client, str) or isinstance(one.server, str)


def _resolve(flow: Flow, directory: _Directory) -> _Resolved:
    client = _peer(flow.client, directory)
    server = _peer(flow.server, directory)
    port = flow.port
    if isinstance(server, Cidr | str) and flow.server.ip:
        found = backend(directory.inventory, flow.server.ip, flow.protocol, flow.port)
        if found is not None:
            server, port = found
    return _Resolved(flow, client, server, port)


def _peer(endpoint: Endpoint, directory: _Directory) -> Peer | str:
    """The peer, or why there is none."""
    if endpoint.namespace:
        return _pod_peer(endpoint, directory)
    for name in _AS_ENTITY:
        if name in endpoint.entities:
            return Entity(name)
    if "world" in endpoint.entities:
        return _outside_peer(endpoint, directory)
    return "unknown identity"


def _pod_peer(endpoint: Endpoint, directory: _Directory) -> Peer | str:
    if endpoint.pods:
        pods = [directory.inventory.pods[(endpoint.namespace, name)] for name in endpoint.pods]
        if any(pod.host_network for pod in pods):
            return Entity("remote-node")
        found = {pod.workload for pod in pods}
    elif endpoint.labels:
        found = set(directory.labelled(endpoint.namespace, endpoint.labels))
    else:
        return "a pod without name or labels"
    if not found:
        return "no known pod has these labels"
    return found.pop() if len(found) == 1 else "several workloads fit"


def _outside_peer(endpoint: Endpoint, directory: _Directory) -> Peer | str:
    if not endpoint.ip:
        return Entity("world")
    kind = directory.ranges.kind(endpoint.ip)
    if kind == "node":
        return Entity("remote-node")
    if kind is not None:
        return f"an unknown address in the {kind} range"
    return Cidr(host_cidr(endpoint.ip))


def _service_key(one: _Resolved) -> tuple[Peer | str, str, int | None]:
    return one.server, one.flow.protocol, one.port


def _listening(
    known: Iterable[_Resolved], inventory: Inventory
) -> set[tuple[Peer | str, str, int | None]]:
    """Servers whose port is proved by a flow of certain direction, or declared by the pod."""
    proved = {_service_key(one) for one in known if one.flow.certain}
    declared = {
        (pod.workload, port.protocol, port.port)
        for pod in inventory.pods.values()
        for port in pod.ports
    }
    return proved | declared


def _proxied(known: list[_Resolved]) -> dict[int, Connection]:
    """Answers that went to a node's proxy address, and the connection that they belong to.

    Cilium's L7 proxy opens the second half of a connection from an address of the node but with
    the identity of the client pod; the answers carry the identity of the address alone. An entity
    that was only ever answered, at an address from which a pod's identity opened that very
    connection, is that pod.
    """
    pods: Mapping[tuple[str, object], list[_Resolved]] = defaultdict(list)
    for one in known:
        if isinstance(one.client, Workload) and one.flow.client.ip:
            pods[(one.flow.client.ip, _service_key(one))].append(one)
    found = {}
    for one in known:
        if isinstance(one.client, Entity) and not one.flow.signals.get("forward"):
            behind = pods.get((one.flow.client.ip, _service_key(one)))
            if behind:
                found[id(one)] = min((b.connection for b in behind), key=lambda c: c.key)
    return found


def _answers(known: Iterable[_Resolved]) -> dict[tuple[Peer | str, str], set[str]]:
    """(client, outside block) → the names for which the client was answered that address."""
    named: dict[tuple[Peer | str, str], set[str]] = defaultdict(set)
    for one in known:
        for name, address in one.flow.answers:
            named[(one.client, host_cidr(address))].add(name)
    return named


def _evidence(
    one: _Resolved, named: Mapping[tuple[Peer | str, str], set[str]] | None = None
) -> Evidence:
    evidence = Evidence.of(one.flow)
    if named and isinstance(one.server, Cidr):
        names = evidence.names | named.get((one.client, one.server.cidr), set())
        evidence = replace(evidence, names=frozenset(names))
    sides = ((one.client, one.flow.client), (one.server, one.flow.server))
    addresses = {seen.ip for peer, seen in sides if isinstance(peer, Entity) and seen.ip}
    return replace(evidence, addresses=frozenset(addresses)) if addresses else evidence


def _unattributed(one: _Resolved, reason: str = "") -> Unattributed:
    wrong = one.client if isinstance(one.client, str) else one.server
    return Unattributed(
        client=_shown(one.client, one.flow.client),
        server=_shown(one.server, one.flow.server),
        protocol=one.flow.protocol,
        port=one.flow.port,
        reason=reason or str(wrong),
        evidence=_evidence(one),
    )


def _shown(peer: Peer | str, endpoint: Endpoint) -> str:
    if not isinstance(peer, str):
        return label(peer)
    if endpoint.namespace:
        who = ",".join(endpoint.pods) or ",".join(f"{k}={v}" for k, v in endpoint.labels)
        return f"{endpoint.namespace}/?/{who or '?'}"
    return endpoint.ip or "?"

"""Who is who: flows' endpoints become peers, and flows become connections with evidence.

The rules, in the order in which they are asked:

1. Names that the flow itself carries win: a pod's name gives its workload through the inventory,
   the owner that the source named, or the pattern of the pod's name.
2. A pod known by its labels only is the one workload of that namespace whose pods carry them.
3. A side known by its address only is whoever had that address then (:mod:`netpol.identify`).
4. A Service's address and port are those of the pods behind it at that time.
5. Reserved identities are entities; an outside address is a /32 or /128 of its own, and a server
   outside of which only DNS names are told is whoever has one of them.
6. An address that belongs to the cluster but to nobody known is never outside: it is held.

Everything is decided over all flows together, so that neither the order of records nor the way in
which they were split into files shows in the result.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, product
from typing import Final, TypeAlias

from netpol.addresses import GUARD, Unclear
from netpol.answers import Answers
from netpol.apiservers import told_apart
from netpol.crosscheck import CrossCheck, cross_check
from netpol.directory import Directory, client_peer, directory_of, server_peer
from netpol.flow import Flow
from netpol.graph import Connection, Evidence, ServiceGraph
from netpol.identify import identified
from netpol.inventory import Inventory, Pod
from netpol.net import PORT_PROTOCOLS, host_cidr, is_hostname, is_name_pattern
from netpol.peers import Cidr, Endpoint, Entity, Fqdn, Peer, label
from netpol.proxied import Seen, proxies

__all__ = ["Attributed", "Loose", "Unattributed", "attribute", "nothing_loose"]

Loose: TypeAlias = Callable[[Callable[[str, int, int], Pod | None]], Iterable[Flow]]
"""Flows between sides that are known by their address alone, of somebody who wants to know who had
which address for all of a time (:meth:`netpol.directory.Directory.alone_at`) to add them up by it:
there those are named already."""


_CLAIM: Final = frozenset({"capture", "pcap"})
"""Sources whose names of a server are what clients said in TLS and HTTP; all others tell what the
DNS answered."""


def nothing_loose(_: object) -> Iterable[Flow]:
    """There are no such flows."""
    return ()


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


def attribute(
    flows: Iterable[Flow], inventory: Inventory, guard: int = GUARD, loose: Loose = nothing_loose
) -> Attributed:
    """The service graph of ``flows``; ``inventory`` must include their roster.

    See :func:`netpol.roster.roster` for what the flows themselves say about the cluster. ``guard``:
    by how many nanoseconds the clocks of flows and inventory may differ.
    """
    directory = directory_of(inventory, guard)
    held: list[Unattributed] = []
    known: list[Seen] = []
    flows, more = told_apart(flows), list(loose(directory.alone_at))
    for flow in chain(flows, more):
        for found in _resolve(flow, directory):
            if isinstance(found, Unattributed):
                held.append(found)
            else:
                known.append(found)
    listening, proxy, named = _listening(known, inventory), proxies(known), _Names.of(known, guard)
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
        crosscheck=cross_check(flows, directory.book, max((one.last for one in more), default=0)),
    )


def _resolve(flow: Flow, directory: Directory) -> Iterator[Seen | Unattributed]:
    """The connections that a flow is: one, but where a Service's port has several numbers."""
    one = identified(flow, directory.book, directory.ranges)
    if one.noise:
        yield _held(flow, Unclear(""), Unclear(""), one.noise, beside=True)
        return
    flow = one.flow
    client = client_peer(flow, one.client, directory)
    flow, server, ports = server_peer(flow, one.server, directory)
    if isinstance(client, Unclear) or isinstance(server, Unclear):
        reason = client.reason if isinstance(client, Unclear) else ""
        reason = reason or (server.reason if isinstance(server, Unclear) else "")
        yield _held(flow, client, server, reason)
    elif flow.protocol in PORT_PROTOCOLS and not all(ports):
        yield _held(flow, client, server, "the port is not known")
    else:
        named = _named(flow.server) if server == Entity("world") else ()
        for number, (peer, port) in enumerate(product(named or (server,), ports)):
            # Its records count once, whatever number or name the pod had that answered.
            part = replace(flow, records=0, count=0) if number else flow
            yield part, Connection(client, peer, flow.protocol, port)


def _named(server: Endpoint) -> tuple[Peer, ...]:
    """Somebody outside of whom a source tells names alone; it may be any of these."""
    names = frozenset[str]() if server.ip else server.names
    found = set(filter(is_hostname, names)) or set(filter(is_name_pattern, names))
    return tuple(map(Fqdn, sorted(found)))


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


@dataclass(frozen=True, slots=True)
class _Names:
    """What clients were answered: (client, outside block) → answers with that address."""

    told: Mapping[tuple[Peer, str], Answers]
    guard: int

    @staticmethod
    def of(known: Iterable[Seen], guard: int) -> _Names:
        told: dict[tuple[Peer, str], Answers] = defaultdict(Answers)
        for flow, connection in known:
            for one in flow.answers:
                told[connection.client, host_cidr(one.address)].add([one])
        return _Names(told, guard)

    def at(self, flow: Flow, connection: Connection, cidr: str) -> set[str]:
        """The names whose answers held, or were still in use, when the flow was seen.

        Any pod may ask for ``*.example.org``: that is no name, and teaches no pattern.
        """
        told = self.told.get((connection.client, cidr))
        if told is None:
            return set()
        times = list(flow.times)
        return {
            one.name
            for one in told.found()
            if "*" not in one.name and any(one.names(*time, self.guard) for time in times)
        }


def _evidence(flow: Flow, connection: Connection, named: _Names) -> Evidence:
    names, claimed = frozenset[str](), frozenset[str]()
    if isinstance(connection.server, Cidr):
        names = frozenset(named.at(flow, connection, connection.server.cidr))
        if flow.source in _CLAIM:
            claimed = flow.server.names - names
        else:
            names |= flow.server.names
    elif isinstance(connection.client, Cidr | Fqdn):
        names = flow.client.names
    return replace(
        Evidence.of(flow),
        names=names,
        claimed=claimed,
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

"""What policies allow that was not observed, and why: the price of every rule that is wider."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, product
from typing import Final, TypeAlias

from netpol.choices import Choice, Generalised, Siblings
from netpol.evaluate import Judge
from netpol.graph import Connection
from netpol.learn import Learned
from netpol.net import ICMP_PROTOCOLS, NO_PORTS, PortSet
from netpol.peers import Entity, Peer, Workload, label

__all__ = ["Opened", "abroad", "is_declared", "is_outside", "opened"]

_HOST: Final = Entity("host")
_DECLARED: Final = "declared"

_Tried: TypeAlias = tuple[Connection, Peer]
"""A connection to judge, and whom a rule that allows it means by its client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Ports that are allowed between two workloads without having been observed, and why."""

    client: Peer
    server: Peer
    ports: PortSet
    reason: str


def is_declared(opened: Opened) -> bool:
    """Whether it is open because somebody declared that it is needed."""
    return opened.reason.startswith(_DECLARED)


def is_outside(opened: Opened) -> bool:
    """Whether one of the sides is no pod."""
    return not (isinstance(opened.client, Workload) and isinstance(opened.server, Workload))


def opened(
    allowed: dict[tuple[Peer, Peer], PortSet],
    learned: Learned,
    declared: frozenset[Connection],
    policed: frozenset[str],
    choices: Iterable[Choice],
    coarse: Iterable[Generalised | Siblings],
    calls: Mapping[Connection, str],
) -> Iterator[Opened]:
    """What is ``allowed`` and was not observed, with the reason, sorted.

    ``declared``, ``calls``, ``choices`` and ``coarse`` explain what they open, as in
    :func:`netpol.certificate.certify`; of two reasons the first counts. Between workloads that are
    both outside ``policed`` namespaces nothing is listed.
    """
    seen = _ports(c for graph in (learned.accepted, learned.ruled) for c, _ in graph)
    promised = _ports(one for one in declared if one not in calls)
    chosen: dict[tuple[Peer, Peer], list[tuple[PortSet, str]]] = defaultdict(list)
    for call, why in calls.items():
        chosen[call.client, call.server].append((call.ports, f"{_DECLARED} need: {why}"))
    for one in choices:
        for opening in one.opens:
            reason = f"{one.field}: {one.what}"
            chosen[opening.client, opening.server].append((opening.ports, reason))
    # Most pairs are allowed just what was seen between them.
    wider = [pair for pair, ports in allowed.items() if ports != seen.get(pair)]
    for client, server in sorted(wider, key=lambda pair: (label(pair[0]), label(pair[1]))):
        if not _inside(client, policed) and not _inside(server, policed):
            continue
        ports = allowed[client, server]
        rest = ports - seen[client, server]
        reasons = [(promised[client, server], f"{_DECLARED} need: name resolution")]
        reasons += chosen.get((client, server), [])
        reasons += ((one.opens(client, server), one.says(client, server)) for one in coarse)
        for some, reason in (*reasons, (ports, _why_open(client, server, policed))):
            if part := rest & some:
                yield Opened(client=client, server=server, ports=part, reason=reason)
            rest -= some


def _why_open(client: Peer, server: Peer, policed: frozenset[str]) -> str:
    for peer in (client, server):
        if not _inside(peer, policed):
            return f"{label(peer)} is not policed"
    return "a selector or rule is wider than what was observed"


def _inside(peer: Peer, policed: frozenset[str]) -> bool:
    return isinstance(peer, Workload) and peer.namespace in policed


def _ports(connections: Iterable[Connection]) -> dict[tuple[Peer, Peer], PortSet]:
    table: dict[tuple[Peer, Peer], PortSet] = defaultdict(PortSet)
    for connection in connections:
        table[(connection.client, connection.server)] |= connection.ports
    return table


def abroad(
    judge: Judge, declared: Iterable[Connection], coarse: Iterable[Generalised | Siblings]
) -> dict[tuple[Peer, Peer], PortSet]:
    """What is allowed with somebody who is no pod, for some pod of a workload at least.

    Of what is ``declared``, and of what the groups of a ``coarse`` level may open.
    """
    some = chain(((one, one.client) for one in declared), _beside(coarse, judge))
    found = [one for one in some if not all(isinstance(p, Workload) for p in _ends(one[0]))]
    passes = list(judge.replay(one for one, _ in found))
    some_may: dict[tuple[Peer, Peer], PortSet] = {}
    if not all(passes):  # for all pods of the workload, that is: a few of them may
        some_may = {(row.client, row.server): row.ports for row in judge.outside_connections()}
    allowed: dict[tuple[Peer, Peer], PortSet] = defaultdict(PortSet)
    for (one, client), passed in zip(found, passes, strict=True):
        if passed or one.ports <= some_may.get(_ends(one), NO_PORTS):
            allowed[client, one.server] |= one.ports
    return allowed


def _beside(coarse: Iterable[Generalised | Siblings], judge: Judge) -> Iterator[_Tried]:
    """What workloads may do with somebody who is no pod, because others of theirs were seen to.

    Not with their own node, where that is no matter of policies.
    """
    there = {one.peer for one in judge.world.outside}
    for one in coarse:
        within: dict[Peer, list[Peer]] = defaultdict(list)
        for workload, groups in one.subjects.items():
            for group in groups if workload not in judge.world.on_host else ():
                within[group].append(workload)
        for (client, server), ports in one.ports.items():
            exempt = (judge.profile.node_to_pod and client == _HOST) or (
                judge.profile.pod_to_node and server == _HOST
            )
            if exempt or len(there & {client, server}) != 1:
                continue
            both = list(product(within.get(client, [client]), within.get(server, [server])))
            for some in _singles(ports):
                who = one.ruled(replace(some, client=client, server=server)).client
                for pair in both:
                    shown = who if client in there else pair[0]
                    yield replace(some, client=pair[0], server=pair[1]), shown


def _singles(ports: PortSet) -> Iterator[Connection]:
    """A connection between nobody for each port, or type of ICMP."""
    nobody = Entity("world")
    for protocol, low, high in ports:
        step = 256 if protocol in ICMP_PROTOCOLS else 1
        for port in range(low, high + 1, step):
            yield Connection(nobody, nobody, protocol, port)


def _ends(one: Connection) -> tuple[Peer, Peer]:
    return one.client, one.server

"""Which observed connections are accepted as needed, and which wait for a person.

Accepted is what was answered, or what an enforcing engine allowed where nothing says that the
answer failed to come. Everything else is held with a reason: an attacker, a typo or a scanner must
not be able to teach a rule.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

from netpol.graph import Connection, Evidence, ServiceGraph
from netpol.inventory import Inventory
from netpol.peers import Cidr, Entity, Fqdn, Peer, Workload
from netpol.visitors import as_ruled

__all__ = ["NAMELESS", "UNCAUTIOUS", "Caution", "Held", "Judged", "judge"]

NAMELESS: Final = "a protocol that no policy can name"

SWEEP_TARGETS: Final = 20
"""So many unanswered or refused (server, port) targets make a client a scanner, if they are more
than those that answered."""

PROBE_FACTOR: Final = 4
"""An answered connection of a scanner is a probe too when it has at most so many times the records
of its median failed probe, for each hour in which it was seen, up to :data:`VISITS`."""

VISITS: Final = 3
"""Who comes back as often looks at what he found; who is there more often works with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A connection that is not taken as needed, with the reason."""

    connection: Connection
    reason: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The accepted graph and the held connections, sorted."""

    accepted: ServiceGraph
    held: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caution:
    """What is too little to be taken as needed; by default nothing that was answered is."""

    times: int = 1
    """Connections that were opened fewer times are held."""
    hours: int = 1
    """And those seen in fewer hours (of the clock, UTC)."""


UNCAUTIOUS: Final = Caution()


def judge(graph: ServiceGraph, inventory: Inventory, caution: Caution = UNCAUTIOUS) -> Judged:
    """Divide a graph by what its evidence shows."""
    edges = list(graph)
    reasons = {connection: _reason(connection, evidence) for connection, evidence in edges}
    reasons |= _vague(edges, reasons)
    probes = _probes(edges, reasons)
    debuggers = _debug_pods(inventory)
    rare = _rare([edge for edge in edges if reasons[edge[0]] is None], inventory, caution)
    accepted: list[tuple[Connection, Evidence]] = []
    held: list[Held] = []
    for connection, evidence in edges:
        reason = reasons[connection]
        if {connection.client, connection.server} & debuggers:
            reason = "debug pod"
        elif connection in probes:
            reason = "scan"
        reason = reason or rare.get(connection)
        if reason is None:
            accepted.append((connection, evidence))
        else:
            held.append(Held(connection=connection, reason=reason, evidence=evidence))
    return Judged(accepted=ServiceGraph.of(accepted), held=tuple(held))


def _reason(connection: Connection, evidence: Evidence) -> str | None:
    """Why a connection is held by its own evidence; None when it is accepted."""
    seen = evidence.signal
    if connection.protocol == "OTHER":
        return NAMELESS
    if seen("forbidden"):
        return "explicitly denied"
    if seen("answered"):
        return None
    if seen("denied"):
        return "denied by policy"
    if seen("refused"):
        return "refused by the server"
    if seen("allowed") and (connection.protocol == "UDP" or not seen("traced")):
        return None
    if seen("dropped"):
        return "dropped, not by a policy"
    if seen("audited"):
        return "would be denied, not answered"
    return "not answered"


def _rare(
    edges: Iterable[tuple[Connection, Evidence]], inventory: Inventory, caution: Caution
) -> dict[Connection, str]:
    """Connections that were seen too little; visitors of a port that is shown to all are one."""
    if caution == UNCAUTIOUS:
        return {}
    edges, ruled = list(edges), as_ruled(inventory)
    together = ServiceGraph.of((ruled(connection), evidence) for connection, evidence in edges)
    little = {rule: _too_little(evidence, caution) for rule, evidence in together}
    return {connection: reason for connection, _ in edges if (reason := little[ruled(connection)])}


def _too_little(evidence: Evidence, caution: Caution) -> str | None:
    # Some parts of a flow count as nothing: who asks for nothing takes them, too.
    if evidence.times < caution.times > 1:
        return "seen fewer times than asked for"
    if len(evidence.hours) < caution.hours > 1:
        return "seen in fewer hours than asked for"
    return None


_EXACTER: Final[dict[Peer, Callable[[Peer], bool]]] = {
    Entity("world"): lambda peer: isinstance(peer, Cidr | Fqdn),
    Entity("remote-node"): lambda peer: peer == Entity("kube-apiserver"),
    Entity("host"): lambda peer: peer == Entity("kube-apiserver"),
}
"""What sources without addresses call peers that others know more exactly."""


def _vague(
    edges: Iterable[tuple[Connection, Evidence]], reasons: Mapping[Connection, str | None]
) -> dict[Connection, str]:
    """Connections that another source tells more exactly: accepted, they would open far more.

    So "the world" of a source without addresses beside the very addresses in another one's records.
    """
    exact: dict[tuple[Peer, str, int | None, str], list[tuple[Peer, Evidence]]] = defaultdict(list)
    for connection, evidence in edges:
        if reasons[connection] is None:
            for end, other, side in _ends(connection):
                exact[end, connection.protocol, connection.port, side].append((other, evidence))
    return {
        connection: "another source tells more exactly who it is"
        for connection, evidence in edges
        if reasons[connection] is None
        for end, other, side in _ends(connection)
        if (fits := _EXACTER.get(other))
        and any(
            fits(peer) and not {*dict(known.sources)} & {*dict(evidence.sources)}
            for peer, known in exact[end, connection.protocol, connection.port, side]
        )
    }


def _ends(connection: Connection) -> tuple[tuple[Peer, Peer, str], ...]:
    client, server = connection.client, connection.server
    return (client, server, "server"), (server, client, "client")


def _probes(
    edges: Iterable[tuple[Connection, Evidence]], reasons: dict[Connection, str | None]
) -> set[Connection]:
    """Connections that belong to a sweep over many ports or hosts, answered ones included."""
    # An entity is many machines: those at one address are one client.
    by_client: dict[tuple[Peer, frozenset[str]], list[tuple[Connection, Evidence]]]
    by_client = defaultdict(list)
    for connection, evidence in edges:
        key = connection.client, evidence.client_addresses
        by_client[key].append((connection, evidence))
    probes: set[Connection] = set()
    for found in by_client.values():
        probes |= _swept_ports(found, reasons) | _swept_hosts(found, reasons)
        failed = [(c, e) for c, e in found if reasons[c] in _FAILED]
        answered = sum(reasons[c] is None for c, _ in found)
        if len(failed) < SWEEP_TARGETS or len(failed) <= answered:
            continue
        limit = PROBE_FACTOR * median(e.records for _, e in failed)
        probes.update(c for c, _ in failed)
        probes.update(
            c
            for c, e in found
            if reasons[c] is None and e.records <= limit * min(len(e.hours), VISITS)
        )
    return probes


def _swept_ports(
    found: Iterable[tuple[Connection, Evidence]], reasons: dict[Connection, str | None]
) -> set[Connection]:
    """Connections of one client to very many ports of one server, of which none is known to answer.

    So with sources that tell what policies let pass and nothing of answers: there a scan of a pod
    under a policy that allows everything looks like so many needs.
    """
    untold: dict[Peer, list[Connection]] = defaultdict(list)
    for connection, evidence in found:
        if reasons[connection] is None and not evidence.signal("answered"):
            untold[connection.server].append(connection)
    return {c for many in untold.values() if len(many) >= SWEEP_TARGETS for c in many}


def _swept_hosts(
    found: Iterable[tuple[Connection, Evidence]], reasons: dict[Connection, str | None]
) -> set[Connection]:
    """Datagrams of one client to very many places, of which hardly one answers.

    Each for itself they need no answer; but where answers would have been seen, who is needed by
    so many is not left without any.
    """
    sent = [(c, e) for c, e in found if reasons[c] is None and c.protocol == "UDP"]
    mute = [c for c, e in sent if e.signal("traced") and not e.signal("answered")]
    return set(mute) if len(mute) >= SWEEP_TARGETS and 2 * len(mute) > len(sent) else set()


_FAILED: Final = frozenset({"refused by the server", "not answered", "denied by policy"})


def _debug_pods(inventory: Inventory) -> frozenset[Peer]:
    """Bare pods that ``kubectl run`` or ``kubectl debug`` made.

    They have a label ``run``, or one that says who made them, or names like node-debugger-*, or,
    copied from a pod that is looked into, one that a person chose: web-debug. The owner of a sparse
    pod is a guess from its name, so it does not say that the pod is bare.
    """
    return frozenset[Workload](
        pod.workload
        for pod in inventory.pods.values()
        if not _MADE.isdisjoint(pod.labels)
        or ((pod.sparse or pod.workload.kind == "Pod") and ("run", pod.name) in pod.labels)
        or (pod.sparse and pod.name.startswith("node-debugger-"))
        or (pod.workload.kind == "Pod" and _DEBUG.search(pod.name))
    )


_MADE: Final = frozenset(
    {
        ("app.kubernetes.io/managed-by", "kubectl-debug"),
        ("debug.openshift.io/managed-by", "oc-debug"),
    }
)
"""Labels of pods to look at a node from, by kubectl since 1.34 and by oc."""

_DEBUG: Final = re.compile(r"(^|[-.])(debug(ger|ging)?|netshoot|tmp-shell)([-.\d]|$)")
"""What people call a pod to look around from."""

"""Short ways to say flows, pods and what was learned from them, for tests of the core."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from generators import DIALECTS
from netpol.cli.proof import Proof, dialect_named, prove
from netpol.flow import Account, Flow
from netpol.graph import Connection
from netpol.inventory import Inventory, Pod
from netpol.learn import Learned, learn
from netpol.peers import Endpoint, Labels, Workload, label
from netpol.synthesize import Options

TARGETS = ("kubernetes", "calico", "cilium")
ANSWERED = {"opened": 1, "forward": 1, "answered": 1, "traced": 1}
UNANSWERED = {"opened": 1, "forward": 1, "traced": 1}
HOUR = 3_600_000_000_000


def labels(**pairs: str) -> Labels:
    """Sorted label pairs."""
    return tuple(sorted(pairs.items()))


def app(name: str, namespace: str = "shop", pod: str = "", **more: Any) -> Endpoint:
    """A pod of the Deployment ``name``, labelled ``app=name``."""
    return Endpoint(
        namespace=namespace,
        pods=(pod or f"{name}-6d9c7f8b45-x2k9q",),
        **{"labels": labels(app=name), **more},
    )


def world(ip: str, **more: Any) -> Endpoint:
    """An address outside the cluster."""
    return Endpoint(ip=ip, entities=frozenset({"world"}), **more)


def entity(*names: str, ip: str = "") -> Endpoint:
    """A reserved identity."""
    return Endpoint(ip=ip, entities=frozenset(names))


def flow(client: Endpoint, server: Endpoint, port: int | None = 8080, **more: Any) -> Flow:
    """An answered TCP connection, one record."""
    given: dict[str, Any] = {
        "protocol": "TCP",
        "first": HOUR,
        "last": HOUR,
        "hours": frozenset({1}),
        "signals": dict(ANSWERED),
        "source": "test",
    }
    return Flow(client=client, server=server, port=port, **{**given, **more})


def told(one: Flow) -> set[tuple[str, str]]:
    """The (name, address) pairs of its answers."""
    return {(answer.name, answer.address) for answer in one.answers}


def pod(
    name: str, namespace: str = "shop", kind: str = "Deployment", owner: str = "", **more: Any
) -> Pod:
    """A pod of the inventory: of the workload ``owner`` (or ``name``), labelled ``app=owner``."""
    owner = owner or name
    return Pod(
        namespace=namespace,
        name=name,
        workload=Workload(namespace, kind, owner),
        **{"labels": labels(app=owner), **more},
    )


def inventory(*pods: Pod, **more: Any) -> Inventory:
    """An inventory of these pods."""
    return Inventory(pods={(one.namespace, one.name): one for one in pods}, **more)


def learned(flows: Iterable[Flow], known: Inventory | None = None, **more: Any) -> Learned:
    """What is learned from flows whose source counted nothing else."""
    flows = list(flows)
    records = sum(one.records for one in flows)
    return learn(flows, known or Inventory(), Account(read=records, folded=records), **more)


def rows(connections: Iterable[Connection]) -> set[str]:
    """``client -> server PROTOCOL ports`` of each connection."""
    return {f"{label(c.client)} -> {label(c.server)} {c.ports}" for c in connections}


def accepted(what: Learned) -> set[str]:
    """The accepted connections, as text."""
    return rows(connection for connection, _ in what.accepted)


def held(what: Learned) -> dict[str, str]:
    """``client -> server PROTOCOL ports`` of each held connection, with its reason."""
    found = {min(rows([one.connection])): one.reason for one in what.held}
    found |= {
        f"{u.client} -> {u.server} {u.protocol} {u.port}": u.reason for u in what.unattributed
    }
    return found


def proof(what: Learned, target: str = "kubernetes", **options: Any) -> Proof:
    """The policies of one dialect with their certificate."""
    return prove(what, dialect_named(target, DIALECTS), Options(**options), lambda _: None)

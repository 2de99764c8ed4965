"""Who talks to whom: the nodes of the service graph, and what a source saw of one side.

A :class:`Peer` is a stable thing that a person would name; an :class:`Endpoint` is what one flow
record said. Attribution turns the second into the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = ["ENTITIES", "Cidr", "Endpoint", "Entity", "Fqdn", "Labels", "Peer", "Workload", "label"]

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Label pairs sorted by key."""

ENTITIES: Final = ("world", "host", "remote-node", "kube-apiserver", "health", "ingress", "init")
"""Names of things that are no pod and need no address; the words are Cilium's.

``host`` is the node that a pod runs on, ``remote-node`` every other node; both include hostNetwork
pods. ``world`` is everything outside the cluster.
"""


@dataclass(frozen=True, slots=True, order=True)
class Workload:
    """Pods that are one thing across their replacement: a Deployment, CronJob, bare Pod…"""

    namespace: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True, order=True)
class Cidr:
    """An address block outside the cluster, in canonical text (one address is a /32 or /128)."""

    cidr: str


@dataclass(frozen=True, slots=True, order=True)
class Fqdn:
    """A DNS name outside the cluster, in lower case without the final dot."""

    name: str


@dataclass(frozen=True, slots=True, order=True)
class Entity:
    """One of :data:`ENTITIES`."""

    name: str


Peer: TypeAlias = Workload | Cidr | Fqdn | Entity


def label(peer: Peer) -> str:
    """How a peer is written: ``ns/Kind/name``, a CIDR, ``fqdn:name`` or ``entity:name``."""
    match peer:
        case Workload(namespace, kind, name):
            return f"{namespace}/{kind}/{name}"
        case Cidr(cidr):
            return cidr
        case Fqdn(name):
            return f"fqdn:{name}"
        case Entity(name):
            return f"entity:{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What a source saw of one side of a connection. Every field may be empty: absent, not false.

    A folding source may put several pods of one owner, with equal labels, into one Endpoint.
    """

    namespace: str = ""
    pods: tuple[str, ...] = ()
    """Names of the pods seen, sorted; empty when the source names none."""
    labels: Labels = ()
    """Pod labels as the source gives them (Cilium: only the identity-relevant ones)."""
    namespace_labels: Labels = ()
    service_account: str = ""
    workload: tuple[str, str] | None = None
    """(kind, name) of the owner, when the source says so."""
    ip: str = ""
    """The address, where the other fields do not identify the endpoint."""
    entities: frozenset[str] = frozenset()
    """Which of :data:`ENTITIES` the source took it for; several can hold at once."""
    names: frozenset[str] = frozenset()
    """DNS names that the source attached to the address."""
    called: str = ""
    """How the source calls a party that it does not identify; for people, never for rules."""

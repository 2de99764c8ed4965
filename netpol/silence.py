"""Of whom nothing was seen: not seen is not not needed."""

from __future__ import annotations

from collections.abc import Iterator

from netpol.learn import Learned
from netpol.peers import Entity, Peer, Workload

__all__ = ["open_namespaces", "silent"]


def silent(learned: Learned, policed: frozenset[str] | None = None) -> tuple[Workload, ...]:
    """The workloads of these namespaces, or of all, for which nothing was accepted."""
    busy = _busy(learned)
    return tuple(
        one
        for one in _policeable(learned)
        if (policed is None or one.namespace in policed) and one not in busy
    )


def open_namespaces(learned: Learned, policed: frozenset[str]) -> tuple[str, ...]:
    """Namespaces of which nothing was accepted and that have no policies, sorted."""
    busy = {one.namespace for one in _busy(learned) if isinstance(one, Workload)}
    return tuple(sorted({one.namespace for one in _policeable(learned)} - busy - policed))


def _busy(learned: Learned) -> set[Peer]:
    """Whoever was seen, but for probes."""
    return {
        p for c, _ in learned.accepted for p in (c.client, c.server) if c.client != Entity("host")
    }


def _policeable(learned: Learned) -> Iterator[Workload]:
    """Workloads with pods that are not on their nodes' network."""
    for workload, pods in learned.inventory.workloads.items():
        if not all(pod.host_network for pod in pods):
            yield workload

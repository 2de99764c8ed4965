"""Declared needs beside name resolution: what the inventory says is needed and few hours show.

Calls of Services (:mod:`netpol.synthesize.called`), metrics, probes, and the API server for those
who have rights there. They are policies of their own (``…-declared``) and hold only what was not
observed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory, Pod
from netpol.peers import Entity, Workload
from netpol.services import targets
from netpol.synthesize.called import API, Promise, called
from netpol.synthesize.dns import needs

__all__ = ["NAMES", "declared_calls", "declared_needs", "nobody_scrapes"]

NAMES: Final = "name resolution"
"""Why resolvers may be asked."""

_HOST: Final = Entity("host")
_API_SERVICE: Final = ("default", "kubernetes")
_PROMETHEUS: Final = frozenset(
    (key, "prometheus") for key in ("app.kubernetes.io/name", "app", "k8s-app")
)
"""Labels of the server itself, in the common charts and in the operator's pods."""

Edge = tuple[Connection, Evidence]


def declared_needs(edges: Iterable[Edge], inventory: Inventory) -> dict[Connection, str]:
    """All that the inventory declares, observed or not, for every namespace; and why."""
    edges = list(edges)
    everywhere = frozenset(inventory.by_namespace)
    names = dict.fromkeys(needs(edges, inventory, everywhere), NAMES)
    return {**declared_calls((), inventory, everywhere, probes=True), **names}


def declared_calls(
    edges: Iterable[Edge], inventory: Inventory, namespaces: frozenset[str], *, probes: bool
) -> dict[Connection, str]:
    """Connections with a side in these namespaces that were not observed, and who declares them.

    ``probes``: the network plugin does not let the kubelet reach pods of its own node by itself.
    """
    seen = {connection for connection, _ in edges}
    found: dict[Connection, str] = {}
    promised = (*called(seen, inventory), *_scraped(inventory), *_using_api(inventory))
    for connection, why in (*promised, *(_probed(inventory) if probes else ())):
        inside = {getattr(peer, "namespace", "") for peer in (connection.client, connection.server)}
        if connection not in seen and inside & namespaces:
            found.setdefault(connection, why)
    return found


def _scraped(inventory: Inventory) -> Iterator[Promise]:
    """Metrics are fetched by whom an object says, else by the pods that are called prometheus."""
    known = _scrapers(inventory)
    for one in inventory.scrapes:
        for client in one.clients or known:
            for server, port in one.places:
                if client != server:
                    yield Connection(client, server, "TCP", port), f"metrics: {one.name}"


def nobody_scrapes(inventory: Inventory) -> tuple[str, ...]:
    """What says that metrics are fetched where nobody is known to fetch them."""
    if _scrapers(inventory):
        return ()
    return tuple(one.name for one in inventory.scrapes if not one.clients)


def _scrapers(inventory: Inventory) -> tuple[Workload, ...]:
    """The pods that are called prometheus; nobody where each object says who scrapes."""
    if all(one.clients for one in inventory.scrapes):
        return ()
    found = {pod.workload for pod in _there(inventory) if not _PROMETHEUS.isdisjoint(pod.labels)}
    return tuple(sorted(found))


def _using_api(inventory: Inventory) -> Iterator[Promise]:
    """Whoever runs as an account with rights in the API calls it, at the port of its Service."""
    users = frozenset(inventory.api_users)
    service = inventory.services.get(_API_SERVICE)
    ports = {
        number
        for port in (service.ports if service else ())
        for peer, number in targets(inventory, service, port)  # type: ignore[arg-type]
        if peer == API
    }
    for pod in _there(inventory) if users else ():
        if pod.has_token and (pod.namespace, pod.service_account) in users:
            why = f"rights of ServiceAccount {pod.namespace}/{pod.service_account}"
            yield from ((Connection(pod.workload, API, "TCP", port), why) for port in sorted(ports))


def _probed(inventory: Inventory) -> Iterator[Promise]:
    for pod in _there(inventory):
        for port in pod.probed:
            yield Connection(_HOST, pod.workload, "TCP", port), "probes"


def _there(inventory: Inventory) -> Iterable[Pod]:
    """Pods that policies are about."""
    return (pod for pod in inventory.pods.values() if not pod.host_network)

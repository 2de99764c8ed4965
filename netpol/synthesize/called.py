"""Calls of Services that objects of the cluster say will be made.

The API server calls the Services of admission webhooks and aggregated APIs, often too rarely to be
seen; a refused webhook stops deployments long after the policies went live. Routes (Ingress,
HTTPRoute and its like) name Services that will be asked through the same controller as others,
whether or not somebody asked for them meanwhile. The pods that were made for a Gateway carry its
name; which pods are the controller of an Ingress, or of a Gateway without pods of its own, nothing
says by itself: they are those that a Service shows to the outside and that were seen to call a
backend of some route.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from netpol.callers import Caller
from netpol.graph import Connection
from netpol.inventory import Inventory, Service, ServicePort
from netpol.peers import Entity, Peer, Workload
from netpol.services import exposed_ports, targets

__all__ = ["API", "Promise", "called"]

API: Final = Entity("kube-apiserver")
_ROUTE: Final = "route"
_GATEWAY: Final = "gateway.networking.k8s.io/gateway-name"
"""The label of the pods that were made for a Gateway (GEP-1762)."""

Promise = tuple[Connection, str]
"""A connection, and who declares it."""


def called(seen: Iterable[Connection], inventory: Inventory) -> Iterator[Promise]:
    """Of each Service that is called: who calls it, as far as ``seen`` and the objects tell."""
    controllers = _controllers(seen, inventory)
    for one in inventory.callers:
        for server, protocol, port in _answering(one, inventory):
            for client in _clients(one, controllers, inventory):
                yield Connection(client, server, protocol, port), f"{one.kind} {one.name}"


def _clients(one: Caller, controllers: Iterable[Workload], inventory: Inventory) -> Iterable[Peer]:
    """Who calls: the API server, the pods of a Gateway, or whoever answers for routes."""
    if one.kind != _ROUTE:
        return (API,)
    own = {
        pod.workload
        for space, name in one.gateways
        for pod in inventory.by_namespace.get(space, ())
        if (_GATEWAY, name) in pod.labels
    }
    return sorted(own) or controllers


def _answering(one: Caller, inventory: Inventory) -> Iterator[tuple[Workload, str, int]]:
    """The pods behind what is called, with their ports."""
    service = inventory.services.get((one.namespace, one.service))
    for port in _ports(service, one.port) if service is not None else ():
        assert service is not None
        for server, number in targets(inventory, service, port):
            if isinstance(server, Workload):
                yield server, port.protocol, number


def _ports(service: Service, wanted: str) -> Iterator[ServicePort]:
    return (one for one in service.ports if wanted in ("", one.name, str(one.port)))


def _controllers(seen: Iterable[Connection], inventory: Inventory) -> tuple[Workload, ...]:
    """Who answers for routes: shown to the outside, and seen to call a backend of one."""
    routes = [one for one in inventory.callers if one.kind == _ROUTE]
    if not routes:
        return ()
    behind = {place for one in routes for place in _answering(one, inventory)}
    shown: Mapping[Workload, object] = exposed_ports(inventory)
    found = {
        connection.client
        for connection in seen
        if isinstance(connection.client, Workload)
        and connection.client in shown
        and (connection.server, connection.protocol, connection.port) in behind
    }
    return tuple(sorted(found))

"""What objects of the cluster say of who is called, for the inventory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Final

from capture import objects
from netpol.callers import Caller
from netpol.inventory import Namespace

__all__ = ["callers"]

_HTTPS: Final = 443
"""The port of a Service that the API server calls, where none is given."""


def callers(
    found: Iterable[tuple[str, object]], namespaces: Mapping[str, Namespace]
) -> tuple[Caller, ...]:
    """The Services that (kind, object) say are called, sorted."""
    said = [(kind, body) for kind, body in found if isinstance(body, objects.Calling)]
    grants = [body for _, body in said if isinstance(body, objects.ReferenceGrant)]
    gateways = {
        (body.metadata.space, body.metadata.title): body
        for _, body in said
        if isinstance(body, objects.Gateway)
    }
    attached = partial(_attached, gateways, namespaces)
    return tuple(
        sorted({one for kind, body in said for one in _callers(kind, body, grants, attached)})
    )


def _attached(
    gateways: Mapping[tuple[str, str], objects.Gateway],
    namespaces: Mapping[str, Namespace],
    route: objects.Route,
) -> tuple[tuple[str, str], ...]:
    """(namespace, name) of the Gateways that take a route; one that is not known takes its own."""
    home = route.metadata.space
    known = namespaces.get(home)
    labels = dict(known.labels) if known else {}

    def takes(space: str, name: str, listener: str) -> bool:
        gateway = gateways.get((space, name))
        return gateway.admits(listener, home, labels) if gateway else space == home

    return tuple(
        dict.fromkeys((s, n) for s, n, listener in route.gateways if takes(s, n, listener))
    )


def _callers(
    kind: str,
    body: object,
    grants: Collection[objects.ReferenceGrant],
    attached: Callable[[objects.Route], tuple[tuple[str, str], ...]],
) -> Iterator[Caller]:
    match body:
        case objects.Ingress():
            yield from _ingress(body)
        case objects.Route():
            if gateways := attached(body):
                yield from _route(kind, body, grants, gateways)
        case objects.ApiService():
            yield from _called("aggregated API", body.metadata.title, body.called)
        case objects.Webhooks():
            yield from _called("admission webhook", body.metadata.title, body.called)


def _ingress(body: objects.Ingress) -> Iterator[Caller]:
    title, space = body.metadata.title, body.metadata.space
    for service, port in body.backends:
        yield Caller(kind="route", name=title, namespace=space, service=service, port=str(port))


def _route(
    kind: str,
    body: objects.Route,
    grants: Collection[objects.ReferenceGrant],
    gateways: tuple[tuple[str, str], ...],
) -> Iterator[Caller]:
    """Its backends; one in another namespace only where that grants it, for no gateway calls it
    otherwise."""
    home = body.metadata.space
    for one in body.backends:
        space = one.namespace or home
        if space == home or any(
            grant.metadata.space == space and grant.allows(kind, home, one.name) for grant in grants
        ):
            yield Caller(
                kind="route",
                name=body.metadata.title,
                namespace=space,
                service=one.name,
                port=str(one.port or ""),
                gateways=gateways,
            )


def _called(kind: str, name: str, services: Iterable[objects.ServiceReference]) -> Iterator[Caller]:
    for one in services:
        port = str(one.port or _HTTPS)
        yield Caller(kind=kind, name=name, namespace=one.namespace, service=one.name, port=port)

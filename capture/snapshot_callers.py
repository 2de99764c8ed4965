"""What objects of the cluster say of who is called, for the inventory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from capture import objects
from netpol.callers import Caller

__all__ = ["callers"]

_HTTPS: Final = 443
"""The port of a Service that the API server calls, where none is given."""


def callers(found: Iterable[tuple[str, object]]) -> tuple[Caller, ...]:
    """The Services that (kind, object) say are called, sorted."""
    said = [(kind, body) for kind, body in found if isinstance(body, objects.Calling)]
    grants = [body for _, body in said if isinstance(body, objects.ReferenceGrant)]
    return tuple(sorted({one for kind, body in said for one in _callers(kind, body, grants)}))


def _callers(
    kind: str, body: object, grants: Collection[objects.ReferenceGrant]
) -> Iterator[Caller]:
    match body:
        case objects.Ingress():
            yield from _ingress(body)
        case objects.Route():
            yield from _route(kind, body, grants)
        case objects.ApiService():
            yield from _called("aggregated API", body.metadata.title, body.called)
        case objects.Webhooks():
            yield from _called("admission webhook", body.metadata.title, body.called)


def _ingress(body: objects.Ingress) -> Iterator[Caller]:
    title, space = body.metadata.title, body.metadata.space
    for service, port in body.backends:
        yield Caller(kind="route", name=title, namespace=space, service=service, port=str(port))


def _route(
    kind: str, body: objects.Route, grants: Collection[objects.ReferenceGrant]
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
                gateways=body.gateways,
            )


def _called(kind: str, name: str, services: Iterable[objects.ServiceReference]) -> Iterator[Caller]:
    for one in services:
        port = str(one.port or _HTTPS)
        yield Caller(kind=kind, name=name, namespace=one.namespace, service=one.name, port=port)

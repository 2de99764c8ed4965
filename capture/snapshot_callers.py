"""What objects of the cluster say of who is called, for the inventory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from capture import objects
from netpol.inventory import Caller

__all__ = ["Calling", "callers"]

Calling: TypeAlias = objects.Webhooks | objects.ApiService | objects.Ingress

_HTTPS: Final = 443
"""The port of a Service that the API server calls, where none is given."""


def callers(body: Calling) -> Iterator[Caller]:
    """The Services that an object says are called."""
    title = body.metadata.title
    if isinstance(body, objects.Ingress):
        space = body.metadata.space
        for service, port in body.backends:
            yield Caller(kind="route", name=title, namespace=space, service=service, port=str(port))
        return
    kind = "aggregated API" if isinstance(body, objects.ApiService) else "admission webhook"
    for one in body.called:
        yield Caller(
            kind=kind,
            name=title,
            namespace=one.namespace,
            service=one.name,
            port=str(one.port or _HTTPS),
        )

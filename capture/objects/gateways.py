"""Routes of the Gateway API, and who may be referred to from another namespace.

Source: gateway.networking.k8s.io (HTTPRoute, GRPCRoute v1; TCPRoute, TLSRoute, UDPRoute v1alpha2;
ReferenceGrant v1beta1), whose defaults these are.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from capture.objects.base import Calling, Camel

__all__ = ["GATEWAYS", "BackendRef", "ReferenceGrant", "Route"]

GATEWAYS = "gateway.networking.k8s.io"
"""The API group."""


class BackendRef(Camel):
    """What a route leads to: a Service, unless it says otherwise."""

    name: str
    group: str = ""
    kind: str = "Service"
    namespace: str | None = None
    port: int | None = None

    @property
    def is_service(self) -> bool:
        """Other kinds of backends are somebody's own."""
        return (self.group, self.kind) == ("", "Service")


class _ParentRef(Camel):
    name: str
    group: str = GATEWAYS
    kind: str = "Gateway"
    namespace: str | None = None


class _Mirror(Camel):
    backend_ref: BackendRef | None = None


class _Filter(Camel):
    request_mirror: _Mirror | None = None


class _Leading(Camel):
    """A rule, or a backend with filters of its own."""

    backend_refs: list[_WithFilters] | None = None
    filters: list[_Filter] | None = None


class _WithFilters(BackendRef):
    filters: list[_Filter] | None = None


class _RouteSpec(Camel):
    parent_refs: list[_ParentRef] | None = None
    rules: list[_Leading] | None = None


class Route(Calling):
    """An HTTPRoute, GRPCRoute, TCPRoute, TLSRoute or UDPRoute."""

    spec: _RouteSpec | None = None

    @property
    def gateways(self) -> tuple[tuple[str, str], ...]:
        """(namespace, name) of the Gateways that it is attached to."""
        parents = (self.spec.parent_refs if self.spec else None) or ()
        return tuple(
            (one.namespace or self.metadata.space, one.name)
            for one in parents
            if (one.group, one.kind) == (GATEWAYS, "Gateway")
        )

    @property
    def backends(self) -> Iterator[BackendRef]:
        """The Services of its rules, those that requests are mirrored to among them."""
        for rule in (self.spec.rules if self.spec else None) or ():
            refs = rule.backend_refs or []
            filters = [*(rule.filters or ()), *(f for ref in refs for f in ref.filters or ())]
            mirrors = (one.request_mirror.backend_ref for one in filters if one.request_mirror)
            yield from (one for one in (*refs, *mirrors) if one is not None and one.is_service)


class _From(Camel):
    group: str
    kind: str
    namespace: str


class _To(Camel):
    group: str
    kind: str
    name: str | None = None


class _GrantSpec(Camel):
    origins: list[_From] = msgspec.field(name="from", default_factory=list)
    to: list[_To] = msgspec.field(default_factory=list)


class ReferenceGrant(Calling):
    """Lets objects of other namespaces refer to those of its own."""

    spec: _GrantSpec | None = None

    def allows(self, kind: str, namespace: str, service: str) -> bool:
        """Whether a route of that kind and namespace may lead to a Service beside this object."""
        spec = self.spec or _GrantSpec()
        origin = (GATEWAYS, kind, namespace)
        return any((one.group, one.kind, one.namespace) == origin for one in spec.origins) and any(
            (one.group, one.kind) == ("", "Service") and one.name in (None, "", service)
            for one in spec.to
        )

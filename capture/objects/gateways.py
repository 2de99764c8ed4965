"""Routes of the Gateway API, and who may be referred to from another namespace.

Source: gateway.networking.k8s.io (HTTPRoute, GRPCRoute v1; TCPRoute, TLSRoute, UDPRoute v1alpha2;
ReferenceGrant v1beta1), whose defaults these are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from capture.objects.base import Calling, Camel
from capture.objects.monitors import Selection

__all__ = ["GATEWAYS", "BackendRef", "Gateway", "ReferenceGrant", "Route"]

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
    section_name: str | None = None


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


class _AllowedNamespaces(Camel):
    origin: str | None = msgspec.field(name="from", default=None)
    selector: Selection | None = None


class _AllowedRoutes(Camel):
    namespaces: _AllowedNamespaces | None = None


class _Listener(Camel):
    name: str = ""
    allowed_routes: _AllowedRoutes | None = None


class _GatewaySpec(Camel):
    listeners: list[_Listener] | None = None


class Gateway(Calling):
    """A Gateway: which routes may be attached to it."""

    spec: _GatewaySpec | None = None

    def admits(self, section: str, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether a listener (one of that name, where one is given) takes routes of a namespace.

        Without a word of it those of the Gateway's own namespace alone. Which kinds of routes and
        which host names it takes is not looked at.
        """
        for one in (self.spec.listeners if self.spec else None) or ():
            allowed = (one.allowed_routes and one.allowed_routes.namespaces) or _AllowedNamespaces()
            if section not in ("", one.name):
                continue
            match allowed.origin or "Same":
                case "All":
                    return True
                case "Selector" if (allowed.selector or Selection()).met(labels):
                    return True
                case "Same" if namespace == self.metadata.space:
                    return True
        return False


class _RouteSpec(Camel):
    parent_refs: list[_ParentRef] | None = None
    rules: list[_Leading] | None = None


class Route(Calling):
    """An HTTPRoute, GRPCRoute, TCPRoute, TLSRoute or UDPRoute."""

    spec: _RouteSpec | None = None

    @property
    def gateways(self) -> tuple[tuple[str, str, str], ...]:
        """(namespace, name, listener) of the Gateways that it asks to be attached to."""
        parents = (self.spec.parent_refs if self.spec else None) or ()
        return tuple(
            (one.namespace or self.metadata.space, one.name, one.section_name or "")
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

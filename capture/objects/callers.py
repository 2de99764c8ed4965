"""Objects that say who calls a Service: admission webhooks, aggregated APIs, routes from outside.

Sources: Kubernetes API admissionregistration/v1, apiregistration/v1, networking/v1 (Ingress).
"""

from __future__ import annotations

from capture.objects.base import Calling, Camel

__all__ = ["ApiService", "Ingress", "ServiceReference", "Webhooks"]


class ServiceReference(Camel):
    """A Service that the API server calls; the port is 443 where none is given."""

    namespace: str
    name: str
    port: int | None = None


class _Called(Camel):
    service: ServiceReference | None = None
    """None: it is called by a URL, or is the API server's own."""


class _Webhook(Camel):
    client_config: _Called | None = None


class Webhooks(Calling):
    """A ValidatingWebhookConfiguration or MutatingWebhookConfiguration."""

    webhooks: list[_Webhook] | None = None

    @property
    def called(self) -> list[ServiceReference]:
        """The Services that answer for its webhooks."""
        found = (one.client_config for one in self.webhooks or ())
        return [one.service for one in found if one is not None and one.service is not None]


class ApiService(Calling):
    """An APIService: a group of the API that a Service answers for."""

    spec: _Called | None = None

    @property
    def called(self) -> list[ServiceReference]:
        """The Service that answers."""
        return [self.spec.service] if self.spec is not None and self.spec.service else []


class _Port(Camel):
    number: int | None = None
    name: str | None = None


class _IngressService(Camel):
    name: str
    port: _Port | None = None


class _IngressBackend(Camel):
    service: _IngressService | None = None


class _Path(Camel):
    backend: _IngressBackend | None = None


class _Http(Camel):
    paths: list[_Path] | None = None


class _IngressRule(Camel):
    http: _Http | None = None


class _IngressSpec(Camel):
    default_backend: _IngressBackend | None = None
    rules: list[_IngressRule] | None = None


class Ingress(Calling):
    """An Ingress; its backends are Services of its own namespace."""

    spec: _IngressSpec | None = None

    @property
    def backends(self) -> list[tuple[str, int | str]]:
        """(Service, port by number or name) of each path and of the default."""
        spec = self.spec or _IngressSpec()
        paths = [path for rule in spec.rules or () if rule.http for path in rule.http.paths or ()]
        found = (spec.default_backend, *(path.backend for path in paths))
        services = [one.service for one in found if one is not None and one.service is not None]
        return [(one.name, _number(one.port)) for one in services]


def _number(port: _Port | None) -> int | str:
    return (port.number or port.name or "") if port is not None else ""

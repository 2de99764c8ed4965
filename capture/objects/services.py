"""Services, and the pods behind them."""

from __future__ import annotations

import msgspec

from capture.objects.base import Camel, LabelPairs, Object, PortNumber, Protocol
from capture.objects.pods import Address, ScrapedMeta

__all__ = [
    "Backend",
    "BackendAddress",
    "EndpointPort",
    "EndpointSlice",
    "Endpoints",
    "LoadBalancer",
    "Service",
    "ServicePort",
    "ServiceSpec",
    "ServiceStatus",
    "Subset",
    "Target",
]


class ServicePort(Camel):
    """One of a Service's ``ports``."""

    port: PortNumber
    name: str | None = None
    protocol: Protocol | None = None
    target_port: int | str | None = None
    node_port: int | None = None


class ServiceSpec(Camel):
    """The spec of a Service."""

    type: str | None = None
    selector: LabelPairs | None = None
    cluster_ip: str | None = msgspec.field(default=None, name="clusterIP")
    cluster_ips: list[str] | None = msgspec.field(default=None, name="clusterIPs")
    external_ips: list[str] | None = msgspec.field(default=None, name="externalIPs")
    ports: list[ServicePort] | None = None
    load_balancer_source_ranges: list[str] | None = None


class LoadBalancer(Camel):
    """``status.loadBalancer``."""

    ingress: list[Address] | None = None


class ServiceStatus(Camel):
    """The status of a Service."""

    load_balancer: LoadBalancer | None = None


class Service(Object):
    """A Service."""

    metadata: ScrapedMeta
    spec: ServiceSpec | None = None
    status: ServiceStatus | None = None


class Target(Camel):
    """Whose addresses these are: ``targetRef``."""

    kind: str | None = None
    name: str | None = None
    uid: str | None = None


class Backend(Camel):
    """One of an EndpointSlice's ``endpoints``."""

    addresses: list[str] | None = None
    target_ref: Target | None = None


class EndpointPort(Camel):
    """One of the ``ports`` of a slice or a subset."""

    name: str | None = None
    protocol: Protocol | None = None
    port: int | None = None


class EndpointSlice(Object):
    """An EndpointSlice."""

    address_type: str | None = None
    endpoints: list[Backend] | None = None
    ports: list[EndpointPort] | None = None


class BackendAddress(Address):
    """One of a subset's ``addresses``."""

    target_ref: Target | None = None


class Subset(Camel):
    """One of an Endpoints object's ``subsets``."""

    addresses: list[BackendAddress] | None = None
    ports: list[EndpointPort] | None = None


class Endpoints(Object):
    """An Endpoints object, which EndpointSlices replace."""

    subsets: list[Subset] | None = None

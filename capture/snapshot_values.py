"""From Kubernetes objects to what the inventory holds of them.

Labels come out sorted, addresses in canonical text. Text that is no address, where the API has one,
raises ``ValueError``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from capture import objects
from capture.times import nanoseconds
from netpol.inventory import (
    EndpointSlice,
    Namespace,
    Node,
    Service,
    ServicePort,
    SliceEndpoint,
)
from netpol.net import canonical_address, canonical_cidr
from netpol.peers import Labels
from netpol.settings import telling

__all__ = [
    "addresses",
    "api_servers",
    "blocks",
    "created",
    "endpoint_slice",
    "labels",
    "namespace",
    "node",
    "service",
    "subset_slices",
    "with_plugin",
]

_NAME_LABEL: Final = "kubernetes.io/metadata.name"
_NODE_ANNOTATIONS: Final = (
    "projectcalico.org/IPv4IPIPTunnelAddr",
    "projectcalico.org/IPv4VXLANTunnelAddr",
    "projectcalico.org/IPv6VXLANTunnelAddr",
    "projectcalico.org/IPv4WireguardInterfaceAddr",
    "projectcalico.org/IPv6WireguardInterfaceAddr",
    "network.cilium.io/ipv4-cilium-host",
    "network.cilium.io/ipv6-cilium-host",
)
"""Where Calico and Cilium write down the addresses of the pod range that a node speaks from."""
_HEALTH_ANNOTATIONS: Final = (
    "network.cilium.io/ipv4-health-ip",
    "network.cilium.io/ipv6-health-ip",
)


def labels(pairs: objects.LabelPairs | None) -> Labels:
    """Label pairs, sorted by key."""
    return tuple(sorted((key, value or "") for key, value in (pairs or {}).items()))


def service(item: objects.Service) -> Service:
    """A Service; load balancers that have names instead of addresses are left out."""
    spec = item.spec or objects.ServiceSpec()
    balancer = item.status and item.status.load_balancer
    ingress = [one.ip for one in (balancer and balancer.ingress) or ()]
    return Service(
        namespace=item.metadata.space,
        name=item.metadata.title,
        type=spec.type or "ClusterIP",
        selector=labels(spec.selector),
        cluster_ips=addresses(spec.cluster_ips or [spec.cluster_ip], "spec.clusterIPs"),
        external_ips=addresses([*(spec.external_ips or ()), *ingress], "spec.externalIPs"),
        ports=tuple(_service_port(port) for port in spec.ports or ()),
        source_ranges=_source_ranges(spec),
    )


def _source_ranges(spec: objects.ServiceSpec) -> tuple[str, ...]:
    """Whom the load balancer lets in; at externalIPs kube-proxy lets in everybody."""
    limited = spec.type == "LoadBalancer" and not spec.external_ips
    texts = (spec.load_balancer_source_ranges or ()) if limited else ()
    stripped = [one.strip() for one in texts]
    return tuple(sorted(_each(stripped, canonical_cidr, "spec.loadBalancerSourceRanges")))


def namespace(item: objects.Object) -> Namespace:
    """A namespace, with the label that the API server gives to every one."""
    name = item.metadata.title
    return Namespace(name=name, labels=labels({**(item.metadata.labels or {}), _NAME_LABEL: name}))


def node(item: objects.Node) -> Node:
    """A node, with the addresses that its network plugin gave it."""
    spec = item.spec or objects.NodeSpec()
    listed = (item.status and item.status.addresses) or ()
    told = item.metadata.annotations or {}
    own = [one.address for one in listed if one.type in ("InternalIP", "ExternalIP")]
    plugin = [told.get(key) for key in _NODE_ANNOTATIONS]
    ranges = [one for one in spec.pod_cidrs or [spec.pod_cidr or ""] if one]
    return Node(
        name=item.metadata.title,
        addresses=addresses([*own, *plugin], "status.addresses"),
        pod_cidrs=_each(ranges, canonical_cidr, "spec.podCIDRs"),
        labels=labels(item.metadata.labels),
        annotations=telling(told),
        health=addresses([told.get(key) for key in _HEALTH_ANNOTATIONS], "metadata.annotations"),
    )


def created(item: objects.Object) -> int:
    """When an object was created, in nanoseconds since the epoch; 0 where it does not say."""
    return nanoseconds(item.metadata.creation_timestamp)


def api_servers(item: objects.EndpointSlice | objects.Endpoints) -> tuple[str, ...]:
    """The addresses of the endpoints."""
    match item:
        case objects.EndpointSlice():
            seen = [ip for one in item.endpoints or () for ip in one.addresses or ()]
            return addresses(seen, "endpoints")
        case objects.Endpoints():
            listed = [ip.ip for one in item.subsets or () for ip in one.addresses or ()]
            return addresses(listed, "subsets")


def endpoint_slice(item: objects.EndpointSlice, service: str) -> EndpointSlice:
    """The backends of a Service; names of hosts (address type FQDN) are no addresses."""
    named = item.address_type == "FQDN"
    return EndpointSlice(
        namespace=item.metadata.space,
        name=item.metadata.title,
        service=service,
        ports=_endpoint_ports(item.ports),
        endpoints=tuple(
            _endpoint(one, addresses(one.addresses or (), "endpoints"))
            for one in (item.endpoints or () if not named else ())
        ),
    )


def subset_slices(item: objects.Endpoints) -> Iterator[EndpointSlice]:
    """The same from the object that EndpointSlices replace, one for each subset."""
    for number, subset in enumerate(item.subsets or ()):
        yield EndpointSlice(
            namespace=item.metadata.space,
            name=f"{item.metadata.title}/{number}",
            service=item.metadata.title,
            ports=_endpoint_ports(subset.ports),
            endpoints=tuple(
                _endpoint(one, addresses([one.ip], "subsets")) for one in subset.addresses or ()
            ),
        )


def _endpoint(
    one: objects.Backend | objects.BackendAddress, addresses: tuple[str, ...]
) -> SliceEndpoint:
    target = one.target_ref
    if target is None or target.kind != "Pod":
        return SliceEndpoint(addresses=addresses)
    return SliceEndpoint(addresses=addresses, pod=target.name or "", uid=target.uid or "")


def _endpoint_ports(
    ports: Iterable[objects.EndpointPort] | None,
) -> tuple[tuple[str, str, int], ...]:
    known = (one for one in ports or () if one.port)
    return tuple((one.name or "", one.protocol or "TCP", one.port or 0) for one in known)


def blocks(item: objects.Ranges) -> tuple[str, ...]:
    """The blocks of a ServiceCIDR or an IPPool that is in use."""
    spec = item.spec or objects.RangesSpec()
    texts = () if spec.disabled else [*(spec.cidrs or ()), *([spec.cidr] if spec.cidr else ())]
    return _each(texts, canonical_cidr, "spec.cidr")


def with_plugin(node: Node, item: objects.CiliumNode) -> Node:
    """A node with what its network plugin knows of it."""
    spec = item.spec or objects.CiliumNodeSpec()
    ranges, health = spec.ipam and spec.ipam.pod_cidrs, spec.health or objects.CiliumHealth()
    own = addresses([one.ip for one in spec.addresses or ()], "spec.addresses")
    checks = addresses([health.ipv4, health.ipv6], "spec.health")
    blocks = _each(ranges or (), canonical_cidr, "spec.ipam.podCIDRs")
    return replace(
        node,
        addresses=tuple(dict.fromkeys((*node.addresses, *own))),
        pod_cidrs=tuple(dict.fromkeys((*node.pod_cidrs, *blocks))),
        health=tuple(dict.fromkeys((*node.health, *checks))),
    )


def addresses(texts: Iterable[str | None], path: str) -> tuple[str, ...]:
    """Each address once, in the order given; a headless Service's ``None`` is no address."""
    given = (text for text in texts if text and text != "None")
    return _each(given, canonical_address, path)


def _each(texts: Iterable[str], canonical: Callable[[str], str], path: str) -> tuple[str, ...]:
    """The canonical texts, each once; an error names the path, as msgspec's errors do."""
    try:
        return tuple(dict.fromkeys(canonical(text) for text in texts))
    except ValueError as error:
        raise ValueError(f"{error} - at `$.{path}`") from error


def _service_port(port: objects.ServicePort) -> ServicePort:
    """A Service's port; the API reads a target of 0 or nothing as the same port."""
    return ServicePort(
        name=port.name or "",
        protocol=port.protocol or "TCP",
        port=port.port,
        target=port.target_port or None,
        node_port=port.node_port or None,
    )

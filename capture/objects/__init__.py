"""Kubernetes objects, cut down to the fields that an inventory needs, as the API writes them.

Every field may be absent or null, as in manifests that no API server has filled in; numbers may be
written as text. ``capture.snapshot_values`` turns these into what the inventory holds.
"""

from __future__ import annotations

from capture.objects.base import Calling, ConfigMap, LabelPairs, Object
from capture.objects.bindings import RBAC, Binding
from capture.objects.callers import ApiService, Ingress, ServiceReference, Webhooks
from capture.objects.gateways import GATEWAYS, BackendRef, Gateway, ReferenceGrant, Route
from capture.objects.monitors import (
    MONITORING,
    Monitor,
    Prometheus,
    ScrapedPort,
    ScrapeNotes,
    Selection,
)
from capture.objects.nodes import (
    CiliumHealth,
    CiliumNode,
    CiliumNodeSpec,
    Node,
    NodeMeta,
    NodeSpec,
    Ranges,
    RangesSpec,
)
from capture.objects.pods import Pod, PodSpec, PodStatus
from capture.objects.services import (
    Backend,
    BackendAddress,
    EndpointPort,
    Endpoints,
    EndpointSlice,
    Service,
    ServicePort,
    ServiceSpec,
)
from capture.objects.workloads import PodTemplate, Selected, SelectedByMap, Templated

__all__ = [
    "GATEWAYS",
    "MONITORING",
    "RBAC",
    "ApiService",
    "Backend",
    "BackendAddress",
    "BackendRef",
    "Binding",
    "Calling",
    "CiliumHealth",
    "CiliumNode",
    "CiliumNodeSpec",
    "ConfigMap",
    "EndpointPort",
    "EndpointSlice",
    "Endpoints",
    "Gateway",
    "Ingress",
    "LabelPairs",
    "Monitor",
    "Node",
    "NodeMeta",
    "NodeSpec",
    "Object",
    "Pod",
    "PodSpec",
    "PodStatus",
    "PodTemplate",
    "Prometheus",
    "Ranges",
    "RangesSpec",
    "ReferenceGrant",
    "Route",
    "ScrapeNotes",
    "ScrapedPort",
    "Selected",
    "SelectedByMap",
    "Selection",
    "Service",
    "ServicePort",
    "ServiceReference",
    "ServiceSpec",
    "Templated",
    "Webhooks",
]

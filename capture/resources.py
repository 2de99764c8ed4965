"""What of a cluster is listed and watched: the kinds that an inventory needs, and no others.

Endpoints are not among them: every cluster keeps EndpointSlices of the same. Neither is a Secret,
nor any ConfigMap but those of network plugins, each by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from capture import objects
from capture.sightings import KINDS
from netpol.settings import CONFIG_MAPS

__all__ = ["RESOURCES", "Resource", "resource_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A collection that the API server lists and watches; ``name`` restricts it to one object."""

    group: str
    version: str
    plural: str
    kind: str
    optional: bool = False
    """Not every cluster has it, and one that has not lacks nothing."""
    namespace: str = ""
    name: str = ""

    @property
    def api_version(self) -> str:
        """As objects write it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def shape(self) -> type[objects.Object]:
        """What is kept of its objects."""
        return KINDS[self.group, self.kind]

    @property
    def title(self) -> str:
        """What a person calls it."""
        title = f"{self.plural}.{self.group}" if self.group else self.plural
        return f"{title} {self.namespace}/{self.name}" if self.name else title


def _some(group: str, version: str, kinds: Mapping[str, str], *, optional: bool) -> list[Resource]:
    return [
        Resource(group=group, version=version, plural=plural, kind=kind, optional=optional)
        for plural, kind in kinds.items()
    ]


_CORE: Final = {
    "namespaces": "Namespace",
    "nodes": "Node",
    "pods": "Pod",
    "replicationcontrollers": "ReplicationController",
    "services": "Service",
}
_APPS: Final = {
    "daemonsets": "DaemonSet",
    "deployments": "Deployment",
    "replicasets": "ReplicaSet",
    "statefulsets": "StatefulSet",
}
_NETWORKING: Final = {"ingresses": "Ingress", "servicecidrs": "ServiceCIDR"}
_ROUTES: Final = {
    "gateways": "Gateway",
    "grpcroutes": "GRPCRoute",
    "httproutes": "HTTPRoute",
}
_RAW_ROUTES: Final = {"tcproutes": "TCPRoute", "tlsroutes": "TLSRoute", "udproutes": "UDPRoute"}
_GRANTS: Final = {"referencegrants": "ReferenceGrant"}
_MONITORING: Final = {
    "podmonitors": "PodMonitor",
    "prometheuses": "Prometheus",
    "servicemonitors": "ServiceMonitor",
}
_AGENTS: Final = {"prometheusagents": "PrometheusAgent"}
_BINDINGS: Final = {"clusterrolebindings": "ClusterRoleBinding", "rolebindings": "RoleBinding"}
_ADMISSION: Final = {
    "mutatingwebhookconfigurations": "MutatingWebhookConfiguration",
    "validatingwebhookconfigurations": "ValidatingWebhookConfiguration",
}
_SLICES: Final = {"endpointslices": "EndpointSlice"}

RESOURCES: Final[tuple[Resource, ...]] = (
    *_some("", "v1", _CORE, optional=False),
    *_some("apps", "v1", _APPS, optional=False),
    *_some("batch", "v1", {"cronjobs": "CronJob", "jobs": "Job"}, optional=False),
    *_some("discovery.k8s.io", "v1", _SLICES, optional=False),
    *_some("networking.k8s.io", "v1", _NETWORKING, optional=True),
    *_some(objects.GATEWAYS, "v1", _ROUTES, optional=True),
    *_some(objects.GATEWAYS, "v1alpha2", _RAW_ROUTES, optional=True),
    *_some(objects.GATEWAYS, "v1beta1", _GRANTS, optional=True),
    *_some(objects.MONITORING, "v1", _MONITORING, optional=True),
    *_some(objects.RBAC, "v1", _BINDINGS, optional=True),
    *_some(objects.MONITORING, "v1alpha1", _AGENTS, optional=True),
    *_some("admissionregistration.k8s.io", "v1", _ADMISSION, optional=True),
    *_some("apiregistration.k8s.io", "v1", {"apiservices": "APIService"}, optional=True),
    *_some("apps.openshift.io", "v1", {"deploymentconfigs": "DeploymentConfig"}, optional=True),
    *_some("argoproj.io", "v1alpha1", {"rollouts": "Rollout"}, optional=True),
    *_some("cilium.io", "v2", {"ciliumnodes": "CiliumNode"}, optional=True),
    *_some("crd.projectcalico.org", "v1", {"ippools": "IPPool"}, optional=True),
    *_some("projectcalico.org", "v3", {"ippools": "IPPool"}, optional=True),
    *(
        Resource(
            group="",
            version="v1",
            plural="configmaps",
            kind="ConfigMap",
            namespace=namespace,
            name=name,
        )
        for namespace, name in sorted(CONFIG_MAPS)
    ),
)
"""In the versions that clusters since Kubernetes 1.21 serve; ServiceCIDRs came with 1.33."""

_BY_KIND: Final = {(one.api_version, one.kind, one.namespace, one.name): one for one in RESOURCES}


def resource_of(api_version: str, kind: str, namespace: str, name: str) -> Resource | None:
    """The resource that an object is listed by; None for what is not watched."""
    named = _BY_KIND.get((api_version, kind, namespace, name))
    return named or _BY_KIND.get((api_version, kind, "", ""))

"""Kubernetes objects, cut down to the fields that an inventory needs, as the API writes them.

Every field may be absent or null, as in manifests that no API server has filled in; numbers may be
written as text. ``capture.snapshot_values`` turns these into what the inventory holds.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec

__all__ = [
    "CiliumNode",
    "ConfigMap",
    "EndpointSlice",
    "Endpoints",
    "LabelPairs",
    "Meta",
    "Node",
    "Object",
    "Pod",
    "PodSpec",
    "PodTemplate",
    "Ranges",
    "Selected",
    "SelectedByMap",
    "Service",
    "ServiceSpec",
    "Templated",
]

LabelPairs: TypeAlias = dict[str, str | None]
"""Labels; Kubernetes reads null as the empty string."""
PortNumber: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Protocol: TypeAlias = Literal["TCP", "UDP", "SCTP"]


_MAKERS: Final = frozenset(
    {"CronJob", "DaemonSet", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"}
)
"""Kinds that own what they make; other owners may only want it deleted with them."""


class _Camel(msgspec.Struct, rename="camel", gc=False, omit_defaults=True):
    """The API's spelling of field names; without cycles, so the collector need not look."""


class Reference(_Camel):
    """One of ``ownerReferences``, or a ``workloadRef``."""

    kind: str
    name: str
    controller: bool | None = None


class Meta(_Camel):
    """``metadata``; an object that is still to be created may have only a ``generateName``."""

    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    labels: LabelPairs | None = None
    owner_references: list[Reference] | None = None
    uid: str | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None

    @property
    def title(self) -> str:
        """The name; empty when the object has none."""
        return self.name or (self.generate_name or "").rstrip("-")

    @property
    def space(self) -> str:
        """The namespace; ``default`` where the object names none."""
        return self.namespace or "default"

    @property
    def controller(self) -> tuple[str, str] | None:
        """(kind, name) of the owner that manages the object.

        Manifests cut down by hand, and Jobs that kubectl made from a CronJob, leave out
        ``controller``: there a sole owner of a kind that makes pods is it.
        """
        owners = self.owner_references or []
        managing = [one for one in owners if one.controller]
        if not managing and len(owners) == 1 and owners[0].controller is None:
            managing = [one for one in owners if one.kind in _MAKERS]
        return (managing[0].kind, managing[0].name) if managing else None


class Object(_Camel):
    """What every object has; all there is to a Namespace."""

    metadata: Meta


class ConfigMap(Object):
    """A ConfigMap; only those of network plugins are decoded."""

    data: LabelPairs | None = None


class ContainerPort(_Camel):
    """One of a container's ``ports``."""

    container_port: PortNumber
    name: str | None = None
    protocol: Protocol | None = None


class Container(_Camel):
    """A container; an init container that restarts always is a sidecar and keeps its ports."""

    ports: list[ContainerPort] | None = None
    restart_policy: str | None = None


class PodSpec(_Camel):
    """The spec of a pod, or of the template of one."""

    node_name: str | None = None
    host_network: bool | None = None
    service_account_name: str | None = None
    service_account: str | None = None
    containers: list[Container] | None = None
    init_containers: list[Container] | None = None


class Phase(_Camel):
    """A container that runs, or how it ended."""

    started_at: str | None = None
    finished_at: str | None = None


class ContainerState(_Camel):
    """The state of a container."""

    running: Phase | None = None
    terminated: Phase | None = None


class ContainerStatus(_Camel):
    """One of a pod's ``containerStatuses``."""

    state: ContainerState | None = None
    last_state: ContainerState | None = None

    @property
    def running(self) -> Phase | None:
        """While it runs."""
        return self.state.running if self.state else None

    @property
    def terminated(self) -> Phase | None:
        """When it has ended, and is not to be started again."""
        return self.state.terminated if self.state else None

    @property
    def crashed(self) -> Phase | None:
        """Its last run, when it waits to be started again."""
        waiting = self.last_state and not (self.running or self.terminated)
        return self.last_state.terminated if self.last_state and waiting else None


class Address(_Camel):
    """An ``ip`` in a list of them."""

    ip: str | None = None


class PodStatus(_Camel):
    """The status of a pod."""

    phase: str | None = None
    start_time: str | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None
    pod_ip: str | None = msgspec.field(default=None, name="podIP")
    pod_ips: list[Address] | None = msgspec.field(default=None, name="podIPs")
    host_ip: str | None = msgspec.field(default=None, name="hostIP")
    host_ips: list[Address] | None = msgspec.field(default=None, name="hostIPs")

    @property
    def finish_times(self) -> list[str | None]:
        """When its containers ended, of those that have."""
        ends = [one.terminated for one in self.container_statuses or ()]
        return [one.finished_at for one in ends if one]

    @property
    def start_times(self) -> list[str | None]:
        """When its containers started this time, or ended last time when none has.

        A pod may have got another address since it started: with its node, or when its sandbox was
        lost. Then the containers start again, those that prepare it too; but not such a one as has
        done its work.
        """
        first, main = self.init_container_statuses or (), self.container_statuses or ()
        begun = [one.terminated for one in first]
        begun += [one.running for one in (*first, *main)]
        begun = [one for one in begun if one] or [one.terminated for one in main]
        starts = [one.started_at for one in begun if one]
        crashes = [one.crashed.finished_at for one in (*first, *main) if one.crashed]
        return starts or crashes


class Pod(Object):
    """A Pod."""

    spec: PodSpec | None = None
    status: PodStatus | None = None


class TemplateMeta(_Camel):
    """The metadata of a template."""

    labels: LabelPairs | None = None


class PodTemplate(_Camel):
    """``spec.template`` of a workload."""

    metadata: TemplateMeta | None = None
    spec: PodSpec | None = None

    @property
    def labels(self) -> LabelPairs:
        """The labels of the pods to be made."""
        return (self.metadata and self.metadata.labels) or {}


class JobSpec(_Camel):
    """The spec of a Job, in a CronJob."""

    template: PodTemplate | None = None


class JobTemplate(_Camel):
    """``spec.jobTemplate`` of a CronJob."""

    spec: JobSpec | None = None


class TemplatedSpec(_Camel):
    """The spec of a workload."""

    template: PodTemplate | None = None
    job_template: JobTemplate | None = None
    workload_ref: Reference | None = None
    """A Rollout may have another workload's template in place of its own."""


class Templated(Object):
    """Anything that makes pods from a template; Jobs and CronJobs have no selector to go by."""

    spec: TemplatedSpec | None = None

    @property
    def template(self) -> PodTemplate | None:
        """The template of the pods, wherever the kind keeps it."""
        if self.spec is None:
            return None
        job = self.spec.job_template
        return job.spec.template if job and job.spec else self.spec.template

    @property
    def lender(self) -> tuple[str, str] | None:
        """(kind, name) of the workload whose template it uses in place of its own."""
        source = self.spec.workload_ref if self.spec else None
        return (source.kind, source.name) if source else None

    @property
    def chosen(self) -> LabelPairs:
        """The labels that it knows its pods by."""
        return {}


class Selector(_Camel):
    """A label selector; what else it may say names no labels to use."""

    match_labels: LabelPairs | None = None


class SelectedSpec(TemplatedSpec):
    """The spec of a workload with a label selector."""

    selector: Selector | None = None


class Selected(Templated):
    """A Deployment, StatefulSet, DaemonSet, ReplicaSet or Rollout."""

    spec: SelectedSpec | None = None

    @property
    def chosen(self) -> LabelPairs:
        """``spec.selector.matchLabels``."""
        return (self.spec and self.spec.selector and self.spec.selector.match_labels) or {}


class SelectedByMapSpec(TemplatedSpec):
    """The spec of a workload whose selector is a plain map."""

    selector: LabelPairs | None = None


class SelectedByMap(Templated):
    """A ReplicationController or DeploymentConfig: by default it selects its template's labels."""

    spec: SelectedByMapSpec | None = None

    @property
    def chosen(self) -> LabelPairs:
        """``spec.selector``."""
        template = self.template
        return (self.spec and self.spec.selector) or (template.labels if template else {})


class ServicePort(_Camel):
    """One of a Service's ``ports``."""

    port: PortNumber
    name: str | None = None
    protocol: Protocol | None = None
    target_port: int | str | None = None
    node_port: int | None = None


class ServiceSpec(_Camel):
    """The spec of a Service."""

    type: str | None = None
    selector: LabelPairs | None = None
    cluster_ip: str | None = msgspec.field(default=None, name="clusterIP")
    cluster_ips: list[str] | None = msgspec.field(default=None, name="clusterIPs")
    external_ips: list[str] | None = msgspec.field(default=None, name="externalIPs")
    ports: list[ServicePort] | None = None


class LoadBalancer(_Camel):
    """``status.loadBalancer``."""

    ingress: list[Address] | None = None


class ServiceStatus(_Camel):
    """The status of a Service."""

    load_balancer: LoadBalancer | None = None


class Service(Object):
    """A Service."""

    spec: ServiceSpec | None = None
    status: ServiceStatus | None = None


class Target(_Camel):
    """Whose addresses these are: ``targetRef``."""

    kind: str | None = None
    name: str | None = None
    uid: str | None = None


class Backend(_Camel):
    """One of an EndpointSlice's ``endpoints``."""

    addresses: list[str] | None = None
    target_ref: Target | None = None


class EndpointPort(_Camel):
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


class Subset(_Camel):
    """One of an Endpoints object's ``subsets``."""

    addresses: list[BackendAddress] | None = None
    ports: list[EndpointPort] | None = None


class Endpoints(Object):
    """An Endpoints object, which EndpointSlices replace."""

    subsets: list[Subset] | None = None


class NodeMeta(Meta):
    """The metadata of a Node: only there are the annotations of use."""

    annotations: LabelPairs | None = None


class NodeSpec(_Camel):
    """The spec of a Node."""

    pod_cidr: str | None = msgspec.field(default=None, name="podCIDR")
    pod_cidrs: list[str] | None = msgspec.field(default=None, name="podCIDRs")


class NodeAddress(_Camel):
    """One of a Node's ``status.addresses``."""

    type: str
    address: str


class NodeStatus(_Camel):
    """The status of a Node."""

    addresses: list[NodeAddress] | None = None


class Node(Object):
    """A Node."""

    metadata: NodeMeta
    spec: NodeSpec | None = None
    status: NodeStatus | None = None


class RangesSpec(_Camel):
    """Address blocks, under the names that the kinds of :class:`Ranges` give them."""

    cidrs: list[str] | None = None
    cidr: str | None = None
    disabled: bool | None = None


class Ranges(Object):
    """A ServiceCIDR of Kubernetes or an IPPool of Calico."""

    spec: RangesSpec | None = None


class CiliumAddress(_Camel):
    """One of a CiliumNode's ``addresses``."""

    ip: str | None = None
    type: str | None = None


class CiliumIpam(_Camel):
    """Where a node's pods get their addresses from."""

    pod_cidrs: list[str] | None = msgspec.field(default=None, name="podCIDRs")


class CiliumHealth(_Camel):
    """Where a node's health endpoint is."""

    ipv4: str | None = None
    ipv6: str | None = None


class CiliumNodeSpec(_Camel):
    """The spec of a CiliumNode."""

    addresses: list[CiliumAddress] | None = None
    health: CiliumHealth | None = None
    ipam: CiliumIpam | None = None


class CiliumNode(Object):
    """What Cilium knows of a node of that name."""

    spec: CiliumNodeSpec | None = None

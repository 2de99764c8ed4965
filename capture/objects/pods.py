"""Pods: their containers, and when these started and ended."""

from __future__ import annotations

import msgspec

from capture.objects.base import Camel, Meta, Object, PortNumber, Protocol
from capture.objects.monitors import ScrapeNotes

__all__ = [
    "Address",
    "Container",
    "ContainerPort",
    "ContainerState",
    "ContainerStatus",
    "Phase",
    "Pod",
    "PodSpec",
    "PodStatus",
    "ScrapedMeta",
]


class ContainerPort(Camel):
    """One of a container's ``ports``."""

    container_port: PortNumber
    name: str | None = None
    protocol: Protocol | None = None


class _Asked(Camel):
    port: int | str | None = None
    host: str | None = None
    """Somebody else than the pod, where it is given."""


class _Probe(Camel):
    http_get: _Asked | None = None
    tcp_socket: _Asked | None = None
    grpc: _Asked | None = None


class Container(Camel):
    """A container; an init container that restarts always is a sidecar and keeps its ports."""

    ports: list[ContainerPort] | None = None
    restart_policy: str | None = None
    liveness_probe: _Probe | None = None
    readiness_probe: _Probe | None = None
    startup_probe: _Probe | None = None

    @property
    def probed(self) -> set[int | str]:
        """Ports of the pod that the kubelet connects to, by number or name."""
        probes = (self.liveness_probe, self.readiness_probe, self.startup_probe)
        asked = [one for p in probes if p for one in (p.http_get, p.tcp_socket, p.grpc)]
        return {one.port for one in asked if one is not None and one.port and not one.host}


class PodSpec(Camel):
    """The spec of a pod, or of the template of one."""

    node_name: str | None = None
    host_network: bool | None = None
    service_account_name: str | None = None
    service_account: str | None = None
    automount_service_account_token: bool | None = None
    containers: list[Container] | None = None
    init_containers: list[Container] | None = None


class Phase(Camel):
    """A container that runs, or how it ended."""

    started_at: str | None = None
    finished_at: str | None = None


class ContainerState(Camel):
    """The state of a container."""

    running: Phase | None = None
    terminated: Phase | None = None


class ContainerStatus(Camel):
    """One of a pod's ``containerStatuses``."""

    name: str = ""
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


class Address(Camel):
    """An ``ip`` in a list of them."""

    ip: str | None = None


class Condition(Camel):
    """One of a pod's ``conditions``, and since when it is as it is."""

    type: str | None = None
    status: str | None = None
    last_transition_time: str | None = None


class PodStatus(Camel):
    """The status of a pod."""

    phase: str | None = None
    conditions: list[Condition] | None = None
    start_time: str | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None
    ephemeral_container_statuses: list[ContainerStatus] | None = None
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
    def ready_time(self) -> str | None:
        """Since when its present sandbox has a network, and the pod its address.

        The condition is there from Kubernetes 1.29 on, and false while there is no sandbox, as
        after a reboot of the node (Kubernetes, "Pod Lifecycle": pod network readiness).
        """
        ready = (one for one in self.conditions or () if one.type == "PodReadyToStartContainers")
        return next((one.last_transition_time for one in ready if one.status == "True"), None)

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


class ScrapedMeta(Meta):
    """The metadata of what may ask to be scraped: only those annotations are read."""

    annotations: ScrapeNotes | None = None


class Pod(Object):
    """A Pod."""

    metadata: ScrapedMeta
    spec: PodSpec | None = None
    status: PodStatus | None = None

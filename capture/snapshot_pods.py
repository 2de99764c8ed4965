"""From Kubernetes' pods, and templates of such, to what the inventory holds of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final

from capture import objects
from capture.snapshot_values import addresses, labels
from capture.times import nanoseconds
from netpol.inventory import ALWAYS, ContainerPort, Pod
from netpol.peers import Workload

__all__ = ["hosts", "pod", "template"]

_LISTENER: Final = "netpol-capture"
"""What ``netpol capture --print-manifest ephemeral`` has a container called; it sends nothing."""


def pod(item: objects.Pod, workload: Workload, same: dict[object, Any]) -> Pod:
    """A pod of the cluster. One that uses its node's network has no address of its own.

    Parts that are equal are taken from ``same``: pods differ in little.
    """
    spec = item.spec or objects.PodSpec()
    status = item.status or objects.PodStatus()
    finished = status.phase in ("Succeeded", "Failed")
    seen = [one.ip for one in status.pod_ips or ()] or [status.pod_ip]
    own, ports, probed = labels(item.metadata.labels), tuple(_ports(spec)), _probed(spec)
    return Pod(
        namespace=item.metadata.space,
        name=item.metadata.title,
        workload=same.setdefault(workload, workload),
        labels=same.setdefault(own, own),
        addresses=() if spec.host_network else addresses(seen, "status.podIPs"),
        node=sys.intern(spec.node_name or ""),
        host_network=bool(spec.host_network),
        service_account=sys.intern(_service_account(spec)),
        ports=same.setdefault(ports, ports),
        finished=finished,
        uid=item.metadata.uid or "",
        started=nanoseconds(status.start_time) or nanoseconds(item.metadata.creation_timestamp),
        running=_running(status),
        ended=_ended(status) if finished else ALWAYS,
        scraped=_scraped(item.metadata.annotations, ports),
        has_token=spec.automount_service_account_token is not False,
        probed=same.setdefault(probed, probed),
        debugged=_debugged(status),
    )


def _debugged(status: objects.PodStatus) -> tuple[tuple[int, int], ...]:
    """When ephemeral containers ran, but those that only listen for netpol."""
    found = status.ephemeral_container_statuses or ()
    phases = [one.running or one.terminated for one in found if one.name != _LISTENER]
    times = ((nanoseconds(one.started_at), nanoseconds(one.finished_at)) for one in phases if one)
    return tuple(sorted((start, end or ALWAYS) for start, end in times if start))


def _probed(spec: objects.PodSpec) -> tuple[int, ...]:
    """Ports that probes name, or a container's port of the name that they give."""
    found = set[int]()
    for one in (*(spec.containers or ()), *(spec.init_containers or ())):
        names = {port.name: port.container_port for port in one.ports or ()}
        found.update(names.get(port, 0) if isinstance(port, str) else port for port in one.probed)
    return tuple(sorted(found - {0}))


def _scraped(notes: objects.ScrapeNotes | None, ports: Iterable[ContainerPort]) -> tuple[int, ...]:
    """The port that annotations name, else every port of its containers, as Prometheus does."""
    if notes is None or not notes.asked:
        return ()
    if notes.number is not None:
        return (notes.number,)
    return tuple(sorted({one.port for one in ports if one.protocol == "TCP"}))


def _running(status: objects.PodStatus) -> int:
    """Since when it surely has its address; 0 where it does not say."""
    times = [time for time in map(nanoseconds, status.start_times) if time]
    waits = not any(one.running or one.terminated for one in status.container_statuses or ())
    begun = (max if waits else min)(times, default=0)
    ready = nanoseconds(status.ready_time)
    return min(ready, begun or ready) if ready else begun


def hosts(item: objects.Pod) -> tuple[str, ...]:
    """The addresses of the node that a pod runs on."""
    status = item.status or objects.PodStatus()
    return addresses([status.host_ip, *(one.ip for one in status.host_ips or ())], "status.hostIPs")


def _ended(status: objects.PodStatus) -> int:
    """When the last container of a finished pod ended, as far as the status says."""
    return max(map(nanoseconds, status.finish_times), default=0) or ALWAYS


def template(item: objects.PodTemplate, workload: Workload, name: str) -> Pod:
    """A pod that stands for those which a workload would make."""
    spec = item.spec or objects.PodSpec()
    return Pod(
        namespace=workload.namespace,
        name=name,
        workload=workload,
        labels=labels(item.labels),
        host_network=bool(spec.host_network),
        service_account=_service_account(spec),
        ports=tuple(_ports(spec)),
        template=True,
        scraped=_scraped(item.notes, tuple(_ports(spec))),
        has_token=spec.automount_service_account_token is not False,
        probed=_probed(spec),
    )


def _service_account(spec: objects.PodSpec) -> str:
    return spec.service_account_name or spec.service_account or "default"


def _ports(spec: objects.PodSpec) -> Iterator[ContainerPort]:
    sidecars = (one for one in spec.init_containers or () if one.restart_policy == "Always")
    for container in (*(spec.containers or ()), *sidecars):
        for port in container.ports or ():
            yield ContainerPort(
                name=port.name or "", protocol=port.protocol or "TCP", port=port.container_port
            )

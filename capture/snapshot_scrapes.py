"""Which pods Prometheus is told to scrape, and by which of its pods, for the inventory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from capture import objects
from capture import snapshot_values as values
from netpol.callers import Scrape
from netpol.inventory import Inventory, Pod, Service
from netpol.peers import Workload

__all__ = ["scrapes"]

Said: TypeAlias = tuple[str, object]
"""(kind, object)."""
Place: TypeAlias = tuple[Workload, int]

_MADE_FOR: Final = "operator.prometheus.io/name"
"""The label of the pods that the operator makes."""
_PREFIXES: Final = {"Prometheus": "prometheus-", "PrometheusAgent": "prom-agent-"}
"""Of the workloads that it makes."""


@dataclass(frozen=True, slots=True)
class _Cluster:
    """What monitors are held against."""

    known: Inventory
    served: tuple[_Served, ...]
    pods: Mapping[str, tuple[Pod, ...]]
    """By namespace: one of those that are alike in all that tells who is scraped where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """A Service with what the inventory does not hold of it."""

    service: Service
    labels: Mapping[str, str]
    notes: objects.ScrapeNotes


def scrapes(said: Iterable[Said], known: Inventory) -> tuple[Scrape, ...]:
    """What objects and annotations say is scraped, sorted; ``known`` has the pods and Services."""
    said = list(said)
    served = tuple(
        _Served(
            service=known.services[body.metadata.space, body.metadata.title],
            labels=dict(values.labels(body.metadata.labels)),
            notes=body.metadata.annotations or objects.ScrapeNotes(),
        )
        for _, body in said
        if isinstance(body, objects.Service)
        and (body.metadata.space, body.metadata.title) in known.services
    )
    cluster = _Cluster(
        known, served, {space: _unlike(pods) for space, pods in known.by_namespace.items()}
    )
    found = {*_annotated(cluster), *_monitored(said, cluster)}
    return tuple(sorted(one for one in found if one.places))


def _unlike(pods: Iterable[Pod]) -> tuple[Pod, ...]:
    """The first of each kind: a workload of a thousand pods is asked about once."""
    kinds = {(pod.workload, pod.labels, pod.ports, pod.host_network): pod for pod in pods}
    return tuple(kinds.values())


def _annotated(cluster: _Cluster) -> Iterator[Scrape]:
    by_workload: dict[Workload, set[Place]] = {}
    for pod in cluster.known.every_pod:
        by_workload.setdefault(pod.workload, set()).update(
            (pod.workload, port) for port in pod.scraped
        )
    for workload, places in by_workload.items():
        name = f"annotations of {workload.namespace}/{workload.name}"
        yield Scrape(name=name, places=tuple(sorted(places)))
    for one in cluster.served:
        if one.notes.asked:
            service = one.service
            places = set(_behind(service, one.notes.number, None, cluster))
            name = f"annotations of Service {service.namespace}/{service.name}"
            yield Scrape(name=name, places=tuple(sorted(places)))


def _monitored(said: Iterable[Said], cluster: _Cluster) -> Iterator[Scrape]:
    said = list(said)
    servers = [(kind, body) for kind, body in said if isinstance(body, objects.Prometheus)]
    for kind, body in said:
        if not isinstance(body, objects.Monitor):
            continue
        find = _of_pods if kind == "PodMonitor" else _of_services
        places = {place for port in body.ports for place in find(body, port, cluster)}
        there = cluster.known.namespaces.get(body.metadata.space)
        labels = dict(there.labels) if there else {}
        takers = [one for one in servers if one[1].takes(kind, body, labels)]
        clients = {client for one in takers for client in _made_for(*one, cluster.known)}
        if takers or not servers:  # what no Prometheus takes is not scraped
            yield Scrape(
                name=f"{kind} {body.metadata.space}/{body.metadata.title}",
                places=tuple(sorted(places)),
                clients=tuple(sorted(clients)),
            )


def _of_pods(
    monitor: objects.Monitor, port: objects.ScrapedPort, cluster: _Cluster
) -> Iterator[Place]:
    wanted = port.port_number or port.port or port.target_port
    for space, pods in cluster.pods.items():
        for pod in pods if monitor.looks_into(space) else ():
            if monitor.chooses(dict(pod.labels)):
                yield from ((pod.workload, number) for number in _numbers(pod, wanted))


def _of_services(
    monitor: objects.Monitor, port: objects.ScrapedPort, cluster: _Cluster
) -> Iterator[Place]:
    for one in cluster.served:
        if monitor.looks_into(one.service.namespace) and monitor.chooses(one.labels):
            yield from _behind(one.service, port.target_port, port.port, cluster)


def _behind(
    service: Service, target: int | str | None, name: str | None, cluster: _Cluster
) -> Iterator[Place]:
    """The pods that a Service selects, at a port of their own or at that of the Service's name."""
    wanted = [
        one.port if one.target is None else one.target
        for one in service.ports
        if one.protocol == "TCP" and (name is None or one.name == name)
    ]
    for pod in cluster.pods.get(service.namespace, ()) if service.selector else ():
        if set(service.selector) <= set(pod.labels):
            for each in (target,) if target else wanted:
                yield from ((pod.workload, number) for number in _numbers(pod, each))


def _numbers(pod: Pod, wanted: int | str | None) -> list[int]:
    """A port of a pod, by number or name; hostNetwork pods are nobody to a policy."""
    if pod.host_network or not wanted:
        return []
    if isinstance(wanted, int):
        return [wanted]
    return [one.port for one in pod.ports if (one.name, one.protocol) == (wanted, "TCP")]


def _made_for(kind: str, server: objects.Prometheus, known: Inventory) -> Iterator[Workload]:
    """The workloads whose pods the operator made for a Prometheus."""
    name, space = server.metadata.title, server.metadata.space
    for pod in known.by_namespace.get(space, ()):
        called = pod.workload.name.startswith(f"{_PREFIXES.get(kind, '')}{name}")
        if (_MADE_FOR, name) in pod.labels and called:
            yield pod.workload

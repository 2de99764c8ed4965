"""An Inventory from what ``kubectl get … -o json|yaml`` prints, plain manifests and recordings.

Every document is looked at once; what is no part of an inventory is passed over. A workload that
has no pods is represented by one made from its template, so that a folder of Deployments, or a
CronJob that has not run yet, is an inventory too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from heapq import merge
from operator import attrgetter
from typing import Final

from capture import objects, sightings, snapshot_pods
from capture import snapshot_values as values
from capture.sightings import Key, Listed, OwnerTable, Sighting, Sightings
from capture.snapshot_callers import callers
from capture.snapshot_scrapes import scrapes
from netpol.inventory import Inventory, Namespace, Node, Pod, Service
from netpol.notices import Tell
from netpol.owners import chain
from netpol.peers import Labels, Workload
from netpol.timeline import Timeline
from netpol.uncollected import uncollected

__all__ = ["read_inventory", "take_inventory"]

_API_SERVICE: Final = ("default", "kubernetes")
_SERVICE_LABEL: Final = "kubernetes.io/service-name"


@dataclass(slots=True, kw_only=True)
class _Found:
    """The parts of an Inventory, while they come together."""

    owners: OwnerTable
    timeline: Timeline = field(default_factory=Timeline)
    services: dict[tuple[str, str], Service] = field(default_factory=dict)
    namespaces: dict[str, Namespace] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    selectors: dict[Workload, Labels] = field(default_factory=dict)
    schedules: dict[Workload, str] = field(default_factory=dict)
    api_servers: set[str] = field(default_factory=set)
    settings: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    pod_ranges: set[str] = field(default_factory=set)
    service_ranges: set[str] = field(default_factory=set)
    until: int = 0
    plugin: dict[str, objects.CiliumNode] = field(default_factory=dict)
    """What the network plugin says of a node."""

    def workload(self, key: Key, labels: Labels) -> Workload:
        """The workload that an object with pods of these labels belongs to."""
        space, kind, name = key
        return Workload(space, *chain(kind, name, space, self.owners, labels))


@uncollected()
def read_inventory(paths: Iterable[str], tell: Tell) -> Inventory:
    """The inventory that files and folders of Kubernetes objects, JSON or YAML, amount to.

    An object that cannot be read is told (NP080) and left out; a Secret is never looked into
    (NP081). Of two objects with one name the later is what there is now, and the earlier what there
    was before. Raises NetpolError for a path that cannot be read or holds no object at all.
    """
    found = Sightings()
    for path in paths:
        sightings.read(path, found, tell)
    return take_inventory(found, tell)


@uncollected()
def take_inventory(found: Sightings, tell: Tell) -> Inventory:
    """The inventory that sightings amount to."""
    parts = _Found(owners=found.owners)
    lists = sorted(found.lists, key=attrgetter("at"))
    now: dict[Key, Sighting] = {}
    for one in merge(sorted(found.seen, key=_order), *found.streams, key=_order):
        parts.until = max(parts.until, one.at)
        while lists and lists[0].at < one.at:
            _compare(lists.pop(0), parts.timeline)
        if isinstance(one.body, Listed):
            _compare(one.body, parts.timeline)
            continue
        if not isinstance(one.body, Pod):
            found.owners[one.key] = one.body.metadata.controller
            now[one.key] = one
        try:
            _add(one, parts)
        except ValueError as error:
            tell(sightings.unreadable(one.entry, error))
    for rest in lists:
        _compare(rest, parts.timeline)
    parts.timeline.settle(lambda pod: _workload(pod, parts))
    _add_hosts(found, parts.timeline)
    return _inventory([one for one in now.values() if not one.gone], parts)


def _order(one: Sighting) -> tuple[int, bool]:
    """By time; what a network plugin says of a node comes before the node, which takes it in."""
    return one.at, not isinstance(one.body, objects.CiliumNode)


def _workload(pod: Pod, parts: _Found) -> Workload:
    """Where what controls a pod leads to; a static pod has the same name on every node."""
    space, kind, name = pod.workload.namespace, pod.workload.kind, pod.workload.name
    if kind == "Node":
        return Workload(space, "Pod", pod.name.removesuffix(f"-{name}"))
    return parts.workload((space, kind, name), pod.labels)


def _add_hosts(found: Sightings, timeline: Timeline) -> None:
    """Nodes that nobody may list, or that no list has any more, have addresses all the same.

    Those are not outside.
    """
    listed = set(timeline.nodes)
    for name, addresses in found.hosts.items():
        if ("", name, "") not in listed:
            timeline.node(Node(name=name or addresses[0], addresses=addresses))
    if listed:
        timeline.missing({""}, listed)


def _compare(listed: Listed, timeline: Timeline) -> None:
    """Pods and nodes that a newer list of the same no longer has are gone."""
    if not listed.keys.isdisjoint(timeline.before(listed.at)):
        spaces = {space for space, _, _ in listed.keys}
        # Pods of several namespaces are in a list of those of all.
        timeline.missing(spaces, listed.keys, everywhere=len(spaces - {""}) > 1)


def _inventory(now: list[Sighting], found: _Found) -> Inventory:
    pods, former = found.timeline.current()
    _add_workloads(now, found, pods)
    known = Inventory(
        pods=pods,
        services=found.services,
        namespaces=found.namespaces,
        nodes=found.nodes,
        selectors=found.selectors,
        schedules=found.schedules,
        api_servers=tuple(sorted(found.api_servers)),
        pod_ranges=tuple(sorted(found.pod_ranges)),
        service_ranges=tuple(sorted(found.service_ranges)),
        former=former,
        holders=found.timeline.holders(),
        services_then=found.timeline.services.changed(),
        slices=tuple(dated for _, dated in found.timeline.slices.dated()),
        callers=callers(((one.kind, one.body) for one in now), found.namespaces),
        api_users=tuple(sorted(_users(now))),
        until=found.until,
        settings=found.settings,
    )
    return replace(known, scrapes=scrapes(((one.kind, one.body) for one in now), known))


def _users(now: Iterable[Sighting]) -> set[tuple[str, str]]:
    bindings = (one.body for one in now if isinstance(one.body, objects.Binding))
    return {account for binding in bindings for account in binding.accounts}


def _add(one: Sighting, found: _Found) -> None:
    """Put one object where it belongs. Raises ``ValueError`` for a bad address."""
    space, _, name = one.key
    match one.body:
        case Pod() as pod:
            _add_pod(one, pod, found)
        case objects.ConfigMap() as settings:
            found.settings[space, name] = dict(values.labels(settings.data))
        case objects.Service() as service:
            _add_service(one, values.service(service), values.created(service), found)
        case objects.Node() as node:
            _add_node(one, values.node(node), values.created(node), found)
        case objects.EndpointSlice() | objects.Endpoints() as endpoints:
            _add_endpoints(one, endpoints, found)
        case objects.Ranges() as blocks:
            ranges = found.pod_ranges if one.kind == "IPPool" else found.service_ranges
            ranges.update(values.blocks(blocks))
        case objects.CiliumNode() as plugin:
            found.plugin[name] = plugin
        case (
            objects.Templated()
            | objects.Binding()
            | objects.Calling()
            | objects.Monitor()
            | objects.Prometheus()
        ):
            pass  # after the pods: see _inventory
        case objects.Object() as named:
            found.namespaces[name] = values.namespace(named)


def _add_pod(one: Sighting, pod: Pod, found: _Found) -> None:
    found.timeline.pod(pod, one.at, since=one.since)
    if one.gone:
        found.timeline.deleted((pod.namespace, pod.name, pod.uid), one.at, since=one.since)


def _add_service(one: Sighting, service: Service, created: int, found: _Found) -> None:
    key = service.namespace, service.name
    found.services[key] = service
    found.timeline.services.see(key, service, one.at, start=created, since=one.since)
    if one.gone:
        del found.services[key]
        found.timeline.services.end(key, one.at, since=one.since)


def _add_node(one: Sighting, node: Node, created: int, found: _Found) -> None:
    if plugin := found.plugin.get(node.name):
        node = values.with_plugin(node, plugin)
    found.nodes[node.name] = node
    found.timeline.node(node, one.at, started=created, since=one.since)
    if one.gone:
        found.pod_ranges.update(
            node.pod_cidrs
        )  # its pods had addresses of the cluster all the same
        del found.nodes[node.name]
        found.timeline.deleted(("", node.name, ""), one.at, since=one.since)


def _add_endpoints(
    one: Sighting, endpoints: objects.EndpointSlice | objects.Endpoints, found: _Found
) -> None:
    service = _service_of(endpoints)
    if service == _API_SERVICE:
        found.api_servers.update(values.api_servers(endpoints))
    if isinstance(endpoints, objects.EndpointSlice):
        slices = [values.endpoint_slice(endpoints, service[1])]
    else:
        slices = list(values.subset_slices(endpoints))
    for each in slices:
        key = each.namespace, each.name
        found.timeline.slices.see(key, each, one.at, since=one.since)
        if one.gone:
            found.timeline.slices.end(key, one.at, since=one.since)


def _service_of(endpoints: objects.Object) -> tuple[str, str]:
    """(namespace, name) of the Service whose endpoints these are."""
    meta = endpoints.metadata
    return meta.space, (meta.labels or {}).get(_SERVICE_LABEL) or meta.title


def _add_workloads(
    now: Iterable[Sighting], found: _Found, pods: dict[tuple[str, str], Pod]
) -> None:
    """The selectors of workloads, and a pod made from the template for each that has no pods."""
    populated = {pod.workload for pod in pods.values()}
    for workload, own, body in _by_workload(now, found):
        if own and body.chosen:
            found.selectors[workload] = values.labels(body.chosen)
        if own and body.schedule:
            found.schedules[workload] = body.schedule
        if body.template and workload not in populated:
            populated.add(workload)
            name = _free_name(workload, pods)
            pods[workload.namespace, name] = snapshot_pods.template(body.template, workload, name)


def _by_workload(
    now: Iterable[Sighting], found: _Found
) -> list[tuple[Workload, bool, objects.Templated]]:
    """(workload, whether the object is that workload itself, the object).

    Owned objects come last: a ReplicaSet or Job speaks only for an owner that is not there itself.
    """
    templated = [(one, one.body) for one in now if isinstance(one.body, objects.Templated)]
    lent = dict(_lent(item, body) for item, body in templated if body.lender)
    judged = []
    for item, body in templated:
        labels = values.labels(body.template.labels if body.template else None)
        workload = found.workload(item.key, labels)
        own = (workload.namespace, workload.kind, workload.name) == item.key
        judged.append((not own, item.key, lent.get(item.key, workload), body))
    judged.sort(key=lambda one: one[:2])
    return [(workload, not owned, body) for owned, _, workload, body in judged]


def _lent(item: Sighting, body: objects.Templated) -> tuple[tuple[str, str, str], Workload]:
    """The workload whose template and selector a Rollout has made its own, and that Rollout."""
    assert body.lender
    space, kind, name = item.key
    return (space, *body.lender), Workload(space, kind, name)


def _free_name(workload: Workload, pods: dict[tuple[str, str], Pod]) -> str:
    """A name for a template: the workload's, or one that no pod can have when that is taken."""
    taken = (workload.namespace, workload.name) in pods
    return f"{workload.kind}/{workload.name}" if taken else workload.name

"""An Inventory from what ``kubectl get … -o json|yaml`` prints, and from plain manifests.

Every document is looked at once; what is no part of an inventory is passed over. A workload that
has no pods is represented by one made from its template, so that a folder of Deployments, or a
CronJob that has not run yet, is an inventory too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from capture import snapshot_objects as objects
from capture import snapshot_values as values
from netpol.errors import NetpolError
from netpol.inventory import Inventory, Namespace, Node, Pod, Service
from netpol.manifests import Entry, scan
from netpol.notices import Notice, Tell
from netpol.owners import Owner, chain
from netpol.peers import Labels, Workload
from netpol.settings import is_setting
from netpol.uncollected import uncollected

__all__ = ["read_inventory"]

_KINDS: Final[Mapping[tuple[str, str], type[objects.Object]]] = {
    ("", "ConfigMap"): objects.ConfigMap,
    ("", "DeploymentConfig"): objects.SelectedByMap,
    ("", "Endpoints"): objects.Endpoints,
    ("", "Namespace"): objects.Object,
    ("", "Node"): objects.Node,
    ("", "Pod"): objects.Pod,
    ("", "ReplicationController"): objects.SelectedByMap,
    ("", "Service"): objects.Service,
    ("apps", "DaemonSet"): objects.Selected,
    ("apps", "Deployment"): objects.Selected,
    ("apps", "ReplicaSet"): objects.Selected,
    ("apps", "StatefulSet"): objects.Selected,
    ("apps.openshift.io", "DeploymentConfig"): objects.SelectedByMap,
    ("argoproj.io", "Rollout"): objects.Selected,
    ("batch", "CronJob"): objects.Templated,
    ("batch", "Job"): objects.Templated,
    ("discovery.k8s.io", "EndpointSlice"): objects.EndpointSlice,
    ("extensions", "DaemonSet"): objects.Selected,
    ("extensions", "Deployment"): objects.Selected,
    ("extensions", "ReplicaSet"): objects.Selected,
}
"""(API group, kind); the group matters: Knative has a Service of its own."""

_API_SERVICE: Final = ("default", "kubernetes")
_SERVICE_LABEL: Final = "kubernetes.io/service-name"
_AT: Final = " - at `$"
"""How errors that know it name the path: as msgspec does."""
_LONGEST: Final = 200
"""Of a message about a bad object, in characters: it may quote what it found."""
_HOW: Final = (
    "record one with: kubectl get nodes,namespaces,pods,services,endpointslices,replicasets,"
    "deployments,statefulsets,daemonsets,jobs,cronjobs --all-namespaces -o json > cluster.json"
)


OwnerTable: TypeAlias = dict[tuple[str, str, str], Owner | None]
"""What :data:`netpol.owners.Owners` is, while it is filled in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """One object that the inventory has a use for."""

    kind: str
    body: objects.Object
    entry: Entry
    """Where it stands."""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.body.metadata.space, self.kind, self.body.metadata.title


@dataclass(slots=True, kw_only=True)
class _Found:
    """The parts of an Inventory, while they come together."""

    owners: OwnerTable
    pods: dict[tuple[str, str], Pod] = field(default_factory=dict)
    services: dict[tuple[str, str], Service] = field(default_factory=dict)
    namespaces: dict[str, Namespace] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    selectors: dict[Workload, Labels] = field(default_factory=dict)
    api_servers: set[str] = field(default_factory=set)
    settings: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def workload(self, item: _Item, labels: objects.LabelPairs | None) -> Workload:
        """The workload that an object with pods of these labels belongs to."""
        space, kind, name = item.key
        return Workload(space, *chain(kind, name, space, self.owners, values.labels(labels)))


def read_inventory(paths: Iterable[str], tell: Tell) -> Inventory:
    """The inventory that files and folders of Kubernetes objects, JSON or YAML, amount to.

    An object that cannot be read is told (NP080) and left out; a Secret is never looked into
    (NP081). Of two objects with one name the later wins. Raises NetpolError for a path that cannot
    be read or holds no object at all.
    """
    items: list[_Item] = []
    owners: OwnerTable = {}
    with uncollected():
        for path in paths:
            items += _read(path, owners, tell)
        owners.update({item.key: item.body.metadata.controller for item in items})
        return _inventory(items, owners, tell)


def _read(path: str, owners: OwnerTable, tell: Tell) -> list[_Item]:
    """The useful objects of one path; the controllers of all other objects go to ``owners``."""
    items: list[_Item] = []
    total, secret = 0, ""
    for entry in scan([path], tell):
        kind = entry.kind
        group = entry.version.rpartition("/")[0]
        total += bool(kind and entry.version)
        if (group, kind) == ("", "Secret"):
            secret = secret or entry.where
        elif (group, kind) == ("", "ConfigMap") and not _tells(entry):
            continue
        elif shape := _KINDS.get((group, kind)):
            items += _decoded(entry, shape, tell)
        elif kind:
            owners.update(_controller(entry))
    if not total:
        raise NetpolError("there is no Kubernetes object in it", where=path, hint=_HOW)
    if secret:
        tell(Notice(code="NP081", where=secret, message="a Secret was passed over, unread"))
    if not items:
        tell(Notice(code="NP082", where=path, message=f"none of its {total} objects was of use"))
    return items


def _tells(entry: Entry) -> bool:
    """Whether this is the ConfigMap of a network plugin; what is in any other is not looked at."""
    try:
        meta = entry.into(objects.Object).metadata
    except ValueError:
        return False
    return is_setting(meta.namespace or "", meta.name or "")


def _decoded(entry: Entry, shape: type[objects.Object], tell: Tell) -> Iterator[_Item]:
    """The object, or nothing when it is not of its kind's shape."""
    try:
        body = entry.into(shape)
    except ValueError as error:
        tell(_unreadable(entry, error))
        return
    if body.metadata.title:
        yield _Item(kind=entry.kind, body=body, entry=entry.located())
    else:
        tell(_unreadable(entry, ValueError("Expected a name - at `$.metadata`")))


def _controller(entry: Entry) -> OwnerTable:
    """What controls an object of a kind that is of no other use; what cannot be read is no loss."""
    try:
        meta = entry.into(objects.Object).metadata
    except ValueError:
        return {}
    return {(meta.space, entry.kind, meta.title): meta.controller} if meta.controller else {}


def _unreadable(entry: Entry, error: Exception) -> Notice:
    """The notice for a bad object. The errors are written as ``what - at `$.path` ``."""
    what, _, path = f"{error}{'' if _AT in str(error) else _AT}".rpartition(_AT)
    place = f"{entry.kind} {path.rstrip('`')}".rstrip()
    return Notice(code="NP080", where=entry.where, message=f"{place}: {what[:_LONGEST]}")


def _inventory(items: list[_Item], owners: OwnerTable, tell: Tell) -> Inventory:
    found = _Found(owners=owners)
    for item in items:
        try:
            _add(item, found)
        except ValueError as error:
            tell(_unreadable(item.entry, error))
    _add_workloads(items, found)
    return Inventory(
        pods=found.pods,
        services=found.services,
        namespaces=found.namespaces,
        nodes=found.nodes,
        selectors=found.selectors,
        api_servers=tuple(sorted(found.api_servers)),
        settings=found.settings,
    )


def _add(item: _Item, found: _Found) -> None:
    """Put one object where it belongs. Raises ``ValueError`` for a bad address."""
    meta = item.body.metadata
    match item.body:
        case objects.Pod() as pod:
            workload = found.workload(item, meta.labels)
            found.pods[meta.space, meta.title] = values.pod(pod, workload)
        case objects.ConfigMap() as settings:
            found.settings[meta.space, meta.title] = dict(values.labels(settings.data))
        case objects.Service() as service:
            found.services[meta.space, meta.title] = values.service(service)
        case objects.Node() as node:
            found.nodes[meta.title] = values.node(node)
        case objects.EndpointSlice() | objects.Endpoints() as endpoints:
            if _of_api_server(item):
                found.api_servers.update(values.api_servers(endpoints))
        case objects.Templated():
            pass  # after the pods: see _add_workloads
        case _:
            found.namespaces[meta.title] = values.namespace(item.body)


def _of_api_server(item: _Item) -> bool:
    """Whether these are the endpoints of the Service that stands for the API server."""
    meta = item.body.metadata
    told = (meta.labels or {}).get(_SERVICE_LABEL) or meta.title
    return (meta.space, told) == _API_SERVICE


def _add_workloads(items: Iterable[_Item], found: _Found) -> None:
    """The selectors of workloads, and a pod made from the template for each that has no pods."""
    populated = {pod.workload for pod in found.pods.values()}
    for workload, own, body in _by_workload(items, found):
        if own and body.chosen:
            found.selectors[workload] = values.labels(body.chosen)
        if body.template and workload not in populated:
            populated.add(workload)
            name = _free_name(workload, found)
            found.pods[workload.namespace, name] = values.template(body.template, workload, name)


def _by_workload(
    items: Iterable[_Item], found: _Found
) -> list[tuple[Workload, bool, objects.Templated]]:
    """(workload, whether the object is that workload itself, the object).

    Owned objects come last: a ReplicaSet or Job speaks only for an owner that is not there itself.
    """
    templated = [(one, one.body) for one in items if isinstance(one.body, objects.Templated)]
    lent = dict(_lent(item, body) for item, body in templated if body.lender)
    judged = []
    for item, body in templated:
        workload = found.workload(item, body.template.labels if body.template else None)
        own = (workload.namespace, workload.kind, workload.name) == item.key
        judged.append((not own, item.key, lent.get(item.key, workload), body))
    judged.sort(key=lambda one: one[:2])
    return [(workload, not owned, body) for owned, _, workload, body in judged]


def _lent(item: _Item, body: objects.Templated) -> tuple[tuple[str, str, str], Workload]:
    """The workload whose template and selector a Rollout has made its own, and that Rollout."""
    assert body.lender
    space, kind, name = item.key
    return (space, *body.lender), Workload(space, kind, name)


def _free_name(workload: Workload, found: _Found) -> str:
    """A name for a template: the workload's, or one that no pod can have when that is taken."""
    taken = (workload.namespace, workload.name) in found.pods
    return f"{workload.kind}/{workload.name}" if taken else workload.name

"""Objects of a cluster as they were seen: in dumps, in manifests, and in recorded watches.

A dump shows what was there at one time, which it does not tell: it is not older than the newest
time in it. A recorded watch (``netpol inventory record``, or ``kubectl get … --watch
--output-watch-events -o json``) tells of one change after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from capture import objects, snapshot_pods
from capture.times import nanoseconds
from netpol.errors import NetpolError
from netpol.inventory import ALWAYS, Pod
from netpol.manifests import Entry, files, scan
from netpol.notices import Notice, Tell
from netpol.owners import Owner
from netpol.peers import Workload
from netpol.settings import is_setting

__all__ = [
    "KINDS",
    "Key",
    "Listed",
    "OwnerTable",
    "Sighting",
    "Sightings",
    "lean",
    "read",
    "unreadable",
]

KINDS: Final[Mapping[tuple[str, str], type[objects.Object]]] = {
    ("", "ConfigMap"): objects.ConfigMap,
    ("", "DeploymentConfig"): objects.SelectedByMap,
    ("", "Endpoints"): objects.Endpoints,
    ("", "Namespace"): objects.Object,
    ("", "Node"): objects.Node,
    ("", "Pod"): objects.Pod,
    ("", "ReplicationController"): objects.SelectedByMap,
    ("", "Service"): objects.Service,
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): objects.Webhooks,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): objects.Webhooks,
    ("apiregistration.k8s.io", "APIService"): objects.ApiService,
    ("apps", "DaemonSet"): objects.Selected,
    ("apps", "Deployment"): objects.Selected,
    ("apps", "ReplicaSet"): objects.Selected,
    ("apps", "StatefulSet"): objects.Selected,
    ("apps.openshift.io", "DeploymentConfig"): objects.SelectedByMap,
    ("argoproj.io", "Rollout"): objects.Selected,
    ("batch", "CronJob"): objects.Templated,
    ("batch", "Job"): objects.Templated,
    ("cilium.io", "CiliumNode"): objects.CiliumNode,
    ("crd.projectcalico.org", "IPPool"): objects.Ranges,
    ("discovery.k8s.io", "EndpointSlice"): objects.EndpointSlice,
    ("extensions", "DaemonSet"): objects.Selected,
    ("extensions", "Deployment"): objects.Selected,
    ("extensions", "ReplicaSet"): objects.Selected,
    (objects.GATEWAYS, "GRPCRoute"): objects.Route,
    (objects.GATEWAYS, "Gateway"): objects.Gateway,
    (objects.GATEWAYS, "HTTPRoute"): objects.Route,
    (objects.GATEWAYS, "ReferenceGrant"): objects.ReferenceGrant,
    (objects.GATEWAYS, "TCPRoute"): objects.Route,
    (objects.GATEWAYS, "TLSRoute"): objects.Route,
    (objects.GATEWAYS, "UDPRoute"): objects.Route,
    (objects.MONITORING, "PodMonitor"): objects.Monitor,
    (objects.MONITORING, "Prometheus"): objects.Prometheus,
    (objects.MONITORING, "PrometheusAgent"): objects.Prometheus,
    (objects.MONITORING, "ServiceMonitor"): objects.Monitor,
    ("networking.k8s.io", "Ingress"): objects.Ingress,
    ("networking.k8s.io", "ServiceCIDR"): objects.Ranges,
    ("projectcalico.org", "IPPool"): objects.Ranges,
    (objects.RBAC, "ClusterRoleBinding"): objects.Binding,
    (objects.RBAC, "RoleBinding"): objects.Binding,
}
"""(API group, kind); the group matters: Knative has a Service of its own."""

_AT: Final = " - at `$"
"""How errors that know it name the path: as msgspec does."""
_LONGEST: Final = 200
"""Of a message about a bad object, in characters: it may quote what it found."""
_HOW: Final = (
    "record one with: netpol inventory record -o cluster.json, or: kubectl get nodes,namespaces,"
    "pods,services,endpointslices,replicasets,deployments,statefulsets,daemonsets,jobs,cronjobs"
    " --all-namespaces -o json > cluster.json"
)

Key: TypeAlias = tuple[str, str, str]
"""(namespace, kind, name)."""
OwnerTable: TypeAlias = dict[Key, Owner | None]
"""What :data:`netpol.owners.Owners` is, while it is filled in."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Pods and nodes in one list: all that there were, of whatever it is a list of."""

    at: int
    keys: frozenset[tuple[str, str, str]]
    """(namespace, name, uid) of pods, ("", name, "") of nodes."""


@dataclass(slots=True, kw_only=True)
class Sighting:
    """One object that an inventory has a use for, as it was at some time.

    A pod, of which there are many, is cut down to what the inventory holds of it (:func:`lean`);
    its ``workload`` is what controls it as long as not all owners are known. ``at`` is 0 where that
    is not known. ``since``: nobody watched between there and ``at``; None: somebody did. ``gone``:
    that is how it was before it was deleted.
    """

    kind: str
    body: objects.Object | Pod | Listed
    entry: Entry
    """Where it stands."""
    at: int = 0
    since: int | None = 0
    gone: bool = False

    @property
    def key(self) -> Key:
        """What it is called."""
        if isinstance(self.body, Pod):
            return self.body.namespace, self.kind, self.body.name
        assert not isinstance(self.body, Listed)
        return self.body.metadata.space, self.kind, self.body.metadata.title


_NOTHING: Final = Listed(0, frozenset())
"""Of a bookmark: until then everything of that kind has been told."""


@dataclass(slots=True)
class Sightings:
    """Everything that was seen, in the order of the files."""

    seen: list[Sighting] = field(default_factory=list)
    streams: list[Iterator[Sighting]] = field(default_factory=list)
    """Recordings, each in the order of its times: they may be long, so they are read once."""
    lists: list[Listed] = field(default_factory=list)
    owners: OwnerTable = field(default_factory=dict)
    """The controllers of objects that are of no other use."""
    hosts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The addresses of nodes, as the pods on them tell."""
    same: dict[object, Any] = field(default_factory=dict)
    """Values that many sightings share, each once."""


class _Event(msgspec.Struct):
    """A line of a recorded watch; ``time`` and ``since`` are netpol's."""

    type: str
    object: msgspec.Raw
    time: str | None = None
    since: str | None = None


class _Head(msgspec.Struct, rename="camel"):
    """What an object says that it is."""

    kind: str = ""
    api_version: str = ""


def read(path: str, found: Sightings, tell: Tell) -> None:
    """Add what a file or folder shows. Raises NetpolError when there is no object at all in it."""
    total, useful, count = 0, 0, _Count()
    for file in files(Path(path), tell):
        entries = scan([file], tell)
        first = next(entries, None)
        count = _Count()
        if first is None:
            continue
        here = _sightings(chain((first,), entries), found, count, tell)
        if _event(first) is not None:
            found.streams.append(_begun(here))
            total, useful = total + 1, useful + 1
            continue
        dump = list(here)
        found.lists += _dated(dump)
        found.seen += dump
        total, useful = total + count.objects, useful + len(dump)
    if not total:
        raise NetpolError("there is no Kubernetes object in it", where=path, hint=_HOW)
    if not useful:
        tell(Notice(code="NP082", where=path, message=f"none of its {total} objects was of use"))


@dataclass(slots=True)
class _Count:
    """What was in a file."""

    objects: int = 0
    secrets: int = 0


def _sightings(
    entries: Iterable[Entry], found: Sightings, count: _Count, tell: Tell
) -> Iterator[Sighting]:
    """What one file shows, as it is read."""
    for told in entries:
        entry, event = _event(told) or (told, None)
        kind, group = entry.kind, entry.version.rpartition("/")[0]
        count.objects += bool(kind and entry.version)
        if (group, kind) == ("", "Secret"):
            if not count.secrets:
                tell(Notice(code="NP081", where=entry.where, message="a Secret was passed over"))
            count.secrets += 1
        elif (group, kind) == ("", "ConfigMap") and not _tells(entry):
            continue
        elif event is not None and event.type == "BOOKMARK":
            yield Sighting(
                kind=kind, body=_NOTHING, entry=entry.located(), at=nanoseconds(event.time)
            )
        elif shape := KINDS.get((group, kind)):
            yield from _decoded(entry, event, shape, found, tell)
        elif kind:
            found.owners.update(_controller(entry))


def _event(entry: Entry) -> tuple[Entry, _Event] | None:
    """The object of a recorded event, and the event; None for an object that is none."""
    if entry.kind or not isinstance(entry.body, bytes):
        return None
    try:
        event = msgspec.json.decode(entry.body, type=_Event)
        head = msgspec.json.decode(event.object, type=_Head)
    except ValueError:
        return None
    whole = {"body": bytes(event.object), "kind": head.kind, "version": head.api_version}
    return msgspec.structs.replace(entry, **whole), event


def _tells(entry: Entry) -> bool:
    """Whether this is the ConfigMap of a network plugin; what is in any other is not looked at."""
    try:
        meta = entry.into(objects.Object).metadata
    except ValueError:
        return False
    return is_setting(meta.namespace or "", meta.name or "")


def _decoded(
    entry: Entry,
    event: _Event | None,
    shape: type[objects.Object],
    found: Sightings,
    tell: Tell,
) -> Iterator[Sighting]:
    """The object, or nothing when it is not of its kind's shape."""
    if event is not None and event.type not in ("ADDED", "MODIFIED", "DELETED"):
        return
    try:
        body = entry.into(shape)
        if not body.metadata.title:
            raise ValueError("Expected a name - at `$.metadata`")
        one = Sighting(kind=entry.kind, body=body, entry=entry.located())
        if event is not None:
            one.gone = event.type == "DELETED"
            one.at = nanoseconds(event.time) or _newest(one)
            one.since = (nanoseconds(event.since) if event.since else None) if event.time else 0
        yield lean(one, found)
    except ValueError as error:
        tell(unreadable(entry, error))


def lean(one: Sighting, found: Sightings) -> Sighting:
    """The sighting of a pod cut down in place.

    Raises ``ValueError`` for a bad address.
    """
    if isinstance(one.body, objects.Pod):
        space, _, name = one.key
        workload = Workload(space, *(one.body.metadata.controller or ("Pod", name)))
        pod = snapshot_pods.pod(one.body, workload, found.same)
        if hosts := snapshot_pods.hosts(one.body):
            found.hosts.setdefault(pod.node, found.same.setdefault(hosts, hosts))
        one.body = pod
    return one


def _controller(entry: Entry) -> OwnerTable:
    """What controls an object of a kind that is of no other use; what cannot be read is no loss."""
    try:
        meta = entry.into(objects.Object).metadata
    except ValueError:
        return {}
    return {(meta.space, entry.kind, meta.title): meta.controller} if meta.controller else {}


def _dated(here: list[Sighting]) -> Iterator[Listed]:
    """Give the objects of one dump the time of the newest of them, and tell what it lists."""
    dump = [one for one in here if not one.at]
    at = max(map(_newest, dump), default=0)
    for one in dump:
        one.at = at
    items = [one for one in dump if one.entry.item]
    pods = (one.body for one in items if isinstance(one.body, Pod))
    listed = {(pod.namespace, pod.name, pod.uid) for pod in pods}
    listed |= {("", one.key[2], "") for one in items if isinstance(one.body, objects.Node)}
    if at and listed:
        yield Listed(at, frozenset(listed))


def _begun(recording: Iterator[Sighting]) -> Iterator[Sighting]:
    """A recording, with the lists of pods and nodes that it begins with in place of bookmarks."""
    first: dict[str, set[Key]] = {"Pod": set(), "Node": set()}
    for one in recording:
        if isinstance(one.body, Listed):
            if one.at and (keys := first.pop(one.kind, None)):
                one.body = Listed(one.at, frozenset(keys))
                yield one
            continue
        if one.kind in first and one.since == 0:
            uid = one.body.uid if isinstance(one.body, Pod) else ""
            space = one.key[0] if isinstance(one.body, Pod) else ""
            first[one.kind].add((space, one.key[2], uid))
        yield one


def _newest(one: Sighting) -> int:
    """The newest time that an object tells, in nanoseconds since the epoch; 0 for none."""
    if isinstance(one.body, Pod):
        pod = one.body
        return max(pod.started, pod.running, pod.ended if pod.ended < ALWAYS else 0)
    assert not isinstance(one.body, Listed)
    meta = one.body.metadata
    ended = meta.deletion_timestamp if one.gone else None
    return max(nanoseconds(meta.creation_timestamp), nanoseconds(ended))


def unreadable(entry: Entry, error: Exception) -> Notice:
    """The notice for a bad object. The errors are written as ``what - at `$.path` ``."""
    what, _, path = f"{error}{'' if _AT in str(error) else _AT}".rpartition(_AT)
    place = f"{entry.kind} {path.rstrip('`')}".rstrip()
    return Notice(code="NP080", where=entry.where, message=f"{place}: {what[:_LONGEST]}")

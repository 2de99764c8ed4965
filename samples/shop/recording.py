"""The hour as somebody recorded it who watched the cluster's API: the state, then every change.

Each line is one event of a watch, with the time at which it was received. Objects are cut down to
what tells who is who and who has which address; a change of anything else is no line. All of it is
told from the truth of `pods.py`, nothing from the traffic.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chance import number
from clock import MILLI, SECOND, rfc3339
from controllers import (
    BORN,
    cron_job,
    daemon_set,
    deployment,
    job,
    metadata,
    replica_set,
    stamp,
    stateful_set,
)
from describe import HOUR, LENGTH, MINUTE, NAMESPACES, NODES, WORKLOADS, Node, Workload
from inventory import (
    backends,
    endpoint_slice,
    families_of,
    kubernetes_service,
    kubernetes_slice,
    namespace,
    node,
    pod_object,
    service_object,
)
from pods import EVERY_POD, FOREVER, PODS, Pod
from services import SERVICES, Service

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
# What was so from when on, in nanoseconds, in the order of time; None: it was deleted.
Life = list[tuple[int, Json | None]]

WATCHED = (HOUR - MINUTE) * SECOND

# A member that is not named here is cut off, whatever the kind; None keeps all that is in it.
_POD: Json = {
    "containers": {"name": None, "ports": None},
    "hostNetwork": None,
    "nodeName": None,
    "serviceAccountName": None,
}
_TEMPLATE: Json = {"metadata": {"labels": None}, "spec": _POD}
_METADATA = dict.fromkeys(
    ("annotations", "creationTimestamp", "deletionTimestamp", "labels", "name", "namespace", "uid")
)
_OWNER = dict.fromkeys(("apiVersion", "controller", "kind", "name"))
_SERVICE = dict.fromkeys(("clusterIP", "clusterIPs", "ports", "selector", "type"))
_NODE = dict.fromkeys(("addresses", "health", "ipam", "podCIDR", "podCIDRs"))
_KEPT: Json = {
    "addressType": None,
    "apiVersion": None,
    "endpoints": {"addresses": None, "conditions": {"ready": None}, "targetRef": None},
    "kind": None,
    "metadata": {**_METADATA, "ownerReferences": _OWNER},
    "ports": None,
    "spec": {
        **_POD,
        **_SERVICE,
        **_NODE,
        "jobTemplate": {"spec": {"template": _TEMPLATE}},
        "template": _TEMPLATE,
    },
    "status": dict.fromkeys(
        (
            "addresses",
            "containerStatuses",
            "loadBalancer",
            "phase",
            "podIP",
            "podIPs",
            "startTime",
        )
    ),
}
# Of these nothing in the status is of use; a Job's startTime least of all.
_NO_STATUS = ("Job", "CronJob")


def cut(value: Any, kept: Json | None) -> Any:  # noqa: ANN401 - JSON of any shape
    if isinstance(value, list):
        return [cut(one, kept) for one in value]
    if kept is None or not isinstance(value, dict):
        return value
    parts = {key: cut(part, kept[key]) for key, part in value.items() if key in kept}
    return {key: part for key, part in parts.items() if part != {}}


def needed(body: Json) -> Json:
    found: Json = cut(body, _KEPT)
    if body["kind"] in _NO_STATUS:
        found.pop("status", None)
    return found


def always(body: Json) -> Life:
    return [(BORN * SECOND, body)]


def after(second: int, milliseconds: int) -> int:
    return second * SECOND + milliseconds * MILLI


def cilium_node(known: Node) -> Json:
    """Give what Cilium knows of a node: `CiliumInternalIP` is where its host speaks from."""
    addresses = [
        ("InternalIP", known.ip4),
        ("InternalIP", known.ip6),
        ("CiliumInternalIP", known.router),
        ("CiliumInternalIP", known.pod_ip6(1)),
    ]
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNode",
        "metadata": metadata("", "CiliumNode", known.name, {}),
        "spec": {
            "addresses": [{"ip": ip, "type": kind} for kind, ip in addresses],
            "health": {"ipv4": known.health, "ipv6": known.pod_ip6(2)},
            "ipam": {"podCIDRs": node(known)["spec"]["podCIDRs"]},
        },
    }


def _state(pod: Pod, phase: str, *, leaving: bool = False) -> Json:
    """Give the pod as it is in a phase; one that nobody has placed yet is "Created"."""
    body = pod_object(pod)
    status: Json = {"phase": "Pending" if phase == "Created" else phase}
    if phase == "Created":
        del body["spec"]["nodeName"]
    if phase in ("Running", "Succeeded"):
        status |= {key: body["status"][key] for key in ("podIP", "podIPs", "startTime")}
    if phase == "Succeeded":
        ended = {"exitCode": 0, "finishedAt": stamp(pod.end), "reason": "Completed"}
        names = [container["name"] for container in body["spec"]["containers"]]
        status["containerStatuses"] = [
            {"name": name, "state": {"terminated": ended}} for name in names
        ]
    if leaving:  # as the API writes it: when its time to leave will be over
        body["metadata"]["deletionTimestamp"] = stamp(_told_to_leave(pod) + 30)
    return body | {"status": status}


def _told_to_leave(pod: Pod) -> int:
    return pod.end - 4


def pod_life(pod: Pod) -> Life:
    life: Life = [
        (after(pod.start, 80), _state(pod, "Created")),
        (after(pod.start, 110), _state(pod, "Pending")),
        (after(pod.start + 2, 150), _state(pod, "Running")),
    ]
    if pod.completed:
        life.append((after(pod.end, 400), _state(pod, "Succeeded")))
        if pod.forgotten:
            life.append((after(_forgotten_at(pod), 350), None))
    elif pod.end < FOREVER:
        life += [
            (after(_told_to_leave(pod), 60), _state(pod, "Running", leaving=True)),
            (after(pod.end, 300), _state(pod, "Succeeded", leaving=True)),
            (after(pod.end, 340), None),
        ]
    return life


def _forgotten_at(pod: Pod) -> int:
    """Say when the history limit takes a run: when the same one of this hour is done."""
    newer = next(one for one in PODS if one.workload == pod.workload and one.index == pod.index)
    return newer.end + 2


def job_life(pod: Pod) -> Life:
    life: Life = [(after(HOUR + pod.run, 40), job(pod))]
    if pod.forgotten:
        life.append((after(_forgotten_at(pod), 0), None))
    return life


def slice_life(service: Service, family: str) -> Life:
    """Follow the pods that are ready: from three seconds old until they are told to leave."""
    spans = [
        (after(pod.start + 3, 200), after(_told_to_leave(pod), 140), pod)
        for pod in backends(service, EVERY_POD)
    ]
    life: Life = []
    for at in sorted({time for begin, end, _ in spans for time in (begin, end)}):
        ready = [pod for begin, end, pod in spans if begin <= at < end]
        life.append((at, endpoint_slice(service, family, ready)))
    return life


def owner_lives(workload: Workload) -> Iterator[Life]:
    """Follow what owns the pods of a workload; their Jobs are apart."""
    change = HOUR + workload.replaced
    match workload.kind:
        case "Deployment" if workload.replaced:
            old, new = deployment(workload, old=True), deployment(workload)
            yield [(BORN * SECOND, old), (after(change, 10), new)]
            yield always(replica_set(workload, old=True))
            yield [(after(change, 40), replica_set(workload))]
        case "Deployment":
            yield always(deployment(workload))
            yield always(replica_set(workload))
        case "StatefulSet":
            yield always(stateful_set(workload))
        case "DaemonSet":
            yield always(daemon_set(workload))
        case "CronJob":
            yield always(cron_job(workload))


def lives() -> Iterator[Life]:
    """Follow every object, in the order in which their kinds are listed."""
    yield from (always(node(known)) for known in NODES)
    yield from (always(cilium_node(known)) for known in NODES)
    yield from (always(namespace(name)) for name in NAMESPACES)
    yield from (life for workload in WORKLOADS for life in owner_lives(workload))
    yield from (job_life(pod) for pod in EVERY_POD if pod.completed)
    yield always(kubernetes_service())
    yield from (always(service_object(service)) for service in SERVICES)
    yield always(kubernetes_slice())
    for service in SERVICES:
        yield from (slice_life(service, family) for family in families_of(service))
    yield from (pod_life(pod) for pod in EVERY_POD)


@dataclass(frozen=True, kw_only=True)
class Event:
    """One change, and when it happened."""

    at: int
    type: str
    body: Json


def events(life: Life) -> Iterator[Event]:
    """Tell one object's life as a watch does: how it was when the watch began, then its changes."""
    last: Json | None = None
    before = [(at, body) for at, body in life if at < WATCHED]
    now = [(WATCHED, before[-1][1])] if before else []
    for at, whole in (*now, *life[len(before) :]):
        if at >= (HOUR + LENGTH) * SECOND:
            break
        body = needed(whole) if whole else None
        if body is None and last is not None:
            yield Event(at=at, type="DELETED", body=last)
        elif body is not None and body != last:
            yield Event(at=at, type="MODIFIED" if last else "ADDED", body=body)
        last = body


def received(told: list[Event]) -> Iterator[tuple[int, Event]]:
    """Say when each event came in: a little later, the list of a kind all at once, in order."""
    listed: dict[str, int] = {}
    latest: dict[str, int] = {}
    for event in sorted(told, key=lambda event: event.at):
        kind = event.body["kind"]
        if event.at == WATCHED:
            at = WATCHED + listed.setdefault(kind, len(listed)) * 45 * MILLI
        else:
            lag = number(f"watch/{kind}/{event.at}", 20_000, 280_000) * 1000
            at = max(event.at + lag, latest.get(kind, 0))
        latest[kind] = at
        yield at, event


def recording() -> str:
    """Give the whole file."""
    told = [event for life in lives() for event in events(life)]
    ordered = sorted(received(told), key=lambda one: one[0])  # keeps ties
    return "".join(
        json.dumps(
            {"type": event.type, "time": rfc3339(at), "object": event.body}, separators=(",", ":")
        )
        + "\n"
        for at, event in ordered
    )

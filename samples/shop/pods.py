"""The pods of the hour: names, addresses, lifetimes and identities, from the description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chance import letters, number, uid
from describe import CLUSTER, HOUR, LENGTH, MINUTE, NAMESPACES, WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from describe import Node, Workload

FOREVER = HOUR + 365 * 24 * 60 * MINUTE
# An address is handed out again this long after its pod ended.
COOL_DOWN = 15 * MINUTE
FIRST_HOST = 10


@dataclass(frozen=True, kw_only=True)
class Pod:
    """One pod; `end` is in the far future while it runs."""

    workload: Workload
    name: str
    owner: str  # the ReplicaSet or Job, or the workload itself
    node: Node
    host: int  # the last part of its addresses
    start: int
    end: int
    index: int
    labels: dict[str, str]
    run: int = 0  # of a CronJob, in seconds after HOUR

    @property
    def ip4(self) -> str:
        return self.node.ip4 if self.workload.host_network else self.node.pod_ip4(self.host)

    @property
    def ip6(self) -> str:
        return self.node.ip6 if self.workload.host_network else self.node.pod_ip6(self.host)

    @property
    def key(self) -> str:
        return f"{self.workload.namespace}/{self.name}"

    @property
    def completed(self) -> bool:
        return self.workload.kind == "CronJob"

    @property
    def forgotten(self) -> bool:
        """Say whether it was done before the hour, and its Job is deleted within it."""
        return self.run in self.workload.forgotten

    @property
    def listed(self) -> bool:
        """Say whether kubectl still prints it at the end of the hour."""
        return (self.completed and not self.forgotten) or self.end > HOUR + LENGTH

    def alive(self, second: int, margin: int = 0) -> bool:
        return self.start + margin <= second < self.end - margin


@dataclass(frozen=True, kw_only=True)
class _Birth:
    """A pod before it has an address."""

    workload: Workload
    index: int
    start: int
    end: int
    old: bool = False
    run: int = 0


def _births(workload: Workload) -> Iterator[_Birth]:
    born = HOUR + workload.born
    if workload.kind == "CronJob":
        for runs in (workload.forgotten, workload.runs):
            for index, run in enumerate(runs):
                start = HOUR + run + 2
                end = start + number(f"{workload.key}/{run}", 45, 75)
                yield _Birth(workload=workload, index=index, start=start, end=end, run=run)
        return
    for index in range(len(workload.nodes)):
        start = born + index * 7
        if workload.replaced:
            # A rolling update: one pod after the other, ten seconds apart.
            change = HOUR + workload.replaced + index * 10
            yield _Birth(workload=workload, index=index, start=start, end=change + 8, old=True)
            start = change
        yield _Birth(workload=workload, index=index, start=start, end=FOREVER)


def job_name(workload: Workload, run: int) -> str:
    """Name a Job as the CronJob controller does: by the scheduled minute since the epoch."""
    return f"{workload.name}-{(HOUR + run) // MINUTE}"


def template_hash(workload: Workload, *, old: bool = False) -> str:
    return letters(f"{workload.key}/template/{old}", 10)


def _owner(birth: _Birth) -> str:
    workload = birth.workload
    if workload.kind == "Deployment":
        return f"{workload.name}-{template_hash(workload, old=birth.old)}"
    if workload.kind == "CronJob":
        return job_name(workload, birth.run)
    return workload.name


def _name(birth: _Birth, owner: str, node: Node) -> str:
    match birth.workload.kind:
        case "StatefulSet":
            return f"{owner}-{birth.index}"
        case "Pod":
            return owner
        case "Static":
            return f"{owner}-{node.name}"
        case _:
            return f"{owner}-{letters(f'{birth.workload.key}/{birth.start}', 5)}"


def _labels(birth: _Birth, owner: str, name: str) -> dict[str, str]:
    """Give the pod's labels, with those that its controller adds."""
    workload = birth.workload
    labels = dict(workload.labels)
    if birth.old:
        labels["version"] = workload.old_version
    if workload.roles:
        labels["role"] = workload.roles[birth.index]
    match workload.kind:
        case "Deployment":
            labels["pod-template-hash"] = template_hash(workload, old=birth.old)
        case "StatefulSet":
            labels["apps.kubernetes.io/pod-index"] = str(birth.index)
            labels["controller-revision-hash"] = f"{workload.name}-{template_hash(workload)}"
            labels["statefulset.kubernetes.io/pod-name"] = name
        case "DaemonSet":
            labels["controller-revision-hash"] = template_hash(workload)
            labels["pod-template-generation"] = "1"
        case "CronJob":
            labels |= job_labels(workload, owner)
    return labels


def job_labels(workload: Workload, job: str) -> dict[str, str]:
    controller = uid(f"{workload.namespace}/Job/{job}")
    return {
        "batch.kubernetes.io/controller-uid": controller,
        "batch.kubernetes.io/job-name": job,
        "controller-uid": controller,
        "job-name": job,
    }


class _Addresses:
    """Hands out addresses node by node and takes them back, as an address pool does."""

    def __init__(self) -> None:
        self._free_from: dict[tuple[str, int], int] = {}

    def take(self, node: Node, start: int, end: int) -> int:
        host = FIRST_HOST
        while self._free_from.get((node.name, host), start) > start:
            host += 1
        self._free_from[node.name, host] = min(end + COOL_DOWN, FOREVER)
        return host


def _pods() -> list[Pod]:
    births = [birth for workload in WORKLOADS for birth in _births(workload)]
    addresses = _Addresses()
    pods = []
    for birth in sorted(births, key=lambda birth: birth.start):
        workload = birth.workload
        node = workload.nodes[birth.index]
        owner = _owner(birth)
        name = _name(birth, owner, node)
        shared = workload.host_network
        pods.append(
            Pod(
                workload=workload,
                name=name,
                owner=owner,
                node=node,
                host=0 if shared else addresses.take(node, birth.start, birth.end),
                start=birth.start,
                end=birth.end,
                index=birth.index,
                labels=_labels(birth, owner, name),
                run=birth.run,
            )
        )
    return sorted(pods, key=lambda pod: pod.key)


EVERY_POD = _pods()
PODS = [pod for pod in EVERY_POD if not pod.forgotten]


# What Cilium leaves out of a security identity (its default label filter).
_LEFT_OUT_FIRST = ("io.kubernetes", "kubernetes.io", "k8s.io", "topology.kubernetes.io")
_LEFT_OUT = frozenset(
    {
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/controller-uid",
        "controller-revision-hash",
        "controller-uid",
        "pod-template-generation",
        "pod-template-hash",
        "statefulset.kubernetes.io/pod-name",
    }
)


def identity_labels(pod: Pod) -> list[str]:
    """Give the labels that Hubble shows: those of the identity, nothing that is the pod's own."""
    namespace = pod.workload.namespace
    labels = {
        key: value
        for key, value in pod.labels.items()
        if key not in _LEFT_OUT and not key.startswith(_LEFT_OUT_FIRST)
    }
    spaces = {"kubernetes.io/metadata.name": namespace} | NAMESPACES[namespace]
    labels |= {f"io.cilium.k8s.namespace.labels.{key}": value for key, value in spaces.items()}
    labels["io.cilium.k8s.policy.cluster"] = CLUSTER
    labels["io.cilium.k8s.policy.serviceaccount"] = pod.workload.account
    labels["io.kubernetes.pod.namespace"] = namespace
    return [f"k8s:{key}={value}" for key, value in sorted(labels.items())]


def identity(pod: Pod) -> int:
    return number("identity/" + ",".join(identity_labels(pod)), 1024, 65535)


def endpoint_id(pod: Pod) -> int:
    return number(f"endpoint/{pod.key}", 16, 65000)

"""What the cluster consists of: pods and their owners, Services, namespaces, nodes.

An Inventory is a plain value. It is read from a cluster dump (``capture.snapshot``) or derived from
the identities that flows carry (:func:`netpol.roster.roster`); inventories add up with ``|``. What
it says of now is by name; what changed on the way there — who had an address from when to when — is
dated (:class:`Dated`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Generic, TypeAlias, TypeVar

from netpol.callers import Caller, Scrape
from netpol.peers import Labels, Workload

__all__ = [
    "ALWAYS",
    "ContainerPort",
    "Dated",
    "EndpointSlice",
    "Holder",
    "Inventory",
    "Namespace",
    "Node",
    "Pod",
    "Service",
    "ServicePort",
    "SliceEndpoint",
]

ALWAYS: Final = 2**63 - 1
"""The end of something that has not ended, in nanoseconds since the epoch; its beginning is 0 where
it is not known."""

_Thing = TypeVar("_Thing", covariant=True)


@dataclass(frozen=True, slots=True)
class Dated(Generic[_Thing]):
    """What held from ``start`` (inclusive) to ``end`` (exclusive).

    In nanoseconds since the epoch, UTC. ``sure``: until when it is known to have held. Between
    there and ``end`` it may have ended unseen, as for a pod that is in one snapshot and not in the
    next. ``begun``: from when on it is known to have held, likewise.
    """

    thing: _Thing
    start: int = 0
    end: int = ALWAYS
    sure: int = ALWAYS
    begun: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ContainerPort:
    """A declared port of a container; ``name`` may be empty."""

    name: str = ""
    protocol: str = "TCP"
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One pod, or the template of a workload that has none right now (``template`` True)."""

    namespace: str
    name: str
    workload: Workload
    labels: Labels = ()
    addresses: tuple[str, ...] = ()
    node: str = ""
    host_network: bool = False
    """It uses its node's address: engines treat it as the node, selectors do not see it."""
    service_account: str = "default"
    ports: tuple[ContainerPort, ...] = ()
    finished: bool = False
    """Succeeded or failed: its labels still tell about the workload, its address is gone."""
    template: bool = False
    sparse: bool = False
    """Known from flows alone: the labels may be a subset of the real ones."""
    uid: str = ""
    """Tells the pods apart that had one name after each other; empty where it is not known."""
    started: int = 0
    """When it came to be, as it says itself; nanoseconds since the epoch, 0: not known."""
    running: int = 0
    """When its first container started: from then on it surely had its address. 0: not known."""
    ended: int = ALWAYS
    """When it finished or was deleted."""
    scraped: tuple[int, ...] = ()
    """Its ports that annotations ask Prometheus to scrape."""
    has_token: bool = True
    """Whether it is given its ServiceAccount's token, without which it has no rights in the API."""
    probed: tuple[int, ...] = ()
    """Its TCP ports that the kubelet probes, sorted."""
    debugged: tuple[tuple[int, int], ...] = ()
    """From when to when there was a container in it to look around from (``kubectl debug``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePort:
    """One port of a Service; ``target`` is a number, a container port name, or None for equal."""

    name: str = ""
    protocol: str = "TCP"
    port: int
    target: int | str | None = None
    node_port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A Service; an empty selector selects nothing (its endpoints are kept by someone else)."""

    namespace: str
    name: str
    type: str = "ClusterIP"
    selector: Labels = ()
    cluster_ips: tuple[str, ...] = ()
    external_ips: tuple[str, ...] = ()
    ports: tuple[ServicePort, ...] = ()
    source_ranges: tuple[str, ...] = ()
    """Blocks that its load balancer takes clients from; empty: from everywhere."""

    @property
    def public(self) -> bool:
        """Whether clients outside the cluster are meant to reach it."""
        return self.type in ("LoadBalancer", "NodePort") or bool(self.external_ips)


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceEndpoint:
    """Addresses of one backend; ``pod`` is its name, empty where no pod stands behind them."""

    addresses: tuple[str, ...]
    pod: str = ""
    uid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSlice:
    """Backends of a Service of the same namespace, and the ports on which they take connections.

    ``ports`` are (name of the Service's port, protocol, number at the backend).
    """

    namespace: str
    name: str
    service: str
    ports: tuple[tuple[str, str, int], ...] = ()
    endpoints: tuple[SliceEndpoint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A namespace and its labels; ``kubernetes.io/metadata.name`` is always among them."""

    name: str
    labels: Labels = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node, its addresses and the pod ranges it was given."""

    name: str
    addresses: tuple[str, ...] = ()
    pod_cidrs: tuple[str, ...] = ()
    labels: Labels = ()
    annotations: Labels = ()
    """Only those that network plugins write (:func:`netpol.settings.telling`)."""
    health: tuple[str, ...] = ()
    """Addresses from which its network plugin checks the others' (Cilium)."""


Holder: TypeAlias = Pod | Node
"""Who can have an address of their own."""


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Everything known about the cluster, by name, and when it was otherwise."""

    pods: Mapping[tuple[str, str], Pod] = field(default_factory=dict)
    """By (namespace, name)."""
    services: Mapping[tuple[str, str], Service] = field(default_factory=dict)
    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    selectors: Mapping[Workload, Labels] = field(default_factory=dict)
    """``spec.selector.matchLabels`` of the workloads that have one."""
    schedules: Mapping[Workload, str] = field(default_factory=dict)
    """When CronJobs run, as they say it."""
    api_servers: tuple[str, ...] = ()
    """Addresses behind the Service ``default/kubernetes``, sorted."""
    pod_ranges: tuple[str, ...] = ()
    """Blocks that pods get addresses from, beside those of the nodes; canonical CIDRs, sorted."""
    service_ranges: tuple[str, ...] = ()
    """Blocks that Services get addresses from."""
    former: tuple[Pod, ...] = ()
    """Pods whose name another one has taken since, oldest first."""
    holders: Mapping[str, tuple[Dated[Holder], ...]] = field(default_factory=dict)
    """Who had an address when: by address, sorted by start. An address that is not there is that of
    the pod or node that shows it, and always was."""
    services_then: tuple[Dated[Service], ...] = ()
    """Every state of the Services of which states are known by date."""
    slices: tuple[Dated[EndpointSlice], ...] = ()
    """Every state of the EndpointSlices."""
    until: int = 0
    """The newest time of which it tells, nanoseconds since the epoch; 0: it has no dates."""
    callers: tuple[Caller, ...] = ()
    """What other objects say of who is called, sorted."""
    api_users: tuple[tuple[str, str], ...] = ()
    """(namespace, ServiceAccount) of those with rights in the API, sorted."""
    scrapes: tuple[Scrape, ...] = ()
    """Whose metrics are fetched, sorted."""
    settings: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    """What the ConfigMaps of network plugins hold, by (namespace, name); no others are kept."""

    @cached_property
    def every_pod(self) -> tuple[Pod, ...]:
        """Those of :attr:`pods` and :attr:`former`, sorted by namespace and name."""
        return tuple(sorted((*self.pods.values(), *self.former), key=_name))

    def pod(self, namespace: str, name: str, uid: str) -> Pod | None:
        """The pod of a name and uid; the latest of that name, where the one or other has no uid."""
        latest = self.pods.get((namespace, name))
        if latest is None or not (uid and latest.uid) or latest.uid == uid:
            return latest
        return self._former.get((namespace, name, uid))

    @cached_property
    def _former(self) -> dict[tuple[str, str, str], Pod]:
        return {(*_name(pod), pod.uid): pod for pod in self.former}

    @cached_property
    def workloads(self) -> dict[Workload, tuple[Pod, ...]]:
        """The pods of each workload, sorted by name."""
        groups: dict[Workload, list[Pod]] = {}
        for pod in self.every_pod:
            groups.setdefault(pod.workload, []).append(pod)
        return {workload: tuple(pods) for workload, pods in sorted(groups.items())}

    @cached_property
    def by_namespace(self) -> dict[str, tuple[Pod, ...]]:
        """The pods of each namespace, sorted by name."""
        groups: dict[str, list[Pod]] = {}
        for pod in self.every_pod:
            groups.setdefault(pod.namespace, []).append(pod)
        return {name: tuple(pods) for name, pods in groups.items()}

    def services_of(self, pod: Pod) -> Iterable[Service]:
        """The Services whose selector matches a pod."""
        labels = set(pod.labels)
        return (
            service
            for service in self._selecting.get(pod.namespace, ())
            if labels.issuperset(service.selector)
        )

    @cached_property
    def _selecting(self) -> dict[str, list[Service]]:
        """The Services with a selector, per namespace."""
        found: dict[str, list[Service]] = {}
        for service in self.services.values():
            if service.selector:
                found.setdefault(service.namespace, []).append(service)
        return found

    def __or__(self, other: Inventory) -> Inventory:
        """Both; where both know a thing, the one that is not sparse wins, else the left one."""
        pods = dict(other.pods)
        for key, pod in self.pods.items():
            if key not in pods or not pod.sparse or pods[key].sparse:
                pods[key] = pod
        return Inventory(
            pods=pods,
            services={**other.services, **self.services},
            namespaces=_fuller(self.namespaces, other.namespaces),
            nodes={**other.nodes, **self.nodes},
            selectors={**other.selectors, **self.selectors},
            schedules={**other.schedules, **self.schedules},
            api_servers=_union(self.api_servers, other.api_servers),
            pod_ranges=_union(self.pod_ranges, other.pod_ranges),
            service_ranges=_union(self.service_ranges, other.service_ranges),
            former=tuple(dict.fromkeys((*self.former, *other.former))),
            holders=_held(self.holders, other.holders),
            services_then=tuple(dict.fromkeys((*self.services_then, *other.services_then))),
            slices=tuple(dict.fromkeys((*self.slices, *other.slices))),
            callers=tuple(sorted({*self.callers, *other.callers})),
            scrapes=tuple(sorted({*self.scrapes, *other.scrapes})),
            api_users=tuple(sorted({*self.api_users, *other.api_users})),
            until=max(self.until, other.until),
            settings={**other.settings, **self.settings},
        )


def _name(pod: Pod) -> tuple[str, str]:
    return pod.namespace, pod.name


def _union(left: Iterable[str], right: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*left, *right}))


def _held(
    left: Mapping[str, tuple[Dated[Holder], ...]], right: Mapping[str, tuple[Dated[Holder], ...]]
) -> dict[str, tuple[Dated[Holder], ...]]:
    """What either side knows about who had an address."""
    merged = {**right, **left}
    for address in left.keys() & right.keys():
        both = dict.fromkeys((*left[address], *right[address]))
        merged[address] = tuple(sorted(both, key=lambda one: (one.start, one.end)))
    return merged


def _fuller(left: Mapping[str, Namespace], right: Mapping[str, Namespace]) -> dict[str, Namespace]:
    """The labels that either side knows of a namespace; where they differ, the left one's."""
    merged = dict(right)
    for name, namespace in left.items():
        known = dict(merged[name].labels) if name in merged else {}
        labels = tuple(sorted({**known, **dict(namespace.labels)}.items()))
        merged[name] = Namespace(name=name, labels=labels)
    return merged

"""What the flows themselves say about the cluster: an Inventory from in-band identity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from netpol.flow import Flow
from netpol.inventory import Inventory, Namespace, Pod
from netpol.owners import from_pod_name
from netpol.peers import Endpoint, Labels, Workload

__all__ = ["roster"]


@dataclass(slots=True)
class _Sightings:
    """Everything that was seen of one pod; what is taken of it does not depend on the order."""

    labels: Labels = ()
    owners: set[tuple[str, str]] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)

    def add(self, endpoint: Endpoint) -> None:
        self.labels = max(self.labels, endpoint.labels, key=lambda found: (len(found), found))
        if endpoint.workload:
            self.owners.add(endpoint.workload)
        if endpoint.service_account:
            self.accounts.add(endpoint.service_account)


def roster(flows: Iterable[Flow], known: Inventory | None = None) -> Inventory:
    """The pods that flows name, with the labels and owners that they show.

    Such pods are ``sparse``: a source need not show every label. The owner is the one that the
    source names, else a guess from the pattern of the pod's name; where ``known`` has exactly one
    workload of that name in the namespace, it is that one, whatever kind the name suggests.
    """
    seen: dict[tuple[str, str], _Sightings] = defaultdict(_Sightings)
    labels: dict[str, dict[str, str]] = defaultdict(dict)
    for flow in flows:
        for endpoint in (flow.client, flow.server):
            for name in endpoint.pods:
                seen[endpoint.namespace, name].add(endpoint)
            for key, value in endpoint.namespace_labels:
                found = labels[endpoint.namespace]
                found[key] = max(value, found.get(key, value))
    kinds = _kinds(known or Inventory())
    return Inventory(
        pods={key: _pod(*key, sightings, kinds) for key, sightings in seen.items()},
        namespaces={
            name: Namespace(name=name, labels=tuple(sorted(found.items())))
            for name, found in labels.items()
        },
    )


def _kinds(known: Inventory) -> dict[tuple[str, str], set[str]]:
    """The kinds of workload that have a name in a namespace."""
    kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
    for workload in known.workloads:
        kinds[workload.namespace, workload.name].add(workload.kind)
    return kinds


def _pod(
    namespace: str, name: str, seen: _Sightings, kinds: dict[tuple[str, str], set[str]]
) -> Pod:
    kind, owner = min(seen.owners, default=None) or from_pod_name(name)
    candidates = kinds.get((namespace, owner), set())
    if len(candidates) == 1:
        (kind,) = candidates
    return Pod(
        namespace=namespace,
        name=name,
        workload=Workload(namespace, kind, owner),
        labels=seen.labels,
        service_account=max(seen.accounts, default="default"),
        sparse=True,
    )

"""What the flows themselves say about the cluster: an Inventory from in-band identity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from netpol.aggregated import Name, families, meant
from netpol.flow import Flow
from netpol.inventory import Inventory, Namespace, Pod
from netpol.owners import Owner, from_pod_name, generated, made_by
from netpol.peers import Endpoint, Labels, Workload

__all__ = ["roster"]


@dataclass(slots=True)
class _Sightings:
    """Everything that was seen of one name; what is taken of it does not depend on the order."""

    prefix: str = ""
    """Not empty: it stands for all pods whose names begin so."""
    labels: Labels = ()
    common: set[tuple[str, str]] | None = None
    """Of an aggregated name each sighting shows what the pods that were active had in common."""
    owners: set[tuple[str, str]] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)

    def add(self, endpoint: Endpoint) -> None:
        self.labels = max(self.labels, endpoint.labels, key=lambda found: (len(found), found))
        if endpoint.labels:
            shown = set(endpoint.labels)
            self.common = shown if self.common is None else self.common & shown
        if endpoint.workload:
            self.owners.add(endpoint.workload)
        if endpoint.service_account:
            self.accounts.add(endpoint.service_account)

    @property
    def shown(self) -> Labels:
        """The labels to go by."""
        return tuple(sorted(self.common or ())) if self.prefix else self.labels

    def owner(self, name: str) -> Owner:
        """The one that a source names, else a guess."""
        if self.owners:
            return min(self.owners)
        return made_by(self.prefix, dict(self.shown)) if self.prefix else from_pod_name(name)


def roster(flows: Iterable[Flow], known: Inventory | None = None) -> Inventory:
    """The pods that flows name, with the labels and owners that they show.

    Such pods are ``sparse``: a source need not show every label. The owner is the one that the
    source names, else a guess from the pattern of the pod's name; where ``known`` has exactly one
    workload of that name in the namespace, it is that one, whatever kind the name suggests. Without
    ``known`` the owners that sources name count in its stead.

    An aggregated name is a pod of its own only where ``known`` has none that it could stand for.
    """
    known = known or Inventory()
    seen: dict[Name, _Sightings] = {}
    labels: dict[str, dict[str, str]] = defaultdict(dict)
    for flow in flows:
        for endpoint in (flow.client, flow.server):
            for name in endpoint.pods:
                key = endpoint.namespace, name
                if key not in seen:
                    seen[key] = _Sightings(prefix=generated(name))
                seen[key].add(endpoint)
            for label, value in endpoint.namespace_labels:
                found = labels[endpoint.namespace]
                found[label] = max(value, found.get(label, value))
    kinds, pods = _kinds(known, seen), families(known)
    return Inventory(
        pods={
            key: _pod(*key, sightings, kinds)
            for key, sightings in seen.items()
            if not meant(pods, *key, sightings.shown)
        },
        namespaces={
            name: Namespace(name=name, labels=tuple(sorted(found.items())))
            for name, found in labels.items()
        },
    )


def _kinds(known: Inventory, seen: Mapping[Name, _Sightings]) -> dict[Name, set[str]]:
    """The kinds of workload that have a name in a namespace."""
    kinds: dict[Name, set[str]] = defaultdict(set)
    for (namespace, _), sightings in seen.items():
        for kind, name in sightings.owners:
            kinds[namespace, name].add(kind)
    sure: dict[Name, set[str]] = defaultdict(set)
    for workload in known.workloads:
        sure[workload.namespace, workload.name].add(workload.kind)
    return {**kinds, **sure}


def _pod(namespace: str, name: str, seen: _Sightings, kinds: dict[Name, set[str]]) -> Pod:
    kind, owner = seen.owner(name)
    candidates = kinds.get((namespace, owner), set())
    if len(candidates) == 1:
        (kind,) = candidates
    return Pod(
        namespace=namespace,
        name=name,
        workload=Workload(namespace, kind, owner),
        labels=seen.shown,
        service_account=max(seen.accounts, default="default"),
        sparse=True,
    )

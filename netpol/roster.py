"""What the flows themselves say about the cluster: an Inventory from in-band identity."""

from __future__ import annotations

from collections.abc import Iterable

from netpol.flow import Flow
from netpol.inventory import Inventory, Namespace, Pod
from netpol.owners import from_pod_name
from netpol.peers import Endpoint, Workload

__all__ = ["roster"]


def roster(flows: Iterable[Flow]) -> Inventory:
    """The pods that flows name, with the labels and owners that they show.

    Such pods are ``sparse``: a source need not show every label. The owner is the one that the
    source names, else a guess from the pattern of the pod's name.
    """
    pods: dict[tuple[str, str], Pod] = {}
    namespaces: dict[str, Namespace] = {}
    for flow in flows:
        for endpoint in (flow.client, flow.server):
            for name in endpoint.pods:
                key = (endpoint.namespace, name)
                pods[key] = _fuller(pods.get(key), _pod(endpoint, name))
            if endpoint.namespace and endpoint.namespace_labels:
                namespaces[endpoint.namespace] = Namespace(
                    name=endpoint.namespace, labels=endpoint.namespace_labels
                )
    return Inventory(pods=pods, namespaces=namespaces)


def _pod(endpoint: Endpoint, name: str) -> Pod:
    kind, owner = endpoint.workload or from_pod_name(name)
    return Pod(
        namespace=endpoint.namespace,
        name=name,
        workload=Workload(endpoint.namespace, kind, owner),
        labels=endpoint.labels,
        service_account=endpoint.service_account or "default",
        sparse=True,
    )


def _fuller(known: Pod | None, seen: Pod) -> Pod:
    """The one of two sightings of a pod that tells more; the choice ignores their order."""
    if known is None:
        return seen
    return max(known, seen, key=lambda pod: (len(pod.labels), pod.labels, pod.workload))

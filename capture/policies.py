"""The policies of a live cluster, as documents; kinds that it does not serve are left out.

Only lists, one page after the other: policies are read once, while an inventory is watched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

import msgspec

from capture.cluster import Cluster, LostError, RefusedError, connect
from capture.resources import Resource
from netpol.errors import NetpolError
from netpol.manifests import Document
from netpol.notices import Notice, Tell

__all__ = ["POLICIES", "live_policies"]

_PAGE: Final = 500
_CALICO: Final = {
    "globalnetworkpolicies": "GlobalNetworkPolicy",
    "globalnetworksets": "GlobalNetworkSet",
    "networkpolicies": "NetworkPolicy",
    "networksets": "NetworkSet",
    "stagedglobalnetworkpolicies": "StagedGlobalNetworkPolicy",
    "stagedkubernetesnetworkpolicies": "StagedKubernetesNetworkPolicy",
    "stagednetworkpolicies": "StagedNetworkPolicy",
    "tiers": "Tier",
}
_CILIUM: Final = {
    "ciliumcidrgroups": "CiliumCIDRGroup",
    "ciliumclusterwidenetworkpolicies": "CiliumClusterwideNetworkPolicy",
    "ciliumnetworkpolicies": "CiliumNetworkPolicy",
}
_ADMIN: Final = {
    "adminnetworkpolicies": "AdminNetworkPolicy",
    "baselineadminnetworkpolicies": "BaselineAdminNetworkPolicy",
}
_SERVED: Final[tuple[tuple[str, str, dict[str, str]], ...]] = (
    ("networking.k8s.io", "v1", {"networkpolicies": "NetworkPolicy"}),
    ("projectcalico.org", "v3", _CALICO),
    ("crd.projectcalico.org", "v1", _CALICO),
    ("cilium.io", "v2", _CILIUM),
    ("policy.networking.k8s.io", "v1alpha1", _ADMIN),
    ("policy.networking.k8s.io", "v1alpha2", {"clusternetworkpolicies": "ClusterNetworkPolicy"}),
)

POLICIES: Final[tuple[Resource, ...]] = tuple(
    Resource(
        group=group,
        version=version,
        plural=plural,
        kind=kind,
        optional=group != "networking.k8s.io",
    )
    for group, version, kinds in _SERVED
    for plural, kind in kinds.items()
)
"""Policies, and what they refer to. Calico's own API server serves what is stored under
``crd.projectcalico.org`` a second time: where the one is there the other is not asked."""


class _Meta(msgspec.Struct):
    more: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)
    items: list[dict[str, Any]] | None = None


def live_policies(
    tell: Tell, *, kubeconfig: str | None = None, context: str | None = None
) -> tuple[Document, ...]:
    """Every policy object of the cluster, and what they refer to.

    A kind that may not be read is told (NP083). Raises NetpolError where the API server is of no
    use, or where not even NetworkPolicies may be read.
    """
    cluster = connect(kubeconfig, context, tell)
    with closing(cluster):
        found: list[Document] = []
        served: set[tuple[str, str]] = set()
        for one in POLICIES:
            if one.group.startswith("crd.") and ("projectcalico.org", one.plural) in served:
                continue
            objects = _listed(cluster, one, tell)
            if objects is not None:
                served.add((one.group, one.plural))
                found += _documents(cluster.server, one, objects)
    return tuple(found)


def _documents(
    server: str, resource: Resource, objects: list[dict[str, Any]]
) -> Iterator[Document]:
    """The objects, with the kind that lists leave out of their elements."""
    for number, one in enumerate(objects, 1):
        head = {"apiVersion": resource.api_version, "kind": resource.kind}
        file = f"{server} {resource.title}"
        yield Document(file=file, index=1, item=number, data={**one, **head})


def _listed(cluster: Cluster, resource: Resource, tell: Tell) -> list[dict[str, Any]] | None:
    """All objects of one resource; None where the cluster has no such kind, or does not show it."""
    try:
        return list(_objects(cluster, resource))
    except RefusedError as error:
        if error.status == 404 and resource.optional:
            return None
        if error.status == 403 and resource.optional:
            tell(Notice(code="NP083", where=resource.title, message=error.message))
            return None
        raise _useless(cluster, resource, str(error)) from error
    except (LostError, msgspec.DecodeError) as error:
        raise _useless(cluster, resource, str(error)) from error


def _objects(cluster: Cluster, resource: Resource) -> Iterator[dict[str, Any]]:
    more = ""
    while True:
        query: dict[str, str | int] = {"limit": _PAGE, **({"_continue": more} if more else {})}
        with closing(cluster.open(resource, query)) as stream:
            page = msgspec.json.decode(stream.body(), type=_Page)
        yield from page.items or ()
        more = page.metadata.more
        if not more:
            return


def _useless(cluster: Cluster, resource: Resource, why: str) -> NetpolError:
    return NetpolError(
        f"the policies of the cluster cannot be read: {why}",
        where=f"{cluster.server} {resource.title}",
        hint="samples/rbac.yaml has the rights that are needed; a folder of the name `cluster` is"
        " written ./cluster",
    )

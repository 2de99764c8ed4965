"""Policies in and out of each dialect: one module with a reader and a writer per dialect."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from generators.calico import CALICO
from generators.cilium import CILIUM
from generators.generator import Dialect
from generators.kubernetes import KUBERNETES
from generators.reading import identity
from netpol.manifests import Document
from netpol.notices import Notice, Tell
from netpol.policy import PolicySet

__all__ = ["DIALECTS", "parse"]

DIALECTS: Final[tuple[Dialect, ...]] = (KUBERNETES, CALICO, CILIUM)
"""Every dialect, in the order in which they are listed."""

_CALICO: Final = ("projectcalico.org", "crd.projectcalico.org")
_UNREAD: Final[dict[str, tuple[str, ...]]] = {
    "AdminNetworkPolicy": ("policy.networking.k8s.io",),
    "AuthorizationPolicy": ("security.istio.io",),
    "BaselineAdminNetworkPolicy": ("policy.networking.k8s.io",),
    "CiliumCIDRGroup": ("cilium.io",),
    "CiliumClusterwideNetworkPolicy": ("cilium.io",),
    "ClusterGroup": ("crd.antrea.io",),
    "ClusterNetworkPolicy": ("policy.networking.k8s.io", "crd.antrea.io"),
    "EgressFirewall": ("k8s.ovn.org",),
    "GlobalNetworkPolicy": _CALICO,
    "GlobalNetworkSet": _CALICO,
    "Group": ("crd.antrea.io",),
    "HostEndpoint": _CALICO,
    "NetworkSet": _CALICO,
    "StagedGlobalNetworkPolicy": _CALICO,
    "StagedKubernetesNetworkPolicy": _CALICO,
    "StagedNetworkPolicy": _CALICO,
    "Tier": (*_CALICO, "crd.antrea.io"),
}
"""Kinds that decide about connections, or that policies refer to, and the API groups they are in.
Kinds of any group whose name ends in NetworkPolicy belong here, too."""


def parse(documents: Iterable[Document], tell: Tell) -> tuple[PolicySet, frozenset[str]]:
    """(policies, names of the dialects seen) of all documents, each read by its own dialect.

    Policy kinds that are not read yet are told (NP065); documents of other kinds are left alone.
    """
    by_kind = {kind: dialect for dialect in DIALECTS for kind in dialect.kinds}
    found: dict[str, list[Document]] = {}
    for document in documents:
        kind = identity(document)
        if kind in by_kind:
            found.setdefault(by_kind[kind].name, []).append(document)
        elif _unread(*kind):
            tell(_not_read(document))
    sets = [one.parse(found[one.name], tell) for one in DIALECTS if one.name in found]
    policies = tuple(policy for one in sets for policy in one.policies)
    return PolicySet(policies=policies), frozenset(found)


def _unread(version: str, kind: str) -> bool:
    return version.partition("/")[0] in _UNREAD.get(kind, ()) or kind.endswith("NetworkPolicy")


def _not_read(document: Document) -> Notice:
    version, kind = identity(document)
    metadata = document.data.get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    name = "/".join(str(known[key])[:253] for key in ("namespace", "name") if known.get(key))
    message = (
        f"{kind} {name} ({version or 'no apiVersion'}) is not read yet, its effect is undecided"
    )
    return Notice(code="NP065", message=message, where=document.where)

"""Policies in and out of each dialect, and in from kinds that netpol does not write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from generators.admin import ADMIN
from generators.calico import CALICO, CONTEXT
from generators.cilium import CILIUM
from generators.generator import Dialect, Reader
from generators.kubernetes import KUBERNETES
from generators.reading import identity
from netpol.manifests import Document
from netpol.notices import Notice, Tell
from netpol.policy import DENY_TIER, PodSelector, PolicySet, Tier, Undecided, in_namespace
from netpol.uncollected import uncollected

__all__ = ["DIALECTS", "READERS", "REFERRED", "parse"]

DIALECTS: Final[tuple[Dialect, ...]] = (KUBERNETES, CALICO, CILIUM)
"""Every dialect, in the order in which they are listed."""

READERS: Final[tuple[Reader, ...]] = (*DIALECTS, ADMIN)
"""Everything that can be read: the dialects, and kinds that netpol does not write."""

REFERRED: Final = CONTEXT | CILIUM.context
"""(apiVersion, kind) of what is no policy and may stand elsewhere: Services, sets, tiers …"""

_CALICO: Final = ("projectcalico.org", "crd.projectcalico.org")
_POLICIES: Final[dict[str, tuple[str, ...]]] = {
    "AuthorizationPolicy": ("security.istio.io",),
    "EgressFirewall": ("k8s.ovn.org",),
}
"""Kinds that decide about connections and are not read, with the API groups they are in; kinds of
any group whose name ends in NetworkPolicy are policies, too."""
_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "CiliumCIDRGroup": ("cilium.io",),
    "ClusterGroup": ("crd.antrea.io",),
    "GlobalNetworkSet": _CALICO,
    "Group": ("crd.antrea.io",),
    "HostEndpoint": _CALICO,
    "NetworkSet": _CALICO,
    "Tier": (*_CALICO, "crd.antrea.io"),
}
"""Kinds that policies refer to, in their groups: without a policy they decide nothing."""


@uncollected()
def parse(
    documents: Iterable[Document], tell: Tell, beside: Iterable[Document] = ()
) -> tuple[PolicySet, frozenset[str]]:
    """(policies, names of the readers that found some) of all documents.

    ``beside``: what policies may refer to as well (:data:`REFERRED`), as far as ``documents`` does
    not say it itself; gone through only where a policy could.

    Policy kinds that are not read are told (NP065), and what they could be about is undecided;
    documents of other kinds are left alone.
    """
    found: dict[str, list[Document]] = {}
    seen, asked = set[str](), set[str]()
    unknown: list[Undecided] = []
    for document in documents:
        kind = identity(document)
        readers = [one for one in READERS if kind in one.kinds or kind in one.context]
        for reader in readers:
            found.setdefault(reader.name, []).append(document)
        seen.update(one.name for one in readers if kind in one.kinds)
        # An engine's own objects are checked even where no policy of it needs them.
        asked.update(one.name for one in readers if kind in one.kinds or kind[0] != "v1")
        if not readers and _decides(*kind):
            tell(_not_read(document))
            unknown.append(_unknown(document))
        elif not readers and _among(_WORDS, *kind):
            tell(_not_read(document))
    readers = [one for one in READERS if one.name in asked]
    if any(one.context for one in readers):
        for document in _others(beside, found):
            for reader in readers:
                if identity(document) in reader.context:
                    found[reader.name].append(document)
    sets = [one.parse(found[one.name], tell) for one in readers]
    return (
        PolicySet(
            policies=tuple(policy for one in sets for policy in one.policies),
            undecided=(*(doubt for one in sets for doubt in one.undecided), *unknown),
            tiers=_tiers(sets),
        ),
        frozenset(seen),
    )


def _others(
    beside: Iterable[Document], found: Mapping[str, Iterable[Document]]
) -> Iterator[Document]:
    """Those that are not among the documents themselves."""
    own = {_called(one) for documents in found.values() for one in documents}
    return (one for one in beside if _called(one) not in own)


def _called(document: Document) -> tuple[tuple[str, str], str, str]:
    known = _metadata(document)
    return identity(document), known.get("namespace", ""), known.get("name", "")


def _decides(version: str, kind: str) -> bool:
    policy = kind.lower().endswith("networkpolicy") or _among(_POLICIES, version, kind)
    return policy or _misspelt(kind)


@lru_cache
def _misspelt(kind: str) -> bool:
    """Whether a kind is so like one of a policy that it may well have been meant."""
    known = sorted({kind for reader in READERS for _, kind in reader.kinds})
    return bool(get_close_matches(kind[:100], known, n=1, cutoff=0.85))


def _tiers(sets: Iterable[PolicySet]) -> tuple[Tier, ...]:
    """Every tier once; a reader that read one from an object knows better than the defaults."""
    usual = PolicySet().tiers
    named = {tier.name: tier for tier in usual}
    named.update({t.name: t for one in sets for t in one.tiers if t not in usual})
    return tuple(sorted(named.values()))


def _among(kinds: dict[str, tuple[str, ...]], version: str, kind: str) -> bool:
    return version.partition("/")[0] in kinds.get(kind, ())


def _metadata(document: Document) -> dict[str, str]:
    """Namespace and name as far as the document says them."""
    metadata = document.data.get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    return {key: str(known[key])[:253] for key in ("namespace", "name") if known.get(key)}


def _not_read(document: Document) -> Notice:
    version, kind = identity(document)
    name = "/".join(_metadata(document).values())
    message = (
        f"{kind} {name} ({version or 'no apiVersion'}) is not read yet, its effect is undecided"
    )
    return Notice(code="NP065", message=message, where=document.where)


def _unknown(document: Document) -> Undecided:
    """A policy of a kind that is not read: of its namespace, as far as it says one."""
    version, kind = identity(document)
    known = _metadata(document)
    namespaces = in_namespace(known["namespace"]) if "namespace" in known else ()
    return Undecided(
        subject=PodSelector(namespaces),
        directions=("ingress", "egress"),
        tier=DENY_TIER.name,
        reason=f"{kind} of {version or 'no apiVersion'} is not read",
        origin=f"{document.where}, {kind} {'/'.join(known.values())}",
    )

"""Which labels may name a workload in a policy, and how much each is liked.

A label that a controller writes, that every pod has for itself, or that changes with the next
release is a poor name: the policy that uses it stops matching when nobody expects it.

Sources: Kubernetes "Well-Known Labels, Annotations and Taints" and "Recommended Labels" pages;
Cilium "Limiting Identity-Relevant Labels" page (the default filter).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from netpol.evaluate.identity import identity_relevant
from netpol.peers import Labels

__all__ = [
    "CONTROLLER_KEYS",
    "PREFERRED_KEYS",
    "RELEASE_KEYS",
    "changes_with_release",
    "usable",
    "usable_labels",
]

CONTROLLER_KEYS: Final = frozenset(
    {
        "apps.kubernetes.io/pod-index",
        "controller-revision-hash",
        "controller-uid",
        "job-name",
        "pod-template-generation",
        "pod-template-hash",
        "statefulset.kubernetes.io/pod-name",
    }
)
"""Keys that controllers write on each pod or each revision: never part of a selector."""

_CONTROLLER_PREFIX: Final = "batch.kubernetes.io/"

RELEASE_KEYS: Final = frozenset(
    {"helm.sh/chart", "app.kubernetes.io/managed-by", "app.kubernetes.io/version"}
)
"""Keys that tell how or which release was installed, not what the pods are."""

PREFERRED_KEYS: Final = (
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/component",
    "app",
    "k8s-app",
    "name",
    "component",
)
"""Keys that people use to say what pods are, the most liked first; the first three are the
recommended labels of Kubernetes."""

_VALUE: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
"""What the API server takes as a label's value; no pod can have another one."""

_VERSION: Final = re.compile(r"v\d+(?:[._-].*)?|(?:.*[-_+])?v?\d+\.\d+.*", re.IGNORECASE)
_HASH: Final = re.compile(
    r"(?=.*\d)[0-9a-f]{7,}|(?=.*\d)[bcdfghjklmnpqrstvwxz2456789]{8,10}"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    re.IGNORECASE,
)


def usable(key: str, *, identity_labels_only: bool, identity_filter: str = "") -> bool:
    """Whether a selector may use a key at all, with any operator."""
    if key in CONTROLLER_KEYS or key.startswith(_CONTROLLER_PREFIX):
        return False
    return not identity_labels_only or identity_relevant(key, identity_filter)


@lru_cache(maxsize=16384)
def usable_labels(
    labels: Labels, identity_labels_only: bool, identity_filter: str = ""
) -> frozenset[tuple[str, str]]:
    """The pairs whose key a selector may use; remembered, as each pod is looked at many times."""
    return frozenset(
        (key, value)
        for key, value in labels
        if _VALUE.fullmatch(value)
        and usable(key, identity_labels_only=identity_labels_only, identity_filter=identity_filter)
    )


def changes_with_release(key: str, values: Iterable[str]) -> bool:
    """Whether a key or one of its values looks like a version or a hash."""
    return key in RELEASE_KEYS or any(
        _VERSION.fullmatch(value) or _HASH.fullmatch(value) for value in values
    )

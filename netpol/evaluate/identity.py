"""Which pod labels a Cilium selector can see at all.

Cilium keeps only identity-relevant labels; the default filter is a list of patterns anchored at
the start of the key, and the longest match decides (Cilium documentation, "Limiting Identity-
Relevant Labels"; cilium/cilium ``pkg/labelsfilter/filter.go``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = ["identity_relevant"]

_KEPT: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"reserved:.*",
        r"io.kubernetes.pod.namespace",
        r"io.cilium.k8s.namespace.labels",
        r"io.cilium.k8s.policy.cluster",
        r"io.cilium.k8s.policy.serviceaccount",
        r"app.kubernetes.io",
    )
)
_DROPPED: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"io.kubernetes",
        r"kubernetes.io",
        r".*beta.kubernetes.io",
        r"k8s.io",
        r"pod-template-generation",
        r"pod-template-hash",
        r"controller-revision-hash",
        r"controller-uid",
        r"statefulset.kubernetes.io/pod-name",
        r"apps.kubernetes.io/pod-index",
        r"batch.kubernetes.io/job-completion-index",
        r"batch.kubernetes.io/controller-uid",
        r"annotation.*",
        r"etcd_node",
        r"topology.kubernetes.io",
    )
)


@lru_cache(maxsize=4096)
def identity_relevant(key: str) -> bool:
    """Whether Cilium's default label filter keeps a pod label with this key."""
    dropped = _longest(_DROPPED, key)
    return dropped == 0 or _longest(_KEPT, key) > dropped


def _longest(patterns: tuple[re.Pattern[str], ...], key: str) -> int:
    return max((found.end() for p in patterns if (found := p.match(key))), default=0)

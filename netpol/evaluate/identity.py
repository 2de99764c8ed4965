"""Which pod labels a Cilium selector can see at all.

Cilium keeps only identity-relevant labels; the default filter is a list of patterns anchored at
the start of the key, and the longest match decides; ``labels`` of its ConfigMap adds to it, such as
``k8s:app k8s:!stage`` (Cilium documentation, "Limiting Identity-
Relevant Labels"; cilium/cilium ``pkg/labelsfilter/filter.go``).
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from typing import Final, TypeAlias

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


_OF_PODS: Final = ("", "any", "k8s")
"""Sources of the labels that pods have."""


@lru_cache(maxsize=16384)
def identity_relevant(key: str, custom: str = "") -> bool:
    """Whether Cilium's label filter keeps a pod label with this key.

    ``custom``: the agent's option ``labels``, which adds to the default. With one pattern there
    that keeps labels, those that no pattern keeps are dropped.
    """
    kept, dropped, only = _added(custom)
    out = _longest((*_DROPPED, *dropped), key)
    return _longest((*_KEPT, *kept), key) > out or not (only or out)


_Patterns: TypeAlias = tuple[re.Pattern[str], ...]


@lru_cache(maxsize=64)
def _added(custom: str) -> tuple[_Patterns, _Patterns, bool]:
    """Patterns of keys that are kept and dropped, and whether only the first are kept."""
    kept, dropped, only = list[re.Pattern[str]](), list[re.Pattern[str]](), False
    for word in custom.split():
        before, colon, after = word.partition(":")
        source, text = (before, after) if colon else ("", word)
        only = only or not text.startswith("!")
        with suppress(re.error):  # No agent runs with such a pattern.
            pattern = re.compile(text.removeprefix("!"))
            if source in _OF_PODS:
                (dropped if text.startswith("!") else kept).append(pattern)
    return tuple(kept), tuple(dropped), only


def _longest(patterns: _Patterns, key: str) -> int:
    return max((found.end() for p in patterns if (found := p.match(key))), default=0)

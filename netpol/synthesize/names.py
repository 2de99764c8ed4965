"""Object names: stable, from the workload's identity alone, valid as a DNS subdomain."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from netpol.peers import Workload

__all__ = ["RESERVED", "object_names"]

RESERVED: Final = frozenset({"default-deny", "allow-dns"})
"""Names that the policies of a namespace have for themselves."""

_LONGEST: Final = 200
"""Well under the 253 of a DNS subdomain, so that a suffix always fits."""


def object_names(
    workloads: Iterable[Workload], taken: Iterable[tuple[str, str]] = ()
) -> dict[Workload, str]:
    """The policy name of each workload: its own name; with its kind where that is taken.

    Where that is the name of another workload in turn, it gets a hash.

    ``taken``: (namespace, name) of policies that are not of one workload.
    """
    workloads = list(workloads)
    plain = {workload: _clean(workload.name) for workload in workloads}
    uses = Counter((workload.namespace, name) for workload, name in plain.items())
    uses.update(taken)
    return {
        workload: name
        if uses[workload.namespace, name] == 1 and name not in RESERVED
        else _with_kind(workload, name, uses)
        for workload, name in plain.items()
    }


def _with_kind(workload: Workload, name: str, uses: Counter[tuple[str, str]]) -> str:
    longer = f"{name}-{_clean(workload.kind.lower())}"
    return f"{longer}-{_digest(longer)}" if uses[workload.namespace, longer] else longer


def _clean(text: str) -> str:
    """A DNS subdomain that reads like ``text``; a hash is added where something had to go."""
    kept = re.sub(r"[^a-z0-9.-]+", "-", text.lower())
    kept = re.sub(r"[.-]*\.[.-]*", ".", kept)[:_LONGEST].strip("-.")
    if kept == text:
        return kept
    return f"{kept}-{_digest(text)}" if kept else _digest(text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]

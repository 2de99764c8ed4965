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

    ``taken``: (namespace, name) of policies that are not of one workload.
    """
    workloads = list(workloads)
    plain = {workload: _clean(workload.name) for workload in workloads}
    uses = Counter((workload.namespace, name) for workload, name in plain.items())
    uses.update(taken)
    return {
        workload: name
        if uses[workload.namespace, name] == 1 and name not in RESERVED
        else f"{name}-{_clean(workload.kind.lower())}"
        for workload, name in plain.items()
    }


def _clean(text: str) -> str:
    """A DNS subdomain that reads like ``text``; a hash is added where something had to go."""
    kept = re.sub(r"[^a-z0-9.-]+", "-", text.lower())
    kept = re.sub(r"[.-]*\.[.-]*", ".", kept)[:_LONGEST].strip("-.")
    if kept == text:
        return kept
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{kept}-{digest}" if kept else digest

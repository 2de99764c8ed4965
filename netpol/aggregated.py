"""Names that stand for several pods: ``api-5c8d7bb9f6-*`` (see :mod:`netpol.owners`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

from netpol.inventory import Inventory, Pod
from netpol.owners import generated
from netpol.peers import Labels

__all__ = ["Name", "families", "meant"]

Name: TypeAlias = tuple[str, str]
"""Namespace and name."""


def families(known: Inventory) -> Mapping[Name, list[Pod]]:
    """Pods by namespace and what their names have in common with their siblings'."""
    found: dict[Name, list[Pod]] = defaultdict(list)
    for pod in known.every_pod:
        found[pod.namespace, pod.name.rpartition("-")[0]].append(pod)
    return found


def meant(known: Mapping[Name, list[Pod]], namespace: str, name: str, labels: Labels) -> list[Pod]:
    """The pods of ``families`` for which an aggregated name stands.

    Labels tell apart what the name does not: the pods of a Job and of a StatefulSet of one name.
    """
    prefix = generated(name)
    every = known.get((namespace, prefix[:-1]), []) if prefix else []
    return [pod for pod in every if set(labels).issubset(pod.labels)] or every

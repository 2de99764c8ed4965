"""The pods of one namespace by their labels, looked up once for all of its workloads.

Bit sets, so that asking which pods a requirement rejects costs the same for the tenth pod and for
the thousandth workload of a namespace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from netpol.inventory import Inventory
from netpol.peers import Workload
from netpol.policy import Requirement
from netpol.synthesize.covers import bits
from netpol.synthesize.labels import usable_labels

__all__ = ["LabelSet", "Neighbours", "Others"]

LabelSet: TypeAlias = frozenset[tuple[str, str]]
"""The usable labels of a pod."""

_NAMELESS: Final = 1
"""Bit 0 is a pod without any labels, which need not exist: only a requirement that names a value
rejects it, so that each selector has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The distinct label sets of a namespace; the one at place ``n`` is bit ``n + 1``."""

    classes: Sequence[LabelSet]
    owners: Sequence[frozenset[Workload]]
    """Per label set, who has such pods."""
    alone: Mapping[Workload, int]
    """Per workload, the label sets that no other one has."""
    values: Mapping[str, Mapping[str, int]]
    """Per key and value, the label sets with them."""

    @staticmethod
    def of(
        namespace: str,
        inventory: Inventory,
        *,
        identity_labels_only: bool,
        identity_filter: str = "",
    ) -> Neighbours:
        """hostNetwork pods are no selectable pods and do not count."""
        owners: dict[LabelSet, set[Workload]] = {}
        for pod in inventory.by_namespace.get(namespace, ()):
            if not pod.host_network:
                labels = usable_labels(pod.labels, identity_labels_only, identity_filter)
                owners.setdefault(labels, set()).add(pod.workload)
        alone: dict[Workload, int] = {}
        values: dict[str, dict[str, int]] = {}
        for place, (labels, who) in enumerate(owners.items(), 1):
            if len(who) == 1:
                (only,) = who
                alone[only] = alone.get(only, 0) | 1 << place
            for key, value in labels:
                known = values.setdefault(key, {})
                known[value] = known.get(value, 0) | 1 << place
        return Neighbours(
            classes=tuple(owners),
            owners=tuple(frozenset(who) for who in owners.values()),
            alone=alone,
            values=values,
        )

    def beside(self, workload: Workload) -> Others:
        """What of it a selector of ``workload`` should not match."""
        every = (1 << len(self.classes) + 1) - 1
        return Others(workload, self, every & ~self.alone.get(workload, 0))


@dataclass(frozen=True, slots=True)
class Others:
    """The label sets of one namespace that pods of other workloads have."""

    workload: Workload
    near: Neighbours
    everyone: int
    """With the pod that has no labels."""

    def values(self) -> Iterator[tuple[str, Iterable[str]]]:
        """The keys that others have, with their values."""
        for key, known in self.near.values.items():
            yield key, (value for value, members in known.items() if members & self.everyone)

    def rejected(self, requirement: Requirement) -> int:
        """The bits that one requirement rejects."""
        known = self.near.values.get(requirement.key, {})
        match requirement.operator:
            case "In":
                return self.everyone & ~_union(known.get(one, 0) for one in requirement.values)
            case "NotIn":
                return self.everyone & _union(known.get(one, 0) for one in requirement.values)
            case "Exists":
                return self.everyone & ~_union(known.values()) & ~_NAMELESS
            case "DoesNotExist":
                return self.everyone & _union(known.values())
            case (
                "Contains"
                | "StartsWith"
                | "EndsWith"
                | "NotContains"
                | "NotStartsWith"
                | "NotEndsWith"
            ):
                raise AssertionError("no candidate has this operator")
            case _:
                assert_never(requirement.operator)

    def lasting(self, rejected: int) -> int:
        """Without the pod that has no labels: a value that changes with a release is no name."""
        return rejected & ~_NAMELESS

    def kept(self, requirements: Iterable[Requirement], allowed: int = 0) -> list[int]:
        """The places of the label sets that meet all of the requirements, but ``allowed`` ones."""
        rejected = _union(self.rejected(one) for one in requirements) | _NAMELESS | allowed
        return [place - 1 for place in bits(self.everyone & ~rejected)]

    def matched(self, requirements: Iterable[Requirement]) -> set[Workload]:
        """The other workloads with pods that meet all of the requirements."""
        kept = self.kept(requirements)
        return {one for place in kept for one in self.near.owners[place]} - {self.workload}


def _union(sets: Iterable[int]) -> int:
    found = 0
    for one in sets:
        found |= one
    return found

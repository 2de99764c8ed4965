"""One selector for some of a workload's pods: the cheapest conjunction that meets no other pod.

Pods that carry the same labels, as far as a selector may use them, are one class. For a set of
classes each requirement that holds for all of them rejects some other pods of the namespace; the
cheapest requirements that together reject whom they have to are found by
:func:`netpol.synthesize.covers.cheapest_cover`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from netpol.inventory import Inventory, Pod
from netpol.peers import Workload
from netpol.policy import Requirement
from netpol.synthesize.candidates import Candidate, Liked, candidates, distinct_costs
from netpol.synthesize.covers import Option, cheapest_cover
from netpol.synthesize.labels import usable_labels
from netpol.synthesize.neighbours import LabelSet, Others

__all__ = ["Conjunction", "Own", "conjunction", "unavoidable"]

SEARCH_LIMIT: Final = 1 << 20
"""Steps of the exact search; real namespaces need a few dozen."""

_SURE: Final = 4
"""Pods with a value each that show that it is the pods' own. Of two or three the template may have
been changed: their values are used, but last, like those that change with a release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """The pods of a workload, by their labels."""

    classes: Sequence[LabelSet]
    """Sorted; in place of volatile values there is one text."""
    present: Sequence[LabelSet]
    """Those of ``classes`` that there are pods of now; all of them where there are none."""
    volatile: frozenset[str]
    """Keys of which every pod has its own value: the next pod will have a new one, too."""
    liked: Liked

    @staticmethod
    def of(
        workload: Workload,
        inventory: Inventory,
        *,
        identity_labels_only: bool,
        identity_filter: str = "",
    ) -> Own:
        """Labels that may be used: see :func:`netpol.synthesize.selectors.choose`."""
        pods = inventory.workloads.get(workload, ())
        seen = [
            (pod, usable_labels(pod.labels, identity_labels_only, identity_filter)) for pod in pods
        ]
        holders = Counter(key for _, labels in seen for key, _ in labels)
        kinds = Counter(key for key, _ in {pair for _, labels in seen for pair in labels})
        own_value_each = {key for key, held in holders.items() if 1 < held == kinds[key]}
        volatile = frozenset(key for key in own_value_each if holders[key] >= _SURE)
        doubtful = frozenset(own_value_each - volatile)
        found: dict[LabelSet, list[Pod]] = {}
        for pod, labels in seen:
            alike = frozenset((k, "" if k in volatile else value) for k, value in labels)
            found.setdefault(alike, []).append(pod)
        classes = sorted(found, key=sorted)
        here = [
            one
            for one in classes
            if any(inventory.pods.get((pod.namespace, pod.name)) is pod for pod in found[one])
        ]
        return Own(
            classes=classes,
            present=here or classes,
            volatile=volatile,
            liked=Liked.of(workload, (alike[0] for alike in found.values()), inventory, doubtful),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Conjunction:
    """Requirements that some of the pods meet, and nobody who must not."""

    chosen: tuple[Candidate, ...]
    requirements: tuple[Requirement, ...]
    """Those of ``chosen`` as they are written, sorted."""
    exact: bool
    """False: the search was cut, fewer requirements may suffice."""

    @property
    def cost(self) -> int:
        """What it costs, in the units of :mod:`netpol.synthesize.candidates`."""
        return sum(one.cost for one in self.chosen)

    @property
    def fragile(self) -> bool:
        """Whether it has a value that changes with a release."""
        return any(one.fragile for one in self.chosen)

    def meets(self, labels: LabelSet) -> bool:
        """Whether pods with these labels are among those that it selects."""
        values = dict(labels)
        return all(one.holds(values.get(one.key)) for one in self.requirements)


def unavoidable(own: Own, some: Sequence[LabelSet], others: Others) -> int | None:
    """The others' bits that no requirement of ``some`` rejects; None where no value names them."""
    offered = candidates(some, own.volatile, others, own.liked)
    if not any(one.positive for one in offered):
        return None
    rejected = 0
    for one in offered:
        rejected |= others.rejected(one.requirement)
    return others.everyone & ~rejected


def conjunction(
    own: Own, some: Sequence[LabelSet], others: Others, allowed: int
) -> Conjunction | None:
    """The cheapest for ``some`` of the pods that rejects all but the bits ``allowed``, if any."""
    offered = candidates(some, own.volatile, others, own.liked)
    # Where there is a lasting value, one that changes with a release is not enough of a name:
    # ``version=v2`` alone would match whatever else comes out as a second version.
    lasting = any(one.positive and not one.fragile for one in offered)
    wanted = others.everyone & ~allowed
    rejected = [others.rejected(one.requirement) for one in offered]
    costs = distinct_costs([one.cost for one in offered])
    options = [
        Option(wanted & (others.lasting(bits) if one.fragile and lasting else bits), cost)
        for one, bits, cost in zip(offered, rejected, costs, strict=True)
    ]
    together = 0
    for option in options:
        together |= option.covers
    if together != wanted:
        return None
    picked = cheapest_cover(options, limit=SEARCH_LIMIT)
    chosen = tuple(offered[index] for index in picked.chosen)
    requirements = _trimmed([one.requirement for one in chosen], others, allowed)
    return Conjunction(chosen=chosen, requirements=requirements, exact=picked.exact)


def _trimmed(
    requirements: Iterable[Requirement], others: Others, allowed: int
) -> tuple[Requirement, ...]:
    """The same, with only those values after ``NotIn`` that no other requirement rejects.

    A value that is not needed would change the policy whenever some other workload changes.
    """
    result = list(requirements)
    for place, one in enumerate(result):
        if one.operator != "NotIn":
            continue
        left = others.kept(result[:place] + result[place + 1 :], allowed)
        pairs = (pair for number in left for pair in others.near.classes[number])
        needed = {value for key, value in pairs if key == one.key}
        values = tuple(value for value in one.values if value in needed)
        result[place] = replace(one, values=values)
    return tuple(sorted(result))

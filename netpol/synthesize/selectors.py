"""The smallest label selector that names a workload: all of its pods, no other pod beside them.

``choose`` looks at what labels do in this namespace, not at a list of labels to ignore. A
requirement that holds for every pod of the workload *rejects* some of the other pods; the selector
is the cheapest set of requirements that rejects all of them, exactly
(:func:`netpol.synthesize.covers.cheapest_cover`). Cheapest, in this order:

1. fewest values that change with a release (versions, hashes, charts);
2. fewest requirements that say what a pod is *not* or only that a key is there;
3. fewest requirements;
4. the best liked labels: the workload's own ``spec.selector``, then its Services' selectors, then
   the recommended labels, then ``app`` and its like, then any other, then lists of values;
5. the first keys: those of :data:`netpol.synthesize.labels.PREFERRED_KEYS`, then by the alphabet.

Every selector names at least one value of one label, also where the workload is alone: an empty
selector means everyone, and one that only excludes means every newcomer.

Laws (``tests/laws/test_selectors.py``): matches all and only, unless ``also`` says whom else; no
cheaper selector exists; equal for shuffled inventories.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from netpol.inventory import Inventory, Pod
from netpol.peers import Workload
from netpol.policy import PodSelector, Requirement, in_namespace
from netpol.synthesize.candidates import Candidate, Liked, candidates, distinct_costs
from netpol.synthesize.covers import Option, cheapest_cover
from netpol.synthesize.labels import usable_labels
from netpol.synthesize.neighbours import LabelSet, Neighbours, Others

__all__ = ["SEARCH_LIMIT", "Chosen", "choose"]

SEARCH_LIMIT: Final = 1 << 20
"""Steps of the exact search; real namespaces need a few dozen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """How a rule points at a workload, and what a reviewer should know about it."""

    selector: PodSelector
    also: tuple[Workload, ...] = ()
    """Other workloads that are matched too because no labels tell them apart, sorted."""
    reason: str
    """Why this selector, in one sentence for a person."""
    fragile: tuple[str, ...] = ()
    """Keys in it whose value changes with a release, sorted: the policy would lose its pods."""
    exact: bool = True
    """False: the search was cut, a selector with fewer requirements may exist."""


def choose(
    workload: Workload,
    inventory: Inventory,
    *,
    identity_labels_only: bool,
    near: Neighbours | None = None,
) -> Chosen | None:
    """The selector of a workload, or None when no usable label is common to all of its pods.

    ``identity_labels_only``: selectors see only what Cilium's default filter leaves
    (:func:`netpol.synthesize.labels.identity_relevant`). hostNetwork pods of others are no
    selectable pods and do not count; pods known from flows alone count with the labels they showed.
    ``near``: the pods of its namespace, for who asks about many workloads.
    """
    own: dict[LabelSet, list[Pod]] = {}
    for pod in inventory.workloads.get(workload, ()):
        own.setdefault(usable_labels(pod.labels, identity_labels_only), []).append(pod)
    if not own:
        return None
    near = near or Neighbours.of(
        workload.namespace, inventory, identity_labels_only=identity_labels_only
    )
    others = near.beside(workload)
    liked = Liked.of(workload, (pods[0] for pods in own.values()), inventory)
    offered = candidates(own, others, liked)
    if not any(one.positive for one in offered):
        return None
    return _chosen(offered, others)


def _chosen(offered: Sequence[Candidate], others: Others) -> Chosen:
    # Where there is a lasting value, one that changes with a release is not enough of a name:
    # ``version=v2`` alone would match whatever else comes out as a second version.
    lasting = any(one.positive and not one.fragile for one in offered)
    rejected = (others.rejected(one.requirement) for one in offered)
    picked = cheapest_cover(
        [
            Option(others.lasting(bits) if one.fragile and lasting else bits, cost)
            for one, bits, cost in zip(offered, rejected, distinct_costs(offered), strict=True)
        ],
        limit=SEARCH_LIMIT,
    )
    chosen = [offered[index] for index in picked.chosen]
    requirements = _trimmed([one.requirement for one in chosen], others)
    also = others.matched(requirements)
    namespace = others.workload.namespace
    return Chosen(
        selector=PodSelector(in_namespace(namespace), tuple(sorted(requirements))),
        also=tuple(sorted(also)),
        reason=_reason(chosen, also, picked.exact),
        fragile=tuple(sorted({one.requirement.key for one in chosen if one.fragile})),
        exact=picked.exact,
    )


def _trimmed(requirements: Sequence[Requirement], others: Others) -> list[Requirement]:
    """The same, with only those values after ``NotIn`` that no other requirement rejects.

    A value that is not needed would change the policy whenever some other workload changes.
    """
    result = list(requirements)
    for place, one in enumerate(result):
        if one.operator != "NotIn":
            continue
        left = others.kept(result[:place] + result[place + 1 :])
        pairs = (pair for number in left for pair in others.near.classes[number])
        needed = {value for key, value in pairs if key == one.key}
        values = tuple(value for value in one.values if value in needed)
        result[place] = replace(one, values=values)
    return result


def _reason(chosen: Sequence[Candidate], also: Iterable[Workload], exact: bool) -> str:
    """What was weighed, for the person who reviews the policy."""
    names = ", ".join(sorted(f"{one.namespace}/{one.kind}/{one.name}" for one in also))
    negative = ", ".join(sorted(one.requirement.key for one in chosen if not one.positive))
    fragile = ", ".join(sorted(one.requirement.key for one in chosen if one.fragile))
    parts = [
        f"no usable labels tell it from {names}"
        if names
        else "fewest requirements that match its pods and no other pod of the namespace",
        f"label values alone do not suffice, hence the condition on {negative}" if negative else "",
        f"the value of {fragile} changes with a release" if fragile else "",
        "" if exact else "the search was cut: fewer requirements may suffice",
    ]
    return "; ".join(part for part in parts if part)

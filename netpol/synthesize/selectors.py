"""The smallest label selectors that name a workload: all of its pods, no other pod beside them.

``choose`` looks at what labels do in this namespace, not at a list of labels to ignore. A
requirement that holds for every pod of the workload *rejects* some of the other pods; the selector
is the cheapest set of requirements that rejects all of them, exactly
(:mod:`netpol.synthesize.conjunctions`). Where no one selector does, it is the fewest selectors
(:mod:`netpol.synthesize.unions`). Cheapest, in this order:

1. fewest values that do not last: versions, hashes, charts; a value of its own for each pod;
2. fewest selectors;
3. fewest requirements that say what a pod is *not* or only that a key is there;
4. fewest requirements;
5. the best liked labels: the workload's own ``spec.selector``, then its Services' selectors, then
   the recommended labels, then ``app`` and its like, then any other, then lists of values;
6. the first keys: those of :data:`netpol.synthesize.labels.PREFERRED_KEYS`, then by the alphabet.

Every selector names at least one value of one label, also where the workload is alone: an empty
selector means everyone, and one that only excludes means every newcomer. Pods that are gone are
matched too where one selector can; they cost no selector of their own.

Laws (``tests/laws/test_selectors.py``, ``test_unions.py``): all pods and no others, unless ``also``
says whom else; no cheaper selectors exist; equal for shuffled inventories.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netpol.inventory import Inventory
from netpol.peers import Workload
from netpol.policy import PodSelector, in_namespace
from netpol.synthesize.conjunctions import Conjunction, Own
from netpol.synthesize.neighbours import Neighbours
from netpol.synthesize.unions import fewest

__all__ = ["Chosen", "choose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """How a rule points at a workload, and what a reviewer should know about it."""

    selectors: tuple[PodSelector, ...]
    """Together they mean the workload; sorted, mostly one."""
    also: tuple[Workload, ...] = ()
    """Other workloads that are matched too because no labels tell them apart, sorted."""
    reason: str
    """Why these selectors, in one sentence for a person."""
    fragile: tuple[str, ...] = ()
    """Keys in them whose value does not last, sorted: the policy would lose its pods."""
    exact: bool = True
    """False: the search was cut, fewer requirements or selectors may do."""


def choose(
    workload: Workload,
    inventory: Inventory,
    *,
    identity_labels_only: bool,
    identity_filter: str = "",
    near: Neighbours | None = None,
) -> Chosen | None:
    """The selectors of a workload, or None when some of its pods have no usable label.

    ``identity_labels_only``: selectors see only what Cilium's filter leaves, the default one and
    ``identity_filter`` (:func:`netpol.evaluate.identity.identity_relevant`). hostNetwork pods of
    others are no selectable pods and do not count; pods known from flows alone count with the
    labels they showed.
    ``near``: the pods of its namespace, for who asks about many workloads.
    """
    own = Own.of(
        workload,
        inventory,
        identity_labels_only=identity_labels_only,
        identity_filter=identity_filter,
    )
    near = near or Neighbours.of(
        workload.namespace,
        inventory,
        identity_labels_only=identity_labels_only,
        identity_filter=identity_filter,
    )
    others = near.beside(workload)
    found = fewest(own, others) if own.classes else None
    if found is None:
        return None
    also = {one for each in found for one in others.matched(each.requirements)}
    namespace = in_namespace(workload.namespace)
    exact = all(one.exact for one in found)
    fragile = {one.requirement.key for each in found for one in each.chosen if one.fragile}
    return Chosen(
        selectors=tuple(sorted(PodSelector(namespace, one.requirements) for one in found)),
        also=tuple(sorted(also)),
        reason=_reason(found, also, exact),
        fragile=tuple(sorted(fragile)),
        exact=exact,
    )


def _reason(found: Sequence[Conjunction], also: Iterable[Workload], exact: bool) -> str:
    """What was weighed, for the person who reviews the policy."""
    chosen = [one for each in found for one in each.chosen]
    names = ", ".join(sorted(f"{one.namespace}/{one.kind}/{one.name}" for one in also))
    negative = ", ".join(sorted({one.requirement.key for one in chosen if not one.positive}))
    fragile = ", ".join(sorted({one.requirement.key for one in chosen if one.fragile}))
    parts = [
        f"no usable labels tell it from {names}"
        if names
        else "fewest requirements that match its pods and no other pod of the namespace",
        f"no one selector does, hence {len(found)}" if len(found) > 1 else "",
        f"label values alone do not suffice, hence the condition on {negative}" if negative else "",
        f"the value of {fragile} may not last" if fragile else "",
        "" if exact else "the search was cut: fewer may suffice",
    ]
    return "; ".join(part for part in parts if part)

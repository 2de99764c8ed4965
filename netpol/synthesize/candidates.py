"""The requirements that a selector of one workload may be made of, and what each costs.

A candidate holds for every pod of the workload. Its cost puts the order of
:mod:`netpol.synthesize.selectors` into one number, so that the sum over a selector compares whole
selectors: each level is wider than any sum of the levels below it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from netpol.inventory import Inventory, Pod
from netpol.peers import Workload
from netpol.policy import Requirement
from netpol.synthesize.labels import PREFERRED_KEYS, changes_with_release
from netpol.synthesize.neighbours import LabelSet, Others

__all__ = ["UNION", "Candidate", "Liked", "candidates", "distinct_costs"]

_RECOMMENDED: Final = frozenset(PREFERRED_KEYS[:3])
_COMMON: Final = frozenset(PREFERRED_KEYS[3:])

# Powers of two: one disliked label weighs more than any label above it in the list.
_OWN, _SERVICE, _IS_RECOMMENDED, _IS_COMMON, _OTHER, _LIST, _EXISTS, _ABSENT, _NOT_IN = (
    1 << rank for rank in range(9)
)
# Steps between the levels of the order, wide enough that no sum reaches the next one.
_COUNT: Final = 1 << 32
_NEGATIVE: Final = 1 << 64
UNION: Final = 1 << 96
"""What one more selector costs: more than requirements that exclude, less than a value that changes
with a release."""
_RELEASE: Final = 1 << 128


@dataclass(frozen=True, slots=True)
class Candidate:
    """A requirement that every pod of the workload meets."""

    requirement: Requirement
    price: int
    """By how well it is liked; the least weighty part of the cost."""
    fragile: bool = False
    """Whether a value in it changes with a release, or maybe with the next pod."""

    @property
    def positive(self) -> bool:
        """Whether it says what the pods are."""
        return self.requirement.operator == "In"

    @property
    def cost(self) -> int:
        """What one more of it costs a selector."""
        return (
            self.price
            + _COUNT
            + (0 if self.positive else _NEGATIVE)
            + (_RELEASE if self.fragile else 0)
        )


@dataclass(frozen=True, slots=True)
class Liked:
    """Label pairs that somebody already selects the workload by."""

    own: LabelSet
    service: LabelSet
    doubtful: frozenset[str]
    """Keys of which each pod has a value of its own, as far as the few pods tell."""

    @staticmethod
    def of(
        workload: Workload, pods: Iterable[Pod], inventory: Inventory, doubtful: frozenset[str]
    ) -> Liked:
        """By the workload's own selector and by the Services of ``pods``."""
        services = (one for pod in pods for one in inventory.services_of(pod))
        return Liked(
            frozenset(inventory.selectors.get(workload, ())),
            frozenset(pair for service in services for pair in service.selector),
            doubtful,
        )

    def price(self, key: str, values: Sequence[str]) -> int:
        """The price of ``key In values``, by rank."""
        pairs = {(key, value) for value in values}
        if pairs <= self.own:
            return _OWN
        if len(pairs) > 1:
            return _LIST
        if pairs <= self.service:
            return _SERVICE
        if key in _RECOMMENDED:
            return _IS_RECOMMENDED
        return _IS_COMMON if key in _COMMON else _OTHER

    def fragile(self, key: str, values: Sequence[str]) -> bool:
        """Whether the values go with the next release or pod; ``spec.selector`` cannot change."""
        return not {(key, value) for value in values} <= self.own and (
            key in self.doubtful or changes_with_release(key, values)
        )


def candidates(
    some: Sequence[LabelSet], volatile: Collection[str], others: Others, liked: Liked
) -> list[Candidate]:
    """Every requirement worth asking for that all of ``some`` meet, the first among equals first.

    ``volatile``: keys of which no value is asked for, because the next pod has another one.
    """
    have: dict[str, set[str]] = {}
    holders: Counter[str] = Counter()
    for labels in some:
        for key, value in labels:
            have.setdefault(key, set()).add(value)
            holders[key] += 1
    shared = {key for key in have if holders[key] == len(some)}
    found: list[Candidate] = []
    for key in shared:
        values = () if key in volatile else tuple(sorted(have[key]))
        found += _positive(key, values, liked)
    found += _negative(have, shared | {*volatile, *liked.doubtful} & {*have}, others)
    return sorted(found, key=_order)


def _positive(key: str, values: tuple[str, ...], liked: Liked) -> Iterable[Candidate]:
    """``key In values``; the mere key where there are no lasting values."""
    fragile = liked.fragile(key, values)
    if values:
        yield Candidate(Requirement(key, "In", values), liked.price(key, values), fragile)
    if not values or fragile:
        yield Candidate(Requirement(key, "Exists"), _EXISTS)


def _negative(have: Mapping[str, set[str]], skip: set[str], others: Others) -> Iterable[Candidate]:
    """What other pods have and no pod of the workload has: keys, or values of a key."""
    for key, values in others.values():
        if key in skip or not (seen := set(values) - have.get(key, set())):
            continue
        if key not in have:
            yield Candidate(Requirement(key, "DoesNotExist"), _ABSENT)
            continue
        lasting = {value for value in seen if not changes_with_release(key, (value,))}
        for some in (lasting, seen) if lasting else (seen,):
            requirement = Requirement(key, "NotIn", tuple(sorted(some)))
            yield Candidate(requirement, _NOT_IN, some != lasting)


def _order(candidate: Candidate) -> tuple[int, Requirement]:
    key = candidate.requirement.key
    place = PREFERRED_KEYS.index(key) if key in PREFERRED_KEYS else len(PREFERRED_KEYS)
    return place, candidate.requirement


def distinct_costs(costs: Sequence[int]) -> Iterable[int]:
    """Costs that no two sets share the sum of: among equals, the first in order is cheaper."""
    size = len(costs)
    room = size + size.bit_length()
    return (
        (one << room) + (1 << size) - (1 << (size - 1 - place)) for place, one in enumerate(costs)
    )

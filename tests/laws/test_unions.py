"""The selectors of a workload are the fewest and cheapest that brute force finds."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product

from hypothesis import event, given, settings
from hypothesis import strategies as st

from netpol.inventory import Inventory, Pod
from netpol.peers import Workload
from netpol.policy import Requirement, in_namespace
from netpol.synthesize import unions
from netpol.synthesize.labels import changes_with_release
from netpol.synthesize.selectors import choose

KEYS, VALUES = ("app", "role", "zone"), ("a", "b", "v1")
ONE = Workload("shop", "Deployment", "one")
LABELS = st.fixed_dictionaries({}, optional={key: st.sampled_from(VALUES) for key in KEYS})
OWN = st.lists(LABELS, min_size=1, max_size=4)
OTHERS = st.lists(LABELS, max_size=4)


def world(own, others=(), gone=()):
    """One workload beside another; ``gone``: earlier pods of the first."""
    pods = [
        Pod(
            namespace="shop",
            name=f"{owner}-{number}",
            workload=Workload("shop", "Deployment", owner),
            labels=tuple(sorted(labels.items())),
        )
        for owner, some in (("one", own), ("two", others), ("gone", gone))
        for number, labels in enumerate(some)
    ]
    former = [
        Pod(namespace="shop", name=p.name, workload=ONE, labels=p.labels)
        for p in pods
        if p.workload.name == "gone"
    ]
    here = {("shop", p.name): p for p in pods if p.workload.name != "gone"}
    return Inventory(pods=here, former=tuple(former))


def chosen(*pods, **more):
    return choose(ONE, world(*pods, **more), identity_labels_only=False)


def requirements_on(key, volatile):
    """Every condition on a key that may be asked for, and none."""
    yield None
    yield Requirement(key, "Exists")
    yield Requirement(key, "DoesNotExist")
    if key in volatile:
        return
    for size in range(1, len(VALUES) + 1):
        for values in combinations(VALUES, size):
            yield Requirement(key, "In", values)
            yield Requirement(key, "NotIn", values)


def met(pods, conjunction):
    """The places of the pods that meet all of it."""
    return frozenset(
        place
        for place, labels in enumerate(pods)
        if all(one.holds(labels.get(one.key)) for one in conjunction)
    )


class Brute:
    """Everything that can be said about pods of one workload beside those of others."""

    def __init__(self, own, others):
        self.own, self.others = own, others
        holders = Counter(key for labels in own for key in labels)
        kinds = Counter(key for key, _ in {pair for labels in own for pair in labels.items()})
        each = {key for key in KEYS if 1 < holders[key] == kinds[key]}
        self.volatile = {key for key in each if holders[key] > 3}
        self.doubtful = each - self.volatile
        self.said = {}
        options = [list(self._on(key)) for key in KEYS]
        for some in product(*options):
            if not any(one and one.operator == "In" for one, _, _ in some):
                continue
            mine = frozenset.intersection(*(one[1] for one in some))
            conjunction = [one[0] for one in some if one[0] is not None]
            if mine and self._may_be(conjunction, mine):
                theirs = frozenset.intersection(*(one[2] for one in some))
                key, price = (mine, theirs), self.burden(conjunction)
                self.said[key] = min(self.said.get(key, price), price)

    def _on(self, key):
        for one in requirements_on(key, self.volatile):
            some = [one] if one else []
            yield one, met(self.own, some), met(self.others, some)

    def _may_be(self, conjunction, mine):
        """It has a value, a lasting one if there is any; no exclusion where a value would do."""
        alike = {key for key in KEYS if all(key in self.own[place] for place in mine)}
        names = [one for one in conjunction if one.operator == "In"]
        lasting = any(
            not self.fragile(key, {self.own[place][key] for place in mine})
            for key in alike - self.volatile
        )
        named = [o for o in names if not (lasting and self.fragile(o.key, o.values))]
        return bool(named) and not any(
            one.operator == "NotIn" and one.key in alike | self.doubtful for one in conjunction
        )

    def fragile(self, key, values):
        return bool(values) and (key in self.doubtful or changes_with_release(key, values))

    def burden(self, conjunction):
        """What one selector adds, in the order of what is kept small."""
        return (
            sum(self.fragile(one.key, one.values) for one in conjunction),
            1,
            sum(one.operator != "In" for one in conjunction),
            len(conjunction),
        )

    @property
    def unavoidable(self):
        """The pods of others that every selector of some own pod matches; None: it has none."""
        found = frozenset()
        for place in range(len(self.own)):
            about = [theirs for mine, theirs in self.said if place in mine]
            if not about:
                return None
            found |= frozenset.intersection(*about)
        return found

    def best(self):
        """The least burden of selectors that are for all own pods and no avoidable others."""
        allowed, everyone = self.unavoidable, frozenset(range(len(self.own)))
        if allowed is None:
            return None
        fits = [(mine, price) for (mine, theirs), price in self.said.items() if theirs <= allowed]
        best = {frozenset(): (0, 0, 0, 0)}
        for mine, price in fits:
            for before, cost in list(best.items()):
                after = before | mine
                total = tuple(map(sum, zip(cost, price, strict=True)))
                best[after] = min(best.get(after, total), total)
        return best[everyone]


@given(OWN, OTHERS)
@settings(deadline=None, max_examples=2_000, derandomize=True)
def test_the_fewest_and_cheapest(own, others):
    found, brute = chosen(own, others), Brute(own, others)
    assert (found is None) == (brute.unavoidable is None)
    if found is None:
        return
    event(f"{len(found.selectors)} selectors, {'siblings' if found.also else 'exact'}")
    said = [one.pods for one in found.selectors]
    assert all(one.namespaces == in_namespace("shop") for one in found.selectors)
    assert frozenset().union(*(met(own, one) for one in said)) == frozenset(range(len(own)))
    theirs = frozenset().union(*(met(others, one) for one in said))
    assert theirs == brute.unavoidable
    assert bool(found.also) == bool(theirs)
    burden = tuple(map(sum, zip(*map(brute.burden, said), strict=True)))
    assert burden == brute.best()
    assert found.exact


@given(OWN, OTHERS, st.lists(LABELS, min_size=1, max_size=2))
@settings(deadline=None, max_examples=300, derandomize=True)
def test_pods_that_are_gone_change_who_is_matched_by_nothing(own, others, gone):
    found = chosen(own, others, gone=gone)
    if found is None:
        return
    said = [one.pods for one in found.selectors]
    assert frozenset().union(*(met(own, one) for one in said)) == frozenset(range(len(own)))
    # Each selector is for some pod that there is.
    assert all(met(own, one) for one in said)


@given(OWN, OTHERS, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=200, derandomize=True)
def test_neither_order_nor_repetition_matters(own, others, shuffle):
    again = [*own, *own]
    shuffle.shuffle(again)
    found = chosen([*own, *own], others)
    assert chosen(again, [*others, *others][::-1]) == found


@given(OWN, OTHERS)
@settings(deadline=None, max_examples=300, derandomize=True)
def test_past_the_bound_the_same_pods(own, others):
    bound, unions.MOST = unions.MOST, 0
    try:
        greedy = chosen(own, others)
    finally:
        unions.MOST = bound
    exact = chosen(own, others)
    if exact is None or greedy is None:
        assert greedy is exact
        return
    assert greedy.also == exact.also
    assert len(greedy.selectors) >= len(exact.selectors) or greedy.fragile
    for some in (own, others):
        said = [
            frozenset().union(*(met(some, o.pods) for o in f.selectors)) for f in (greedy, exact)
        ]
        assert said[0] == said[1]


def test_what_the_laws_must_meet_does_occur():
    """Guards the strategies above."""
    seen = Counter()

    @given(OWN, OTHERS)
    @settings(deadline=None, max_examples=400, derandomize=True, database=None)
    def count(own, others):
        found = chosen(own, others)
        seen[len(found.selectors) if found else 0, bool(found and found.also)] += 1

    count()
    assert all(seen[size, siblings] for size in (1, 2) for siblings in (False, True))
    assert seen[3, False] and seen[0, False]

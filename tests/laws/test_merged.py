"""Merged selectors match the same pods, and none are left that could be merged."""

from __future__ import annotations

import random
from itertools import combinations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from netpol.policy import CidrSelector, PodSelector, Requirement, in_namespace
from netpol.synthesize.merged import merged

NAMESPACES, KEYS, VALUES = ("one", "two", "three"), ("app", "tier"), ("a", "b", "c")
ABSENT = Requirement("tier", "DoesNotExist")
EVERY_POD = [
    (namespace, {key: value for key, value in zip(KEYS, pair, strict=True) if value})
    for namespace, pair in product(NAMESPACES, product((*VALUES, None), repeat=2))
]


def values(key):
    return st.sets(st.sampled_from(VALUES), min_size=1, max_size=2).map(
        lambda found: Requirement(key, "In", tuple(sorted(found)))
    )


PODS = st.one_of(
    values("app").map(lambda one: (one,)),
    values("app").map(lambda one: (one, ABSENT)),
    st.tuples(values("app"), values("tier")),
)
PEERS = st.lists(
    st.one_of(
        st.builds(PodSelector, st.sampled_from(NAMESPACES).map(in_namespace), PODS),
        st.sampled_from((CidrSelector("192.0.2.1/32"), CidrSelector("192.0.2.9/32"))),
    ),
    unique=True,
    max_size=8,
)


def matches(peer, namespace, labels):
    if isinstance(peer, CidrSelector):
        return False
    here = any(namespace in one.values for one in peer.namespaces)
    return here and all(
        labels.get(one.key) in one.values if one.operator == "In" else one.key not in labels
        for one in peer.pods
    )


def matched(peers):
    return [any(matches(one, *pod) for one in peers) for pod in EVERY_POD]


@given(PEERS)
@settings(deadline=None, max_examples=1_000, derandomize=True)
def test_the_same_pods(peers):
    found = merged(peers, least=2)
    assert matched(found) == matched(peers)
    assert len(found) <= len(peers)
    blocks = [one for one in peers if isinstance(one, CidrSelector)]
    assert [one for one in found if isinstance(one, CidrSelector)] == blocks


@given(PEERS)
@settings(deadline=None, max_examples=300)
def test_no_lists_of_namespaces_are_left_to_be_joined(peers):
    pods = [one for one in merged(peers, least=2) if isinstance(one, PodSelector)]
    assert not any(a.pods == b.pods for a, b in combinations(pods, 2))


@given(PEERS, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
def test_neither_order_nor_repetition_matters(peers, shuffle: random.Random):
    found = merged(peers, least=2)
    pods = [one for one in peers if isinstance(one, PodSelector)]
    shuffle.shuffle(pods)
    assert merged(pods, least=2) == tuple(one for one in found if isinstance(one, PodSelector))


def test_one_list_for_each_set_of_pods():
    peers = [
        PodSelector(in_namespace(namespace), (Requirement("app", "In", (app,)),))
        for namespace, app in product(("two", "one"), ("c", "a", "b"))
    ]
    assert merged(peers, least=2) == (
        PodSelector(
            (Requirement("kubernetes.io/metadata.name", "In", ("one", "two")),),
            (Requirement("app", "In", ("a", "b", "c")),),
        ),
    )
    assert merged(peers[:2], least=3) == tuple(sorted(peers[:2]))

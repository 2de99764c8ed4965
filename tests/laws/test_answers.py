"""Answers add up by union, and lose nothing that who asks for a name at a time can tell."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from netpol.answers import GRACE, Answer, union

UNIT = GRACE // 4
ANSWERS = st.lists(
    st.builds(
        lambda name, address, first, length: Answer(
            name, address, first * UNIT, (first + length) * UNIT
        ),
        st.sampled_from("ab"),
        st.sampled_from(["203.0.113.7", "2001:db8::7"]),
        st.integers(0, 60),
        st.integers(0, 6),
    ),
    max_size=12,
)


@given(ANSWERS, st.randoms(use_true_random=False), st.integers(0, 12))
def test_neither_order_nor_splitting_shows(some, chance, at):
    mixed = chance.sample(some, len(some))
    assert union(mixed) == union(some) == union(union(mixed[:at]), union(mixed[at:]))


@given(ANSWERS, st.integers(-4, 80), st.integers(0, 3))
def test_every_time_has_the_names_that_it_had(some, first, length):
    times = first * UNIT, (first + length) * UNIT

    def names(answers):
        return {one[:2] for one in answers if one.names(*times, 0)}

    assert names(union(some)) == names(some)


@given(ANSWERS)
def test_what_is_kept_is_apart(some):
    kept = sorted(union(some))
    for one, other in pairwise(kept):
        assert one[:2] != other[:2] or other.first > one.last + GRACE

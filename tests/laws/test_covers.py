"""The set cover is a cover, and no cheaper one exists."""

from __future__ import annotations

from itertools import chain, combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from netpol.synthesize.covers import Option, bits, cheapest_cover

OPTIONS = st.lists(st.builds(Option, st.integers(0, 127), st.integers(1, 9)), max_size=8)


def union(options):
    result = 0
    for one in options:
        result |= one.covers
    return result


def cost(options):
    return sum(one.cost for one in options)


@given(OPTIONS)
@settings(deadline=None, max_examples=2_000, derandomize=True)
def test_cheapest(options):
    picked = cheapest_cover(options, limit=1 << 20)
    chosen = [options[index] for index in picked.chosen]
    subsets = chain.from_iterable(combinations(options, n) for n in range(len(options) + 1))
    assert picked.exact
    assert union(chosen) == union(options)
    assert cost(chosen) == min(cost(one) for one in subsets if union(one) == union(options))


@given(OPTIONS, st.integers(0, 3))
@settings(deadline=None, max_examples=100)
def test_a_cut_search_still_covers_and_says_so(options, limit):
    picked = cheapest_cover(options, limit=limit)
    chosen = [options[index] for index in picked.chosen]
    assert union(chosen) == union(options)
    best = cheapest_cover(options, limit=1 << 20).chosen
    assert not picked.exact or cost(chosen) == cost([options[index] for index in best])


def test_greedy_is_not_enough():
    """The classical trap: greedy takes 8, 4 and 2 elements, two sets of 7 do."""
    left, right = 0b0000000_1111111, 0b1111111_0000000
    eight, four, two = 0b0001111_0001111, 0b0110000_0110000, 0b1000000_1000000
    options = [Option(covers, 1) for covers in (eight, four, two, left, right)]
    assert cheapest_cover(options, limit=1 << 10).chosen == (3, 4)


def test_bits():
    assert list(bits(0b1010010)) == [1, 4, 6]

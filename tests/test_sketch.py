"""Counting different connections: exact while they are few, mergeable always."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture import packet_rows
from netpol.sketch import EMPTY, KEPT, Sketch, identity, mixed

Hashes = st.lists(st.integers(0, (1 << 64) - 1), max_size=KEPT * 2)


@given(Hashes, Hashes, Hashes)
def test_the_sketch_of_several_is_that_of_all(a: list[int], b: list[int], c: list[int]) -> None:
    one, two, three = map(Sketch.of, (a, b, c))
    assert (one | two) | three == one | (two | three) == Sketch.of([*a, *b, *c])
    assert one | two == two | one
    assert one | one == one | EMPTY == EMPTY | one == one


@given(st.sets(st.integers(0, (1 << 64) - 1), max_size=KEPT - 1))
def test_few_are_counted_exactly(hashes: set[int]) -> None:
    assert Sketch.of(hashes).count == len(hashes)
    assert bool(Sketch.of(hashes)) == bool(hashes)


@pytest.mark.parametrize("number", [KEPT, 1_000, 20_000])
def test_many_are_estimated_within_the_error_that_is_said(number: int) -> None:
    """Real identities, so the hash is judged too: the mean over clients, and the spread."""
    ratios = []
    for client in range(40):
        address = f"10.{client}.3.4"
        ports = (identity(address, port, 6) for port in range(1024, 1024 + number))
        ratios.append(Sketch.of(ports).count / number)
    spread = 1 / KEPT**0.5
    assert abs(np.mean(ratios) - 1) < 4 * spread / len(ratios) ** 0.5
    assert max(abs(one - 1) for one in ratios) < 4.5 * spread


@given(st.lists(st.integers(0, (1 << 64) - 1), min_size=1, max_size=4))
def test_columns_of_numbers_have_the_same_hash(words: list[int]) -> None:
    columns = [np.array([word], np.uint64) for word in words]
    assert packet_rows.mixed(*columns).tolist() == [mixed(*words)]


def test_clients_ports_and_protocols_are_different() -> None:
    ends = [("10.0.0.1", 80, 6), ("10.0.0.1", 80, 17), ("10.0.0.1", 81, 6), ("fd00::1", 80, 6)]
    assert len({identity(*one) for one in ends}) == len(ends)

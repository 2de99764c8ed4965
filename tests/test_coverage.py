"""Estimates of what was not seen, held to generated traffic of which the truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netpol.coverage import Estimate, estimate

CONNECTIONS, RUNS = 300, 500


def _even(rng: np.random.Generator) -> np.ndarray:
    return np.full(CONNECTIONS, 0.05)


def _unequal(rng: np.random.Generator) -> np.ndarray:
    return np.minimum(1, np.exp(rng.normal(-2.5, 1.5, CONNECTIONS)))


def _popular(rng: np.random.Generator) -> np.ndarray:
    return np.minimum(0.999, 3 / np.arange(1, CONNECTIONS + 1) ** 0.8)


def _steady_and_rare(rng: np.random.Generator) -> np.ndarray:
    steady = CONNECTIONS * 7 // 10
    return np.concatenate([np.full(steady, 0.9), np.full(CONNECTIONS - steady, 0.03)])


TRAFFIC = [_even, _unequal, _popular, _steady_and_rare]
"""Chances that a connection shows in a unit."""


def _held(low: float, truth: float, high: float) -> bool:
    return low <= truth <= high


@pytest.mark.parametrize("units", [24, 72, 168])
@pytest.mark.parametrize("traffic", TRAFFIC, ids=lambda one: one.__name__.strip("_"))
def test_intervals_hold_the_truth_at_their_rate(
    traffic: Callable[[np.random.Generator], np.ndarray], units: int, capsys
) -> None:
    rng = np.random.default_rng(units)
    held = {"coverage": 0, "new": 0, "total": 0, "at least": 0}
    for _ in range(RUNS):
        chances = traffic(rng)
        seen_in, later = rng.binomial(units, chances), rng.binomial(units, chances)
        found = estimate((n for n in seen_in.tolist() if n), units)
        assert found is not None
        unseen = seen_in == 0
        low, high = found.coverage_interval
        held["coverage"] += _held(low, 1 - chances[unseen].sum() / chances.sum(), high)
        low, high = found.new_interval(units)
        held["new"] += _held(math.floor(low), (later[unseen] > 0).sum(), math.ceil(high))
        low, high = found.total
        held["total"] += _held(low - 0.5, CONNECTIONS, high + 0.5)
        held["at least"] += low - 0.5 <= CONNECTIONS
    shares = {name: n / RUNS for name, n in held.items()}
    with capsys.disabled():
        text = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
        print(f"\n{traffic.__name__.strip('_')}, {units} units: 95 % intervals held {text}", end="")
    # Three standard errors of a share of 95 % over so many runs.
    nominal = 0.95 - 3 * math.sqrt(0.95 * 0.05 / RUNS)
    assert shares["coverage"] >= nominal
    assert shares["new"] >= nominal
    assert shares["at least"] >= nominal
    if traffic in (_even, _steady_and_rare):  # of very unequal ones Chao2 is a lower bound alone
        assert shares["total"] >= nominal


Counts = st.lists(st.integers(1, 50), min_size=1, max_size=60)


@given(Counts)
def test_estimates_stay_in_their_bounds(seen_in: list[int]) -> None:
    found = estimate(seen_in, 50)
    assert found is not None
    low, high = found.coverage_interval
    assert 0 <= low <= high <= 1
    assert 0 <= found.coverage <= 1
    assert found.unseen >= 0
    assert found.observed <= found.total[0] <= found.total[1]
    assert 0 <= found.new(10) <= found.unseen + 1e-9
    assert found.new(10) <= found.new(20) + 1e-9
    low, high = found.new_interval(10)
    assert 0 <= low <= high


@given(Counts)
def test_half_of_the_unseen_show_after_the_time_that_is_said(seen_in: list[int]) -> None:
    found = estimate(seen_in, 50)
    assert found is not None
    if found.halving is None:
        assert found.unseen == 0
    else:
        assert found.new(found.halving) == pytest.approx(found.unseen / 2)


def test_the_figures_of_the_formulas() -> None:
    found = Estimate(units=10, observed=20, incidences=60, once=6, twice=4)
    assert found.unseen == pytest.approx(0.9 * 36 / 8)
    assert found.coverage == pytest.approx(1 - 0.1 * 54 / 62)


def test_nothing_can_be_said_from_one_unit_or_from_nothing() -> None:
    assert estimate([1, 1, 1], 1) is None
    assert estimate([], 24) is None

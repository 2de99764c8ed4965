"""How much of what there is has been seen: estimates from how often each connection recurs.

Connections are species, hours or days are sampling units, and what counts is in how many units each
connection was seen: those seen in one unit only, and in two, tell how many were seen in none.

* How many there are at least: Chao2, Chao 1987 (Biometrics 43:783-791), bias-corrected where none
  was seen twice; its variance and log-normal interval as in Colwell et al. 2012 (Journal of Plant
  Ecology 5:3-21).
* Which share of the activity is known connections' (sample coverage): Good 1953 (Biometrika
  40:237-264) with the correction of Chao & Jost 2012 (Ecology 93:2533-2547); its error from Esty
  1983 (Annals of Statistics 11:905-912), whose argument is for individuals, here for incidences.
* How many new ones further units will show: Chao et al. 2014 (Ecological Monographs 84:45-67).

The model takes units to be alike. So an hour of a night says little of a day, and what happens once
a month is not foreseen from a week; connections of very unequal rates make Chao2 a lower bound.
``tests/test_coverage.py`` prints how often each interval held the truth on generated traffic.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Final, TypeAlias

__all__ = ["Estimate", "Interval", "estimate"]

Interval: TypeAlias = tuple[float, float]
"""Lower and upper end, at 95 %."""

_Z: Final = 1.96
_NONE_YET: Final = 3.0
"""What never happened in n tries has a rate below 3/n, at 95 % (the rule of three)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What ``units`` sampling units tell about the connections that they did not show."""

    units: int
    observed: int
    """Distinct connections seen."""
    incidences: int
    """Pairs of a connection and a unit in which it was seen."""
    once: int
    """Connections seen in one unit."""
    twice: int
    """Connections seen in two units."""

    @property
    def unseen(self) -> float:
        """Connections that exist and were not seen, at least (Chao2)."""
        return _unseen(self.once, self.twice, self.units)

    @property
    def total(self) -> Interval:
        """How many connections there are, at least: the interval of Chao2."""
        low, high = _around(self.unseen, self._variance())
        return self.observed + low, self.observed + high

    def _variance(self) -> float:
        share, once, twice = (self.units - 1) / self.units, float(self.once), float(self.twice)
        if twice:
            ratio = once / twice
            terms = share / 2 * ratio**2, share**2 * ratio**3, share**2 / 4 * ratio**4
            return twice * sum(terms)
        found = share * once * (once - 1) / 2 + share**2 * once * (2 * once - 1) ** 2 / 4
        return found - share**2 * once**4 / 4 / (self.observed + self.unseen)

    @property
    def deficit(self) -> float:
        """The share of all activity that is of connections not seen so far."""
        once, twice, further = self.once, self.twice, self.units - 1
        if twice:
            unlike = further * once / (further * once + 2 * twice)
        else:
            unlike = further * (once - 1) / (further * (once - 1) + 2) if once else 0.0
        return once / self.incidences * unlike

    @property
    def coverage(self) -> float:
        """Sample coverage: the share of all activity that is of connections already seen."""
        return 1 - self.deficit

    @property
    def coverage_interval(self) -> Interval:
        """Where the sample coverage lies."""
        variance = (self.once + 2 * self.twice + 1) / self.incidences**2
        low, high = _around(self.deficit, variance)
        if self.total[0] - self.observed < 1:
            low = 0.0  # there may be nothing that was not seen
        return max(0.0, 1 - max(high, _NONE_YET / self.incidences)), 1 - low

    def new(self, further: float) -> float:
        """How many connections not seen so far ``further`` units would show."""
        return _new(self.once, self.twice, self.units, further)

    def new_interval(self, further: float) -> Interval:
        """Between how many they would; good to about as many units as there were."""
        if not self.once:
            return 0.0, _NONE_YET * further / self.units
        once, twice, step = float(self.once), float(self.twice), 0.5
        less = max(twice - step, 1e-4)
        higher, lower = (_new(n, twice, self.units, further) for n in (once + step, once - step))
        by_once = (higher - lower) / (2 * step)
        higher, lower = (_new(once, n, self.units, further) for n in (twice + step, less))
        by_twice = (higher - lower) / (twice + step - less)
        total, mean = self.observed + self.unseen, self.new(further)
        variance = by_once**2 * once * (1 - once / total)
        variance += by_twice**2 * max(twice, 1) * (1 - twice / total)
        variance -= 2 * by_once * by_twice * once * twice / total
        return _around(mean, variance + mean)

    @property
    def halving(self) -> float | None:
        """After so many further units half of the unseen are expected to show; None without any."""
        if self.unseen <= 0:
            return None
        rate = 1 - self.once / (self.units * self.unseen + self.once)
        return log(0.5) / log(rate)


def estimate(seen_in: Iterable[int], units: int) -> Estimate | None:
    """From the number of units in which each connection was seen; None from fewer than two units.

    ``units``: how many units were recorded at all, whether or not anything was seen in them.
    """
    counts = Counter(seen_in)
    incidences = sum(number * many for number, many in counts.items())
    if units < 2 or not incidences:
        return None
    return Estimate(
        units=units,
        observed=counts.total(),
        incidences=incidences,
        once=counts[1],
        twice=counts[2],
    )


def _unseen(once: float, twice: float, units: int) -> float:
    share = (units - 1) / units
    return share * (once * once / (2 * twice) if twice else once * (once - 1) / 2)


def _new(once: float, twice: float, units: int, further: float) -> float:
    unseen = _unseen(once, twice, units)
    if unseen <= 0:
        return 0.0
    return float(unseen * (1 - (1 - once / (units * unseen + once)) ** further))


def _around(mean: float, variance: float) -> Interval:
    """A log-normal interval: it never goes below zero (Chao 1987)."""
    if mean <= 0:
        return 0.0, 0.0
    factor = exp(_Z * sqrt(log(1 + max(variance, 0.0) / mean**2)))
    return mean / factor, mean * factor

"""Have we learned enough? What is known of the window of learning, overall and by workload.

Sampling units are hours (of the clock, UTC), or days where there are a week of them: a unit counts
when anything was seen in it. See :mod:`netpol.coverage` for the estimates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from netpol.coverage import Estimate, estimate
from netpol.graph import Connection, Evidence
from netpol.learn import Learned
from netpol.peers import Workload

__all__ = ["DAY", "STABLE", "Enough", "Standing", "enough"]

DAY: Final = 24
"""Hours."""
WEEK: Final = 7
"""From so many days on, days are the units: what happens daily then is seen often."""
STABLE: Final = 0.99
"""Learning is stable when at least this share of all activity is of known connections, at the lower
end of its interval, and less than one new connection is expected in a tenth of the time again; but
not before a day's hours were seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of one workload."""

    workload: Workload
    opened: int
    """Accepted connections that it is the client of."""
    taken: int
    """And the server."""
    estimate: Estimate | None

    @property
    def sided(self) -> str:
        """``none``, ``client`` or ``server`` where only that was seen; else nothing."""
        if not (self.opened or self.taken):
            return "none"
        return "" if self.opened and self.taken else "client" if self.opened else "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enough:
    """How far learning has come."""

    unit: str
    """``hour`` or ``day``."""
    units: int
    estimate: Estimate | None
    workloads: tuple[Standing, ...]
    curve: tuple[tuple[int, int], ...]
    """(hour since the epoch, distinct connections seen until its end), by recorded unit."""
    newest: int | None
    """When the newest connection was first seen; nanoseconds since the epoch."""
    last: int | None
    """When anything accepted was seen last."""
    days: int
    weekdays: int
    """How many of the seven days of the week had traffic."""
    day_hours: int
    """How many of the 24 hours of the day."""
    schedules: Mapping[Workload, str]
    """When CronJobs run, as far as the inventory says it."""
    periodic: tuple[tuple[Workload, int], ...]
    """CronJobs, and on how many days each was seen."""

    @property
    def stable(self) -> bool:
        """Whether :data:`STABLE` is reached."""
        found = self.estimate
        if found is None or (self.unit == "hour" and self.units < DAY):
            return False  # nobody has seen a night yet, say
        return found.coverage_interval[0] >= STABLE and found.new(self.units / 10) < 1


def enough(learned: Learned) -> Enough:
    """Of everything that was learned."""
    edges = list(learned.ruled)
    recorded = _recorded(learned)
    unit = DAY if len({hour // DAY for hour in recorded}) >= WEEK else 1
    units = len({hour // unit for hour in recorded})
    firsts = [found.first for _, found in edges if found.first is not None]
    lasts = [found.last for _, found in edges if found.last is not None]
    return Enough(
        unit="day" if unit == DAY else "hour",
        units=units,
        estimate=_estimate([found for _, found in edges], unit, units),
        workloads=_standings(learned, edges, unit, units),
        curve=_curve(edges, recorded, unit),
        newest=max(firsts, default=None),
        last=max(lasts, default=None),
        days=len({hour // DAY for hour in recorded}),
        weekdays=len({hour // DAY % 7 for hour in recorded}),
        day_hours=len({hour % DAY for hour in recorded}),
        schedules=learned.inventory.schedules,
        periodic=_periodic(learned, edges),
    )


def _recorded(learned: Learned) -> set[int]:
    """Hours in which anything was seen, needed or not."""
    found = [evidence for _, evidence in learned.accepted]
    found += [one.evidence for one in learned.held]
    found += [one.evidence for one in learned.unattributed]
    return {hour for one in found for hour in one.hours}


def _estimate(edges: list[Evidence], unit: int, units: int) -> Estimate | None:
    return estimate((len({hour // unit for hour in one.hours}) for one in edges), units)


def _standings(
    learned: Learned, edges: list[tuple[Connection, Evidence]], unit: int, units: int
) -> tuple[Standing, ...]:
    opened: dict[Workload, list[Evidence]] = defaultdict(list)
    taken: dict[Workload, list[Evidence]] = defaultdict(list)
    for connection, evidence in edges:
        for end, known in ((connection.client, opened), (connection.server, taken)):
            if isinstance(end, Workload):
                known[end].append(evidence)
    return tuple(
        Standing(
            workload=one,
            opened=len(opened[one]),
            taken=len(taken[one]),
            estimate=_estimate([*opened[one], *taken[one]], unit, units),
        )
        for one in sorted({*learned.inventory.workloads, *opened, *taken})
    )


def _curve(
    edges: list[tuple[Connection, Evidence]], recorded: set[int], unit: int
) -> tuple[tuple[int, int], ...]:
    """Distinct connections by the end of each recorded unit."""
    born: dict[int, int] = defaultdict(int)
    for _, evidence in edges:
        if evidence.hours:
            born[min(evidence.hours) // unit] += 1
    found, total = [], 0
    for one in sorted({hour // unit for hour in recorded}):
        total += born[one]
        found.append((one * unit, total))
    return tuple(found)


def _periodic(
    learned: Learned, edges: list[tuple[Connection, Evidence]]
) -> tuple[tuple[Workload, int], ...]:
    days: dict[Workload, set[int]] = {
        one: set() for one in learned.inventory.workloads if one.kind == "CronJob"
    }
    for connection, evidence in edges:
        for end in (connection.client, connection.server):
            if isinstance(end, Workload) and end.kind == "CronJob":
                days.setdefault(end, set()).update(hour // DAY for hour in evidence.hours)
    return tuple((one, len(seen)) for one, seen in sorted(days.items()))

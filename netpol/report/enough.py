"""Whether enough was learned: as an object, and as lines with a small curve."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Final

from netpol.answers import HOUR
from netpol.coverage import Estimate, Interval
from netpol.enough import STABLE, Enough, Standing
from netpol.peers import label
from netpol.report.rows import time_text
from netpol.report.tabular import aligned
from netpol.report.words import count, span

__all__ = ["curve_text", "enough_object", "enough_text", "saturation_object", "saturation_text"]

_BARS: Final = "▁▂▃▄▅▆▇█"
_NONE: Final = "·"
_WIDTH: Final = 48
"""Characters of the curve."""
_FEW: Final = 10
"""So many units are numbers, too."""
_SHOWN: Final = 5
"""Workloads that are named on a line."""


def saturation_object(found: Enough) -> dict[str, Any]:
    """Whether enough was learned, in numbers; what other reports say under ``enough``."""
    return {
        "unit": found.unit,
        "units": found.units,
        "stable": found.stable,
        "estimate": _estimate(found.estimate),
    }


def saturation_text(found: Enough) -> str:
    """The same in a clause; empty where nobody can tell."""
    e = found.estimate
    if e is None:
        return ""
    low, high = e.new_interval(e.units)
    return (
        f"{_known(e)}; as long again ({count(e.units, found.unit)}) would show"
        f" {e.new(e.units):,.0f} connections more ({low:,.0f} to {high:,.0f})"
    )


def enough_object(found: Enough) -> dict[str, Any]:
    """What ``status --format json`` says under ``enough``."""
    return {
        **saturation_object(found),
        "curve": [[time_text(hour * HOUR), total] for hour, total in found.curve],
        "days": found.days,
        "weekdays": found.weekdays,
        "hours_of_day": found.day_hours,
        "periodic": [
            {"workload": label(w), "days": days, "schedule": found.schedules.get(w, "")}
            for w, days in found.periodic
        ],
        "workloads": [
            {
                "workload": label(one.workload),
                "as_client": one.opened,
                "as_server": one.taken,
                "estimate": _estimate(one.estimate),
            }
            for one in found.workloads
        ],
    }


def _estimate(found: Estimate | None) -> dict[str, Any] | None:
    """Shares and numbers with their intervals at 95 %; None where nothing can be said."""
    if found is None:
        return None
    return {
        "observed": found.observed,
        "seen_in_one_unit": found.once,
        "coverage": round(found.coverage, 4),
        "coverage_interval": _rounded(found.coverage_interval, 4),
        "unseen": round(found.unseen, 1),
        "total_interval": _rounded(found.total, 1),
        "new_in_as_long_again": round(found.new(found.units), 1),
        "new_interval": _rounded(found.new_interval(found.units), 1),
        "units_to_halve_unseen": None if found.halving is None else round(found.halving, 1),
    }


def _rounded(interval: Interval, digits: int) -> list[float]:
    return [round(end, digits) for end in interval]


def enough_text(found: Enough) -> Iterator[str]:
    """The answer first, then what it rests on."""
    yield _answer(found)
    if found.estimate is not None:
        yield from _expected(found.estimate, found.unit)
    if found.curve:
        yield f"  new connections by {found.unit}: {curve_text(found.curve)}"
    if found.newest is not None and found.last is not None:
        yield f"  nothing new for {span(found.last - found.newest)} until the last record"
    yield (
        f"  covered: {count(found.days, 'day')}, {found.weekdays} of 7 weekdays,"
        f" {found.day_hours} of 24 hours of the day"
    )
    for workload, days in found.periodic:
        seen = f"seen on {count(days, 'day')}" if days else "never seen to run"
        when = found.schedules.get(workload)
        seen += f" ({when})" if when else ""
        yield f"  {label(workload)}: {seen}"
    yield from _weak(found.workloads)
    yield from _least(found.workloads)


def _answer(found: Enough) -> str:
    e = found.estimate
    if e is None:
        return "Enough? Nobody can tell yet: it takes two hours in which something was seen"
    known = _known(e)
    if found.stable:
        return f"Enough? Yes, of what happens within such a window: {known}"
    return f"Enough? Not yet: {known}; {STABLE:.0%} at the lower end is"


def _known(e: Estimate) -> str:
    low, high = e.coverage_interval
    return (
        f"{e.coverage:.1%} of all activity is of known connections"
        f" ({low:.1%} to {high:.1%}, 95 % interval)"
    )


def _expected(e: Estimate, unit: str) -> Iterator[str]:
    low, high = e.total
    yield (
        f"  {e.observed:,} connections seen, of {low:,.0f} to {high:,.0f} that there are at least;"
        f" {e.once:,} seen in one {unit} only"
    )
    low, high = e.new_interval(e.units)
    yield (
        f"  as long again ({count(e.units, unit)}) would show {e.new(e.units):,.0f} more"
        f" ({low:,.0f} to {high:,.0f})"
    )
    if e.halving is not None:
        yield f"  half of the unseen would show in {count(round(e.halving), unit)}"


def curve_text(curve: Iterable[tuple[int, int]]) -> str:
    """How many distinct connections came to those before, as bars; few units also as numbers.

    Each step of a bar doubles the number: the first unit has nearly all, and what matters is
    whether any come after.
    """
    totals = [0, *(total for _, total in curve)]
    step = max(1, -(-(len(totals) - 1) // _WIDTH))
    ends = totals[::step] if (len(totals) - 1) % step == 0 else [*totals[::step], totals[-1]]
    new = [after - before for before, after in pairwise(ends)]
    bars = "".join(_bar(one, max(new, default=0)) for one in new)
    numbers = f" ({', '.join(f'{one:,}' for one in new)})" if len(new) <= _FEW else ""
    return f"{bars}{numbers}, {totals[-1]:,} in all"


def _bar(number: int, highest: int) -> str:
    """Nothing, or a bar of as many steps as the number has bits, cut to the bars there are."""
    if not number:
        return _NONE
    return _BARS[max(0, len(_BARS) - 1 - (highest.bit_length() - number.bit_length()))]


def _least(standings: Iterable[Standing]) -> Iterator[str]:
    """The workloads that alone would not be enough, those of which least is known first."""
    known = ((label(one.workload), one.estimate) for one in standings)
    weak = sorted(
        ((name, e) for name, e in known if e is not None and e.coverage_interval[0] < STABLE),
        key=lambda one: (one[1].coverage, one[1].coverage_interval[0], one[0]),
    )
    if weak:
        yield "  known least:"
        rows = [
            ("workload", "activity known", "95 % interval", "connections seen", "unseen, at least")
        ]
        for name, e in weak[:_SHOWN]:
            interval = "{:.1%} to {:.1%}".format(*e.coverage_interval)
            rows.append((name, f"{e.coverage:.1%}", interval, f"{e.observed:,}", f"{e.unseen:.1f}"))
        yield from aligned(rows, "    ").splitlines()
    if len(weak) > _SHOWN:
        yield f"    … and {len(weak) - _SHOWN:,} more; --format json has all"


def _weak(standings: Iterable[Standing]) -> Iterator[str]:
    """Workloads of which little is known, each kind on a line."""
    kinds: dict[str, list[str]] = {}
    for one in standings:
        kinds.setdefault(one.sided, []).append(label(one.workload))
    for sided, text in (("client", "seen as client only"), ("server", "seen as server only")):
        if some := kinds.get(sided):
            more = f" and {len(some) - _SHOWN:,} more" if len(some) > _SHOWN else ""
            yield f"  {text}: {', '.join(some[:_SHOWN])}{more}"

"""What is accepted and odd."""

from __future__ import annotations

import pytest
from scenes import HOUR, UNANSWERED, app, flow, learned, rows

from netpol.doubts import FAN_OUT, LONG, SETTLED, doubts
from netpol.flow import Flow


def seen(client: str, server: str, *hours: int, count: int = 9) -> Flow:
    return flow(
        app(client),
        app(server),
        first=min(hours) * HOUR,
        last=max(hours) * HOUR,
        hours=frozenset(hours),
        count=count,
    )


def found(*flows: Flow) -> dict[str, set[str]]:
    return {one.what: rows(one.connections) for one in doubts(learned(flows))}


def test_what_was_seen_once_is_odd() -> None:
    flows = seen("a", "b", 1, count=1), seen("a", "c", 1, count=2)
    assert found(*flows) == {"seen once": {"shop/Deployment/a -> shop/Deployment/b TCP 8080"}}


def test_one_hour_of_a_long_window_is_little() -> None:
    brief = seen("a", "c", 3)
    assert "seen in one hour only" in found(seen("a", "b", *range(LONG)), brief)
    assert not found(seen("a", "b", *range(LONG - 1)), brief)


def fan_out(number: int, hour: int) -> list[Flow]:
    return [seen("a", f"s{n}", hour, hour + 1) for n in range(number)]


def test_a_settled_client_that_suddenly_opens_many_is_odd() -> None:
    odd = found(seen("a", "b", 0, 1), *fan_out(FAN_OUT, SETTLED))
    assert list(odd) == ["sudden fan-out of shop/Deployment/a"]
    assert len(odd["sudden fan-out of shop/Deployment/a"]) == FAN_OUT


def test_a_new_client_and_one_that_always_opens_many_are_not() -> None:
    assert not found(*fan_out(FAN_OUT, 3))
    assert not found(seen("a", "b", 0, 1), *fan_out(FAN_OUT - 1, SETTLED))
    assert not found(seen("a", "b", 0, 1), *fan_out(FAN_OUT, SETTLED - 1))
    assert not found(
        *(seen("a", f"old{n}", 0, 1) for n in range(FAN_OUT + 1)), *fan_out(FAN_OUT, 9)
    )


@pytest.mark.parametrize("each", [1, FAN_OUT - 1])
def test_who_goes_slowly_is_odd_too(each: int) -> None:
    """Fewer in an hour, or in a day, than are many at once."""
    old = [seen("a", f"old{n}", 0, 1, 60) for n in range(4)]
    by_hour = [seen("a", f"s{n}", 30 + n // each, 80) for n in range(FAN_OUT)]
    assert list(found(*old, *by_hour)) == ["sudden fan-out of shop/Deployment/a"]
    settled = [*old, seen("a", "b", *range(200))]
    by_day = [seen("a", f"s{n}", 200 + 24 * (n // each), 420) for n in range(FAN_OUT)]
    expected = ["sudden fan-out of shop/Deployment/a"] if each > 1 else []
    assert list(found(*settled, *by_day)) == expected  # one a day is how things grow


def test_who_comes_late_and_opens_many_at_once_is_odd() -> None:
    others = seen("x", "y", *range(LONG + 9))
    assert list(found(others, *fan_out(FAN_OUT, LONG))) == ["sudden fan-out of shop/Deployment/a"]
    assert not found(others, *fan_out(FAN_OUT - 1, LONG))
    assert not found(others, *fan_out(FAN_OUT, LONG - 1))


def test_what_a_scanner_uses_is_odd() -> None:
    """However often: so it keeps from being held as a probe."""
    sweep = [flow(app("a"), app("b"), port, signals=dict(UNANSWERED)) for port in range(1, 40)]
    often = {"opened": 500, "answered": 500, "traced": 500}
    used = flow(app("a"), app("b"), 8080, count=500, records=500, signals=often)
    odd = found(*sweep, used, seen("c", "d", 1))
    assert odd == {
        "used by shop/Deployment/a, which scans": {
            "shop/Deployment/a -> shop/Deployment/b TCP 8080"
        }
    }


def test_many_packets_of_one_connection_are_one() -> None:
    """A source that traces packets tells of each."""
    signals = {"opened": 1, "forward": 4, "answered": 3, "traced": 7}
    one = flow(app("a"), app("b"), count=7, records=7, signals=signals)
    assert list(found(one)) == ["seen once"]

"""What is accepted and odd."""

from __future__ import annotations

from scenes import HOUR, app, flow, learned, rows

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

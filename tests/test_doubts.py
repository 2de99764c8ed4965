"""What is accepted and odd."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from scenes import HOUR, UNANSWERED, app, flow, inventory, learned, pod, rows

from netpol.doubts import FAN_OUT, LONG, REPLICAS, SETTLED, TIMES, doubts
from netpol.flow import Flow
from netpol.inventory import ALWAYS, Inventory


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


@pytest.mark.parametrize(
    ("spans", "odd"),
    [
        ((), False),
        (((4 * HOUR, ALWAYS),), True),
        (((4 * HOUR, 9 * HOUR),), True),
        (((4 * HOUR, 6 * HOUR),), False),  # it goes on after he has left
        (((6 * HOUR, ALWAYS),), False),  # and was there before he came
        (((1 * HOUR, 2 * HOUR), (4 * HOUR, 9 * HOUR)), True),
    ],
)
def test_what_is_seen_while_somebody_looks_around_in_the_pod_is_odd(spans, odd: bool) -> None:
    """``kubectl debug web-x --image=busybox``: his container speaks with the pod's address."""
    name = "a-6d9c7f8b45-x2k9q"
    known = inventory(pod(name, owner="a", debugged=spans), pod("b-1", owner="b"))
    looked = doubts(learned([seen("a", "b", 5, 8)], known))
    expected = ["seen with a debug container in shop/Deployment/a only"] if odd else []
    assert [one.what for one in looked] == expected


def test_what_other_replicas_open_too_is_no_find_of_a_debugger() -> None:
    names = "a-6d9c7f8b45-x2k9q", "a-6d9c7f8b45-zzzzz"
    known = inventory(
        pod(names[0], owner="a", debugged=((HOUR, ALWAYS),)),
        *(pod(names[1], owner="a"), pod("b-1", owner="b")),
    )
    flows = [
        flow(
            app("a", pod=name),
            app("b"),
            hours=frozenset({5}),
            first=5 * HOUR,
            last=5 * HOUR,
            count=9,
        )
        for name in names
    ]
    assert [one.what for one in doubts(learned(flows[:1], known))]
    assert not doubts(learned(flows, known))


NAMES = [f"a-6d9c7f8b45-{n}{n}{n}{n}{n}" for n in "xyz"]


def replicas(number: int, started: int = 1) -> Inventory:
    return inventory(*(pod(name, owner="a", started=started) for name in NAMES[:number]))


def by_pods(server: str, hour: int, pods: Iterable[str], each: int = TIMES) -> list[Flow]:
    times = {"first": hour * HOUR, "last": hour * HOUR, "hours": frozenset({hour})}
    return [flow(app("a", pod=one), app(server), count=each, **times) for one in pods]


@pytest.mark.parametrize(
    ("pods", "each", "later", "known", "odd"),
    [
        (NAMES[1:2], TIMES, LONG, replicas(REPLICAS), True),
        (NAMES[1:3], TIMES, LONG, replicas(REPLICAS), False),  # another one does it, too
        (NAMES[1:2], TIMES - 1, LONG, replicas(REPLICAS), False),  # that may be chance
        (NAMES[1:2], TIMES, LONG - 1, replicas(REPLICAS), False),  # so it may be from the start
        (NAMES[1:2], TIMES, LONG, replicas(REPLICAS - 1), False),
        (NAMES[1:2], TIMES, LONG, replicas(REPLICAS, started=40 * HOUR), False),  # then all is new
        (NAMES[1:2], TIMES, LONG, Inventory(), False),
    ],
)
def test_what_one_replica_begins_to_do_alone_is_odd(pods, each, later, known, odd: bool) -> None:
    flows = [*by_pods("b", 1, NAMES), *by_pods("c", 1 + later, pods, each)]
    found = [one for one in doubts(learned(flows, known)) if "alone" in one.what]
    assert [one.what for one in found] == [
        f"new, and by {NAMES[1]} of shop/Deployment/a alone"
    ] * odd
    if odd:
        assert rows(found[0].connections) == {"shop/Deployment/a -> shop/Deployment/c TCP 8080"}


def test_many_packets_of_one_connection_are_one() -> None:
    """A source that traces packets tells of each."""
    signals = {"opened": 1, "forward": 4, "answered": 3, "traced": 7}
    one = flow(app("a"), app("b"), count=7, records=7, signals=signals)
    assert list(found(one)) == ["seen once"]

"""What a window of learning covers."""

from __future__ import annotations

from scenes import HOUR, UNANSWERED, app, flow, inventory, learned, pod

from netpol.enough import enough
from netpol.flow import Flow
from netpol.inventory import Inventory
from netpol.peers import Workload
from netpol.report.enough import curve_text, enough_object, enough_text


def seen(server: str, *hours: int, client: str = "a", **more: object) -> Flow:
    first, last = min(hours) * HOUR, max(hours) * HOUR
    given = {"first": first, "last": last, "hours": frozenset(hours), "count": len(hours)}
    return flow(app(client), app(server), **{**given, **more})


def found(flows: list[Flow], known: Inventory | None = None):
    return enough(learned(flows, known))


def test_hours_are_the_units_of_a_short_window_and_days_of_a_long_one() -> None:
    short = found([seen("b", *range(48))])
    assert (short.unit, short.units, short.days) == ("hour", 48, 2)
    long = found([seen("b", *range(24 * 9))])
    assert (long.unit, long.units, long.days, long.weekdays, long.day_hours) == ("day", 9, 9, 7, 24)


def test_hours_in_which_only_held_connections_were_seen_were_recorded_too() -> None:
    flows = [seen("b", 1), seen("c", 2, 3, signals=dict(UNANSWERED))]
    assert found(flows).units == 3


def test_the_curve_counts_each_connection_from_its_first_hour() -> None:
    flows = [seen("b", 5, 6, 7), seen("c", 7), seen("d", 5)]
    assert found(flows).curve == ((5, 2), (6, 2), (7, 3))
    assert curve_text(found(flows).curve) == "█·▇ (2, 0, 1), 3 in all"


def test_workloads_are_told_by_what_was_seen_of_them() -> None:
    known = inventory(*(pod(f"{one}-6d9c7f8b45-x2k9q", owner=one) for one in "abq"))
    sides = {one.workload.name: one.sided for one in found([seen("b", 1)], known).workloads}
    assert sides == {"a": "client", "b": "server", "q": "none"}


def test_steady_traffic_is_enough_and_traffic_that_goes_on_changing_is_not() -> None:
    steady = found([seen(f"s{n}", *range(48)) for n in range(20)])
    assert steady.stable
    changing = found([seen(f"s{n}", n) for n in range(40)])
    assert not changing.stable
    assert changing.estimate is not None
    assert changing.estimate.unseen > 100


def test_nothing_is_enough_before_a_day_was_seen() -> None:
    """Two hours of a busy cluster, of which neither may be whole: nobody has seen a night."""
    busy = [seen(f"s{n}", *range(9, 32)) for n in range(500)]
    assert not found([seen(f"s{n}", 9, 10) for n in range(500)]).stable
    assert not found(busy).stable
    assert found([*busy, seen("s0", 32)]).stable


def test_workloads_that_alone_are_not_enough_stand_in_a_table_the_least_known_first() -> None:
    """Each of the changing ones is seen in one hour; two days of the steady pair are not enough."""
    steady = [seen("steady", *range(48), client="b")]
    changing = [seen(f"s{n}", n) for n in range(40)]
    lines = list(enough_text(found([*steady, *changing])))
    at = lines.index("  known least:")
    header, first, *others = (line.split() for line in lines[at + 1 :])
    assert header[0] == "workload"
    assert first[0] == "shop/Deployment/a"
    assert first[-2] == "40"
    assert float(first[1].rstrip("%")) < 10
    assert not any("steady" in word or "Deployment/b" in word for line in others for word in line)
    assert others[-1][:3] == ["…", "and", "38"]


def test_one_hour_tells_nothing() -> None:
    one = found([seen("b", 3)])
    assert not one.stable
    assert next(iter(enough_text(one))).startswith("Enough? Nobody can tell yet")
    assert enough_object(one)["estimate"] is None


def test_cronjobs_are_told_with_the_days_on_which_they_ran() -> None:
    known = inventory(
        pod("nightly-29012345-abcde", kind="CronJob", owner="nightly"),
        pod("yearly-29012345-abcde", kind="CronJob", owner="yearly"),
    )
    flows = [
        flow(
            app("nightly", pod="nightly-29012345-abcde"),
            app("b"),
            first=HOUR,
            last=25 * HOUR,
            hours=frozenset({1, 25}),
        )
    ]
    cron = dict(found(flows, known).periodic)
    assert cron == {
        Workload("shop", "CronJob", "nightly"): 2,
        Workload("shop", "CronJob", "yearly"): 0,
    }

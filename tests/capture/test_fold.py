"""What sources share: observations added up into flows."""

from __future__ import annotations

import pytest

from capture.fold import Fold
from capture.source import Reading
from netpol.flow import Account
from netpol.graph import Evidence
from netpol.peers import Endpoint

HOUR = 3_600_000_000_000
WEB, API = (Endpoint(namespace="shop", pods=(name,)) for name in ("web", "api"))


def fold() -> Fold:
    return Fold(Reading(where="x", tell=lambda notice: None, account=Account()), "test")


def add(into: Fold, reporter: str, count: int, **more) -> None:
    times = more.pop("times", (0, 1))
    signals = more.pop("signals", ("allowed",))
    sides = into.named(WEB), into.named(API)
    into.add(*sides, "TCP", 8080, times, signals, reporter=reporter, count=count, **more)


@pytest.mark.parametrize(
    ("seen", "count"),
    [
        ([("", 2, ""), ("", 3, "")], 5),
        ([("src", 2, ""), ("dst", 3, "")], 3),
        ([("src", 4, "shop/api"), ("dst", 4, "")], 4),
        ([("src", 4, "shop/api"), ("src", 2, ""), ("dst", 6, "")], 6),
        ([("src", 4, "shop/api"), ("dst", 9, "")], 9),
    ],
)
def test_reporters_tell_of_the_same_connections(seen, count):
    """One may know the Service that was dialled where the other does not."""
    for order in (seen, seen[::-1]):
        into = fold()
        for reporter, connections, service in order:
            add(into, reporter, connections, service=service)
        assert sum(map(Evidence.of, into.flows()), Evidence()).count == count


def test_records_that_a_source_added_up_count_as_many():
    into = fold()
    add(into, "", 7, records=3, signals={"allowed": 3, "answered": 2}, times=(0, 5 * HOUR))
    add(into, "", 1, records=2, signals={"allowed": 2}, times=(HOUR, HOUR), hours={1, 4})
    (flow,) = into.flows()
    assert (flow.records, flow.count) == (5, 8)
    assert flow.signals == {"allowed": 5, "answered": 2}
    assert flow.hours == frozenset(range(6))
    assert into.reading.account.read == into.reading.account.folded == 5

"""Records without any name: the sides are their addresses, each within an era."""

from __future__ import annotations

import io

import hubble_lines as h
from hubble_lines import read, record, text, wrapped

from capture.hubble import HUBBLE
from capture.source import Reading
from netpol.flow import Account, Flow

BARE = {"source": {}, "destination": {}}


def addresses(source: str, destination: str) -> dict[str, str]:
    return {"source": source, "destination": destination, "ipVersion": "IPv4"}


def test_a_side_without_names_is_its_address() -> None:
    (flow,) = read(record(**BARE))
    assert (flow.client.ip, flow.server.ip) == ("10.244.1.7", "10.244.2.9")
    assert not (flow.client.namespace or flow.client.entities or flow.client.pods)


def test_one_side_may_have_a_name() -> None:
    (flow,) = read(record(source={}))
    assert (flow.client.ip, flow.server.pods) == ("10.244.1.7", (h.API["pod_name"],))


def test_two_sides_that_call_each_other_are_told_apart() -> None:
    there = record(**BARE)
    answer = record(**BARE, l4=h.tcp(8080, 50000, **h.SYN_ACK), is_reply=True)
    flows = read(there, answer)
    assert [(one.client.ip, one.server.ip) for one in flows] == [
        ("10.244.1.7", "10.244.2.9"),
        ("10.244.2.9", "10.244.1.7"),
    ]


def read_in_eras(*flows: dict) -> list[Flow]:
    def era(address: str, time: int) -> int:
        return int(address == "10.244.2.9" and time >= 1_793_610_900 * 10**9)

    reading = Reading(where="x", tell=lambda _: None, account=Account(), era=era)
    return list(HUBBLE.read(io.BytesIO(text(map(wrapped, flows))), reading))


def test_an_address_folds_within_its_era() -> None:
    times = ("2026-11-02T09:14:07Z", "2026-11-02T09:14:59.9Z", "2026-11-02T09:15:00Z")
    flows = read_in_eras(*(record(**BARE, time=time) for time in times))
    assert [one.records for one in flows] == [2, 1]


def test_a_side_with_a_name_has_no_eras() -> None:
    times = ("2026-11-02T09:14:07Z", "2026-11-02T09:15:00Z")
    (flow,) = read_in_eras(*(record(source={}, time=time) for time in times))
    assert flow.records == 2

"""What is held is shown with its reason, and with what would decide it."""

from __future__ import annotations

from scenes import UNANSWERED, app, flow, inventory, learned, pod

from netpol.addresses import SEVERAL
from netpol.inventory import Dated, Node
from netpol.peers import Endpoint
from netpol.report.held import HINTS, held_rows, held_text

WORKER = Node(name="worker", pod_cidrs=("10.244.1.0/24",), addresses=("172.18.0.2",))


def rows():
    address = "10.244.1.5"
    both = (Dated(pod("api", uid="1"), 0, 10**9), Dated(pod("cart", uid="2"), 10**9))
    known = inventory(pod("web"), holders={address: both}, nodes={"worker": WORKER})
    at = {"first": 10**9, "last": 10**9}
    flows = [
        flow(app("web"), Endpoint(ip=address), **at, records=3),
        flow(app("web"), app("api"), 9999, signals=dict(UNANSWERED)),
        flow(app("web"), app("cart"), 9999, signals=dict(UNANSWERED)),
        flow(Endpoint(ip="172.18.0.2"), Endpoint(ip="224.0.0.1")),
    ]
    return held_rows(learned(flows, known))


def test_every_held_connection_has_its_reason_hint_and_records() -> None:
    found = {(row["server"], row["reason"]): (row["hint"], row["records"]) for row in rows()}
    assert found == {
        ("10.244.1.5", SEVERAL.reason): (HINTS[SEVERAL.reason], 3),
        ("shop/Deployment/api", "not answered"): (HINTS["not answered"], 1),
        ("shop/Deployment/cart", "not answered"): (HINTS["not answered"], 1),
    }


def test_a_person_sees_one_line_per_reason_and_what_to_do() -> None:
    assert "\n".join(held_text(rows())).strip("\n") == (
        "  Held, not taken as needed:\n"
        "    its address changed hands about that time: 1 connection, 3 records;"
        " shop/Deployment/web → 10.244.1.5 TCP 8080\n"
        "      where the clocks differ by less, say so with --clock-skew\n"
        "    not answered: 2 connections, 2 records;"
        " shop/Deployment/web → shop/Deployment/api TCP 9999\n"
        "      if it is needed, see to it that it works while flows are recorded"
    )


def test_nothing_held_is_nothing_shown() -> None:
    assert list(held_text([])) == []

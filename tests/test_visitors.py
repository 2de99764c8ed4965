"""Customers of a port that is shown to the internet are one client; elsewhere each is its own."""

from __future__ import annotations

from typing import Any

import pytest
from scenes import HOUR, app, flow, inventory, labels, learned, pod, world

from netpol.doubts import doubts
from netpol.enough import enough
from netpol.flow import Account, Flow
from netpol.inventory import Inventory, Service, ServicePort
from netpol.learn import learn
from netpol.peers import label
from netpol.quarantine import Caution

WEB = pod("web-0", owner="web")
DAYS = 30
BLOCK = "203.0.113.0/24"


def cluster(kind: str, *ranges: str) -> Inventory:
    given: dict[str, Any] = {
        "namespace": "shop",
        "name": "web",
        "type": kind,
        "selector": labels(app="web"),
        "ports": (ServicePort(port=80, target=8080),),
        "source_ranges": ranges,
    }
    return inventory(WEB, services={("shop", "web"): Service(**given)})


def visits() -> list[Flow]:
    """A new customer each day, once; and one who is known, every hour."""
    every = [n * HOUR for n in range(24 * DAYS)]
    steady = [
        flow(app("api"), app("web"), first=at, last=at, hours=frozenset({at // HOUR}))
        for at in every
    ]
    return steady + [
        flow(world(f"203.0.113.{n}"), app("web"), first=at, last=at, hours=frozenset({at // HOUR}))
        for n, at in enumerate(every[::24])
    ]


@pytest.mark.parametrize(("kind", "connections"), [("LoadBalancer", 2), ("ClusterIP", 1 + DAYS)])
def test_customers_are_one_where_the_port_is_shown(kind: str, connections: int) -> None:
    known = cluster(kind)
    found = learned(visits(), known)
    far = enough(found).estimate
    assert far is not None
    assert far.observed == connections
    assert bool(doubts(found)) == (connections > 2)
    assert len(found.accepted) == 1 + DAYS, "the graph keeps them apart"


def test_customers_from_the_block_of_a_load_balancer_are_one() -> None:
    ruled = learned(visits(), cluster("LoadBalancer", BLOCK)).ruled
    records = {label(one.client): evidence.records for one, evidence in ruled}
    assert records == {"shop/Deployment/api": 24 * DAYS, BLOCK: DAYS}


@pytest.mark.parametrize(("kind", "held"), [("LoadBalancer", 0), ("ClusterIP", DAYS)])
def test_caution_counts_them_together(kind: str, held: int) -> None:
    flows = visits()
    account = Account(read=len(flows), folded=len(flows))
    found = learn(flows, cluster(kind), account, caution=Caution(times=2, hours=2))
    assert len(found.held) == held


def test_a_private_address_is_no_customer() -> None:
    flows = [flow(world(f"10.99.0.{n}"), app("web")) for n in range(3)]
    far = enough(learned([*flows, *visits()], cluster("LoadBalancer"))).estimate
    assert far is not None
    assert far.observed == 2 + 3

"""``--max-port-gap``: ranges over a few ports that nobody used, each of them in the certificate."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from special_cases import of

from generators import DIALECTS
from netpol.cli.proof import prove
from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory, Pod
from netpol.net import PortSet
from netpol.peers import Workload
from netpol.synthesize import Options
from netpol.synthesize.limits import bridged

WEB, RTP = (Workload("shop", "Deployment", name) for name in ("web", "rtp"))
SEEN = (8000, 8001, 8003, 8007)
INVENTORY = Inventory(
    pods={
        ("shop", one.name): Pod(
            namespace="shop",
            name=one.name,
            workload=one,
            labels=(("app", one.name),),
            addresses=(f"10.244.0.{number}",),
        )
        for number, one in enumerate((WEB, RTP), 1)
    }
)


def certificate(dialect, gap):
    edges = ((Connection(WEB, RTP, "UDP", port), Evidence(records=1)) for port in SEEN)
    proof = prove(of(edges, INVENTORY), dialect, Options(port_gap=gap), lambda _: None)
    return proof.certificate


@pytest.mark.parametrize("dialect", DIALECTS, ids=[one.name for one in DIALECTS])
def test_what_it_opens_is_in_the_certificate(dialect):
    opened = {gap: certificate(dialect, gap).opened for gap in (0, 1, 3)}
    assert opened[0] == ()
    (one,) = opened[1]
    assert (one.client, one.server, one.ports) == (WEB, RTP, PortSet.of("UDP", 8002))
    assert one.reason.startswith("max_port_gap: UDP 8000-8001,8003,8007 became UDP 8000-8003,8007")
    (one,) = opened[3]
    assert one.ports == PortSet.of("UDP", 8002) | PortSet.of("UDP", 8004, 8006)
    assert not certificate(dialect, 3).without_witness


@given(st.sets(st.integers(0, 40)), st.integers(0, 5))
@settings(deadline=None, max_examples=500)
def test_gaps_of_at_most_so_many_ports_are_filled(numbers, gap):
    ports = PortSet.union(PortSet.of("TCP", one) for one in numbers)
    wanted = {
        one
        for one in range(41)
        for before in range(gap + 2)
        for after in range(gap + 2 - before)
        if {one - before, one + after} <= numbers
    }
    assert bridged(ports, gap) == PortSet.union(PortSet.of("TCP", one) for one in wanted)

"""The stable row of every JSON output."""

from __future__ import annotations

import json

import pytest
from scenes import HOUR

from netpol.graph import Connection, Evidence
from netpol.learn import Records
from netpol.net import PortSet
from netpol.peers import Cidr, Entity, Fqdn, Peer, Workload
from netpol.report.rows import connection_row, evidence_object, records_object, rows

WEB, WORLD = Workload("shop", "Deployment", "web"), Entity("world")


@pytest.mark.parametrize(
    ("peer", "text"),
    [
        (WEB, "shop/Deployment/web"),
        (Cidr("2001:db8::7/128"), "2001:db8::7/128"),
        (Fqdn("api.example.org"), "fqdn:api.example.org"),
        (WORLD, "entity:world"),
    ],
)
def test_a_peer_is_written_in_one_way(peer: Peer, text: str) -> None:
    (row,) = rows(peer, WEB, PortSet.of("TCP", 80))
    assert row == {
        "client": text,
        "server": "shop/Deployment/web",
        "protocol": "TCP",
        "ports": "80",
    }


def test_a_row_per_protocol_with_ports_as_ranges() -> None:
    ports = PortSet.union(
        (
            PortSet.of("TCP", 80),
            PortSet.of("TCP", 443, 450),
            PortSet.of("UDP"),
            PortSet.icmp("ICMP", 8),
        )
    )
    assert [(r["protocol"], r["ports"]) for r in rows(WORLD, WEB, ports)] == [
        ("TCP", "80,443-450"),
        ("UDP", "all"),
        ("ICMP", "8"),
    ]


def test_no_ports_no_row() -> None:
    assert rows(WORLD, WEB, PortSet()) == []


@pytest.mark.parametrize(("protocol", "port"), [("TCP", 0), ("SCTP", 65535), ("ICMPv6", 128 * 256)])
def test_every_connection_has_its_row(protocol: str, port: int) -> None:
    assert connection_row(Connection(WORLD, WEB, protocol, port))["protocol"] == protocol


def test_empty_parts_of_evidence_are_left_out() -> None:
    assert evidence_object(Evidence()) == {}


def test_times_are_rfc_3339_in_utc() -> None:
    shown = evidence_object(Evidence(records=1, first=HOUR, last=2 * HOUR + 5))
    assert shown == {"records": 1, "first": "1970-01-01T01:00:00Z", "last": "1970-01-01T02:00:00Z"}


def test_evidence_is_json() -> None:
    full = Evidence(
        records=2,
        counts=(("hubble", 3), ("pcap", 2)),
        first=0,
        last=0,
        hours=frozenset({1, 2}),
        sources=(("hubble", 2),),
        client_pods=frozenset({"a", "b"}),
        signals=(("answered", 2),),
        names=frozenset({"b.example.org", "a.example.org"}),
        services=frozenset({"shop/web"}),
    )
    shown = json.loads(json.dumps(evidence_object(full)))
    assert shown["names"] == ["a.example.org", "b.example.org"]
    assert shown["count"] == 3  # both saw the same connections
    assert (shown["hours"], shown["client_pods"], shown["first"]) == (2, 2, "1970-01-01T00:00:00Z")


def test_the_conservation_line_is_complete() -> None:
    shown = records_object(Records(read=6, connections=1, held=2, other=3, reasons={"x": 5}))
    assert shown == {"read": 6, "connections": 1, "held": 2, "other": 3, "reasons": {"x": 5}}

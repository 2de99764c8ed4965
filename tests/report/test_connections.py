"""Rows of what is allowed, in every format."""

from __future__ import annotations

from netpol.evaluate import Row
from netpol.net import ALL_PORTS, PortSet
from netpol.peers import Cidr, Entity, Workload
from netpol.report import connections as report

WEB, DB = Workload("shop", "Deployment", "web"), Workload("shop", "StatefulSet", "db")
FOUND = (
    Row(WEB, DB, PortSet.of("TCP", 80) | PortSet.of("TCP", 443, 450) | PortSet.of("UDP", 53)),
    Row(Cidr("10.0.0.0/24"), WEB, PortSet.of("TCP", 80)),
    Row(Cidr("10.0.2.0/24"), WEB, PortSet.of("TCP", 80)),
    Row(Entity("world"), DB, ALL_PORTS),
)


def test_rows_are_the_stable_ones() -> None:
    found = report.connection_rows(FOUND)
    assert [tuple(row) for row in found] == [("client", "server", "protocol", "ports")] * 10
    assert found[-2:] == [
        {
            "client": "shop/Deployment/web",
            "server": "shop/StatefulSet/db",
            "protocol": "TCP",
            "ports": "80,443-450",
        },
        {
            "client": "shop/Deployment/web",
            "server": "shop/StatefulSet/db",
            "protocol": "UDP",
            "ports": "53",
        },
    ]
    assert [row["client"] for row in found] == sorted(row["client"] for row in found)
    lines = report.connections_csv(FOUND).splitlines()
    assert lines[0] == "client,server,protocol,ports"
    assert lines[-2] == 'shop/Deployment/web,shop/StatefulSet/db,TCP,"80,443-450"'
    assert len(lines) == len(found) + 1


def test_text_has_a_line_per_pair() -> None:
    assert report.connections_text(FOUND) == (
        "client                    server               ports\n"
        "10.0.0.0/24, 10.0.2.0/24  shop/Deployment/web  TCP 80\n"
        "entity:world              shop/StatefulSet/db  every port\n"
        "shop/Deployment/web       shop/StatefulSet/db  TCP 80, 443-450 and UDP 53\n"
    )
    assert report.connections_text(()) == "no connection is allowed\n"


def test_markdown_has_the_same_lines() -> None:
    lines = report.connections_markdown(FOUND).splitlines()
    assert lines[0] == "| client | server | ports |"
    assert lines[-1] == "| shop/Deployment/web | shop/StatefulSet/db | TCP 80, 443-450 and UDP 53 |"
    assert len(lines) == 5


def test_pictures_have_an_arrow_per_line() -> None:
    dot, mermaid = report.connections_dot(FOUND), report.connections_mermaid(FOUND)
    assert dot.count(" -> ") == mermaid.count("-->") == 3
    assert '"10.0.0.0/24, 10.0.2.0/24" -> "shop/Deployment/web"' in dot

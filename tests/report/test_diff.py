"""Changes as text, Markdown, CSV and rows."""

from __future__ import annotations

from netpol.changes import Change
from netpol.net import ALL_PORTS, PortSet
from netpol.peers import Cidr, Workload
from netpol.report.diff import change_rows, diff_csv, diff_markdown, diff_text

WEB, DB = Workload("shop", "Deployment", "web"), Workload("shop", "StatefulSet", "db")
TCP = PortSet.of("TCP", 80)

FOUND = (
    Change(client=WEB, server=DB, opened=PortSet.of("TCP", 81) | PortSet.of("UDP", 53), closed=TCP),
    Change(client=Cidr("10.0.0.0/24"), server=WEB, opened=TCP),
    Change(client=Cidr("10.0.2.0/24"), server=WEB, opened=TCP),
    Change(client=WEB, server=WEB, undecided=ALL_PORTS),
)


def test_text_has_a_block_per_server_and_the_sums() -> None:
    assert diff_text(FOUND, 2) == (
        "shop/Deployment/web\n"
        "  + opened     10.0.0.0/24, 10.0.2.0/24  TCP 80\n"
        "  ? undecided  shop/Deployment/web       every port\n"
        "\n"
        "shop/StatefulSet/db\n"
        "  + opened  shop/Deployment/web  TCP 81 and UDP 53\n"
        "  - closed  shop/Deployment/web  TCP 80\n"
        "\n"
        "2 opened, 1 closed, 1 undecided between 2 workloads\n"
    )


def test_markdown_has_a_line_per_server_and_client() -> None:
    assert diff_markdown(FOUND[:1], 1) == (
        "**1 opened, 1 closed** between 1 workload\n"
        "\n"
        "| change | server | client | ports |\n"
        "| --- | --- | --- | --- |\n"
        "| + opened | shop/StatefulSet/db | shop/Deployment/web | TCP 81 and UDP 53 |\n"
        "| - closed | shop/StatefulSet/db | shop/Deployment/web | TCP 80 |\n"
    )


def test_no_change_is_said() -> None:
    assert diff_text((), 3) == diff_markdown((), 3) == "No changes between 3 workloads.\n"


def test_rows_are_the_stable_ones_with_the_change() -> None:
    web, db = "shop/Deployment/web", "shop/StatefulSet/db"
    outside = [
        {"change": "opened", "client": block, "server": web, "protocol": "TCP", "ports": "80"}
        for block in ("10.0.0.0/24", "10.0.2.0/24")
    ]
    assert change_rows(FOUND) == [
        *outside,
        {"change": "opened", "client": web, "server": db, "protocol": "TCP", "ports": "81"},
        {"change": "opened", "client": web, "server": db, "protocol": "UDP", "ports": "53"},
        {"change": "closed", "client": web, "server": db, "protocol": "TCP", "ports": "80"},
    ]


def test_csv_has_the_same_rows() -> None:
    assert diff_csv(FOUND[1:2]) == (
        "change,client,server,protocol,ports\nopened,10.0.0.0/24,shop/Deployment/web,TCP,80\n"
    )

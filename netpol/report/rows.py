"""The stable row of every JSON output: client, server, protocol, ports."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeAlias

from netpol.attribute import Unattributed
from netpol.graph import Connection, Evidence
from netpol.learn import Records
from netpol.net import ICMP_PROTOCOLS, PortSet
from netpol.peers import Peer, label

__all__ = [
    "Row",
    "connection_row",
    "evidence_object",
    "records_object",
    "rows",
    "time_text",
    "unattributed_row",
]

Row: TypeAlias = dict[str, Any]


def rows(client: Peer, server: Peer, ports: PortSet) -> list[Row]:
    """One row per protocol of ``ports``; ``ports`` in the row reads as in ``80,443-450``."""
    return [
        {
            "client": label(client),
            "server": label(server),
            "protocol": protocol,
            "ports": ports.text(protocol),
        }
        for protocol, _ in ports.parts
    ]


def connection_row(connection: Connection) -> Row:
    """The row of one connection."""
    return rows(connection.client, connection.server, connection.ports)[0]


def unattributed_row(one: Unattributed) -> Row:
    """The row of a flow of which one side or the direction is not known."""
    ports = ""
    if one.port is not None:
        ports = PortSet.of(one.protocol, one.port).text(one.protocol)
        ports = ports.removesuffix("/0") if one.protocol in ICMP_PROTOCOLS else ports
    row = {"client": one.client, "server": one.server, "protocol": one.protocol, "ports": ports}
    return {**row, "reason": one.reason}


def evidence_object(evidence: Evidence) -> Row:
    """Evidence as JSON: counts, times in RFC 3339, sources, pods, signals; empty parts left out."""
    found = {
        "records": evidence.records,
        "count": evidence.count,
        "first": time_text(evidence.first),
        "last": time_text(evidence.last),
        "hours": len(evidence.hours),
        "sources": dict(evidence.sources),
        "client_pods": len(evidence.client_pods),
        "server_pods": len(evidence.server_pods),
        "signals": dict(evidence.signals),
        "names": sorted(evidence.names),
        "claimed": sorted(evidence.claimed),
        "services": sorted(evidence.services),
        "service_ports": sorted(evidence.service_ports),
    }
    return {key: value for key, value in found.items() if value}


def records_object(records: Records) -> Row:
    """The conservation line as JSON."""
    return {
        "read": records.read,
        "connections": records.connections,
        "held": records.held,
        "other": records.other,
        "reasons": records.reasons,
    }


def time_text(nanoseconds: int | None) -> str | None:
    """A time as JSON has it, RFC 3339 to the second."""
    if nanoseconds is None:
        return None
    moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

"""The readers that the bench compares: ours, two that decode into dictionaries, and DuckDB.

All make the same table, and the bench holds them to it: per client workload, server workload,
protocol and port, with replies swapped into their forward edge: records, first and last time, the
hours, the pods of either side, and how many records gave which signal. A workload is told by
namespace, labels and owner, as labels may change under one name.

The baselines are what one writes first, with a cache where it costs a line. They understand only
what the bench's records hold: ``is_reply`` tells the direction, and a drop is a denial.
"""

from __future__ import annotations

import gc
import resource
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from netpol.flow import Flow
from netpol.owners import from_pod_name

__all__ = ["JOBS", "READERS", "Row", "high_water"]

Row = tuple[str, str, str, int, int, int, int, list[int], list[str], list[str], dict[str, int]]
"""Client, server, protocol, port, records, first, last, hours, pods of either side, signals."""

owner = lru_cache(maxsize=None)(from_pod_name)


def netpol(path: Path) -> list[Row]:
    """Our reader, as the command line calls it, with the same care for garbage."""
    gc.set_threshold(200_000, 50, 1_000)
    from capture.inputs import read
    from netpol.flow import Account

    account = Account()
    flows = list(read(str(path), source=None, tell=print, account=account))
    assert account.balanced() and account.read == account.folded
    return rows_of(flows)


def rows_of(flows: Iterable[Flow]) -> list[Row]:
    """Flows of ours as rows."""
    from netpol.peers import Endpoint

    def name(end: Endpoint) -> str:
        return f"{end.namespace}/{owner(end.pods[0])[1]}" if end.pods else end.ip

    return [
        (
            *(name(f.client), name(f.server), f.protocol, f.port or 0, f.records, f.first, f.last),
            *(sorted(f.hours), list(f.client.pods), list(f.server.pods), f.signals),
        )
        for f in flows
    ]


def by_jobs(path: Path, jobs: int) -> tuple[list[Row], int]:
    """Ours by several processes, as ``--jobs`` does it; and the most memory of one of them."""
    from capture.crew import Crew
    from capture.folded import Folded, Settings
    from capture.spread import spread
    from netpol.inventory import Inventory

    whole = Folded()
    with Crew(jobs, Settings(inventory=Inventory(), guard=0)) as crew:
        for _, folded in spread([str(path)], crew, source=None, tell=print):
            whole.add(folded)
        peak = max(high_water(pid) for pid in crew.pids)
    assert whole.account.balanced() and whole.account.read == whole.account.folded
    return rows_of(whole.flows()), peak


def high_water(pid: int | str = "self") -> int:
    """The most memory that a process had resident, in bytes.

    Linux starts ``ru_maxrss`` at what the parent had, so ``VmHWM`` is asked where there is one.
    """
    status = Path(f"/proc/{pid}/status")
    for line in status.read_text().splitlines() if status.exists() else ():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@dataclass
class Edge:
    """One row in the making."""

    first: str
    last: str
    records: int = 0
    hours: set[str] = field(default_factory=set)
    client_pods: set[str] = field(default_factory=set)
    server_pods: set[str] = field(default_factory=set)
    signals: dict[str, int] = field(default_factory=dict)


def said(flow: Any, protocol: str, l4: Any, reply: bool) -> list[str]:
    """What one record says about its connection."""
    event = flow["event_type"]["type"]
    found = ["traced"] if event == 4 else []
    if reply:
        return [*found, "answered"]
    found.append("forward")
    flags = l4.get("flags", {})
    opening = "SYN" in flags and "ACK" not in flags
    if event != 129 and (event == 5 or opening or protocol in ("UDP", "ICMP")):
        found.append("opened")
    if flow["verdict"] == "DROPPED":
        found.append("denied")
    elif event == 5:
        found.append("allowed")
    if "ACK" in flags and "SYN" not in flags:
        found.append("answered")
    return found


def side(endpoint: Any, ip: str) -> tuple[Any, str]:
    """(what tells the workload, name of the pod) of one endpoint."""
    pod = endpoint.get("pod_name", "")
    if not pod:
        return ip, ""
    return (endpoint["namespace"], owner(pod), tuple(endpoint["labels"])), pod


def dictionaries(path: Path, loads: Callable[[bytes], Any]) -> list[Row]:
    """The same table by way of dictionaries."""
    edges: dict[Any, Edge] = {}
    with path.open("rb", buffering=1 << 20) as stream:
        for line in stream:
            flow = loads(line)["flow"]
            ((protocol, l4),) = flow["l4"].items()
            reply = flow.get("is_reply", False)
            client, client_pod = side(flow["source"], flow["IP"]["source"])
            server, server_pod = side(flow["destination"], flow["IP"]["destination"])
            if reply:
                client, client_pod, server, server_pod = server, server_pod, client, client_pod
            if protocol == "ICMPv4":
                protocol, port = "ICMP", 2048
            else:
                port = l4["source_port" if reply else "destination_port"]
            time = flow["time"][:-1]
            key = client, server, protocol, port
            edge = edges.get(key)
            if edge is None:
                edge = edges[key] = Edge(time, time)
            edge.records += 1
            if time < edge.first:
                edge.first = time
            elif time > edge.last:
                edge.last = time
            edge.hours.add(time[:13])
            edge.client_pods.add(client_pod)
            edge.server_pods.add(server_pod)
            for name in said(flow, protocol, l4, reply):
                edge.signals[name] = edge.signals.get(name, 0) + 1
    return [row(key, edge) for key, edge in edges.items()]


def row(key: Any, edge: Edge) -> Row:
    """An edge as ours would say it."""
    from capture.hubble_time import nanoseconds

    client, server = (k if isinstance(k, str) else f"{k[0]}/{k[1][1]}" for k in key[:2])
    hours = sorted(nanoseconds(f"{hour}:00:00") // 3_600_000_000_000 for hour in edge.hours)
    pods = (sorted(edge.client_pods - {""}), sorted(edge.server_pods - {""}))
    times = nanoseconds(edge.first), nanoseconds(edge.last)
    return (client, server, *key[2:], edge.records, *times, hours, *pods, edge.signals)


def stdlib(path: Path) -> list[Row]:
    """By the json module of the standard library."""
    import json

    return dictionaries(path, json.loads)


def fast(path: Path) -> list[Row]:
    """By orjson, the fastest parser into dictionaries."""
    import orjson

    return dictionaries(path, orjson.loads)


def decoding(path: Path) -> list[Row]:
    """No fold at all: what orjson needs to make the dictionaries and drop them."""
    import orjson

    with path.open("rb", buffering=1 << 20) as stream:
        for line in stream:
            orjson.loads(line)
    return []


_END = "STRUCT(namespace VARCHAR, pod_name VARCHAR, labels VARCHAR[])"
_PORTS = "STRUCT(source_port INT, destination_port INT)"
_TCP = "STRUCT(source_port INT, destination_port INT, flags STRUCT(SYN BOOLEAN, ACK BOOLEAN))"
_FLOW = (
    "STRUCT(time VARCHAR, verdict VARCHAR, IP STRUCT(source VARCHAR, destination VARCHAR),"
    f" l4 STRUCT(TCP {_TCP}, UDP {_PORTS}, SCTP {_PORTS}, ICMPv4 STRUCT(type INT)),"
    f" source {_END}, destination {_END}, event_type STRUCT(type INT), is_reply BOOLEAN)"
)
_SQL = f"""
WITH flows AS (
  SELECT flow.*, coalesce(flow.is_reply, false) AS reply, flow.event_type.type AS event,
    coalesce(flow.l4.TCP.flags.SYN, false) AS syn, coalesce(flow.l4.TCP.flags.ACK, false) AS ack,
    CASE WHEN flow.l4.TCP IS NOT NULL THEN 'TCP' WHEN flow.l4.UDP IS NOT NULL THEN 'UDP'
         WHEN flow.l4.SCTP IS NOT NULL THEN 'SCTP' ELSE 'ICMP' END AS protocol
  FROM read_json($path, format = 'newline_delimited', columns = {{flow: '{_FLOW}'}})
), sided AS (
  SELECT *, rtrim(time, 'Z') AS stamp,
    CASE WHEN reply THEN destination ELSE source END AS client,
    CASE WHEN reply THEN source ELSE destination END AS server,
    CASE WHEN reply THEN IP.destination ELSE IP.source END AS client_ip,
    CASE WHEN reply THEN IP.source ELSE IP.destination END AS server_ip,
    CASE WHEN protocol = 'ICMP' THEN 2048
         WHEN reply THEN coalesce(l4.TCP.source_port, l4.UDP.source_port, l4.SCTP.source_port)
         ELSE coalesce(l4.TCP.destination_port, l4.UDP.destination_port, l4.SCTP.destination_port)
    END AS port
  FROM flows
)
SELECT client, server, CASE WHEN client.pod_name IS NULL THEN client_ip END,
  CASE WHEN server.pod_name IS NULL THEN server_ip END, protocol, port,
  count(*), min(stamp), max(stamp), list(DISTINCT stamp[:13]),
  count(*) FILTER (event = 4), count(*) FILTER (reply OR (ack AND NOT syn)),
  count(*) FILTER (NOT reply),
  count(*) FILTER (NOT reply AND event != 129 AND (event = 5 OR (syn AND NOT ack)
    OR protocol IN ('UDP', 'ICMP'))),
  count(*) FILTER (NOT reply AND verdict = 'DROPPED'),
  count(*) FILTER (NOT reply AND verdict != 'DROPPED' AND event = 5)
FROM sided GROUP BY 1, 2, 3, 4, 5, 6
"""
_SIGNALS = ("traced", "answered", "forward", "opened", "denied", "allowed")


def duck(path: Path, threads: int = 1) -> list[Row]:
    """By DuckDB's reader of JSON, with the columns told, and its grouping; owners come after."""
    import duckdb

    edges: dict[Any, Edge] = {}
    with duckdb.connect(config={"threads": threads}) as db:
        found = db.execute(_SQL, {"path": str(path)})
        while rows := found.fetchmany(10_000):
            for one, other, ip, other_ip, protocol, port, records, *rest in rows:
                first, last, hours, *counts = rest
                client, client_pod = side(_named(one), ip)
                server, server_pod = side(_named(other), other_ip)
                edge = edges.setdefault((client, server, protocol, port), Edge(first, last))
                edge.records += records
                edge.first, edge.last = min(edge.first, first), max(edge.last, last)
                edge.hours.update(hours)
                edge.client_pods.add(client_pod)
                edge.server_pods.add(server_pod)
                for name, count in zip(_SIGNALS, counts, strict=True):
                    if count:
                        edge.signals[name] = edge.signals.get(name, 0) + count
    return [row(key, edge) for key, edge in edges.items()]


def _named(end: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in end.items() if value is not None}


JOBS = {
    "netpol": lambda path: (netpol(path), high_water()),
    "netpol, 2 jobs": partial(by_jobs, jobs=2),
    "DuckDB, 2 threads": lambda path: (duck(path, 2), high_water()),
}
"""By wall time: a table, and the most memory that a process had."""

READERS = {
    "netpol": netpol,
    "json": stdlib,
    "orjson": fast,
    "DuckDB, one thread": duck,
    "orjson, no fold": decoding,
}

"""The readers that the bench compares: ours, and two that decode every line into dictionaries.

All make the same table, and the bench holds them to it: per client workload, server workload,
protocol and port, with replies swapped into their forward edge: records, first and last time, the
hours, the pods of either side, and how many records gave which signal. A workload is told by
namespace, labels and owner, as labels may change under one name.

The two baselines are what one writes first, with a cache where it costs a line. They understand
only what the bench's records hold: ``is_reply`` tells the direction, and a drop is a denial.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from netpol.owners import from_pod_name

__all__ = ["READERS", "Row"]

Row = tuple[str, str, str, int, int, int, int, list[int], list[str], list[str], dict[str, int]]
"""Client, server, protocol, port, records, first, last, hours, pods of either side, signals."""

owner = lru_cache(maxsize=None)(from_pod_name)


def netpol(path: Path) -> list[Row]:
    """Our reader, as the command line calls it."""
    from capture.inputs import read
    from netpol.flow import Account
    from netpol.peers import Endpoint

    def name(end: Endpoint) -> str:
        return f"{end.namespace}/{owner(end.pods[0])[1]}" if end.pods else end.ip

    account = Account()
    flows = list(read(str(path), source=None, tell=print, account=account))
    assert account.balanced() and account.read == account.folded
    return [
        (
            *(name(f.client), name(f.server), f.protocol, f.port or 0, f.records, f.first, f.last),
            *(sorted(f.hours), list(f.client.pods), list(f.server.pods), f.signals),
        )
        for f in flows
    ]


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


READERS = {"netpol": netpol, "json": stdlib, "orjson": fast, "orjson, no fold": decoding}

"""The readers that the bench compares on Calico's flow logs: ours, and two by way of dictionaries.

All make the same table, and the bench holds them to it: per client and server (namespace and
aggregated name), protocol and port: records, connections (as many as the reporter saw that saw the
most), first and last time, the hours, the labels that either side always had, and how many records
gave which signal. The baselines understand only what the bench's records hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

__all__ = ["CALICO_READERS"]

Row = tuple[Any, ...]
SECOND = 1_000_000_000


def netpol(path: Path) -> list[Row]:
    """Our reader, as the command line calls it; flows that differ in the Service are one row."""
    from capture.inputs import read
    from netpol.flow import Account, Flow
    from netpol.graph import Evidence
    from netpol.peers import Endpoint

    def name(end: Endpoint) -> str:
        return f"{end.namespace}/{end.pods[0]}" if end.pods else "-/pub"

    account = Account()
    edges: dict[tuple[str, str, str, int], tuple[Flow, Evidence]] = {}
    for flow in read(str(path), source=None, tell=print, account=account):
        key = name(flow.client), name(flow.server), flow.protocol, flow.port or 0
        known = edges.get(key)
        evidence = Evidence.of(flow)
        edges[key] = flow, evidence if known is None else known[1] + evidence
    assert account.balanced() and account.read == account.folded
    return [
        (
            *(*key, seen.records, seen.count, seen.first, seen.last, sorted(seen.hours)),
            *(list(flow.client.labels), list(flow.server.labels), dict(seen.signals)),
        )
        for key, (flow, seen) in edges.items()
    ]


@dataclass
class Edge:
    """One row in the making."""

    first: int
    last: int
    records: int = 0
    counts: dict[Any, int] = field(default_factory=dict)
    hours: set[int] = field(default_factory=set)
    signals: Counter[str] = field(default_factory=Counter)


def said(
    denied: bool, staged: bool, protocol: str, pair: tuple[int, int], started: int
) -> list[str]:
    """What one record says about its connection."""
    if denied:
        return ["denied"]
    answered = min(pair) > (0 if protocol == "udp" else started)
    return [
        "allowed",
        *(["audited"] if staged else []),
        *(["traced", "answered"] if answered else ["traced"]),
    ]


def of_goldmane(record: Any) -> tuple[Any, ...]:
    """The fields of a flow of the emitter that matter."""
    key = record["Key"]
    policies = key["policies"]
    return (
        (key["source_namespace"], key["source_name"], record.get("source_labels")),
        (key["dest_namespace"], key["dest_name"], record.get("dest_labels")),
        key["proto"],
        key["dest_port"],
        key["reporter"],
        key["action"] == 2,
        policies["pending_policies"][-1]["action"] == 2,
        record["num_connections_started"],
    )


def of_enterprise(record: Any) -> tuple[Any, ...]:
    """The fields of an Enterprise flow log that matter."""
    client, server = record["source_labels"], record["dest_labels"]
    return (
        (record["source_namespace"], record["source_name_aggr"], client and client["labels"]),
        (record["dest_namespace"], record["dest_name_aggr"], server and server["labels"]),
        record["proto"],
        record["dest_port"],
        record["reporter"],
        record["action"] == "deny",
        record["policies"]["pending_policies"][-1].split("|")[3] == "deny",
        record["num_flows"],
    )


def dictionaries(
    path: Path, fields: Callable[[Any], tuple[Any, ...]], loads: Callable[[bytes], Any]
) -> list[Row]:
    """The same table by way of dictionaries."""
    edges: dict[Any, Edge] = {}
    labels: dict[Any, set[str]] = {}
    with path.open("rb", buffering=1 << 20) as stream:
        for line in stream:
            record = loads(line)
            client, server, protocol, port, reporter, denied, staged, started = fields(record)
            for side in (client, server):
                if side[2]:
                    name = side[:2]
                    known = labels.get(name)
                    if known is None:
                        labels[name] = set(side[2])
                    else:
                        known.intersection_update(side[2])
            start, end = record["start_time"], record["end_time"]
            key = client[:2], server[:2], protocol, port
            edge = edges.get(key)
            if edge is None:
                edge = edges[key] = Edge(start, end)
            edge.records += 1
            edge.counts[reporter] = edge.counts.get(reporter, 0) + started
            if start < edge.first:
                edge.first = start
            if end > edge.last:
                edge.last = end
            edge.hours.add(start // 3600)
            pair = record["packets_in"], record["packets_out"]
            for name in said(denied, staged, protocol, pair, started):
                edge.signals[name] += 1
    return [row(key, edge, labels) for key, edge in edges.items()]


def row(key: Any, edge: Edge, labels: dict[Any, set[str]]) -> Row:
    """An edge as ours would say it."""
    shown = [[list(one.split("=", 1)) for one in sorted(labels.get(side, ()))] for side in key[:2]]
    times = edge.first * SECOND, edge.last * SECOND - 1
    return (
        *("/".join(key[0]), "/".join(key[1]), key[2].upper(), key[3]),
        *(edge.records, max(edge.counts.values()), *times, sorted(edge.hours), *shown),
        dict(edge.signals),
    )


def _json(path: Path, fields: Callable[[Any], tuple[Any, ...]]) -> list[Row]:
    import json

    return dictionaries(path, fields, json.loads)


def _orjson(path: Path, fields: Callable[[Any], tuple[Any, ...]]) -> list[Row]:
    import orjson

    return dictionaries(path, fields, orjson.loads)


CALICO_READERS: dict[str, Callable[[Path], list[Row]]] = {
    f"{source}: {name}": reader
    for source, fields in (("goldmane", of_goldmane), ("calico-enterprise", of_enterprise))
    for name, reader in (
        ("netpol", netpol),
        ("json", partial(_json, fields=fields)),
        ("orjson", partial(_orjson, fields=fields)),
    )
}
"""By source and reader; ours is ``netpol``."""

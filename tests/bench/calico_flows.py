"""Bench input: busy hours of Calico flow logs, the same bytes for the same arguments.

Two shapes: what Goldmane's emitter writes, and Enterprise flow logs at aggregation level 2, 45 keys
and about 1.3 KB a record. 2,000 edges under a Zipf law between 300 workloads and the internet; both
ends report each connection, the client's end with the Service that was dialled. A tenth of the
edges would be denied by staged policies, a few are denied.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

__all__ = ["SHAPES"]

WORKLOADS, EDGES = 300, 2000
NAMESPACES = tuple(f"team-{n:02}" for n in range(12))
START = 1_793_610_000
"""2026-11-02T09:00:00Z."""
BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Side:
    """A workload, or the internet."""

    name: str
    namespace: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edge:
    """A client, a server, what they speak and what policies do about it."""

    client: Side
    server: Side
    protocol: str
    port: int
    fate: str


INTERNET = Side("pub", "-", ())


def _workload(number: int) -> Side:
    """Every fourth workload is a StatefulSet, whose pods' names hold no hash."""
    name = f"service-{number:03}"
    digest = "".join(random.Random(number).choices("bcdfghjklm", k=9))
    labels = [
        f"app.kubernetes.io/component=backend-{number % 7}",
        f"app.kubernetes.io/instance={name}",
        f"app.kubernetes.io/name={name}",
        f"app.kubernetes.io/part-of=product-{number % 20}",
    ]
    if number % 4 == 3:
        labels.append(f"controller-revision-hash={name}-{digest}")
        return Side(f"{name}-*", NAMESPACES[number % len(NAMESPACES)], tuple(labels))
    labels.append(f"pod-template-hash={digest}")
    return Side(f"{name}-{digest}-*", NAMESPACES[number % len(NAMESPACES)], tuple(labels))


def _edges(rng: random.Random) -> list[Edge]:
    """Distinct edges; a tenth leaves the cluster and a tenth comes from outside."""
    known = [_workload(number) for number in range(WORKLOADS)]
    table: dict[tuple[str, str, str, int], Edge] = {}
    while len(table) < EDGES:
        client, server = rng.choice(known), rng.choice(known)
        where = rng.random()
        protocol = rng.choices(("tcp", "udp", "sctp"), (90, 8, 2))[0]
        client, server = (
            (INTERNET if where < 0.1 else client),
            (INTERNET if where > 0.9 else server),
        )
        fate = rng.choices(("allow", "staged", "deny"), (87, 10, 3))[0]
        port = rng.choice((53, 443, 5432, 6379, 8080, 9090))
        edge = Edge(client, server, protocol, port, fate)
        if client != server:
            table.setdefault((client.name, server.name, protocol, port), edge)
    return list(table.values())


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _emitted(edge: Edge, *, at_client: bool) -> tuple[str, str]:
    """What stands before and after the times and counts of a flow of Goldmane's emitter."""
    service = {
        "dest_service_name": "-",
        "dest_service_namespace": "-",
        "dest_service_port_name": "-",
    }
    if at_client and edge.server is not INTERNET:
        service = {
            "dest_service_name": edge.server.name.split("-*")[0],
            "dest_service_namespace": edge.server.namespace,
            "dest_service_port_name": "main",
            "dest_service_port": 80,
        }  # fmt: skip
    end = {"kind": 10, "tier": "default", "action": 2, "rule_index": -1,
           "trigger": {"kind": 4, "name": "default-deny", "tier": "default"}}  # fmt: skip
    allow = {"kind": 6, "namespace": edge.server.namespace, "name": "backend", "tier": "default",
             "action": 1}  # fmt: skip
    key = {
        "source_name": edge.client.name,
        "source_namespace": edge.client.namespace,
        "source_type": 4 if edge.client is INTERNET else 1,
        "dest_name": edge.server.name,
        "dest_namespace": edge.server.namespace,
        "dest_type": 4 if edge.server is INTERNET else 1,
        "dest_port": edge.port,
        **service,
        "proto": edge.protocol,
        "reporter": 1 if at_client else 2,
        "action": 2 if edge.fate == "deny" else 1,
        "policies": {
            "enforced_policies": [end if edge.fate == "deny" else allow],
            "pending_policies": [end if edge.fate == "staged" else allow],
        },
    }
    labels = {"source_labels": list(edge.client.labels), "dest_labels": list(edge.server.labels)}
    tail = {name: value for name, value in labels.items() if value}
    return f'{{"Key":{_dump(key)},', f",{_dump(tail)[1:]}" if tail else "}"


def _logged(edge: Edge, *, at_client: bool) -> tuple[str, str]:
    """The same for an Enterprise flow log."""
    inside = at_client and edge.server is not INTERNET

    def side(prefix: str, one: Side) -> dict[str, object]:
        return {
            f"{prefix}_ip": None,
            f"{prefix}_name": "-",
            f"{prefix}_name_aggr": one.name,
            f"{prefix}_namespace": one.namespace,
            f"{prefix}_type": "net" if one is INTERNET else "wep",
            f"{prefix}_labels": {"labels": list(one.labels)} if one.labels else None,
        }

    rule = f"0|default|{edge.server.namespace}/knp.default.backend|allow|0"
    deny = "0|default|default.default-deny|deny|-1"
    head = {
        **side("source", edge.client),
        "source_port": None,
        **side("dest", edge.server),
        "dest_port": edge.port,
        "dest_service_namespace": edge.server.namespace if inside else "-",
        "dest_service_name": edge.server.name.split("-*")[0] if inside else "-",
        "dest_service_port": "main" if inside else "-",
        "dest_service_port_num": 80 if inside else None,
        "dest_domains": None,
        "proto": edge.protocol,
        "action": "deny" if edge.fate == "deny" else "allow",
        "reporter": "src" if at_client else "dst",
        "policies": {
            "all_policies": [deny if edge.fate == "deny" else rule],
            "enforced_policies": [deny if edge.fate == "deny" else rule],
            "pending_policies": [deny if edge.fate == "staged" else rule],
        },
    }
    tail = {
        "host": "node-17",
        "process_name": "-", "num_process_names": 0, "process_id": "-", "num_process_ids": 0,
        "process_args": ["-"], "num_process_args": 0,
        "tcp_mean_send_congestion_window": 10, "tcp_mean_smooth_rtt": 210,
        "original_source_ips": None, "num_original_source_ips": 0, "nat_outgoing_ports": None,
        "http_requests_allowed_in": 0, "http_requests_denied_in": 0,
    }  # fmt: skip
    return f"{_dump(head)[:-1]},", f",{_dump(tail)[1:]}"


def _counts(names: str, edge: Edge, at: int, width: int, bits: int, *, at_client: bool) -> str:
    """Times and counts; what is denied has no answer."""
    started, there, back = 1 + bits % 5, 3 + bits % 97, 0 if edge.fate == "deny" else 7 + bits % 61
    into, out = (back, there) if at_client else (there, back)
    return names.format(
        start=at, end=at + width, into=into, out=out, in_bytes=into * 212, out_bytes=out * 97,
        started=started, completed=started - bits % 2,
    )  # fmt: skip


_GOLDMANE = (
    '"start_time":{start},"end_time":{end},"packets_in":{into},"packets_out":{out},'
    '"bytes_in":{in_bytes},"bytes_out":{out_bytes},"num_connections_started":{started},'
    '"num_connections_completed":{completed}'
)
_ENTERPRISE = (
    '"start_time":{start},"end_time":{end},"bytes_in":{in_bytes},"bytes_out":{out_bytes},'
    '"num_flows":{started},"num_flows_started":{started},"num_flows_completed":{completed},'
    '"packets_in":{into},"packets_out":{out}'
)


def _lines(
    records: int, shape: Callable[..., tuple[str, str]], names: str, width: int
) -> Iterator[bytes]:
    """``records`` JSON lines of intervals ``width`` seconds wide, in order of time, in blocks."""
    rng = random.Random(1)
    edges = _edges(rng)
    weights = list(accumulate(1 / (rank + 8) for rank in range(len(edges))))
    texts = [(shape(edge, at_client=True), shape(edge, at_client=False)) for edge in edges]
    for first in range(0, records, BATCH):
        chosen = rng.choices(range(len(edges)), cum_weights=weights, k=min(BATCH, records - first))
        rows = []
        for number, index in enumerate(chosen, first):
            at, bits = START + number * 7200 // records // width * width, rng.getrandbits(32)
            at_client = bool(bits >> 31)
            head, tail = texts[index][not at_client]
            counts = _counts(names, edges[index], at, width, bits >> 4, at_client=at_client)
            rows.append(f"{head}{counts}{tail}\n")
        yield "".join(rows).encode()


def _writer(*shape: object) -> Callable[[Path, int], None]:
    def write(path: Path, records: int) -> None:
        """Write the bench file, whole or not at all."""
        part = path.with_suffix(".part")
        with part.open("wb") as out:
            out.writelines(_lines(records, *shape))  # type: ignore[arg-type]
        part.replace(path)

    return write


SHAPES = {
    "goldmane": _writer(_emitted, _GOLDMANE, 15),
    "calico-enterprise": _writer(_logged, _ENTERPRISE, 300),
}
"""How to write a bench file, by the name of the source that reads it."""

"""Bench input: one busy hour of Hubble flows, the same bytes for the same arguments.

The shape is that of a Cilium 1.19 export: uuid, labels with namespace labels, the local side with
ID and workloads, about 1.9 KB a line; 2,000 edges under a Zipf law between 300 workloads (3,000
pods) and 400 outside addresses; a third of the records are replies.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

__all__ = ["lines", "write"]

WORKLOADS, PODS_EACH, EDGES, OUTSIDE = 300, 10, 2000, 400
NAMESPACES = tuple(f"team-{n:02}" for n in range(12))
SAFE = "bcdfghjklmnpqrstvwxz2456789"
START = 1_793_610_000
"""2026-11-02T09:00:00Z."""
BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Side:
    """One endpoint as JSON: as its own node says it, and as every other node does."""

    ip: str
    local: str
    remote: str


@dataclass(frozen=True, slots=True)
class Edge:
    """A client, a server and what they speak; the sides are the pods of one workload each."""

    clients: tuple[Side, ...]
    servers: tuple[Side, ...]
    protocol: str
    port: int
    fate: str


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _pod(number: int, index: int, rng: random.Random) -> Side:
    """Pod ``index`` of workload ``number``; every fourth workload is a StatefulSet."""
    name, namespace = f"service-{number:03}", NAMESPACES[number % len(NAMESPACES)]
    kind = "StatefulSet" if number % 4 == 3 else "Deployment"
    replica_set = "".join(random.Random(number).choices("bcdfghjklm", k=9))
    suffix = "".join(rng.choices(SAFE, k=5))
    pod = f"{name}-{index}" if kind == "StatefulSet" else f"{name}-{replica_set}-{suffix}"
    prefix = "k8s:io.cilium.k8s"
    labels = [
        f"k8s:app.kubernetes.io/component=backend-{number % 7}",
        f"k8s:app.kubernetes.io/instance={name}",
        f"k8s:app.kubernetes.io/name={name}",
        f"k8s:app.kubernetes.io/part-of=product-{number % 20}",
        f"{prefix}.namespace.labels.kubernetes.io/metadata.name={namespace}",
        f"{prefix}.namespace.labels.pod-security.kubernetes.io/enforce=baseline",
        f"{prefix}.policy.cluster=prod",
        f"{prefix}.policy.serviceaccount={name}",
        f"k8s:io.kubernetes.pod.namespace={namespace}",
    ]
    who = {"identity": 10_000 + number, "cluster_name": "prod", "namespace": namespace}
    common = {**who, "labels": labels, "pod_name": pod}
    local = {"ID": 100 + number * PODS_EACH + index, **common}
    local["workloads"] = [{"name": name, "kind": kind}]
    ip = f"10.{number // 250 + 4}.{number % 250}.{index + 1}"
    return Side(ip, _dump(local), _dump(common))


def _outside(number: int) -> Side:
    ip = f"198.{51 + number // 250}.{number % 250}.7"
    labels = [f"cidr:{ip}/32", "reserved:world"]
    text = _dump({"identity": (1 << 24) + number, "labels": labels})
    return Side(ip, text, text)


def _edges(rng: random.Random) -> list[Edge]:
    """Distinct edges; a tenth leaves the cluster and a tenth comes from outside."""
    pods = [tuple(_pod(n, i, rng) for i in range(PODS_EACH)) for n in range(WORKLOADS)]
    outside = [(_outside(n),) for n in range(OUTSIDE)]
    table: dict[tuple[int, int, str, int], Edge] = {}
    while len(table) < EDGES:
        a, b = rng.randrange(WORKLOADS), rng.randrange(WORKLOADS)
        where = rng.random()
        protocol = rng.choices(("TCP", "UDP", "SCTP", "ICMPv4"), (88, 8, 2, 2))[0]
        port = 2048 if protocol == "ICMPv4" else rng.choice((53, 443, 5432, 6379, 8080, 9090))
        out = rng.randrange(OUTSIDE)
        client = outside[out] if where < 0.1 else pods[a]
        server = outside[out] if where > 0.9 else pods[b]
        fate = "DROPPED" if rng.random() < 0.03 else "FORWARDED"
        key = (-out - 1 if where < 0.1 else a, -out - 1 if where > 0.9 else b, protocol, port)
        if a != b:
            table.setdefault(key, Edge(client, server, protocol, port, fate))
    return list(table.values())


_TCP_FORWARD = ('"SYN":true', '"ACK":true', '"PSH":true,"ACK":true', '"FIN":true,"ACK":true')
_TCP_REPLY = ('"SYN":true,"ACK":true', '"PSH":true,"ACK":true', '"FIN":true,"ACK":true')


def _l4(edge: Edge, client_port: int, reply: bool, flags: str) -> str:
    if edge.protocol == "ICMPv4":
        return '{"ICMPv4":{}}' if reply else '{"ICMPv4":{"type":8}}'
    source, destination = (edge.port, client_port) if reply else (client_port, edge.port)
    tcp = f',"flags":{{{flags}}}' if edge.protocol == "TCP" and flags else ""
    ports = f'"source_port":{source},"destination_port":{destination}'
    return f'{{"{edge.protocol}":{{{ports}{tcp}}}}}'


def _event(edge: Edge, reply: bool, ingress: bool, roll: float) -> tuple[str, str, str]:
    """(verdict and reason, Type to event_type, direction and after) of one record."""
    way = "INGRESS" if ingress else "EGRESS"
    if edge.fate == "DROPPED":
        reason = '"verdict":"DROPPED","drop_reason":133,"drop_reason_desc":"POLICY_DENIED"'
        return reason, '{"type":1,"sub_type":133}', f'"traffic_direction":"{way}"'
    answer = f'"is_reply":{"true" if reply else "false"}'
    verdict = '"verdict":"FORWARDED"'
    if not reply and roll < 0.2:
        tail = f'"traffic_direction":"{way}","policy_match_type":2,{answer}'
        return verdict, '{"type":5}', tail
    point = "TO_ENDPOINT" if ingress != reply else "TO_OVERLAY"
    sub = "" if point == "TO_ENDPOINT" else ',"sub_type":4'
    reason = "REPLY" if reply else "ESTABLISHED"
    tail = (
        f'"traffic_direction":"{way}","trace_observation_point":"{point}",'
        f'"trace_reason":"{reason}",{answer},"interface":{{"index":14,"name":"lxc3c1a9d72e5b0"}}'
    )
    return verdict, f'{{"type":4{sub}}}', tail


def _layer7(edge: Edge, reply: bool) -> str:
    kind = "RESPONSE" if reply else "REQUEST"
    code = '"code":200,' if reply else ""
    return (
        f'"l7":{{"type":"{kind}","latency_ns":"412000","http":{{{code}"method":"GET",'
        f'"url":"http://svc:{edge.port}/v1/items","protocol":"HTTP/1.1"}}}},'
    )


def _time(nanoseconds: int) -> str:
    """RFC 3339 as Go writes it: the fraction has nine, six, three or no digits."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    minute, second = divmod(seconds % 3600, 60)
    digits = f"{fraction:09}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"2026-11-02T09:{minute:02}:{second:02}{'.' + digits if digits else ''}Z"


def _record(edge: Edge, at: int, rng: random.Random) -> str:
    bits = rng.getrandbits(64)
    roll = (bits & 0xFFFF) / 0x10000
    reply = edge.fate != "DROPPED" and bits >> 16 & 0xFF < 97
    ingress = bool(bits >> 24 & 1)
    client = edge.clients[(bits >> 28) % len(edge.clients)]
    server = edge.servers[(bits >> 36) % len(edge.servers)]
    verdict, event, tail = _event(edge, reply, ingress, roll)
    client_text, server_text = client.remote, server.remote
    if ingress:
        server_text = server.local
    else:
        client_text = client.local
    flags = _TCP_REPLY[bits >> 48 & 1] if reply else _TCP_FORWARD[bits >> 48 & 3]
    if edge.fate == "DROPPED" or '"type":5' in event:
        flags = '"SYN":true'
    kind, layer7 = "L3_L4", ""
    if edge.protocol == "TCP" and edge.fate != "DROPPED" and roll > 0.95:
        kind, layer7, event, flags = "L7", _layer7(edge, reply), '{"type":129}', ""
    pair = (server, client) if reply else (client, server)
    texts = (server_text, client_text) if reply else (client_text, server_text)
    l4 = _l4(edge, 32768 + (bits >> 50) % 28000, reply, flags)
    time = _time(at)
    ident = f"{bits:016x}"
    node = f"prod/node-{bits >> 40 & 63:02}"
    mac = '"ethernet":{"source":"d2:d9:76:de:f4:90","destination":"6e:3c:ce:d3:9e:a6"}'
    return (
        f'{{"flow":{{"time":"{time}","uuid":"{ident[:8]}-{ident[8:12]}-4a53-9f0b-{ident[4:]}",'
        f'{verdict},{mac},"IP":{{"source":"{pair[0].ip}","destination":"{pair[1].ip}",'
        f'"ipVersion":"IPv4"}},"l4":{l4},"source":{texts[0]},"destination":{texts[1]},'
        f'"Type":"{kind}","node_name":"{node}",{layer7}"event_type":{event},{tail},'
        f'"emitter":{{"name":"Hubble","version":"1.19.4+gf7a0a1f4"}},'
        f'"Summary":"{edge.protocol}"}},"node_name":"{node}","time":"{time}"}}\n'
    )


def lines(records: int, seed: int = 1) -> Iterator[bytes]:
    """``records`` JSON lines, in order of time, in blocks of up to 10,000 lines."""
    rng = random.Random(seed)
    edges = _edges(rng)
    weights = list(accumulate(1 / (rank + 8) for rank in range(len(edges))))
    step = 3_600_000_000_000 // max(records, 1)
    for first in range(0, records, BATCH):
        count = min(BATCH, records - first)
        chosen = rng.choices(edges, cum_weights=weights, k=count)
        times = ((first + n) * step // 1000 * 1000 for n in range(count))
        jittered = (t + (t // 1000 % 7 and t % 997) for t in times)
        block = (_record(edge, at, rng) for edge, at in zip(chosen, jittered, strict=True))
        yield "".join(block).encode()


def write(path: Path, records: int) -> None:
    """Write the bench file, whole or not at all."""
    part = path.with_suffix(".part")
    with part.open("wb") as out:
        out.writelines(lines(records))
    part.replace(path)

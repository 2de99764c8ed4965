"""Hubble records by hand: a valid one to change, and a reader that keeps what was told."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

from capture.hubble import HUBBLE
from capture.source import Reading
from netpol.flow import Account, Flow
from netpol.notices import Notice

PREFIX = "k8s:io.cilium.k8s"
SYN, SYN_ACK, ACK, RST = {"SYN": True}, {"SYN": True, "ACK": True}, {"ACK": True}, {"RST": True}

WORLD = {"identity": 2, "labels": ["reserved:world"]}
HOST = {"identity": 1, "labels": ["reserved:host"]}
HEALTH = {"identity": 4, "labels": ["reserved:health"]}


def pod(name: str, *labels: str, namespace: str = "shop", **more: Any) -> dict[str, Any]:
    """A pod's endpoint as a node other than its own describes it."""
    app = name.split("-")[0]
    return {
        "identity": 1000 + sum(app.encode()),
        "namespace": namespace,
        "labels": [
            f"k8s:app={app}",
            f"{PREFIX}.namespace.labels.team=red",
            f"{PREFIX}.policy.cluster=prod",
            f"{PREFIX}.policy.serviceaccount={app}-sa",
            f"k8s:io.kubernetes.pod.namespace={namespace}",
            *labels,
        ],
        "pod_name": name,
        **more,
    }


WEB, API = pod("web-6d9c7f8b45-x2k9q"), pod("api-5c8d7bb9f6-qw4zt")


def tcp(source: int = 43512, destination: int = 8080, **flags: bool) -> dict[str, Any]:
    """The ``l4`` of a TCP record."""
    return {
        "TCP": {"source_port": source, "destination_port": destination}
        | ({"flags": flags} if flags else {})
    }


def udp(source: int = 43512, destination: int = 53) -> dict[str, Any]:
    """The ``l4`` of a UDP record."""
    return {"UDP": {"source_port": source, "destination_port": destination}}


def record(**changes: Any) -> dict[str, Any]:
    """A flow: a trace of web opening a connection to api. A change to None leaves a field out."""
    whole = {
        "time": "2026-11-02T09:14:07.5Z",
        "uuid": "7c1e0b52",
        "verdict": "FORWARDED",
        "IP": {"source": "10.244.1.7", "destination": "10.244.2.9", "ipVersion": "IPv4"},
        "l4": tcp(SYN=True),
        "source": WEB,
        "destination": API,
        "Type": "L3_L4",
        "node_name": "prod/node-b",
        "event_type": {"type": 4},
        "traffic_direction": "INGRESS",
        "is_reply": False,
    } | changes
    return {key: value for key, value in whole.items() if value is not None}


def wrapped(flow: Mapping[str, Any]) -> dict[str, Any]:
    """The line that ``hubble observe -o jsonpb`` prints."""
    return {"flow": flow, "node_name": "prod/node-b", "time": flow.get("time", "")}


def text(lines: Iterable[object]) -> bytes:
    """Records, or raw bytes, as lines."""
    return b"\n".join(
        one if isinstance(one, bytes) else json.dumps(one, separators=(",", ":")).encode()
        for one in lines
    )


def read_bytes(data: bytes) -> tuple[list[Flow], Account, list[Notice]]:
    """What the source makes of a file; the account balances."""
    account, told = Account(), list[Notice]()
    reading = Reading(where="flows.jsonl", tell=told.append, account=account)
    flows = list(HUBBLE.read(io.BytesIO(data), reading))
    assert account.balanced()
    assert account.folded == sum(flow.records for flow in flows)
    return flows, account, told


def read(*flows: Mapping[str, Any]) -> list[Flow]:
    """The flows of records that are all understood."""
    found, account, told = read_bytes(text(map(wrapped, flows)))
    assert not told
    assert account.folded == len(flows)
    return found


def one(*flows: Mapping[str, Any]) -> Flow:
    """The one flow of records that belong together."""
    (flow,) = read(*flows)
    return flow


def aside(*flows: Mapping[str, Any]) -> dict[str, int]:
    """Why records are about no connection, when none is."""
    found, account, told = read_bytes(text(map(wrapped, flows)))
    assert not found and not told
    return account.other


def held(*lines: object) -> tuple[dict[str, int], list[str]]:
    """Why lines are held, and the notices."""
    found, account, told = read_bytes(text(lines))
    assert not found
    return account.held, [str(notice) for notice in told]

"""The shop's hour with its names taken out, and what can be compared of two hours learned."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from netpol.graph import Connection, Evidence
from netpol.learn import Learned

FLOWS = "samples/shop/hubble.jsonl.gz"

KEPT = (
    "time",
    "verdict",
    "drop_reason",
    "IP",
    "l4",
    "event_type",
    "is_reply",
    "reply",
    "traffic_direction",
    "aggregate",
)
"""Of a flow: what was sent from where to where and when, and what became of it."""


class Hour:
    """The lines of the sample."""

    def __init__(self, root: Path) -> None:
        self.lines = gzip.decompress((root / FLOWS).read_bytes()).decode().splitlines()
        self.bodies = [body for line in self.lines if (body := parsed(line)) is not None]
        self.flows = [flow for body in self.bodies if "verdict" in (flow := flow_of(body))]
        self.packets = [flow for flow in self.flows if "l7" not in flow]

    def nameless(self, skew: float = 0) -> Iterator[str]:
        """The same hour without names, seen by a clock that is so many seconds ahead."""
        losses = (body["lost_events"] for body in self.bodies if "lost_events" in body)
        for loss in losses:
            yield json.dumps({"lost_events": loss})
        for flow in self.packets:
            kept = {key: flow[key] for key in KEPT if key in flow}
            kept["time"] = later(flow["time"], skew)
            yield json.dumps({"flow": {**kept, "source": {}, "destination": {}}})


def parsed(line: str) -> dict | None:
    try:
        return json.loads(line)
    except ValueError:
        return None


def flow_of(body: dict) -> dict:
    return body.get("flow", body)


def later(time: str, seconds: float) -> str:
    return (datetime.fromisoformat(time[:19]) + timedelta(seconds=seconds)).isoformat() + time[19:]


def texts(value: object) -> Iterator[str]:
    """Every text in a value."""
    match value:
        case str():
            yield value
        case dict() | list():
            for part in value.values() if isinstance(value, dict) else value:
                yield from texts(part)


def sides(hour: Hour, skew: float) -> Iterator[tuple[str, str, int]]:
    """(pod, address, nanoseconds) of every side that the file names."""
    for flow in hour.flows:
        for side in ("source", "destination"):
            pod = flow.get(side, {}).get("pod_name")
            if pod and "IP" in flow:
                text = flow["time"]
                second = datetime.fromisoformat(f"{text[:19]}+00:00").timestamp() + skew
                time = int(second * 1e9) + int(text[19:-1].removeprefix(".").ljust(9, "0"))
                address = str(ip_address(flow["IP"][side]))
                yield f"{flow[side]['namespace']}/{pod}", address, time


def accepted(learned: Learned) -> set[Connection]:
    return {connection for connection, _ in learned.accepted}


def held(learned: Learned) -> dict[Connection, str]:
    return {one.connection: one.reason for one in learned.held}


def evidence(learned: Learned) -> dict[Connection, Evidence]:
    waiting = {one.connection: one.evidence for one in learned.held}
    return dict(learned.accepted) | waiting


def unattributed(learned: Learned) -> Counter[tuple[str, str, str, int | None, str]]:
    """Records by row, of those that a policy could be about."""
    rows: Counter[tuple[str, str, str, int | None, str]] = Counter()
    for one in learned.unattributed:
        if one.beside:
            continue
        row = one.client, one.server, one.protocol, one.port, one.reason
        rows[row] += one.evidence.records
    return rows


def differing(one: Learned, other: Learned) -> dict[str, set[Connection]]:
    """The fields of evidence that differ, and for which connections."""
    ours, theirs = evidence(one), evidence(other)
    found: dict[str, set[Connection]] = {}
    for name in (field.name for field in fields(Evidence)):
        unlike = {c for c in ours if getattr(ours[c], name) != getattr(theirs[c], name)}
        if unlike:
            found[name] = unlike
    return found

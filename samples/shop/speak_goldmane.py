"""What Goldmane sends to an emitter: a line for each key and window, with integers for enums.

Names are those of the make of pods, not of pods; there are no addresses, no ports of clients, and
the world outside is `pub` or `pvt`. Zeros are left out, as Go's encoder does.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

from sides import Json
from speak_calico import PROTOCOLS, WINDOW, End, Hit, Report, reports

if TYPE_CHECKING:
    from collections.abc import Iterable

    from played import Conversation

TYPES = {"wep": 1, "hep": 2, "net": 4}
ACTIONS = {"allow": 1, "deny": 2, "pass": 3}
KINDS = {"np": 1, "staged": 3, "profile": 9, "end": 10, "staged-end": 10}


def _trimmed(body: Json) -> Json:
    return {key: value for key, value in body.items() if value not in (0, "", [], {})}


def hit(one: Hit) -> Json:
    tier = "__PROFILE__" if one.kind == "profile" else "default"
    known: Json = {"kind": KINDS[one.kind], "tier": tier, "action": ACTIONS[one.action]}
    if one.kind.endswith("end"):
        kind = KINDS["staged" if one.kind == "staged-end" else "np"]
        trigger = {"kind": kind, "namespace": one.namespace, "name": one.name, "tier": tier}
        return known | {"rule_index": one.rule, "trigger": trigger}
    named: Json = {"namespace": one.namespace, "name": one.name, "rule_index": one.rule}
    return _trimmed(known | named)


def key(report: Report) -> Json:
    """Give all by which Goldmane tells flows apart."""
    service = report.service
    return _trimmed(
        {
            "source_name": report.source.family,
            "source_namespace": report.source.namespace,
            "source_type": TYPES[report.source.kind],
            "dest_name": report.dest.family,
            "dest_namespace": report.dest.namespace,
            "dest_type": TYPES[report.dest.kind],
            "dest_port": report.port,
            "dest_service_name": service.name if service else "-",
            "dest_service_namespace": service.namespace if service else "-",
            "dest_service_port_name": (service.port_name or "-") if service else "-",
            "dest_service_port": service.port if service else 0,
            "proto": PROTOCOLS[report.one.talk.protocol],
            "reporter": 1 if report.reporter == "src" else 2,
            "action": ACTIONS[report.action],
            "policies": {
                "enforced_policies": [hit(one) for one in report.hits],
                "pending_policies": [hit(one) for one in report.pending],
            },
        }
    )


def labels(ends: Iterable[End]) -> list[str]:
    """Give the labels that all of these have."""
    found = [set(one.labels) for one in ends]
    return sorted(set.intersection(*found)) if found else []


def line(same: list[Report]) -> Json:
    first = same[0]
    counters = [sum(column) for column in zip(*(one.counters for one in same), strict=True)]
    body: Json = {
        "Key": key(first),
        "start_time": first.window,
        "end_time": first.window + WINDOW,
        "source_labels": labels(one.source for one in same),
        "dest_labels": labels(one.dest for one in same),
    }
    names = ("packets_in", "packets_out", "bytes_in", "bytes_out")
    body |= dict(zip(names, counters, strict=True))
    body["num_connections_started"] = sum(one.started for one in same)
    body["num_connections_completed"] = sum(one.completed for one in same)
    body["num_connections_live"] = sum(one.live for one in same)
    return _trimmed(body)


def log(conversations: Iterable[Conversation]) -> str:
    groups: dict[tuple[int, str], list[Report]] = defaultdict(list)
    for one in conversations:
        for report in reports(one):
            groups[report.window, json.dumps(key(report))].append(report)
    lines = (json.dumps(line(groups[place]), separators=(",", ":")) for place in sorted(groups))
    return "".join(f"{text}\n" for text in lines)


def files(conversations: list[Conversation]) -> dict[str, bytes]:
    return {"goldmane.jsonl.gz": log(conversations).encode()}

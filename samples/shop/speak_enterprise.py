"""What Calico Enterprise writes to its flow log files, without the ports of clients.

Aggregation is set to 1 for allowed flows too (2 by default): so pods have their names, and what is
outside its address.
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


def policy(index: int, one: Hit) -> str:
    """Print one policy as `index|tier|name|action|rule`."""
    match one.kind:
        case "profile":
            middle = f"__PROFILE__|__PROFILE__.{one.name}"
        case "staged" | "staged-end":
            middle = f"default|{one.namespace}/default.staged:{one.name}"
        case _:
            middle = f"default|{one.namespace}/default.{one.name}"
    return f"{index}|{middle}|{one.action}|{one.rule}"


def _end(side: str, one: End) -> Json:
    return {
        f"{side}_ip": one.ip,
        f"{side}_name": one.name if one.kind != "net" else "-",
        f"{side}_name_aggr": one.family,
        f"{side}_namespace": one.namespace,
        f"{side}_type": one.kind,
    }


def body(report: Report) -> Json:
    """Give all but the counts."""
    service, talk = report.service, report.one.talk
    enforced = [policy(i, hit) for i, hit in enumerate(report.hits)]
    pending = [policy(i, hit) for i, hit in enumerate(report.pending)]
    return {
        "start_time": report.window,
        "end_time": report.window + WINDOW,
        **_end("source", report.source),
        "source_port": None,
        **_end("dest", report.dest),
        "dest_port": report.port,
        "dest_service_namespace": service.namespace if service else "-",
        "dest_service_name": service.name if service else "-",
        "dest_service_port": (service.port_name or "-") if service else "-",
        "dest_service_port_num": service.port if service else None,
        "dest_domains": [talk.server.name] if talk.server.name else None,
        "proto": PROTOCOLS[talk.protocol],
        "action": report.action,
        "reporter": report.reporter,
        "source_labels": {"labels": list(report.source.labels)} if report.source.labels else None,
        "dest_labels": {"labels": list(report.dest.labels)} if report.dest.labels else None,
        "policies": {
            "all_policies": enforced,
            "enforced_policies": enforced,
            "pending_policies": pending,
        },
        "host": report.host,
    }


def line(same: list[Report]) -> Json:
    counters = [sum(column) for column in zip(*(one.counters for one in same), strict=True)]
    names = ("packets_in", "packets_out", "bytes_in", "bytes_out")
    counts: Json = dict(zip(names, counters, strict=True))
    counts |= {
        "num_flows": len({one.one.talk.client_port for one in same}),
        "num_flows_started": sum(one.started for one in same),
        "num_flows_completed": sum(one.completed for one in same),
    }
    return body(same[0]) | counts | {"process_name": "-", "original_source_ips": None}


def log(conversations: Iterable[Conversation]) -> str:
    groups: dict[tuple[int, str], list[Report]] = defaultdict(list)
    for one in conversations:
        for report in reports(one):
            groups[report.window, json.dumps(body(report))].append(report)
    lines = (json.dumps(line(groups[place]), separators=(",", ":")) for place in sorted(groups))
    return "".join(f"{text}\n" for text in lines)


def files(conversations: list[Conversation]) -> dict[str, bytes]:
    return {"enterprise.jsonl.gz": log(conversations).encode()}

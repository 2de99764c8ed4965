"""Rewrites a few lines into the other shapes that the same flow can have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chance import Dice, uid

if TYPE_CHECKING:
    from records import Line, Log
    from sides import Json

# Enums as numbers: what a writer does whose schema does not know a value.
NUMBERS = {
    "verdict": {"FORWARDED": 1, "DROPPED": 2},
    "Type": {"L3_L4": 1},
    "traffic_direction": {"INGRESS": 1, "EGRESS": 2},
    "trace_observation_point": {
        "TO_STACK": 3,
        "TO_OVERLAY": 4,
        "FROM_ENDPOINT": 5,
        "TO_ENDPOINT": 101,
    },
    "trace_reason": {"NEW": 1, "ESTABLISHED": 2, "REPLY": 3},
}


def bare(body: Json) -> Json:
    """Give the flow alone, as very old command lines printed it."""
    flow: Json = body["flow"]
    return flow


def exported(body: Json) -> Json:
    """Give the line of an agent's export file, with keys that no reader needs to know."""
    flow = body["flow"] | {
        "uuid": uid(f"flow/{body['time']}"),
        "node_labels": ["kubernetes.io/os=linux"],
        "emitter": {"name": "hubble", "version": "1.19.4"},
    }
    return body | {"flow": flow, "export_name": "everything"}


def numbered(body: Json) -> Json:
    flow = {
        key: NUMBERS[key].get(value, value) if key in NUMBERS else value
        for key, value in body["flow"].items()
    }
    return body | {"flow": flow}


SHAPES = (("bare", bare, 20), ("export-event", exported, 20), ("integer-enums", numbered, 14))


def reshape(log: Log) -> None:
    dice = Dice("shapes")
    plain = [line for line in log.lines if not line.tag]
    for tag, change, times in SHAPES:
        for _ in range(times):
            line: Line = dice.pick(plain)
            if line.tag:  # drawn before
                continue
            assert not isinstance(line.body, str)
            line.body = change(line.body)
            line.tag = tag

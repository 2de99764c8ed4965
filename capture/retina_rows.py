"""Rows of the table ContainerNetworkLogs as Hubble's records.

Azure's Advanced Container Networking Services store what Cilium's agents export in Log Analytics, a
column per field: ``SourcePodName``, ``Layer4``, ``EgressFlowCount``… (until late 2025 the table was
RetinaNetworkFlowLogs). Columns that hold objects may come back as JSON text. That the names and the
types of all columns are so is known from published queries only, so anything else is let through
and judged like a record of Hubble's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

__all__ = ["as_record"]

_EVENTS: Final = {"drop": 1, "trace": 4, "policy-verdict": 5, "l7": 129}
_ENDPOINT: Final = {
    "identity": "identity",
    "namespace": "namespace",
    "labels": "labels",
    "podname": "pod_name",
    "workloads": "workloads",
}
_COUNTS: Final = {
    "ingressflowcount": "ingress_flow_count",
    "egressflowcount": "egress_flow_count",
    "unknowndirectionflowcount": "unknown_direction_flow_count",
}


def as_record(text: bytes) -> bytes:
    """One row as the line that Hubble would have written. Raises ``ValueError``."""
    row = {name.lower(): value for name, value in msgspec.json.decode(text, type=dict).items()}
    flow = {
        "time": row.get("timegenerated"),
        "verdict": row.get("verdict"),
        "drop_reason_desc": row.get("dropreason") or row.get("dropreasondesc"),
        "IP": _plain(row.get("ip")),
        "l4": _layer4(_plain(row.get("layer4") or row.get("l4"))),
        "l7": _plain(row.get("layer7") or row.get("l7")),
        "source": _endpoint(row, "source"),
        "destination": _endpoint(row, "destination"),
        "source_names": _plain(row.get("sourcenames")),
        "destination_names": _plain(row.get("destinationnames")),
        "event_type": _event(_plain(row.get("eventtype"))),
        "is_reply": _reply(row),
        "aggregate": _some({new: row.get(old) for old, new in _COUNTS.items()}),
    }
    return msgspec.json.encode({"flow": _some(flow)})


def _some(members: Mapping[str, Any]) -> dict[str, Any]:
    """Without the members that are empty: an absent one means so."""
    return {name: value for name, value in members.items() if value not in (None, "", {}, [])}


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """An object that came as JSON text."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return msgspec.json.decode(value)
        except ValueError:
            return value
    return value


def _endpoint(row: Mapping[str, Any], side: str) -> dict[str, Any]:
    found = _some({new: _plain(row.get(side + old)) for old, new in _ENDPOINT.items()})
    labels = found.get("labels")
    if isinstance(labels, str):
        found["labels"] = [label.strip() for label in labels.split(",")]
    if isinstance(found.get("identity"), str) and found["identity"].isdecimal():
        found["identity"] = int(found["identity"])
    return found


def _layer4(value: Any) -> Any:  # noqa: ANN401 - JSON
    """The flags of TCP may be a list of words."""
    flags = value.get("TCP", {}) if isinstance(value, dict) else None
    if isinstance(flags, dict) and isinstance(flags.get("flags"), str):
        words = flags["flags"].upper().replace(",", " ").split()
        return value | {"TCP": flags | {"flags": dict.fromkeys(words, True)}}
    return value


def _event(value: Any) -> Any:  # noqa: ANN401 - JSON
    match value:
        case str() if value.isdecimal():
            return {"type": int(value)}
        case str():
            return {"type": _EVENTS.get(value.lower(), 0)}
        case int():
            return {"type": value}
        case _:
            return value


_WORDS: Final[Mapping[str, bool]] = {"true": True, "false": False}


def _reply(row: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """``Reply`` is the older field, which says no when it does not know."""
    read: Callable[[Any], Any] = lambda v: _WORDS.get(v.lower(), v) if isinstance(v, str) else v  # noqa: E731
    told = read(row.get("isreply"))
    return told if told is not None else read(row.get("reply")) or None

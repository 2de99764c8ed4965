"""Calico flows by hand, valid ones to change, and a reader that keeps what is told."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from capture.source import FlowSource, Reading
from netpol.flow import Account, Flow
from netpol.graph import Evidence
from netpol.notices import Notice

START = 1_793_700_000
WEB, API = "storefront-6d9c7f8b45-*", "orders-api-5c8d7bb9f6-*"
NAMES = {
    "type": (
        "EndpointTypeUnspecified",
        "WorkloadEndpoint",
        "HostEndpoint",
        "NetworkSet",
        "Network",
    ),
    "reporter": ("ReporterUnspecified", "Src", "Dst"),
    "action": ("ActionUnspecified", "Allow", "Deny", "Pass"),
    "kind": {3: "StagedNetworkPolicy", 6: "NetworkPolicy", 9: "Profile", 10: "EndOfTier"},
}
WEP, HEP, SET, NET = 1, 2, 3, 4
SRC, DST = 1, 2
ALLOW, DENY, PASS = 1, 2, 3


def hit(action: int = ALLOW, kind: int = 6, rule: int = 0) -> dict[str, Any]:
    """A policy hit as the emitter writes it."""
    return {"kind": kind, "name": "orders-api", "tier": "default", "action": action} | (
        {"rule_index": rule} if rule else {}
    )


END_OF_TIER = hit(DENY, 10, -1)


def trace(enforced: list[Any], pending: list[Any] = []) -> dict[str, Any]:  # noqa: B006 - unchanged
    return {"enforced_policies": enforced, "pending_policies": pending}


def key(**changes: Any) -> dict[str, Any]:
    """A flow's key as the emitter writes it; a change to None leaves a field out."""
    whole = {
        "source_name": WEB,
        "source_namespace": "shop",
        "source_type": WEP,
        "dest_name": API,
        "dest_namespace": "shop",
        "dest_type": WEP,
        "dest_port": 8080,
        "proto": "tcp",
        "reporter": DST,
        "action": ALLOW,
        "policies": trace([hit()]),
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def emitted(*, more: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A flow as the emitter writes it; ``changes`` are of the key, ``more`` beside it."""
    whole = {
        "Key": key(**changes),
        "start_time": START,
        "end_time": START + 15,
        "source_labels": ["app=storefront"],
        "dest_labels": ["app=orders-api"],
        "packets_in": 42,
        "packets_out": 40,
        "num_connections_started": 3,
        **(more or {}),
    }
    return {name: value for name, value in whole.items() if value is not None}


def proto_json(flow: dict[str, Any], *, camel: bool = True) -> dict[str, Any]:
    """The same flow by the rules of proto-JSON."""

    def name(text: str) -> str:
        first, *rest = text.split("_")
        return first + "".join(part.title() for part in rest) if camel else text

    def value(field: str, one: Any) -> Any:
        if isinstance(one, dict):
            return {name(k): value(k, v) for k, v in one.items()}
        if isinstance(one, list):
            return [value(field, v) for v in one]
        field = "type" if field.endswith("_type") else field
        if field in NAMES:
            return NAMES[field][one]
        return str(one) if isinstance(one, int) else one

    return {name(k): value(k, v) for k, v in flow.items()}


def whisker(**changes: Any) -> dict[str, Any]:
    """A flow of Whisker's REST API."""
    return {
        "start_time": "2026-11-03T10:00:00Z",
        "end_time": "2026-11-03T10:00:15Z",
        "action": "Allow",
        "source_name": WEB,
        "source_namespace": "shop",
        "source_labels": "app=storefront",
        "dest_name": API,
        "dest_namespace": "shop",
        "dest_labels": "app=orders-api",
        "protocol": "tcp",
        "dest_port": 8080,
        "reporter": "Dst",
        "policies": {"enforced": [{"kind": "NetworkPolicy", "action": "Allow"}], "pending": []},
        "packets_in": 42,
        "packets_out": 40,
        **changes,
    }


def enterprise(**changes: Any) -> dict[str, Any]:
    """An Enterprise flow log at aggregation level 2; a change to None is null."""
    return {
        "start_time": START,
        "end_time": START + 300,
        "source_ip": None,
        "source_name": "-",
        "source_name_aggr": WEB,
        "source_namespace": "shop",
        "source_type": "wep",
        "source_port": None,
        "source_labels": {"labels": ["app=storefront"]},
        "dest_ip": None,
        "dest_name": "-",
        "dest_name_aggr": API,
        "dest_namespace": "shop",
        "dest_type": "wep",
        "dest_port": 8080,
        "dest_labels": {"labels": ["app=orders-api"]},
        "dest_service_namespace": "-",
        "dest_service_name": "-",
        "dest_service_port": "-",
        "dest_service_port_num": None,
        "dest_domains": None,
        "proto": "tcp",
        "action": "allow",
        "reporter": "dst",
        "policies": {"enforced_policies": ["0|default|shop/knp.default.orders-api|allow|1"]},
        "num_flows": 4,
        "num_flows_started": 4,
        "packets_in": 80,
        "packets_out": 81,
        "host": "node-a",
        **changes,
    }


def text(records: Iterable[Any]) -> bytes:
    """A record a line."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in records)


def connections(flows: Iterable[Flow]) -> int:
    """How many connections flows between two sides are evidence of."""
    return sum(map(Evidence.of, flows), Evidence()).count


def read_with(source: FlowSource, data: bytes) -> tuple[list[Flow], Account, list[Notice]]:
    """What a source makes of some bytes; the account must balance."""
    told: list[Notice] = []
    account = Account()
    flows = list(
        source.read(io.BytesIO(data), Reading(where="x", tell=told.append, account=account))
    )
    assert account.balanced()
    assert sum(flow.records for flow in flows) == account.folded
    return flows, account, told


def spoil(value: object, chance: random.Random, junk: object) -> object:
    """The same JSON with something in it replaced or left out."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        name = chance.choice(sorted(value))
        if chance.random() < 0.3:
            return {key: one for key, one in value.items() if key != name}
        return value | {name: spoil(value[name], chance, junk)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        return [*value[1:], spoil(value[0], chance, junk)]
    return junk


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=4),
    st.just([]), st.just({}), st.just([{"a": [None]}]), st.just([[[]]]),
)  # fmt: skip

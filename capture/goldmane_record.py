"""Goldmane's flows as JSON, typed: what two encoders write of one message, and Whisker's own form.

Names and numbers: ``goldmane/proto/api.proto`` of projectcalico/calico. By the rules of proto-JSON
names are in camelCase (or as in the proto), enums are names and 64-bit numbers are text; Goldmane's
emitter uses Go's plain encoder, which writes enums and numbers as numbers and leaves out zeros. So
both names of a field are read, and a number may be text. Whisker's form is
``whisker-backend/pkg/apis/v1/flows.go``.
"""

# ruff: noqa: N815 - the fields have their names in JSON

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Raw, Struct
from msgspec.json import Decoder

from netpol.flow import MOST

__all__ = [
    "FlowRecord",
    "HitRecord",
    "KeyRecord",
    "Line",
    "Trace",
    "Whisker",
    "decode_key",
    "decode_labels",
    "decode_line",
    "decode_whisker",
]

Port: TypeAlias = Annotated[int, Meta(ge=0, le=65535)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=MOST)]
Enum: TypeAlias = int | str
NOTHING = Raw(b"")


class FlowRecord(Struct, gc=False):
    """``goldmane.Flow``; what is equal in many flows stays raw and is decoded once."""

    Key: Raw = NOTHING
    start_time: Count = 0
    end_time: Count = 0
    source_labels: Raw = NOTHING
    dest_labels: Raw = NOTHING
    packets_in: Count = 0
    packets_out: Count = 0
    num_connections_started: Count = 0
    num_connections_completed: Count = 0
    num_connections_live: Count = 0
    key: Raw = NOTHING
    startTime: Count = 0
    endTime: Count = 0
    sourceLabels: Raw = NOTHING
    destLabels: Raw = NOTHING
    packetsIn: Count = 0
    packetsOut: Count = 0
    numConnectionsStarted: Count = 0
    numConnectionsCompleted: Count = 0
    numConnectionsLive: Count = 0


class Line(FlowRecord, gc=False):
    """A flow, or ``goldmane.FlowResult`` around one."""

    flow: FlowRecord | None = None


class HitRecord(Struct, gc=False):
    """``goldmane.PolicyHit``."""

    kind: Enum = 0
    action: Enum = 0
    rule_index: int = 0
    ruleIndex: int = 0


class Trace(Struct, gc=False):
    """``goldmane.PolicyTrace``; Whisker leaves out the second word."""

    enforced_policies: list[HitRecord] | None = None
    pending_policies: list[HitRecord] | None = None
    enforcedPolicies: list[HitRecord] | None = None
    pendingPolicies: list[HitRecord] | None = None
    enforced: list[HitRecord] | None = None
    pending: list[HitRecord] | None = None


class KeyRecord(Struct, gc=False):
    """``goldmane.FlowKey``."""

    source_name: str = ""
    source_namespace: str = ""
    source_type: Enum = 0
    dest_name: str = ""
    dest_namespace: str = ""
    dest_type: Enum = 0
    dest_port: Port = 0
    dest_service_name: str = ""
    dest_service_namespace: str = ""
    dest_service_port: Port = 0
    proto: str = ""
    reporter: Enum = 0
    action: Enum = 0
    policies: Trace | None = None
    sourceName: str = ""
    sourceNamespace: str = ""
    sourceType: Enum = 0
    destName: str = ""
    destNamespace: str = ""
    destType: Enum = 0
    destPort: Port = 0
    destServiceName: str = ""
    destServiceNamespace: str = ""
    destServicePort: Port = 0


class Whisker(KeyRecord, gc=False):
    """A flow of Whisker's REST API: flat, times in RFC 3339, labels in one text."""

    start_time: str = ""
    end_time: str = ""
    startTime: str = ""
    endTime: str = ""
    protocol: str = ""
    source_labels: str | list[str] | None = None
    dest_labels: str | list[str] | None = None
    sourceLabels: str | list[str] | None = None
    destLabels: str | list[str] | None = None


# Not strict: a number may be text.
decode_line = Decoder(Line, strict=False).decode
decode_key = Decoder(KeyRecord, strict=False).decode
decode_labels = Decoder(list[str] | None).decode
decode_whisker = Decoder(Whisker, strict=False).decode

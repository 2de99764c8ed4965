"""Goldmane's messages as they travel into the records of its JSON, and a fold over them.

Field numbers: ``goldmane/proto/api.proto`` of projectcalico/calico. Keys and labels become the text
that JSON would hold, once per distinct encoding, and the fold over JSON reads on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import msgspec

from capture.calico_fold import Aside
from capture.goldmane_fold import Fold
from capture.goldmane_record import FlowRecord
from capture.hubble_errors import Bad, Incomplete
from capture.live_seen import REPEATED, Seen, digest
from capture.source import Reading
from capture.wire import Message, Table, decode_error, messages
from netpol.flow import MOST

__all__ = ["WireFold"]

_Text: TypeAlias = Any
"""JSON text: bytes, where the struct declares ``Raw``, which is read in the same way."""

_REMEMBERED: Final = 16384
_PORT: Final = 65535
_GIGA: Final = 1_000_000_000
_HIT: Final[Table] = {"kind": (1, "int32"), "action": (5, "int32"), "rule_index": (7, "int64")}
_KEY: Final[Table] = {
    "source_name": (1, "string"),
    "source_namespace": (2, "string"),
    "source_type": (3, "int32"),
    "dest_name": (4, "string"),
    "dest_namespace": (5, "string"),
    "dest_type": (6, "int32"),
    "dest_port": (7, "int64"),
    "dest_service_name": (8, "string"),
    "dest_service_namespace": (9, "string"),
    "dest_service_port": (11, "int64"),
    "proto": (12, "string"),
    "reporter": (13, "int32"),
    "action": (14, "int32"),
}
_TABLES: Final[dict[str, Table]] = {
    "FlowResult": {"flow": (2, "Flow")},
    "Flow": {
        "Key": (1, "bytes"),
        "start_time": (2, "int64"),
        "end_time": (3, "int64"),
        "source_labels": (4, "*string"),
        "dest_labels": (5, "*string"),
        "packets_in": (6, "int64"),
        "packets_out": (7, "int64"),
        "num_connections_started": (10, "int64"),
        "num_connections_completed": (11, "int64"),
        "num_connections_live": (12, "int64"),
    },
    "FlowKey": {**_KEY, "policies": (15, "PolicyTrace?")},
    "PolicyTrace": {"enforced_policies": (1, "*PolicyHit"), "pending_policies": (2, "*PolicyHit")},
    "PolicyHit": _HIT,
}


class WireFold(Fold):
    """What was read of ``FlowResult`` messages so far."""

    def __init__(self, reading: Reading, seen: Seen) -> None:
        super().__init__(reading)
        self._seen = seen
        self._of = messages("netpol.goldmane", _TABLES)
        self._error = decode_error()
        self._keys: dict[bytes, _Text] = {}
        self._number = 0

    def feed(self, pieces: Iterable[bytes]) -> None:
        """Fold messages."""
        for piece in pieces:
            self._number += 1
            try:
                self._flow(self._record(piece))
            except Aside as why:
                self.calico.fold.aside(str(why))
            except (self._error, ValueError) as error:
                path = f": .flow{error.path}" if isinstance(error, Bad) else ""
                reason = "incomplete" if isinstance(error, Incomplete) else "unreadable"
                self.calico.fold.hold(reason, str(error), f"{self._number}{path}")

    def settle(self) -> None:
        """Nothing more: flows are accounted for when they are made."""

    def _record(self, piece: bytes) -> FlowRecord:
        """A message as a record of the JSON form."""
        flow = self._of["FlowResult"].FromString(piece).flow
        # The id before it is that of a key, not of a flow.
        ident, seen = digest(flow.SerializeToString(deterministic=True)), self._seen
        if seen.skip and digest(ident) in seen.skip:
            seen.repeated += 1
            raise Aside(REPEATED)
        seen.note(ident)
        seen.at(flow.start_time * _GIGA)
        _checked(flow)
        return FlowRecord(
            Key=self._keys.get(flow.Key) or self._key(flow.Key),
            start_time=flow.start_time,
            end_time=flow.end_time,
            source_labels=_labels(flow.source_labels),
            dest_labels=_labels(flow.dest_labels),
            packets_in=flow.packets_in,
            packets_out=flow.packets_out,
            num_connections_started=flow.num_connections_started,
            num_connections_completed=flow.num_connections_completed,
            num_connections_live=flow.num_connections_live,
        )

    def _key(self, raw: bytes) -> _Text:
        """The JSON of a ``FlowKey``, as Goldmane's emitter writes it."""
        key = self._of["FlowKey"].FromString(raw)
        for name in ("dest_port", "dest_service_port"):
            if not 0 <= (port := getattr(key, name)) <= _PORT:
                raise Bad(f".Key.{name}", f"expected a port, found {port}")
        fields: dict[str, object] = {name: getattr(key, name) for name in _KEY}
        if key.HasField("policies"):
            fields["policies"] = {
                name: list(map(_hit, getattr(key.policies, name)))
                for name in _TABLES["PolicyTrace"]
            }
        if len(self._keys) >= _REMEMBERED:
            self._keys.clear()
        text = self._keys[raw] = msgspec.json.encode(fields)
        return text


def _hit(hit: Message) -> dict[str, int]:
    return {name: getattr(hit, name) for name in _HIT}


def _labels(labels: Iterable[str]) -> _Text:
    texts = list(labels)
    return msgspec.json.encode(texts) if texts else b""


def _checked(flow: Message) -> None:
    """Raises :class:`Bad` for numbers that the JSON form cannot hold."""
    for name in _TABLES["Flow"]:
        value = getattr(flow, name)
        if isinstance(value, int) and not 0 <= value <= MOST:
            wanted = ">= 0" if value < 0 else f"<= {MOST}"
            raise Bad(f".{name}", f"expected a number {wanted}, found {value}")

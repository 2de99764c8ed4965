"""What a line of the AWS network policy agent says, in each of its forms.

The node's log is zap JSON whose ``msg`` begins with ``Flow Info:``: older agents add the flow as
members of the object, newer ones write it into the text, with or without colons, direction and tier
(aws/aws-network-policy-agent, ``pkg/ebpf/events``). CloudWatch holds ``Node: …;SIP: …``, and gives
it back inside of events of several shapes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from capture.times import instant

__all__ = ["Message", "Seen", "parts", "understood"]

_INFO: Final = re.compile(
    r"Flow Info:\s+Src IP:?\s*(\S+)\s+Src Port:?\s*(\S+)\s+Dest IP:?\s*(\S+)\s+Dest Port:?\s*(\S+)"
    r"\s+Proto:?\s*(.+?)\s+Verdict:?\s*(\w+)(?:,?\s+Direction:?\s*\w+)?(?:,?\s+Tier:?\s*(\w+))?"
)
_STAMP: Final = re.compile(
    r"\s*\"?(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:[Zz]|[+-]\d\d:?\d\d)?)", re.ASCII
)
_CLOUDWATCH: Final = re.compile(r"\bNode:\s*[^;]*;\s*SIP:[^\"\r\n]*")
_NAMES: Final = ("SIP", "SPORT", "DIP", "DPORT", "PROTOCOL", "PolicyVerdict", "Tier")
_MILLISECONDS: Final = 10**11
"""Numbers from here on (the year 5138 in seconds) are milliseconds."""
_DEPTH: Final = 3
"""An event of CloudWatch may hold a line that a log shipper wrapped in JSON."""

_Time: TypeAlias = str | int | float | None
_Port: TypeAlias = str | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One flow as the agent says it."""

    source: str
    source_port: int
    target: str
    target_port: int
    protocol: str
    verdict: str
    tier: str = ""


Seen: TypeAlias = tuple[Message | None, int | None]
"""The flow of a line (None: the line is about something else) and its time."""


class _Line(
    msgspec.Struct,
    rename={
        "source": "Src IP",
        "source_port": "Src Port",
        "target": "Dest IP",
        "target_port": "Dest Port",
        "protocol": "Proto",
        "verdict": "Verdict",
        "tier": "Tier",
        "insight": "@message",
        "insight_time": "@timestamp",
    },
):
    """The members that matter, of a line of the log and of an event that holds one."""

    ts: _Time = None
    timestamp: _Time = None
    msg: str = ""
    source: str = ""
    source_port: _Port = 0
    target: str = ""
    target_port: _Port = 0
    protocol: str = ""
    verdict: str = ""
    tier: str = ""
    message: str = ""
    log: str = ""
    insight: str = ""
    insight_time: _Time = None


class _Batch(msgspec.Struct):
    """An export of CloudWatch in one line."""

    events: list[msgspec.Raw] = []
    logEvents: list[msgspec.Raw] = []  # noqa: N815 - as it is written
    results: list[msgspec.Raw] = []


class _Field(msgspec.Struct):
    """A column of a row of CloudWatch Logs Insights."""

    field: str = ""
    value: str = ""


_decode = msgspec.json.Decoder(_Line).decode
_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_row = msgspec.json.Decoder(list[_Field]).decode


def parts(text: bytes) -> list[bytes]:
    """The events in a record that is a batch of them; else itself."""
    if not (b'vents"' in text or b'"results"' in text) or text.lstrip()[:1] != b"{":
        return [text]
    try:
        batch = _decode_batch(text)
    except (ValueError, RecursionError):
        return [text]
    return [b"" + one for one in (*batch.events, *batch.logEvents, *batch.results)] or [text]


def understood(text: bytes, depth: int = _DEPTH) -> Seen:
    """What a record says. Raises ``ValueError``."""
    begin = text.lstrip()[:1]
    if begin == b"{" and depth:
        return _of_line(_decode(text), depth)
    if begin == b"[" and depth and text.lstrip()[1:].lstrip()[:1] == b"{":
        row = {one.field: one.value for one in _decode_row(text)}
        return _inner(row.get("@message", ""), row.get("@timestamp"), depth)
    plain = text.decode("utf-8", "replace")
    stamp = _STAMP.match(plain)
    return _message(plain), instant(stamp[1], zoneless=True) if stamp else None


def _of_line(line: _Line, depth: int) -> Seen:
    time = next((t for t in (line.ts, line.insight_time, line.timestamp) if t is not None), None)
    if line.source and line.verdict:
        found = Message(
            source=line.source,
            source_port=_port(line.source_port),
            target=line.target,
            target_port=_port(line.target_port),
            protocol=line.protocol,
            verdict=line.verdict,
            tier=line.tier,
        )
        return found, _nanoseconds(time)
    if line.msg:
        return _message(line.msg), _nanoseconds(time)
    return _inner(line.message or line.insight or line.log, time, depth)


def _inner(text: str, time: _Time, depth: int) -> Seen:
    """The line that an event holds; the line's own time counts before that of the event."""
    message, own = understood(text.encode("utf-8", "replace"), depth - 1)
    return message, _nanoseconds(time) if own is None else own


def _message(text: str) -> Message | None:
    """The flow in a text. Raises ``ValueError`` for one that is cut or garbled."""
    if found := _INFO.search(text):
        values = list(found.groups(""))
    elif found := _CLOUDWATCH.search(text):
        parts = (part.partition(":") for part in found[0].split(";"))
        members = {name.strip(): value.strip() for name, _, value in parts}
        values = [members.get(name, "") for name in _NAMES]
    elif "Flow Info:" in text:
        raise ValueError("a flow that is cut or garbled")
    else:
        return None
    source, source_port, target, target_port, protocol, verdict, tier = values
    return Message(
        source=source,
        source_port=_port(source_port),
        target=target,
        target_port=_port(target_port),
        protocol=protocol,
        verdict=verdict,
        tier=tier,
    )


def _port(value: _Port) -> int:
    try:
        number = int(value)
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:
        raise ValueError(f"expected a port, found {str(value)[:20]!r}")
    return number


def _nanoseconds(time: _Time) -> int | None:
    if time is None or time == "":
        return None
    if isinstance(time, str) and not time.isdecimal():
        return instant(time, zoneless=True)
    number = float(time)
    if not 0 <= number < _MILLISECONDS * 1000:
        raise ValueError(f"expected a time, found {str(time)[:20]!r}")
    if number >= _MILLISECONDS:
        return int(number) * 10**6
    return round(number * 10**6) * 1000

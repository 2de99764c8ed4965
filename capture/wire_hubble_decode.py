"""Hubble's messages as they travel, ``observer.GetFlowsResponse``, into the records of its JSON.

The fold over JSON lines reads what comes out, so that a flow means the same in both forms:
endpoints become the text that JSON would hold, once per distinct encoding, and what writers of JSON
leave out (defaults) is absent here too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, cast

import msgspec

from capture.hubble_errors import Bad
from capture.hubble_orient import Aside
from capture.hubble_record import (
    NO_LAYER7,
    VERDICTS,
    Addresses,
    Aggregate,
    Dns,
    Event,
    Flags,
    FlowRecord,
    Icmp,
    Layer4,
    Layer7,
    Line,
    LostEvents,
    NodeStatus,
    Ports,
    ServiceRecord,
    Tcp,
    Verdict,
)
from capture.live_seen import REPEATED, Seen, digest
from capture.wire import Message, decode_error, messages
from capture.wire_hubble import TABLES

__all__ = ["Decoder"]

Text: TypeAlias = Any
"""JSON text: bytes, where the structs declare ``Raw``, which is read in the same way."""

_REMEMBERED: Final = 16384
"""Distinct encodings of endpoints of which the text is kept."""
_SECONDS_REMEMBERED: Final = 8192
_LOST_IN: Final = (
    "",
    "PERF_EVENT_RING_BUFFER",
    "OBSERVER_EVENTS_QUEUE",
    "HUBBLE_RING_BUFFER",
)
"""Names of ``flow.LostEventSource`` by number; the first is unknown."""
_VERDICTS: Final[dict[int, Verdict | None]] = {
    n: cast("Verdict", name) if n else None for n, name in enumerate(VERDICTS)
}
"""Names of ``flow.Verdict`` by number; writers of JSON leave out the first."""
_TRUE: Final = b"\x08\x01"
"""``google.protobuf.BoolValue`` of true."""
_GIGA: Final = 1_000_000_000
_PORT: Final = 65535
_BYTE: Final = 255


class Decoder:
    """Decodes messages one by one, and remembers what is the same in many.

    Records are told from each other by their UUID, or, where old agents give none, by all they say.
    What is called for every record is written out: a call of ours costs as much as a field.
    """

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._error = decode_error()
        self._of = messages("netpol.hubble", TABLES)
        self._parse: Callable[[bytes], Message] = self._of["GetFlowsResponse"].FromString
        self._endpoints: dict[bytes, Text] = {}
        self._events: dict[bytes, Event] = {}
        self._flags: dict[bytes, Flags] = {}
        self._seconds: dict[int, str] = {}
        self._line = Line()

    def __call__(self, message: bytes) -> Line:
        """A message as a line, which is good until the next one.

        Raises :class:`Bad`, or :class:`Aside` for a record that was read before.
        """
        try:
            response = self._parse(message)
            flow = response.flow
            source = flow.source
            if not source and not response.HasField("flow"):
                return _beside(response)
            self._line.flow = self._flow(flow, source, message)
        except self._error as error:
            raise Bad("", f"not a message of Hubble: {error}") from None
        return self._line

    def _flow(self, flow: Message, source: bytes, message: bytes) -> FlowRecord:
        ident, seen = flow.uuid or digest(message), self._seen
        if seen.skip and digest(ident) in seen.skip:
            seen.repeated += 1
            raise Aside(REPEATED)
        time = flow.time
        seconds, nanos = time.seconds, time.nanos
        seen.note(ident)
        seen.at(seconds * _GIGA + nanos)
        l4, destination, happened = flow.l4, flow.destination, flow.event_type
        if l4.HasField("TCP"):
            tcp = l4.TCP
            flags, source_port, port = tcp.flags, tcp.source_port, tcp.destination_port
            if source_port > _PORT or port > _PORT:
                raise _too_high(".l4.TCP", source_port, port)
            layer4 = Layer4(Tcp(source_port, port, self._flags.get(flags) or self._flag(flags)))
        else:
            layer4 = _other(l4)
        answer, layer7, verdict = flow.is_reply, flow.l7, flow.verdict
        if verdict not in _VERDICTS:
            raise Bad(".verdict", f"expected a verdict, found {verdict}")
        if not 0 <= nanos < _GIGA:
            raise Bad(".time", f"expected nanoseconds of a second, found {nanos}")
        second = self._seconds.get(seconds) or self._second(seconds)
        record = FlowRecord(
            f"{second}.{nanos:09d}Z" if seconds else "",
            _VERDICTS[verdict],
            flow.drop_reason,
            flow.IP,  # few are asked for: they stay as they are
            layer4,
            self._endpoints.get(source) or self._endpoint(flow, "source"),
            self._endpoints.get(destination) or self._endpoint(flow, "destination"),
            None,
            None,
            self._seven(layer7) if layer7 else NO_LAYER7,
            flow.reply,
            self._events.get(happened) or self._event(happened),
            None,
            None,
            flow.drop_reason_desc,
            answer == _TRUE if answer else (False if flow.HasField("is_reply") else None),
        )
        if (
            flow.destination_service
            or flow.source_service
            or flow.destination_names
            or flow.source_names
            or flow.aggregate
        ):
            self._rare(record, message)
        return record

    def beside(self, message: bytes) -> str:
        """The time that stands beside the flow in a message; empty where there is none."""
        time = self._parse(message).time
        return f"{self._second(time.seconds)}.{time.nanos:09d}Z" if time.seconds else ""

    def _second(self, seconds: int) -> str:
        if len(self._seconds) >= _SECONDS_REMEMBERED:
            self._seconds.clear()
        try:
            if seconds < 0:
                raise ValueError
            text = datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
        except (ValueError, OverflowError, OSError):
            message = f"expected seconds since 1970, found {seconds}"
            raise Bad(".time", message) from None
        self._seconds[seconds] = text
        return text

    def _flag(self, raw: bytes) -> Flags:
        flags = self._of["Flags"].FromString(raw)
        found = self._flags[raw] = Flags(flags.SYN, flags.RST, flags.ACK)
        return found

    def _event(self, raw: bytes) -> Event:
        event = self._of["Event"].FromString(raw)
        if len(self._events) >= _REMEMBERED:
            self._events.clear()
        found = self._events[raw] = Event(event.type, event.sub_type)
        return found

    def _seven(self, raw: bytes) -> Layer7:
        layer7 = self._of["Layer7"].FromString(raw)
        dns = layer7.dns if layer7.HasField("dns") else None
        return Layer7(
            layer7.type, Dns(dns.query, list(dns.ips), dns.rcode, dns.ttl) if dns else None
        )

    def addresses(self, raw: bytes) -> Addresses:
        """A ``flow.IP``. Raises ``ValueError``."""
        try:
            pair = self._of["IP"].FromString(raw)
        except self._error as error:
            raise ValueError(str(error)) from None
        return Addresses(pair.source, pair.destination)

    def _endpoint(self, flow: Message, name: str) -> Text:
        """The JSON of a ``flow.Endpoint``; empty where there is none."""
        raw: bytes = getattr(flow, name)
        if not raw:  # an empty one, or none at all
            return b"{}" if flow.HasField(name) else raw
        end = self._of["Endpoint"].FromString(raw)
        text = msgspec.json.encode(
            {
                "identity": end.identity,
                "namespace": end.namespace,
                "labels": list(end.labels),
                "pod_name": end.pod_name,
                "workloads": [{"name": one.name, "kind": one.kind} for one in end.workloads],
            }
        )
        return _remember(self._endpoints, raw, text)

    def _rare(self, record: FlowRecord, message: bytes) -> None:
        """What only some records say."""
        flow = self._of["RareResponse"].FromString(message).flow
        record.source_names = list(flow.source_names) or None
        record.destination_names = list(flow.destination_names) or None
        for name in ("source_service", "destination_service"):
            if flow.HasField(name):
                service = getattr(flow, name)
                setattr(record, name, ServiceRecord(service.name, service.namespace))
        if flow.HasField("aggregate"):
            total = flow.aggregate
            record.aggregate = Aggregate(
                total.ingress_flow_count,
                total.egress_flow_count,
                total.unknown_direction_flow_count,
            )


def _remember(kept: dict[bytes, Text], raw: bytes, text: Text) -> Text:
    if len(kept) >= _REMEMBERED:
        kept.clear()
    kept[raw] = text
    return text


def _other(l4: Message) -> Layer4:
    """What is no TCP."""
    for name in ("UDP", "SCTP"):
        if l4.HasField(name):
            part = getattr(l4, name)
            if part.source_port > _PORT or part.destination_port > _PORT:
                raise _too_high(f".l4.{name}", part.source_port, part.destination_port)
            ports = Ports(part.source_port, part.destination_port)
            return Layer4(UDP=ports) if name == "UDP" else Layer4(SCTP=ports)
    for name in ("ICMPv4", "ICMPv6"):
        if l4.HasField(name):
            part = getattr(l4, name)
            if part.type > _BYTE or part.code > _BYTE:
                raise Bad(f".l4.{name}", f"expected a byte, found {max(part.type, part.code)}")
            icmp = Icmp(part.type, part.code)
            return Layer4(ICMPv4=icmp) if name == "ICMPv4" else Layer4(ICMPv6=icmp)
    beside = l4.HasField("VRRP") or l4.HasField("IGMP")
    return Layer4(VRRP={}) if beside else Layer4()


def _too_high(path: str, source: int, destination: int) -> Bad:
    which = "source" if source > _PORT else "destination"
    found = max(source, destination)
    return Bad(f"{path}.{which}_port", f"expected a whole number <= {_PORT}, found {found}")


def _beside(response: Message) -> Line:
    """A message that is no flow; empty when it is none that is known."""
    if response.HasField("lost_events"):
        lost = response.lost_events
        known = 0 <= lost.source < len(_LOST_IN)
        source = _LOST_IN[lost.source] if known else str(lost.source)
        return Line(lost_events=LostEvents(source, lost.num_events_lost or 1))
    if response.HasField("node_status"):
        node = response.node_status
        status = NodeStatus(node.state_change, list(node.node_names), node.message)
        return Line(node_status=status)
    return Line()

"""Hubble's messages as they travel, ``observer.GetFlowsResponse``, into the records of its JSON.

The fold over JSON lines reads what comes out, so that a flow means the same in both forms:
endpoints and pairs of addresses become the text that JSON would hold, once per distinct encoding,
and what writers of JSON leave out (defaults) is absent here too.
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
"""Distinct encodings of endpoints, and of pairs of addresses, of which the text is kept."""
_SECONDS_REMEMBERED: Final = 8192
_LOST_IN: Final = (
    "",
    "PERF_EVENT_RING_BUFFER",
    "OBSERVER_EVENTS_QUEUE",
    "HUBBLE_RING_BUFFER",
)
"""Names of ``flow.LostEventSource`` by number; the first is unknown."""
_TRUE: Final = b"\x08\x01"
"""``google.protobuf.BoolValue`` of true."""
_GIGA: Final = 1_000_000_000
_PORT: Final = 65535
_BYTE: Final = 255


class Decoder:
    """Decodes messages one by one, and remembers what is the same in many.

    Records are told from each other by their UUID, or, where old agents give none, by all they say.
    """

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._error = decode_error()
        self._of = messages("netpol.hubble", TABLES)
        self._parse: Callable[[bytes], Message] = self._of["GetFlowsResponse"].FromString
        self._layer4: Callable[[bytes], Message] = self._of["Layer4"].FromString
        self._endpoints: dict[bytes, Text] = {}
        self._addresses: dict[bytes, Text] = {}
        self._events: dict[bytes, Event] = {}
        self._flags: dict[bytes, Flags] = {}
        self._seconds: dict[int, str] = {}

    def __call__(self, message: bytes) -> Line:
        """A message as a line. Raises :class:`Bad`, or :class:`Aside` for one read before."""
        try:
            response = self._parse(message)
            flow = response.flow
            source = flow.source
            if not source and not response.HasField("flow"):
                return _beside(response)
            return Line(self._flow(flow, source, message))
        except self._error as error:
            raise Bad("", f"not a message of Hubble: {error}") from None

    def beside(self, message: bytes) -> str:
        """The time that stands beside the flow in a message."""
        time = self._parse(message).time
        return self._stamp(time.seconds, time.nanos)

    def _flow(self, flow: Message, source: bytes, message: bytes) -> FlowRecord:
        ident, seen = flow.uuid or digest(message), self._seen
        if seen.skip and digest(ident) in seen.skip:
            seen.repeated += 1
            raise Aside(REPEATED)
        seen.ids.append(ident)
        destination, pair, happened = flow.destination, flow.IP, flow.event_type
        answer, layer7, time = flow.is_reply, flow.l7, flow.time
        record = FlowRecord(
            self._stamp(time.seconds, time.nanos),
            _verdict(flow.verdict),
            flow.drop_reason,
            self._addresses.get(pair) or self._pair(pair),
            self._ports(flow.l4),
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

    def _stamp(self, seconds: int, nanos: int) -> str:
        """The time as RFC 3339; empty where there is none."""
        now, seen = seconds * _GIGA + nanos, self._seen
        if now > seen.newest:
            seen.newest = now
        if 0 < now < seen.oldest:
            seen.oldest = now
        second = self._seconds.get(seconds) or self._second(seconds)
        if nanos < 0 or nanos >= _GIGA:
            raise Bad(".time", f"expected nanoseconds of a second, found {nanos}")
        return f"{second}.{nanos:09d}Z" if now else ""

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

    def _ports(self, raw: bytes) -> Layer4:
        l4 = self._layer4(raw)
        if l4.HasField("TCP"):
            tcp = l4.TCP
            flags = tcp.flags
            source, destination = tcp.source_port, tcp.destination_port
            if source > _PORT or destination > _PORT:
                raise _too_high(".l4.TCP", source, destination)
            return Layer4(Tcp(source, destination, self._flags.get(flags) or self._flag(flags)))
        return _other(l4)

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
        return Layer7(layer7.type, Dns(dns.query, list(dns.ips), dns.rcode) if dns else None)

    def _pair(self, raw: bytes) -> Text:
        """The JSON of ``flow.IP``; empty where there is none."""
        if not raw:
            return raw
        pair = self._of["IP"].FromString(raw)
        text = msgspec.json.encode({"source": pair.source, "destination": pair.destination})
        return _remember(self._addresses, raw, text)

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


def _verdict(number: int) -> Verdict | None:
    """The name of ``flow.Verdict``; None for the first, which writers of JSON leave out."""
    if not 0 <= number < len(VERDICTS):
        raise Bad(".verdict", f"expected a verdict, found {number}")
    return cast("Verdict", VERDICTS[number]) if number else None


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

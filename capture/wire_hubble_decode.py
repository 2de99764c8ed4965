"""Hubble's messages as they travel, ``observer.GetFlowsResponse``, into the records of its JSON.

The fold over JSON lines reads what comes out, so that a flow means the same in both forms. What
writers of JSON leave out (defaults) is absent here too. Endpoints stay as they are encoded: the
fold asks once per distinct one what it means.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from datetime import UTC, datetime
from typing import Final, cast

from msgspec import Raw
from msgspec.json import encode

from capture.hubble_errors import Bad
from capture.hubble_orient import Aside
from capture.hubble_record import (
    NO_LAYER7,
    VERDICTS,
    Addresses,
    Aggregate,
    Dns,
    EndpointRecord,
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
    WorkloadRecord,
)
from capture.live_seen import REPEATED, Seen, digest
from capture.wire import Message, decode_error, messages
from capture.wire_hubble import TABLES

__all__ = ["Decoder"]

_REMEMBERED: Final = 16384
"""Distinct encodings of a message that are remembered."""
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
_EMPTY: Final = b"\x10\x00"
"""A ``flow.Endpoint`` that says nothing (its identity is 0), yet is there."""
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
        self._events: dict[bytes, Event] = {}
        self._flags: dict[bytes, Flags] = {}
        self._seconds: dict[int, str] = {}
        self._tcp = Tcp()
        self._over_tcp = Layer4(self._tcp)
        self._record = FlowRecord()
        self._line = Line(self._record)

    def __call__(self, message: bytes) -> Line:  # noqa: C901 - a call costs more than the work
        """A message as a line, which is good until the next one.

        Raises :class:`Bad`, or :class:`Aside` for a record that was read before.
        """
        try:
            response = self._parse(message)
            flow = response.flow
            source, destination = flow.source, flow.destination
            if not (source and destination):
                if not source and not response.HasField("flow"):
                    return _beside(response)
                source, destination = _told(flow, "source"), _told(flow, "destination")
            record = self._record
            record.source, record.destination = source, destination  # as they are: see endpoint()

            ident, seen = flow.uuid or digest(message), self._seen
            if seen.skip and digest(ident) in seen.skip:
                seen.repeated += 1
                raise Aside(REPEATED)
            time = flow.time
            seconds, nanos = time.seconds, time.nanos
            seen.note(ident)
            seen.at(seconds * _GIGA + nanos)
            if not 0 <= nanos < _GIGA:
                raise Bad(".time", f"expected nanoseconds of a second, found {nanos}")
            second = self._seconds.get(seconds) or self._second(seconds)
            record.time = f"{second}.{nanos:09d}Z" if seconds else ""

            l4, happened, answer, layer7 = flow.l4, flow.event_type, flow.is_reply, flow.l7
            if l4.HasField("TCP"):
                part, tcp = l4.TCP, self._tcp
                flags, tcp.source_port = part.flags, part.source_port
                tcp.destination_port = part.destination_port
                if (tcp.source_port | tcp.destination_port) > _PORT:
                    raise _too_high(".l4.TCP", tcp.source_port, tcp.destination_port)
                tcp.flags = self._flags.get(flags) or self._flag(flags)
                record.l4 = self._over_tcp
            else:
                record.l4 = _other(l4)
            try:
                record.verdict = _VERDICTS[flow.verdict]
            except KeyError:
                raise Bad(".verdict", f"expected a verdict, found {flow.verdict}") from None
            record.drop_reason = flow.drop_reason
            record.IP = flow.IP  # few are asked for: they stay as they are
            record.l7 = self._seven(layer7) if layer7 else NO_LAYER7
            record.reply = flow.reply
            record.event_type = self._events.get(happened) or self._event(happened)
            record.drop_reason_desc = flow.drop_reason_desc
            if answer:
                record.is_reply = answer == _TRUE
            else:
                record.is_reply = False if flow.HasField("is_reply") else None
            if (
                flow.destination_service
                or flow.source_service
                or flow.destination_names
                or flow.source_names
                or flow.aggregate
            ):
                return Line(self._rare(copy(record), message))
        except self._error as error:
            raise Bad("", f"not a message of Hubble: {error}") from None
        return self._line

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

    def endpoint(self, raw: bytes) -> EndpointRecord:
        """A ``flow.Endpoint``. Raises ``ValueError``."""
        try:
            end = self._of["Endpoint"].FromString(raw)
        except self._error as error:
            raise ValueError(str(error)) from None
        return EndpointRecord(
            identity=end.identity,
            namespace=end.namespace,
            labels=Raw(encode(list(end.labels))),
            pod_name=end.pod_name,
            workloads=[WorkloadRecord(one.name, one.kind) for one in end.workloads],
        )

    def _rare(self, record: FlowRecord, message: bytes) -> FlowRecord:
        """The record with what only some say."""
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
        return record


def _told(flow: Message, end: str) -> bytes:
    """The encoding of an endpoint; empty where there is none, and only there."""
    return getattr(flow, end) or (_EMPTY if flow.HasField(end) else b"")


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

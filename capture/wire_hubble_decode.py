"""Hubble's messages as they travel, ``observer.GetFlowsResponse``, into the records of its JSON.

The fold over JSON lines reads what comes out, so that a flow means the same in both forms. What
writers of JSON leave out (defaults) is absent here too. Endpoints stay as they are encoded: the
fold asks once per distinct one what it means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from msgspec import Raw
from msgspec.json import encode

from capture.hubble_errors import Bad, Incomplete
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
from capture.hubble_seen import Plain
from capture.live_seen import REPEATED, Seen, digest
from capture.times import LATEST, nanosecond_text
from capture.wire import Message, decode_error, messages
from capture.wire_hubble import TABLES

__all__ = ["DROPPED", "GIGA", "PORT", "Decoder", "no_flow", "time_of", "told"]

_REMEMBERED: Final = 16384
"""Distinct encodings of a message that are remembered."""
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
GIGA: Final = 1_000_000_000
DROPPED: Final = VERDICTS.index("DROPPED")
PORT: Final = 65535
"""The highest."""
_BYTE: Final = 255


class Decoder:
    """Decodes messages, and remembers what is the same in many; it outlives the fold over a batch.

    Records are told from each other by their UUID, or, where old agents give none, by all they say.
    """

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.error = decode_error()
        self.plain: Plain = {}
        """What to do with records, by what is encoded of what decides."""
        self._of = messages("netpol.hubble", TABLES)
        self.parse: Callable[[bytes], Message] = self._of["GetFlowsResponse"].FromString

    def ident(self, flow: Message, message: bytes) -> bytes:
        """What tells a record from all others. Raises :class:`Aside` where it was read before."""
        found: bytes = flow.uuid or digest(message)
        if self.seen.skip and digest(found) in self.seen.skip:
            self.seen.repeated += 1
            raise Aside(REPEATED)
        return found

    def record(self, flow: Message) -> FlowRecord:
        """A flow as a record of the JSON, but for its endpoints and what :meth:`rare` adds.

        Raises :class:`Bad`.
        """
        try:
            verdict = _VERDICTS[flow.verdict]
        except KeyError:
            raise Bad(".verdict", f"expected a verdict, found {flow.verdict}") from None
        event, time = self._of["Event"].FromString(flow.event_type), flow.time
        return FlowRecord(
            time=nanosecond_text(_nanoseconds(time)) if time.seconds else "",
            verdict=verdict,
            drop_reason=flow.drop_reason,
            l4=_layer4(flow.l4, self._flags),
            l7=self.seven(flow.l7) if flow.l7 else NO_LAYER7,
            reply=flow.reply,
            event_type=Event(event.type, event.sub_type),
            drop_reason_desc=flow.drop_reason_desc,
            is_reply=flow.is_reply == _TRUE if flow.HasField("is_reply") else None,
        )

    def _flags(self, raw: bytes) -> Flags:
        flags = self._of["Flags"].FromString(raw)
        return Flags(flags.SYN, flags.RST, flags.ACK)

    def seven(self, raw: bytes) -> Layer7:
        """A ``flow.Layer7``."""
        layer7 = self._of["Layer7"].FromString(raw)
        dns = layer7.dns if layer7.HasField("dns") else None
        return Layer7(
            layer7.type, Dns(dns.query, list(dns.ips), dns.rcode, dns.ttl) if dns else None
        )

    def addresses(self, raw: bytes) -> Addresses:
        """A ``flow.IP``. Raises ``ValueError``."""
        try:
            pair = self._of["IP"].FromString(raw)
        except self.error as error:
            raise ValueError(str(error)) from None
        return Addresses(pair.source, pair.destination)

    def endpoint(self, raw: bytes) -> EndpointRecord:
        """A ``flow.Endpoint``. Raises ``ValueError``."""
        try:
            end = self._of["Endpoint"].FromString(raw)
        except self.error as error:
            raise ValueError(str(error)) from None
        return EndpointRecord(
            identity=end.identity,
            namespace=end.namespace,
            labels=Raw(encode(list(end.labels))),
            pod_name=end.pod_name,
            workloads=[WorkloadRecord(one.name, one.kind) for one in end.workloads],
        )

    def rare(self, record: FlowRecord, message: bytes) -> FlowRecord:
        """The record of a message with what only some say."""
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


def _nanoseconds(time: Message) -> int:
    """Since the epoch. Raises :class:`Bad`."""
    if not 0 <= time.seconds < LATEST:
        raise Bad(".time", f"expected seconds since 1970, found {time.seconds}")
    if not 0 <= time.nanos < GIGA:
        raise Bad(".time", f"expected nanoseconds of a second, found {time.nanos}")
    return int(time.seconds) * GIGA + int(time.nanos)


def time_of(response: Message) -> int:
    """The flow's time, or else the one that stands beside it. Raises :class:`Bad`."""
    time = response.flow.time if response.flow.time.seconds else response.time
    if not time.seconds:
        raise Incomplete(".time")
    return _nanoseconds(time)


def told(flow: Message, end: str) -> bytes:
    """The encoding of an endpoint; empty where there is none, and only there."""
    return getattr(flow, end) or (_EMPTY if flow.HasField(end) else b"")


def _ports(part: Message, path: str) -> tuple[int, int]:
    """Source and destination. Raises :class:`Bad`."""
    source, destination = part.source_port, part.destination_port
    if (source | destination) > PORT:
        which, found = ("source", source) if source > PORT else ("destination", destination)
        raise Bad(f"{path}.{which}_port", f"expected a whole number <= {PORT}, found {found}")
    return source, destination


def _layer4(l4: Message, flags: Callable[[bytes], Flags]) -> Layer4:
    if l4.HasField("TCP"):
        return Layer4(TCP=Tcp(*_ports(l4.TCP, ".l4.TCP"), flags(l4.TCP.flags)))
    for name in ("UDP", "SCTP"):
        if l4.HasField(name):
            found = Ports(*_ports(getattr(l4, name), f".l4.{name}"))
            return Layer4(UDP=found) if name == "UDP" else Layer4(SCTP=found)
    for name in ("ICMPv4", "ICMPv6"):
        if l4.HasField(name):
            part = getattr(l4, name)
            if part.type > _BYTE or part.code > _BYTE:
                raise Bad(f".l4.{name}", f"expected a byte, found {max(part.type, part.code)}")
            icmp = Icmp(part.type, part.code)
            return Layer4(ICMPv4=icmp) if name == "ICMPv4" else Layer4(ICMPv6=icmp)
    beside = l4.HasField("VRRP") or l4.HasField("IGMP")
    return Layer4(VRRP={}) if beside else Layer4()


def no_flow(response: Message) -> Line:
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

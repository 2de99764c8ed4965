"""From a decoded record to its orientation and signals, remembered per combination."""

from __future__ import annotations

from typing import Final, TypeAlias

from capture.hubble_errors import Incomplete
from capture.hubble_orient import Judged, Seen, answer_ports, judge, meaning
from capture.hubble_record import NO_LAYER7, VERDICTS, FlowRecord, Icmp, Layer4, Ports, Tcp

__all__ = ["NO_PORTS", "Known", "Plain", "judged", "port_path", "rarer"]

Known: TypeAlias = tuple[object, ...]
"""The fields that decide, at least the most common of them; a different number of them by protocol.

TCP: verdict, event type, is_reply, reply, L7 type, drop reason, SYN, ACK, RST. UDP: the first five.
SCTP and ICMP have keys of their own length too.
"""
Plain: TypeAlias = dict[Known, Judged]

NO_PORTS: Final = Ports()

_REMEMBERED: Final = 4096
_LAYER7: Final = ("UNKNOWN", "REQUEST", "RESPONSE", "SAMPLE")
_DROPS: Final = {
    "DROP_REASON_UNKNOWN": 0,
    "POLICY_DENIED": 133,
    "POLICY_DENY": 181,
    "AUTH_REQUIRED": 189,
}
_OTHER_DROP: Final = 1
_DROP, _POLICY_VERDICT = 1, 5


def judged(flow: FlowRecord, known: Known, plain: Plain) -> Judged:
    """What to do with a record; remembered under ``known`` where that is all that decides.

    Raises :class:`Incomplete`.
    """
    if flow.verdict is None:
        raise Incomplete(".verdict")
    verdict = flow.verdict if isinstance(flow.verdict, str) else VERDICTS[flow.verdict]
    protocol, part = _layer4(flow.l4)
    found = _judge(flow, verdict, protocol, part)
    # Why it was dropped may stand in other fields, and of UDP the ports count as well.
    settled = verdict != "DROPPED" or (protocol == "TCP" and flow.drop_reason_desc)
    if settled and part is not None:
        if len(plain) >= _REMEMBERED:
            plain.clear()
        plain[known] = found
    return found


def _judge(
    flow: FlowRecord, verdict: str, protocol: str, part: Tcp | Ports | Icmp | None
) -> Judged:
    flags = part.flags if isinstance(part, Tcp) else Tcp().flags
    ports = part if isinstance(part, Ports) else NO_PORTS
    dropped = verdict == "DROPPED"
    seen = Seen(
        protocol=protocol,
        verdict=verdict,
        event=flow.event_type.type,
        # The old field only ever means yes: no and unknown look the same.
        reply=flow.is_reply if flow.is_reply is not None else flow.reply or None,
        layer7=_layer7(flow),
        syn=flags.SYN,
        rst=flags.RST,
        ack=flags.ACK,
        drop=_drop_reason(flow) if dropped else 0,
        icmp=part.type if isinstance(part, Icmp) else 0,
        answer_ports=dropped and answer_ports(ports.source_port, ports.destination_port),
    )
    try:
        return judge(seen)
    except ValueError:
        raise Incomplete(".l4") from None


def _layer7(flow: FlowRecord) -> str:
    if flow.l7 is NO_LAYER7:
        return ""
    kind = flow.l7.type
    if isinstance(kind, int):
        return _LAYER7[kind] if 0 <= kind < len(_LAYER7) else _LAYER7[0]
    return kind or _LAYER7[0]


def _layer4(l4: Layer4) -> tuple[str, Tcp | Ports | Icmp | None]:
    """Protocol, and the part with ports or type; the protocol is empty when there is none."""
    for name, part in (("TCP", l4.TCP), ("UDP", l4.UDP), ("SCTP", l4.SCTP)):
        if part is not None:
            return name, part
    for name, icmp in (("ICMP", l4.ICMPv4), ("ICMPv6", l4.ICMPv6)):
        if icmp is not None:
            return name, icmp
    if l4.VRRP is not None or l4.IGMP is not None:
        return "VRRP", None
    return "", None


def _drop_reason(flow: FlowRecord) -> int:
    """Number of the reason of a drop, from the newest of the three places that may tell it."""
    reason = flow.drop_reason_desc
    number = _DROPS.get(reason, _OTHER_DROP) if isinstance(reason, str) else reason
    event = flow.event_type
    if event.type == _DROP:
        return number or flow.drop_reason or event.sub_type
    unnamed = _DROPS["POLICY_DENIED"] if event.type == _POLICY_VERDICT else 0
    return number or flow.drop_reason or unnamed


def rarer(flow: FlowRecord, plain: Plain) -> tuple[Judged, Ports]:
    """What to do with a record that is neither TCP nor UDP, and what stands for its ports."""
    l4 = flow.l4
    common = flow.verdict, flow.event_type.type, flow.is_reply, flow.reply
    if l4.SCTP is not None:
        known: Known = *common, flow.l7.type, "SCTP"
        return plain.get(known) or judged(flow, known, plain), l4.SCTP
    known = *common, l4.ICMPv4, l4.ICMPv6, None
    found = plain.get(known) or judged(flow, known, plain)
    return found, Ports(found.port, found.port)


def port_path(outcome: int, *, reply: bool) -> str:
    """Where the port that is missing should have been."""
    return f".l4.{meaning(outcome)[1]}.{'source' if reply else 'destination'}_port"

"""Which way a Hubble record points, and what it says about its connection.

Sources: how the agent fills its records (cilium/cilium ``pkg/hubble/parser``), drop reasons
(``pkg/monitor/api/drop.go``), ICMP types (IANA). Everything here depends on a handful of enums and
flags, so the reader asks once per combination of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from netpol.flow import SIGNALS
from netpol.net import PROTOCOLS

__all__ = [
    "BY_PORTS",
    "FORWARD",
    "ICMP_ANSWERS",
    "ICMP_ASIDE",
    "REPLY",
    "TAGS",
    "Aside",
    "Judged",
    "Seen",
    "answer_ports",
    "judge",
    "lower_port_serves",
    "meaning",
]

FORWARD, REPLY, BY_PORTS = range(3)
"""Client to server; server to client; to be told from the ports."""

TAGS: Final = 2 * len(PROTOCOLS)
"""An outcome is one small number, for keys of dictionaries: signals times this, plus the tag, which
is the protocol's index doubled, plus one when the direction is not certain."""

AGENT: Final = "agent or debug event"
SOCKET: Final = "socket translation"
NO_VERDICT: Final = "no verdict"
NO_PORTS: Final = "dropped packet without ports"
ROUTER_PROTOCOL: Final = "VRRP or IGMP"
ICMP_ERROR: Final = "ICMP error"
NEIGHBOURS: Final = "neighbour discovery"
MULTICAST: Final = "broadcast or multicast"
STRAY_REPLY: Final = "reply of an unknown connection"

_BITS: Final = {name: 1 << n for n, name in enumerate(SIGNALS)}

_POLICY_DENIED, _POLICY_DENY, _AUTH_REQUIRED = 133, 181, 189
_DENIALS: Final = {_POLICY_DENIED: "denied", _AUTH_REQUIRED: "denied", _POLICY_DENY: "forbidden"}

_AGENT_EVENTS: Final = frozenset({2, 3, 130})
_TRACE, _POLICY_VERDICT, _TRACE_SOCKET = 4, 5, 7

ICMP_ASIDE: Final = {
    "ICMP": {3: ICMP_ERROR, 4: ICMP_ERROR, 5: ICMP_ERROR, 11: ICMP_ERROR, 12: ICMP_ERROR}
    | {9: NEIGHBOURS, 10: NEIGHBOURS},
    "ICMPv6": dict.fromkeys(range(1, 5), ICMP_ERROR)
    | dict.fromkeys((130, 131, 132, 143), MULTICAST)
    | dict.fromkeys(range(133, 138), NEIGHBOURS),
}
ICMP_ANSWERS: Final = {"ICMP": {0: 8, 14: 13, 16: 15, 18: 17}, "ICMPv6": {129: 128}}
"""Types that answer, and what they answer."""

_EPHEMERAL: Final = 32768
_WELL_KNOWN: Final = 1024


class Seen(NamedTuple):
    """The enums and flags of a record that decide; numbers are names already."""

    protocol: str
    """One of ``netpol.net.PROTOCOLS``, VRRP, IGMP, or empty when the record has none."""
    verdict: str
    event: int = 0
    """``event_type.type``."""
    reply: bool | None = None
    layer7: str = ""
    """REQUEST, RESPONSE or SAMPLE for records of the L7 proxy."""
    syn: bool = False
    rst: bool = False
    ack: bool = False
    drop: int = 0
    """Number of the drop reason."""
    icmp: int = 0
    """ICMP type."""
    answer_ports: bool = False
    """It came from a well-known port and went to an ephemeral one."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What to do with every record of one combination."""

    way: int
    forward: int
    """Outcome (see :data:`TAGS`) when the record goes from client to server."""
    reply: int
    """Outcome when it goes back."""
    tag: int
    """Of both."""
    port: int = 0
    """For ICMP: what stands for the port, ``type * 256`` of the request."""


class Aside(Exception):  # noqa: N818 - no error: the record is about no connection
    """The record is about no connection, for this reason."""


@lru_cache(maxsize=4096)
def judge(seen: Seen) -> Judged:
    """Orientation and signals of a combination.

    Raises :class:`Aside` when it is about no connection, else ``ValueError`` without a protocol.
    """
    if reason := _aside(seen):
        raise Aside(reason)
    if not seen.protocol:
        raise ValueError("a record without protocol")
    way = _way(seen)
    return Judged(
        way,
        forward=_outcome(seen.protocol, _forward(seen), certain=way != BY_PORTS),
        reply=_outcome(seen.protocol, _reply(seen), certain=way != BY_PORTS),
        tag=_outcome(seen.protocol, set(), certain=way != BY_PORTS),
        port=_request_type(seen) * 256 if seen.protocol in ICMP_ANSWERS else 0,
    )


def _outcome(protocol: str, given: set[str], *, certain: bool) -> int:
    mask = sum(_BITS[name] for name in given)
    return mask * TAGS + PROTOCOLS.index(protocol) * 2 + (not certain)


def meaning(outcome: int) -> tuple[tuple[str, ...], str, bool]:
    """(signals, protocol, whether the direction is certain) of an outcome."""
    mask, tag = divmod(outcome, TAGS)
    given = tuple(name for name, bit in _BITS.items() if mask & bit)
    return given, PROTOCOLS[tag // 2], tag % 2 == 0


def lower_port_serves(source: int, destination: int) -> bool:
    """Whether a record is forward, by its ports alone: the lower one is the server's.

    That holds for a port below the ephemeral range against one in it, for a well-known port against
    any other, and is the better guess for the rest. A port of 0 is one that the record leaves out.
    """
    return (destination or 1 << 16) <= (source or 1 << 16)


def answer_ports(source: int, destination: int) -> bool:
    """Whether a datagram can only be an answer: from a well-known port to an ephemeral one."""
    return 0 < source < _WELL_KNOWN and destination >= _EPHEMERAL


def _request_type(seen: Seen) -> int:
    return ICMP_ANSWERS[seen.protocol].get(seen.icmp, seen.icmp)


def _aside(seen: Seen) -> str:
    """Why the record is about no connection; empty when it is about one."""
    if seen.event in _AGENT_EVENTS:
        return AGENT
    if seen.event == _TRACE_SOCKET or seen.verdict in ("TRACED", "TRANSLATED"):
        return SOCKET
    if seen.verdict in ("VERDICT_UNKNOWN", "ERROR"):
        return NO_VERDICT
    if seen.protocol in ("VRRP", "IGMP"):
        return ROUTER_PROTOCOL
    if not seen.protocol:
        return NO_PORTS if _dropped(seen) and seen.drop not in _DENIALS else ""
    if reason := ICMP_ASIDE.get(seen.protocol, {}).get(seen.icmp, ""):
        return reason
    return STRAY_REPLY if _dropped(seen) and _stray(seen) else ""


def _dropped(seen: Seen) -> bool:
    """Dropped on the network; what the L7 proxy refused was a connection all the same."""
    return seen.verdict == "DROPPED" and not seen.layer7


def _stray(seen: Seen) -> bool:
    """Whether a dropped packet answers something; drops carry no reply flag of their own."""
    if seen.reply or seen.ack or seen.rst:
        return True
    if seen.protocol in ICMP_ANSWERS:
        return seen.icmp in ICMP_ANSWERS[seen.protocol]
    return seen.protocol == "UDP" and seen.answer_ports


def _way(seen: Seen) -> int:
    if seen.protocol in ICMP_ANSWERS:
        return REPLY if seen.icmp in ICMP_ANSWERS[seen.protocol] else FORWARD
    if seen.reply is not None:
        return REPLY if seen.reply else FORWARD
    if seen.layer7:
        return REPLY if seen.layer7 == "RESPONSE" else FORWARD
    if seen.syn:
        return REPLY if seen.ack else FORWARD
    # A drop has the direction of the packet; a policy verdict is given on the opening packet.
    return FORWARD if _dropped(seen) or seen.event == _POLICY_VERDICT else BY_PORTS


def _opens(seen: Seen) -> bool:
    if seen.layer7:
        return False
    if seen.event == _POLICY_VERDICT and seen.verdict in ("FORWARDED", "REDIRECTED"):
        return True
    if seen.protocol in ICMP_ANSWERS:
        return seen.icmp in ICMP_ANSWERS[seen.protocol].values()
    return seen.protocol == "UDP" or (seen.syn and not seen.ack)


def _forward(seen: Seen) -> set[str]:
    found = {"forward"}
    if seen.layer7 and seen.verdict == "DROPPED":
        return found
    if _opens(seen):
        found.add("opened")
    if seen.event == _TRACE:
        found.add("traced")
    if _dropped(seen):
        return found | {_DENIALS.get(seen.drop, "dropped")}
    if seen.ack and not seen.syn and not seen.rst:
        found.add("answered")
    if seen.verdict == "AUDIT":
        found.add("audited")
    elif seen.event == _POLICY_VERDICT:
        found.add("allowed")
    return found


def _reply(seen: Seen) -> set[str]:
    if seen.verdict == "DROPPED":
        return {"forward"}
    found = {"refused" if seen.rst else "answered"}
    if seen.event == _TRACE:
        found.add("traced")
    return found

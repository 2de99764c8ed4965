"""The layers of a packet, as small numbers, and what becomes of packets that are no connection.

A packet is at one layer at a time. The walk (:mod:`capture.packet_walk`) moves it inward until it
reaches a transport protocol or a reason why there is none.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ASIDE",
    "HELD",
    "KINDS",
    "LINKS",
    "MESSAGES",
    "OPAQUE_PORTS",
    "REQUESTS",
    "ROUTER_PROTOCOLS",
]

# Layers that the walk goes through.
(
    ETHERNET,
    VLAN,
    COOKED,
    COOKED2,
    FAMILY,
    RAW,
    NFLOG,
    NFLOG_TLV,
    IP4,
    IP6,
    OPTIONS,
    FRAGMENT6,
    AUTHENTICATED,
    GRE,
    DATAGRAM,
    MESSAGE,
    MESSAGE6,
) = range(17)

DONE: Final = 32
"""From here on there is nothing more to walk through."""

TCP, UDP, SCTP, ICMP, OTHER = range(DONE, DONE + 5)
"""The ends of a walk that are connections."""

REASONS: Final = 64
"""From here on a number is a reason why the packet shows no connection."""
(
    STRANGE,
    CUT,
    BROKEN,
    DEEP,
    NOT_IP,
    FRAGMENT,
    SEALED,
    ICMP_ERROR,
    NEIGHBOURS,
    MULTICAST,
    ROUTERS,
    COPY,
) = range(REASONS, REASONS + 12)

HELD: Final = {
    STRANGE: "a link type that is not known",
    CUT: "packet cut before its ports",
    BROKEN: "broken packet header",
    DEEP: "headers nested too deep",
}
"""Reasons why a packet could not be understood."""

ASIDE: Final = {
    NOT_IP: "not IP",
    FRAGMENT: "later fragment of a packet",
    SEALED: "encrypted tunnel",
    ICMP_ERROR: "ICMP error",
    NEIGHBOURS: "neighbour discovery",
    MULTICAST: "broadcast or multicast",
    ROUTERS: "VRRP or IGMP",
    COPY: "copy of a packet",
}
"""Reasons why a packet is about no connection."""

OPEN, ACCEPT, REFUSE, ONGOING, PLAIN, DENY, CLOSE = range(7)
KINDS: Final = 7
"""What a packet says of its connection: it opens it, accepts the opening, refuses it, shows that it
was accepted, says nothing, (an ICMP error about it) that a policy denies it, or it ends it."""

LINKS: Final = {
    0: FAMILY,
    1: ETHERNET,
    12: RAW,
    14: RAW,
    101: RAW,
    108: FAMILY,
    113: COOKED,
    228: RAW,
    229: RAW,
    239: NFLOG,
    276: COOKED2,
}
"""Layer by link type (the link-layer header types of tcpdump.org)."""

OPAQUE_PORTS: Final = (51820, 51821, 51871)
"""WireGuard's own, Calico's for IPv6, Cilium's."""

ROUTER_PROTOCOLS: Final = (2, 112)

REQUESTS: Final = {0: 8, 14: 13, 16: 15, 18: 17}
"""ICMP types that answer, and what they answer (IANA)."""

MESSAGES: Final = {
    1: {4: ICMP_ERROR, 5: ICMP_ERROR, 11: ICMP_ERROR, 12: ICMP_ERROR, 3: ICMP_ERROR}
    | {9: NEIGHBOURS, 10: NEIGHBOURS},
    58: dict.fromkeys(range(1, 5), ICMP_ERROR)
    | dict.fromkeys((130, 131, 132, 143), MULTICAST)
    | dict.fromkeys(range(133, 138), NEIGHBOURS),
}
"""ICMP types by protocol number that are no connection."""

DENIED: Final = {(1, 3, 9), (1, 3, 10), (1, 3, 13), (58, 1, 1)}
"""(protocol, type, code) of errors by which a filter says so (RFC 1812, RFC 4443)."""
UNREACHABLE: Final = {(1, 3, 3), (58, 1, 4)}
"""The same of a host on which nobody listens there."""

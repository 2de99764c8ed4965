"""Which packets the kernel hands to the sniffer: a classic BPF program, and its assembler.

Only what tells who opened which connection and how that ended, and what names a party: SYN, SYN-ACK
and refusals of TCP, its TLS ClientHellos and DNS answers; UDP, SCTP and tunnels by their first
bytes; ICMP echo and the errors that answer an opening. All else stays in the kernel. libpcap
compiles ``tcp[tcpflags]`` for IPv4 alone, and without VLAN tags; this program knows both.

The socket is of type ``SOCK_DGRAM``: byte 0 is where the network header begins, on any kind of
link. A tag that the network card or the kernel has already taken off is not in the way; tags that
are still in the packet come first.
"""

from __future__ import annotations

from functools import cache
from struct import Struct
from typing import Final

__all__ = ["HEADERS", "LISTING", "LOOPBACK", "NAMES", "assembled", "program"]

HEADERS: Final = 128
"""So much of a packet is captured for its headers, those inside a tunnel among them."""
NAMES: Final = 2048
"""So much of one that names a party: TLS ClientHellos fill more than one Ethernet frame."""

LOOPBACK: Final = """
        ld   #hatype            ; what a pod says to itself passes no policy
        jeq  #772 drop
"""

LISTING: Final = f"""
        ldx  #0
        ld   #protocol
        jeq  #0x0800 ip4
        jeq  #0x86dd ip6
        jeq  #0x8100 tag
        jne  #0x88a8 drop
tag:    ldx  #4
        ldh  [2]
        jeq  #0x0800 ip4
        jeq  #0x86dd ip6
        jne  #0x8100 inner
        ldx  #8                 ; a second tag
        ldh  [6]
        jeq  #0x0800 ip4
        jeq  #0x86dd ip6
drop:   ret  #0

inner:  ldx  #0                 ; going out, the tags can be in front of where this begins
        ldb  [0]
        rsh  #4
        jeq  #4 ip4
        jeq  #6 ip6
        ret  #0

ip4:    ldh  [x+6]
        jset #0x1fff gone       ; later fragments have no ports
        ldb  [x+9]
        st   M0
        ldb  [x+0]
        and  #15
        lsh  #2
        add  x
        tax                     ; x: where the transport header begins
        ld   M0
        jeq  #1 icmp
        ja   carried

ip6:    ldb  [x+6]
        st   M0
        txa
        add  #40
        tax
        ld   M0
        jeq  #58 icmp6
carried:
        jeq  #6 tcp
        jeq  #17 udp
        jeq  #50 gone           ; ESP: nothing in it can be read
        jeq  #2 gone            ; IGMP
        jeq  #112 gone          ; VRRP
        ja   heads              ; SCTP, tunnels, extension headers of IPv6, other protocols

tcp:    ldb  [x+13]
        jset #2 heads           ; SYN, SYN-ACK
        jset #4 reset
        ldh  [x+0]
        jeq  #53 answer         ; DNS over TCP
        jeq  #5353 answer
        ldb  [x+12]
        rsh  #2
        and  #0x3c
        add  x
        tax                     ; x: where the payload begins
        ldh  [x+0]
        jne  #0x1603 gone       ; TLS: a handshake record,
        ldb  [x+5]
        jne  #1 gone            ; in it a ClientHello
        ja   names

reset:  ld   [x+4]              ; the answer to an opening has the number 0 (RFC 9293, 3.10.7.1),
        jeq  #0 heads           ; any other closes a connection that was open
        ret  #0

answer: ldb  [x+12]
        rsh  #2
        and  #0x3c
        add  x
        tax
        ldb  [x+14]             ; nothing behind the header: no answer
        ja   names

udp:    ldh  [x+0]
        jeq  #53 names
        jeq  #5353 names
        ja   heads

icmp:   ldb  [x+0]
        jeq  #0 heads           ; echo reply
        jeq  #8 heads           ; echo
        jeq  #3 heads           ; unreachable: refused, or denied by a filter
        ret  #0

icmp6:  ldb  [x+0]
        jeq  #128 heads
        jeq  #129 heads
        jeq  #1 heads
gone:   ret  #0
heads:  ret  #{HEADERS}
names:  ret  #{NAMES}
"""

_INSTRUCTION: Final = Struct("=HBBI")
_ANCILLARY: Final = {"#protocol": 0xFFFFF000, "#hatype": 0xFFFFF000 + 28}
"""``SKF_AD_OFF`` and behind it what the kernel knows of a packet (linux/filter.h)."""
_PLAIN: Final = {"add x": 0x0C, "tax": 0x07, "txa": 0x87}
_VALUE: Final = {"ldx": 0x01, "and": 0x54, "add": 0x04, "lsh": 0x64, "rsh": 0x74, "ret": 0x06}
_LOAD: Final = {"ld": 0x00, "ldh": 0x08, "ldb": 0x10}
_ABSOLUTE, _INDIRECT, _MEMORY, _STORE = 0x20, 0x40, 0x60, 0x02
_JUMP: Final = {"jeq": 0x15, "jne": 0x15, "jset": 0x45, "ja": 0x05}


@cache
def program(*, loopback: bool = False) -> bytes:
    """The program, as ``SO_ATTACH_FILTER`` takes it; ``loopback``: also what the loopback says."""
    return assembled(LISTING if loopback else LOOPBACK + LISTING)


def assembled(listing: str) -> bytes:
    """Instructions of 8 bytes each. Labels stand for places further down."""
    labels: dict[str, int] = {}
    lines: list[str] = []
    for line in listing.splitlines():
        text = line.partition(";")[0].strip()
        label, colon, rest = text.partition(":")
        if colon:
            labels[label], text = len(lines), rest.strip()
        if text:
            lines.append(" ".join(text.split()))
    return b"".join(_instruction(line, at, labels) for at, line in enumerate(lines))


def _instruction(line: str, at: int, labels: dict[str, int]) -> bytes:
    if line in _PLAIN:
        return _INSTRUCTION.pack(_PLAIN[line], 0, 0, 0)
    name, *operands = line.split()
    if name in _JUMP:
        ahead = labels[operands[-1]] - at - 1
        if name == "ja":
            return _INSTRUCTION.pack(_JUMP[name], 0, 0, ahead)
        places = (0, ahead) if name == "jne" else (ahead, 0)
        return _INSTRUCTION.pack(_JUMP[name], *places, _number(operands[0]))
    if name in _LOAD:
        return _INSTRUCTION.pack(*_load(name, operands[0]))
    if name == "st":
        return _INSTRUCTION.pack(_STORE, 0, 0, _number(operands[0]))
    return _INSTRUCTION.pack(_VALUE[name], 0, 0, _number(operands[0]))


def _load(name: str, operand: str) -> tuple[int, int, int, int]:
    if operand in _ANCILLARY:
        return _LOAD[name] | _ABSOLUTE, 0, 0, _ANCILLARY[operand]
    if operand.startswith("M"):
        return _LOAD[name] | _MEMORY, 0, 0, _number(operand)
    inside = operand.strip("[]")
    if inside.startswith("x+"):
        return _LOAD[name] | _INDIRECT, 0, 0, int(inside[2:])
    return _LOAD[name] | _ABSOLUTE, 0, 0, int(inside)


def _number(operand: str) -> int:
    return int(operand.lstrip("#M"), 0)

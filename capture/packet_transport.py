"""What the transport header of each packet says: ports, and how the connection stands."""

from __future__ import annotations

from typing import Final

import numpy as np

from capture import packet_layers as layers
from capture.packet_rows import Numbers, Rows, mixed
from capture.packet_walk import Walk

__all__ = ["DNS_PORTS", "marked", "rows"]

DNS_PORTS: Final = (53, 5353)
"""Of the protocol, and of the resolver's pods in OpenShift."""

_PORT: Final = np.uint64(16)
_BIT: Final = np.uint64(1)
_NEED: Final = {layers.TCP: 14, layers.UDP: 8, layers.SCTP: 13, layers.ICMP: 8}
_QUOTED: Final = 8
"""So much of a packet an ICMP error must quote (RFC 792)."""


def _flags() -> Numbers:
    """What a TCP segment says, by its flags FIN, SYN, RST, PSH, ACK."""
    table = np.full(256, layers.PLAIN, np.uint8)
    for flags in range(256):
        syn, reset, ack = flags & 2, flags & 4, flags & 16
        if reset:
            table[flags] = layers.REFUSE
        elif syn:
            table[flags] = layers.ACCEPT if ack else layers.OPEN
        elif ack:
            table[flags] = layers.CLOSE if flags & 1 else layers.ONGOING
    return table


TCP_KINDS: Final = _flags()

_CHUNKS: Final = np.full(256, layers.ONGOING, np.uint8)
_CHUNKS[[1, 2, 6]] = layers.OPEN, layers.ACCEPT, layers.REFUSE
_CHUNKS[[7, 8, 14]] = layers.CLOSE


def marked(first: Numbers, second: Numbers, size: Numbers, identity: Numbers) -> Numbers:
    """What tells packets of one connection apart: numbers in them, their size and IP identity.

    The lowest bit says whether the sender numbered the packet.
    """
    found = mixed(first, second, size.astype(np.uint64) << _PORT ^ identity)
    return found & ~_BIT | (identity > 0)


def rows(walk: Walk, time: Numbers) -> Rows:
    """A row for each packet; those without a transport header keep their reason alone."""
    found = Rows.empty(len(time), time)
    found.layer, found.end, found.payload = walk.layer, walk.end, walk.at.copy()
    for layer, read in ((layers.TCP, _tcp), (layers.UDP, _udp), (layers.SCTP, _sctp)):
        here = _whole(walk, layer)
        if here.size:
            read(walk, found, here, walk.at[here])
    here = _whole(walk, layers.ICMP)
    if here.size:
        _icmp(walk, found, here, walk.at[here])
    here = np.flatnonzero(walk.layer == layers.OTHER)
    if here.size:
        found.source[here] = walk.source[here] << _PORT
        found.target[here] = walk.target[here] << _PORT
        found.protocol[here] = walk.protocol[here]
        found.kind[here] = layers.PLAIN
        word = walk.data.up_to_eight(walk.at[here], walk.end[here])
        found.mark[here] = marked(word, word, walk.size[here], walk.identity[here])
    quoted = np.flatnonzero(walk.error)
    if quoted.size:
        _quoted(walk, found, quoted)
    return found


def _whole(walk: Walk, layer: int) -> Numbers:
    """The packets of which all was captured that is needed; the others are cut."""
    here = np.flatnonzero(walk.layer == layer)
    need = np.where(walk.error[here] > 0, _QUOTED, _NEED[layer])
    cut = walk.at[here] + need > walk.end[here]
    if cut.any():
        walk.layer[here[cut]] = layers.CUT
        here = here[~cut]
    return here


def _sides(walk: Walk, found: Rows, here: Numbers, source: Numbers, target: Numbers) -> None:
    found.source[here] = walk.source[here] << _PORT | source
    found.target[here] = walk.target[here] << _PORT | target
    found.protocol[here] = walk.protocol[here]


def _u16(word: Numbers, shift: int) -> Numbers:
    return word >> np.uint64(shift) & np.uint64(0xFFFF)


def _tcp(walk: Walk, found: Rows, here: Numbers, at: Numbers) -> None:
    first, second = walk.data.eight(at), walk.data.eight(at + 8)
    _sides(walk, found, here, first >> np.uint64(48), _u16(first, 32))
    flags = (second >> np.uint64(16) & np.uint64(0xFF)).astype(np.uint8)
    kind = TCP_KINDS[flags]
    found.kind[here] = kind
    number, answer = first & np.uint64(0xFFFFFFFF), second >> np.uint64(32)
    opening = np.where(kind == layers.OPEN, number, answer - np.uint64(1))
    found.opening[here] = np.where(kind <= layers.ACCEPT, opening, 0).astype(np.uint32)
    word = number << np.uint64(32) | answer
    size = walk.size[here]
    found.mark[here] = marked(word, flags.astype(np.uint64), size, walk.identity[here])
    offset = (second >> np.uint64(28) & np.uint64(15)).astype(np.int64) * 4
    found.payload[here] = at + np.maximum(offset, 20)


def _udp(walk: Walk, found: Rows, here: Numbers, at: Numbers) -> None:
    first, end = walk.data.four(at).astype(np.uint64), walk.end[here]
    source, target = first >> _PORT, first & np.uint64(0xFFFF)
    _sides(walk, found, here, source, target)
    word = walk.data.up_to_eight(at + 8, end)
    kind = np.full(len(here), layers.PLAIN, np.uint8)
    # DNS: the QR bit (RFC 1035).
    asked = (end - at >= 20) & np.isin(target, DNS_PORTS)
    told = (end - at >= 20) & np.isin(source, DNS_PORTS)
    answer = word >> np.uint64(47) & np.uint64(1) > 0
    kind[asked & ~answer] = layers.OPEN
    kind[told & answer] = layers.ACCEPT
    # QUIC: an Initial packet of version 1 or 2, as large as only clients must make it (RFC 9000).
    quic = _quic(word) & (walk.size[here] >= 1208) & ~((source < 1024) & (target >= 1024))
    kind[quic] = layers.OPEN
    found.kind[here] = kind
    found.mark[here] = marked(word, word, walk.size[here], walk.identity[here])
    found.payload[here] = at + 8


def _quic(word: Numbers) -> Numbers:
    kind, version = word >> np.uint64(60), word >> np.uint64(24) & np.uint64(0xFFFFFFFF)
    low = word >> np.uint64(56) & np.uint64(0x30)
    one = (version == 1) & (low == 0)
    two = (version == 0x6B3343CF) & (low == 0x10)
    initial: Numbers = (kind >> np.uint64(2) == 3) & (one | two)
    return initial


def _sctp(walk: Walk, found: Rows, here: Numbers, at: Numbers) -> None:
    first = walk.data.eight(at)
    _sides(walk, found, here, first >> np.uint64(48), _u16(first, 32))
    kind = _CHUNKS[walk.data.one(at + 12)]
    found.kind[here] = kind
    tag = (first & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    opening = np.where(kind == layers.OPEN, walk.data.four(at + 16), tag)
    whole = (kind == layers.ACCEPT) | (kind == layers.OPEN) & (at + 20 <= walk.end[here])
    found.opening[here] = np.where(whole, opening, 0)
    word = walk.data.up_to_eight(at + 12, walk.end[here])
    size, identity = walk.size[here], walk.identity[here]
    found.mark[here] = marked(word, tag.astype(np.uint64), size, identity)
    found.payload[here] = at + 12


def _icmp(walk: Walk, found: Rows, here: Numbers, at: Numbers) -> None:
    word = walk.data.eight(at)
    kind, code = word >> np.uint64(56), word >> np.uint64(48) & np.uint64(0xFF)
    protocol = walk.protocol[here]
    four = protocol == 1
    request = np.where(four, _REQUEST4[kind], _REQUEST6[kind])
    paired = np.where(four, _PAIRED4[kind], _PAIRED6[kind])
    identifier = np.where(paired, _u16(word, 16), 0)
    _sides(walk, found, here, identifier, identifier)
    found.protocol[here] = protocol.astype(np.uint32) | (
        request.astype(np.uint32) << np.uint32(8) | code.astype(np.uint32) << np.uint32(16)
    )
    found.kind[here] = np.where(request == kind, layers.OPEN, layers.ACCEPT)
    mark = word & np.uint64(0xFFFF0000FFFFFFFF)
    found.mark[here] = marked(mark, mark, walk.size[here], walk.identity[here])


def _requests(answers: dict[int, int]) -> tuple[Numbers, Numbers]:
    """Type of the request by type, and whether the message has an identifier."""
    table = np.arange(256, dtype=np.uint8)
    paired = np.zeros(256, bool)
    for answer, request in answers.items():
        table[answer] = request
        paired[[answer, request]] = True
    return table, paired


_REQUEST4, _PAIRED4 = _requests(layers.REQUESTS)
_REQUEST6, _PAIRED6 = _requests({129: 128})


def _quoted(walk: Walk, found: Rows, here: Numbers) -> None:
    """Packets that an ICMP error quotes: the error speaks of the connection they belong to."""
    found.opening[here] = 0
    error = walk.error[here]
    walk.layer[here[walk.layer[here] >= layers.REASONS]] = layers.ICMP_ERROR
    found.kind[here] = error
    word = walk.data.up_to_eight(walk.at[here], walk.end[here])
    identity = walk.identity[here]
    found.mark[here] = marked(word, error.astype(np.uint64), walk.size[here], identity)
    found.payload[here] = found.end[here]
    back = here[error == layers.REFUSE]
    found.source[back], found.target[back] = found.target[back], found.source[back]

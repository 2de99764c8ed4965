"""From the first byte of each packet to its transport header, all packets of a window at once.

Every handler takes the packets that are at one layer, reads a few bytes of each and moves them on.
Most captures are through after one turn; tunnels and extension headers take some more. A packet
moves on only when the whole header was captured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from capture import packet_layers as layers
from capture.packet_rows import Addresses, Bytes, Numbers, Window
from capture.packet_steps import BY_LINK, BY_MESSAGE, BY_NEXT, BY_PROTOCOL, BY_TYPE, ERRORS

__all__ = ["Walk"]

_TURNS: Final = 40


_U16: Final = np.uint64(0xFFFF)


@dataclass(slots=True)
class Walk:
    """Where each packet of a window is, and what was read on the way."""

    data: Bytes
    addresses: Addresses
    at: Numbers
    end: Numbers
    layer: Numbers
    source: Numbers
    """Address numbers of the innermost IP header."""
    target: Numbers
    protocol: Numbers
    size: Numbers
    """Bytes behind the IP header, on the wire; 0 where the header does not say."""
    identity: Numbers
    """Identification of the innermost IPv4 header."""
    error: Numbers
    """Of a packet that is quoted in an ICMP error: what that says of it."""

    @staticmethod
    def through(window: Window, addresses: Addresses) -> Walk:
        """Every packet of a window, at the end of its walk."""
        n = len(window.start)
        walk = Walk(
            data=window.data,
            addresses=addresses,
            at=window.start.copy(),
            end=window.start + window.size,
            layer=BY_LINK[window.link],
            source=np.zeros(n, np.uint64),
            target=np.zeros(n, np.uint64),
            protocol=np.zeros(n, np.uint8),
            size=np.zeros(n, np.int64),
            identity=np.zeros(n, np.uint64),
            error=np.zeros(n, np.uint8),
        )
        for _ in range(_TURNS):
            outermost = int(walk.layer.min(initial=layers.DONE))
            if outermost == layers.DONE:
                return walk
            walk.turn(outermost)
        walk.layer[walk.layer < layers.DONE] = layers.DEEP
        return walk

    def turn(self, first: int) -> None:
        """Move every packet on, from the outermost layer that any is at to the innermost."""
        for layer in range(first, len(_HANDLERS)):
            here = np.flatnonzero(self.layer == layer)
            if here.size:
                need, handler = _HANDLERS[layer]
                cut = self.at[here] + need > self.end[here]
                if cut.any():
                    self.layer[here[cut]] = layers.CUT
                    here = here[~cut]
                handler(self, here, self.at[here])

    def _ethernet(self, here: Numbers, at: Numbers) -> None:
        self.layer[here] = BY_TYPE[self.data.two(at + 12)]
        self.at[here] = at + 14

    def _vlan(self, here: Numbers, at: Numbers) -> None:
        self.layer[here] = BY_TYPE[self.data.two(at + 2)]
        self.at[here] = at + 4

    def _cooked(self, here: Numbers, at: Numbers) -> None:
        self.layer[here] = BY_TYPE[self.data.two(at + 14)]
        self.at[here] = at + 16

    def _cooked2(self, here: Numbers, at: Numbers) -> None:
        self.layer[here] = BY_TYPE[self.data.two(at)]
        self.at[here] = at + 20

    def _family(self, here: Numbers, at: Numbers) -> None:
        """BSD loopback: the address family in the byte order of whoever captured."""
        family = self.data.four(at)
        family = np.where(family >= 1 << 16, family.byteswap(), family)
        known = np.full(len(here), layers.NOT_IP, np.uint8)
        known[family == 2] = layers.IP4
        known[np.isin(family, (10, 24, 28, 30))] = layers.IP6
        self.layer[here] = known
        self.at[here] = at + 4

    def _raw(self, here: Numbers, at: Numbers) -> None:
        version = self.data.one(at) >> 4
        known = np.where(version == 6, layers.IP6, layers.BROKEN)
        self.layer[here] = np.where(version == 4, layers.IP4, known)

    def _nflog(self, here: Numbers, at: Numbers) -> None:
        self.layer[here] = layers.NFLOG_TLV
        self.at[here] = at + 4

    def _nflog_tlv(self, here: Numbers, at: Numbers) -> None:
        """One attribute; its numbers are in the byte order of whoever captured."""
        size, kind = self.data.two(at), self.data.two(at + 2)
        swapped = (size & 0xFF == 0) & (size >> 8 < 256) | (size > self.end[here] - at)
        size = np.where(swapped, size.byteswap(), size).astype(np.int64)
        kind = np.where(swapped, kind.byteswap(), kind) & 0x7FFF
        payload, bad = kind == 9, (size < 4) | (size > self.end[here] - at)
        known = np.where(bad, layers.BROKEN, layers.NFLOG_TLV)
        known[payload & (size >= 4)] = layers.RAW
        self.layer[here] = known
        self.at[here] = at + np.where(payload, 4, size + 3 & ~3)

    def _ip4(self, here: Numbers, at: Numbers) -> None:
        head, protocol, ends = self.data.eight(at), self.data.one(at + 9), self.data.eight(at + 12)
        length = (head >> np.uint64(32) & _U16).astype(np.int64)
        first = (head >> np.uint64(56)).astype(np.int64)
        inside = (first & 15) * 4
        known = BY_PROTOCOL[protocol]
        fragment = head & np.uint64(0x1FFF) != 0
        if fragment.any():
            known[fragment] = layers.FRAGMENT
        # A length of zero: segmentation was left to the network card (Linux).
        bad = (first >> 4 != 4) | (inside < 20) | (length > 0) & (length < inside)
        if bad.any():
            known[bad] = layers.BROKEN
        self.source[here] = ends >> np.uint64(32)
        self.target[here] = ends & np.uint64(0xFFFFFFFF)
        self.identity[here] = head >> np.uint64(16) & _U16
        self._inside(here, at, inside, np.where(length > 0, length, 0), protocol, known)

    def _ip6(self, here: Numbers, at: Numbers) -> None:
        length = self.data.two(at + 4).astype(np.int64)
        protocol = self.data.one(at + 6)
        known = BY_PROTOCOL[protocol]
        known[self.data.one(at) >> 4 != 6] = layers.BROKEN
        sides = np.concatenate([at + 8, at + 24])
        numbers = self.addresses.six(self.data.eight(sides), self.data.eight(sides + 8))
        self.source[here], self.target[here] = numbers[: len(at)], numbers[len(at) :]
        self.identity[here] = 0
        inside = np.full(len(at), 40)
        self._inside(here, at, inside, np.where(length > 0, length + 40, 0), protocol, known)

    def _inside(
        self,
        here: Numbers,
        at: Numbers,
        header: Numbers,
        length: Numbers,
        protocol: Numbers,
        known: Numbers,
    ) -> None:
        """Behind an IP header; what follows the packet (padding of the frame) is none of it."""
        self.layer[here], self.protocol[here] = known, protocol
        self.size[here] = np.maximum(length - header, 0)
        end = self.end[here]
        self.end[here] = np.where(length > 0, np.minimum(end, at + length), end)
        self.at[here] = at + header

    def _next(self, here: Numbers, at: Numbers, size: Numbers, protocol: Numbers) -> None:
        """Behind an extension header."""
        self.layer[here], self.protocol[here] = BY_PROTOCOL[protocol], protocol
        self.size[here] = np.maximum(self.size[here] - size, 0)
        self.at[here] = at + size

    def _options(self, here: Numbers, at: Numbers) -> None:
        size = (self.data.one(at + 1).astype(np.int64) + 1) * 8
        self._next(here, at, size, self.data.one(at))

    def _fragment6(self, here: Numbers, at: Numbers) -> None:
        later = self.data.two(at + 2) >> 3 > 0
        self.identity[here] = self.data.four(at + 4)
        self._next(here, at, np.full(len(here), 8), self.data.one(at))
        self.layer[here[later]] = layers.FRAGMENT

    def _authenticated(self, here: Numbers, at: Numbers) -> None:
        size = (self.data.one(at + 1).astype(np.int64) + 2) * 4
        self._next(here, at, size, self.data.one(at))

    def _gre(self, here: Numbers, at: Numbers) -> None:
        flags, kind = self.data.two(at), self.data.two(at + 2)
        known = BY_TYPE[kind]
        known[(flags & 7 != 0) | (flags & 0x4000 != 0)] = layers.STRANGE
        self.layer[here] = known
        present = (flags >> 15) + (flags >> 13 & 1) + (flags >> 12 & 1)
        self.at[here] = at + 4 + present.astype(np.int64) * 4

    def _datagram(self, here: Numbers, at: Numbers) -> None:
        """UDP: is it a tunnel? Its own header says so too, not the port alone."""
        self.layer[here] = layers.UDP
        head = self.data.four(at)
        target, source = head & 0xFFFF, head >> 16
        room = self.end[here] - at
        flags = self.data.one(at + 8)
        vxlan = np.isin(target, (4789, 8472)) & (flags & 8 > 0) & (room >= 16)
        vxlan &= self.data.one(at + 15) == 0
        if vxlan.any():
            inner = np.where(flags & 4, self.data.one(at + 11), 3)[vxlan]
            self.layer[here[vxlan]], self.at[here[vxlan]] = BY_NEXT[inner], at[vxlan] + 16
        geneve = (target == 6081) & (flags >> 6 == 0) & (room >= 16)
        if geneve.any():
            inner = BY_TYPE[self.data.two(at[geneve] + 10)]
            self.layer[here[geneve]] = inner
            size = (flags[geneve] & 0x3F).astype(np.int64) * 4
            self.at[here[geneve]] = at[geneve] + 16 + size
        sealed = np.isin(target, layers.OPAQUE_PORTS) | np.isin(source, layers.OPAQUE_PORTS)
        if sealed.any():
            # WireGuard: a type from 1 to 4 and three zeros; where that was cut off, by the port.
            kind = self.data.four(at + 8)
            sealed &= (room < 12) | ((kind & 0xFFFFFF == 0) & (kind >> 24 > 0) & (kind >> 24 < 5))
            self.layer[here[sealed]] = layers.SEALED

    def _control(self, here: Numbers, at: Numbers, protocol: int) -> None:
        kind = self.data.two(at)
        quoted = self.error[here] > 0
        known = BY_MESSAGE[protocol][kind]
        known[quoted] = layers.ICMP
        self.layer[here] = known
        error = known < layers.DONE
        if error.any():
            self.error[here[error]] = ERRORS[protocol][kind[error]]
            self.at[here[error]] = at[error] + 8

    def _message(self, here: Numbers, at: Numbers) -> None:
        self._control(here, at, 1)

    def _message6(self, here: Numbers, at: Numbers) -> None:
        self._control(here, at, 58)


_Handler = Callable[[Walk, Numbers, Numbers], None]
_HANDLERS: Final[tuple[tuple[int, _Handler], ...]] = (
    (14, Walk._ethernet),
    (4, Walk._vlan),
    (16, Walk._cooked),
    (20, Walk._cooked2),
    (4, Walk._family),
    (1, Walk._raw),
    (4, Walk._nflog),
    (4, Walk._nflog_tlv),
    (20, Walk._ip4),
    (40, Walk._ip6),
    (8, Walk._options),
    (8, Walk._fragment6),
    (12, Walk._authenticated),
    (4, Walk._gre),
    (8, Walk._datagram),
    (8, Walk._message),
    (8, Walk._message6),
)
"""Bytes that must have been captured, and what reads them, by layer."""

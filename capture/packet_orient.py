"""Which side of a connection is the client, from what the packets of both said.

In this order: who opened it or accepted the opening; who sent the first datagram, unless the ports
say otherwise; which side was seen to accept connections; the ports alone. The last two, and ports
against the first datagram, leave the direction uncertain (:class:`netpol.flow.Flow`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from capture import packet_layers as layers
from capture.packet_rows import Numbers, mixed

__all__ = ["DATAGRAMS", "Oriented", "is_server", "orient", "place"]

DATAGRAMS: Final = (1, 17, 58)
_STREAMS: Final = (6, 132)
_EPHEMERAL: Final = 32768
_WELL_KNOWN: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Oriented:
    """For each connection: which side is the client, and how that is known."""

    high: Numbers
    """Whether the client is the higher side."""
    certain: Numbers
    by_ports: Numbers
    """Whether the ports alone decided: a server that is seen later may decide otherwise."""


def place(side: Numbers, protocol: Numbers) -> Numbers:
    """A hash of a listening port and its address."""
    return mixed(side, protocol.astype(np.uint64))


def orient(found: Numbers, servers: Numbers) -> Oriented:
    """Decide for connections (:data:`capture.packet_table.CONNECTION`).

    ``servers``: sorted places at which connections were seen to be accepted.
    """
    seen, lead = found["seen"] > 0, found["lead"] > 0
    opened, accepted = seen[:, layers.OPEN], seen[:, layers.ACCEPT]
    low = opened[:, 0] + 2 * accepted[:, 1].astype(int)
    high = opened[:, 1] + 2 * accepted[:, 0].astype(int)
    shown = (low > 0) | (high > 0)
    by_opening = np.where(low == high, lead, high > low)
    protocol = found["protocol"]
    denied = seen[:, layers.DENY].any(axis=1)
    first = np.where(denied, seen[:, layers.DENY, 1], lead)
    against = _serves(found, first)
    serving = [is_server(found[side], protocol, servers) for side in ("low", "high")]
    proven = serving[0] != serving[1]
    ports = found["low"] & np.uint64(0xFFFF), found["high"] & np.uint64(0xFFFF)
    lower = np.where(ports[0] == ports[1], lead, ports[0] < ports[1])
    by_ports = np.where(proven, serving[0], lower)
    datagram = ~np.isin(protocol & np.uint32(0xFF), _STREAMS) | denied
    by_first = np.where(proven, serving[0], first ^ against)
    numbered = np.isin(protocol & np.uint32(0xFF), (*DATAGRAMS, *_STREAMS))
    return Oriented(
        high=np.where(shown, by_opening, np.where(datagram, by_first, by_ports)).astype(bool),
        certain=shown | (datagram & numbered & (by_first == first) & ~against),
        by_ports=~shown & ~proven & (~datagram | against),
    )


def _serves(found: Numbers, first: Numbers) -> Numbers:
    """Whether the ports say that who sent the first packet is the server."""
    ports = (found["high"] & np.uint64(0xFFFF)), (found["low"] & np.uint64(0xFFFF))
    mine, other = np.where(first, ports[0], ports[1]), np.where(first, ports[1], ports[0])
    known = (mine < _WELL_KNOWN) & (other >= _WELL_KNOWN)
    serves: Numbers = known | (mine < _EPHEMERAL) & (other >= _EPHEMERAL)
    return serves


def is_server(side: Numbers, protocol: Numbers, servers: Numbers) -> Numbers:
    """Whether a side is one of the places at which connections were seen to be accepted."""
    if not servers.size:
        return np.zeros(len(side), bool)
    wanted = place(side, protocol)
    at = np.minimum(np.searchsorted(servers, wanted), len(servers) - 1)
    known: Numbers = servers[at] == wanted
    return known

"""What follows what: tables from the numbers in headers to the layers of the walk."""

from __future__ import annotations

from typing import Final

import numpy as np

from capture import packet_layers as layers
from capture.packet_rows import Numbers

__all__ = ["BY_LINK", "BY_MESSAGE", "BY_NEXT", "BY_PROTOCOL", "BY_TYPE", "ERRORS"]


def _table(size: int, default: int, known: dict[int, int]) -> Numbers:
    table = np.full(size, default, np.uint8)
    for key, value in known.items():
        table[key] = value
    return table


BY_LINK: Final = _table(1 << 16, layers.STRANGE, layers.LINKS)
BY_TYPE: Final = _table(
    1 << 16,
    layers.STRANGE,
    {
        0x0800: layers.IP4,
        0x86DD: layers.IP6,
        0x8100: layers.VLAN,
        0x88A8: layers.VLAN,
        0x6558: layers.ETHERNET,
    }
    # ARP, RARP, flow control, LACP, LLDP, EAPOL, PTP, loopback
    | dict.fromkeys(
        (0x0806, 0x8035, 0x8808, 0x8809, 0x88CC, 0x888E, 0x88F7, 0x9000), layers.NOT_IP
    ),
)
BY_PROTOCOL: Final = _table(
    256,
    layers.OTHER,
    {
        0: layers.OPTIONS,
        1: layers.MESSAGE,
        4: layers.IP4,
        6: layers.TCP,
        17: layers.DATAGRAM,
        41: layers.IP6,
        43: layers.OPTIONS,
        44: layers.FRAGMENT6,
        47: layers.GRE,
        50: layers.SEALED,
        51: layers.AUTHENTICATED,
        58: layers.MESSAGE6,
        59: layers.NOT_IP,
        60: layers.OPTIONS,
        132: layers.SCTP,
    }
    | dict.fromkeys(layers.ROUTER_PROTOCOLS, layers.ROUTERS),
)
BY_NEXT: Final = _table(256, layers.STRANGE, {1: layers.IP4, 2: layers.IP6, 3: layers.ETHERNET})
"""What the generic protocol extension of VXLAN says is inside; else it is Ethernet."""


def _messages(protocol: int) -> Numbers:
    """What becomes of ICMP messages, by type and code."""
    table = np.full((256, 256), layers.ICMP, np.uint8)
    for kind, reason in layers.MESSAGES[protocol].items():
        table[kind] = reason
    for errors in (layers.DENIED, layers.UNREACHABLE):
        for number, kind, code in errors:
            if number == protocol:
                table[kind, code] = layers.IP4 if protocol == 1 else layers.IP6
    return table.reshape(-1)


BY_MESSAGE: Final = {1: _messages(1), 58: _messages(58)}


def _errors(protocol: int) -> Numbers:
    table = np.zeros(1 << 16, np.uint8)
    for known, kind in ((layers.DENIED, layers.DENY), (layers.UNREACHABLE, layers.REFUSE)):
        for number, message, code in known:
            if number == protocol:
                table[message << 8 | code] = kind
    return table


ERRORS: Final = {1: _errors(1), 58: _errors(58)}

"""Addresses of the sides that no pod's name identifies, and how many of them are kept apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

from capture.hubble_edge import EdgeKey
from capture.hubble_endpoint import Interned, Side, Sides
from capture.hubble_errors import Bad, Incomplete
from capture.hubble_orient import MULTICAST, Aside

__all__ = ["ADDRESSES_KEPT", "Parties", "address", "canonical"]

ADDRESSES_KEPT: Final = 1024
"""Distinct outside addresses that are kept apart per pod side, protocol, port and direction.

The internet may send millions of clients; later ones fold into one side without address. Which
ones are kept depends on the order of the records.
"""

PAIRS_KEPT: Final = 65536
"""The same for pairs of addresses where neither side has an identity."""

BETWEEN_NODES: Final = "between nodes"
OUTSIDE: Final = "outside to outside"
HEALTH: Final = "health check"
LOOPBACK: Final = "loopback"
LINK_LOCAL: Final = "link-local address"


@lru_cache(maxsize=4096)
def canonical(text: str) -> tuple[str, str]:
    """(canonical text, why it names no peer) of an address; ``ValueError`` when it is none."""
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return str(address), LOOPBACK
    if address.is_multicast or address.is_unspecified or str(address) == "255.255.255.255":
        return str(address), MULTICAST
    if isinstance(address, IPv6Address) and address.is_link_local:
        return str(address), LINK_LOCAL
    return str(address), ""


def _pair_reason(client: Side, server: Side) -> str:
    """Why two sides without names make no connection that a policy could be about."""
    if "health" in client.entities | server.entities:
        return HEALTH
    if any(side.is_pod or not side.entities for side in (client, server)):
        return ""
    return OUTSIDE if "world" in client.entities | server.entities else BETWEEN_NODES


@dataclass(slots=True)
class Parties:
    """Finds the sides of records of which one or both are known by their address."""

    sides: Sides
    crowded: set[EdgeKey] = field(default_factory=set)
    """Edges without addresses, which stand for those that were not kept apart."""
    _placed: set[EdgeKey] = field(default_factory=set)
    _kept: Counter[EdgeKey] = field(default_factory=Counter)
    _reasons: dict[tuple[int, int], str] = field(default_factory=dict)

    def ends(
        self,
        client: Interned,
        server: Interned,
        ips: tuple[str, str],
        eras: tuple[int, int],
        port: int,
        tag: int,
    ) -> tuple[int, int]:
        """Numbers of the two sides. Raises :class:`Aside` or :class:`Bad`."""
        reason = self._reason(client.side, server.side)
        if reason:
            raise Aside(reason)
        ends = self._at(client, ips[0], eras[0]), self._at(server, ips[1], eras[1])
        first, second = map(self.sides.find, ends)
        if first is not None and second is not None and (first, second, port, tag) in self._placed:
            return first, second
        crowd = client.side, server.side, port, tag
        if self._kept[crowd] >= (ADDRESSES_KEPT if client.pod or server.pod else PAIRS_KEPT):
            self.crowded.add(crowd)
            return crowd[:2]
        self._kept[crowd] += 1
        first, second = self._number(client, ends[0]), self._number(server, ends[1])
        self._placed.add((first, second, port, tag))
        return first, second

    def _number(self, end: Interned, side: Side) -> int:
        return end.side if end.pod else self.sides.number(side)

    def _reason(self, client: int, server: int) -> str:
        found = self._reasons.get((client, server))
        if found is None:
            found = _pair_reason(self.sides.known[client], self.sides.known[server])
            self._reasons[client, server] = found
        return found

    def _at(self, end: Interned, ip: str, era: int) -> Side:
        """The side of ``end``: at its address, when no pod is named and the record gives one."""
        side = self.sides.known[end.side]
        if end.pod:
            return side
        if not (ip or side.entities or side.is_pod):
            raise Incomplete(".IP")
        return side._replace(ip=address(ip), era=era) if ip else side


def address(text: str) -> str:
    """The canonical text. Raises :class:`Bad`, or :class:`Aside` where it names no peer."""
    try:
        known, reason = canonical(text)
    except ValueError:
        raise Bad(".IP", f"expected an address, found {text[:40]!r}") from None
    if reason:
        raise Aside(reason)
    return known

"""Protocols, port sets and address blocks: the arithmetic under every rule.

A :class:`PortSet` is a set of (protocol, number) pairs. The number is the destination port for TCP,
UDP and SCTP; ``type * 256 + code`` for ICMP and ICMPv6; the IP protocol number for OTHER. Sets are
kept as sorted, disjoint, non-adjacent ranges, so equal sets are equal values and hash alike.

Laws (``tests/laws/test_net.py``): a PortSet behaves as the Python set of its pairs under
``| & - <=`` and ``in``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final, TypeAlias

__all__ = [
    "ALL_PORTS",
    "ICMP_PROTOCOLS",
    "NOT_INTERNET",
    "NO_PORTS",
    "PORT_PROTOCOLS",
    "PROTOCOLS",
    "IPNetwork",
    "PortSet",
    "canonical_address",
    "canonical_cidr",
    "contains",
    "host_cidr",
    "is_hostname",
    "is_name_pattern",
    "is_public",
    "network",
    "overlaps",
    "without",
]

IPNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Ranges: TypeAlias = tuple[tuple[int, int], ...]

PORT_PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
ICMP_PROTOCOLS: Final = ("ICMP", "ICMPv6")
PROTOCOLS: Final = (*PORT_PROTOCOLS, *ICMP_PROTOCOLS, "OTHER")
"""Every protocol name that a PortSet may hold, in the order in which they are printed."""

_SPAN: Final = {
    "TCP": (0, 65535),
    "UDP": (0, 65535),
    "SCTP": (0, 65535),
    "ICMP": (0, 65535),
    "ICMPv6": (0, 65535),
    "OTHER": (0, 255),
}


def _merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Sorted, disjoint, non-adjacent ranges that cover the same numbers."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def _common(left: Ranges, right: Ranges) -> Ranges:
    """The numbers that are in both."""
    return _merged(
        (max(a, c), min(b, d)) for a, b in left for c, d in right if max(a, c) <= min(b, d)
    )


def _inverse(ranges: Ranges, span: tuple[int, int]) -> Ranges:
    """The numbers of ``span`` that are not in ``ranges``."""
    edges = [(span[0] - 1, span[0] - 1), *ranges, (span[1] + 1, span[1] + 1)]
    return tuple((a[1] + 1, b[0] - 1) for a, b in pairwise(edges) if a[1] + 1 <= b[0] - 1)


@dataclass(frozen=True, slots=True)
class PortSet:
    """A canonical set of (protocol, number) pairs; build one with :meth:`of` or the operators.

    ``parts`` holds ``(protocol, ranges)`` in the order of :data:`PROTOCOLS`, without empty parts.
    """

    parts: tuple[tuple[str, Ranges], ...] = ()

    @staticmethod
    def of(protocol: str, low: int | None = None, high: int | None = None) -> PortSet:
        """The ports ``low`` to ``high`` (inclusive; ``high`` defaults to ``low``) of one protocol.

        Without ``low``: every port. Raises ``ValueError`` for an unknown protocol, a number outside
        the protocol's span, or ``high < low``.
        """
        if protocol not in _SPAN:
            raise ValueError(f"unknown protocol {protocol!r}")
        first, last = _SPAN[protocol]
        low, high = (first, last) if low is None else (low, low if high is None else high)
        if not first <= low <= high <= last:
            raise ValueError(f"{low}-{high} is not a range within {first}-{last}")
        return PortSet(((protocol, ((low, high),)),))

    @staticmethod
    def icmp(protocol: str, type_: int, code: int | None = None) -> PortSet:
        """One ICMP type, with every code or with one."""
        low = type_ * 256 + (code or 0)
        return PortSet.of(protocol, low, low if code is not None else low + 255)

    @staticmethod
    def union(sets: Iterable[PortSet]) -> PortSet:
        """The union of any number of sets."""
        every = tuple(sets)
        if len(every) == 1:
            return every[0]
        pools: dict[str, list[tuple[int, int]]] = {}
        for one in every:
            for protocol, ranges in one.parts:
                pools.setdefault(protocol, []).extend(ranges)
        return PortSet._from({name: _merged(ranges) for name, ranges in pools.items()})

    @staticmethod
    def _from(table: dict[str, Ranges]) -> PortSet:
        return PortSet(tuple((name, table[name]) for name in PROTOCOLS if table.get(name)))

    def ranges(self, protocol: str) -> Ranges:
        """The ranges of one protocol; empty when it is not in the set."""
        return dict(self.parts).get(protocol, ())

    def __or__(self, other: PortSet) -> PortSet:
        return PortSet.union((self, other))

    def __and__(self, other: PortSet) -> PortSet:
        theirs = dict(other.parts)
        return PortSet._from({n: _common(r, theirs[n]) for n, r in self.parts if n in theirs})

    def __sub__(self, other: PortSet) -> PortSet:
        theirs = dict(other.parts)
        return PortSet._from(
            {n: _common(r, _inverse(theirs.get(n, ()), _SPAN[n])) for n, r in self.parts}
        )

    def __le__(self, other: PortSet) -> bool:
        return not self - other

    def __bool__(self) -> bool:
        return bool(self.parts)

    def __contains__(self, pair: tuple[str, int]) -> bool:
        protocol, number = pair
        return any(low <= number <= high for low, high in self.ranges(protocol))

    def __iter__(self) -> Iterator[tuple[str, int, int]]:
        """Each (protocol, low, high) in canonical order."""
        for protocol, ranges in self.parts:
            for low, high in ranges:
                yield protocol, low, high

    def split(self) -> Iterator[PortSet]:
        """One PortSet per protocol."""
        return (PortSet((part,)) for part in self.parts)

    def text(self, protocol: str) -> str:
        """The numbers of one protocol as in ``80,443-450``; ICMP as ``8`` or ``3/4``; ``all``."""
        ranges = self.ranges(protocol)
        if ranges == (_SPAN[protocol],):
            return "all"
        shown = _icmp_text if protocol in ICMP_PROTOCOLS else _range_text
        return ",".join(shown(low, high) for low, high in ranges)

    def __str__(self) -> str:
        return " ".join(f"{name} {self.text(name)}" for name, _ in self.parts) or "nothing"


def _range_text(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"


def _icmp_text(low: int, high: int) -> str:
    if low % 256 == 0 and high % 256 == 255:
        return _range_text(low // 256, high // 256)
    first = f"{low // 256}/{low % 256}"
    return first if low == high else f"{first}-{high // 256}/{high % 256}"


NO_PORTS: Final = PortSet()
ALL_PORTS: Final = PortSet(tuple((name, (_SPAN[name],)) for name in PROTOCOLS))
"""Everything, ICMP and other IP protocols included: what a rule without ports means."""


NOT_INTERNET: Final = (
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)
"""Blocks that nobody reaches through the internet: private use (RFC 1918, RFC 4193), carrier-grade
NAT, which clouds also give to pods (RFC 6598), loopback and link-local (RFC 3927, RFC 4291)."""


@lru_cache(maxsize=65536)
def network(text: str) -> IPNetwork:
    """An address or CIDR as a network; host bits are cleared. Raises ``ValueError``."""
    return ipaddress.ip_network(text, strict=False)


def canonical_cidr(text: str) -> str:
    """``10.1.2.7/24`` → ``10.1.2.0/24``; IPv6 in lower case, compressed. Raises ``ValueError``."""
    return str(network(text))


_BYTE: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_DOTTED: Final = re.compile(rf"{_BYTE}(?:\.{_BYTE}){{3}}", re.ASCII)
"""One IPv4 address in its only right form: what pods have, a hundred thousand times."""


def canonical_address(text: str) -> str:
    """One address; IPv6 in lower case, compressed, and IPv4 written as IPv6 as what it is.

    Raises ``ValueError``.
    """
    if _DOTTED.fullmatch(text):
        return text
    address = ipaddress.ip_address(text)
    return str(getattr(address, "ipv4_mapped", None) or address)


def host_cidr(address: str) -> str:
    """One address as its narrowest block: ``/32`` for IPv4, ``/128`` for IPv6.

    Raises ``ValueError``.
    """
    if _DOTTED.fullmatch(address):
        return f"{address}/32"
    return str(ipaddress.ip_network(address))


_HOSTNAME: Final = re.compile(
    r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
)


def is_hostname(text: str) -> bool:
    """Whether a text is the full DNS name of a host, in lower case: no pattern, no bare label.

    Names come from answers on the wire, so whoever asks could otherwise teach ``*``.
    """
    return _HOSTNAME.fullmatch(text) is not None


def is_name_pattern(text: str) -> bool:
    """Whether a text is ``*.`` and a full DNS name: how flow logs tell of one of several hosts."""
    return text.startswith("*.") and is_hostname(text[2:])


def contains(block: str, inner: str) -> bool:
    """Whether every address of ``inner`` is in ``block``; families never mix."""
    outer, part = network(block), network(inner)
    if outer.version != part.version or outer.prefixlen > part.prefixlen:
        return False
    shift = part.max_prefixlen - outer.prefixlen
    return int(outer.network_address) >> shift == int(part.network_address) >> shift


def overlaps(one: str, other: str) -> bool:
    """Whether two blocks share an address."""
    return contains(one, other) or contains(other, one)


def is_public(cidr: str) -> bool:
    """Whether a block lies wholly outside :data:`NOT_INTERNET`."""
    return not any(overlaps(cidr, private) for private in NOT_INTERNET)


def without(block: str, holes: Iterable[str]) -> tuple[str, ...]:
    """``block`` minus ``holes``, as the fewest disjoint canonical blocks, sorted by address."""
    parts = [canonical_cidr(block)]
    for hole in holes:
        parts = [rest for part in parts for rest in _minus(part, hole)]
    return tuple(sorted(parts, key=lambda part: int(network(part).network_address)))


def _minus(block: str, hole: str) -> list[str]:
    if contains(hole, block):
        return []
    if not contains(block, hole):
        return [block]
    halves = network(block).subnets()
    return [rest for half in halves for rest in _minus(str(half), hole)]

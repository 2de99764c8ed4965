"""Outside the cluster: address blocks that say exactly what was seen, and "the internet".

Laws (``tests/laws/test_cidrs.py``): the cover holds exactly the given addresses and has as few
blocks as ``ipaddress.collapse_addresses``; the internet holds none of the excluded addresses.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from itertools import chain
from typing import Final, TypeAlias

from netpol.net import network
from netpol.policy import CidrSelector

__all__ = ["NOT_INTERNET", "cover_addresses", "internet"]

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

# A block is its first address and its number of host bits.
_Block: TypeAlias = tuple[int, int]
_BITS: Final = {4: 32, 6: 128}


def cover_addresses(addresses: Iterable[str]) -> tuple[str, ...]:
    """The fewest canonical CIDRs that hold exactly these addresses and no other one.

    Blocks (``192.0.2.0/30``) may be given too. IPv4 first, then IPv6, in the order of the numbers.
    O(n log n). Raises ``ValueError`` for what is neither an address nor a block.
    """
    families = _families(addresses)
    return tuple(
        chain.from_iterable(
            (_text(version, block) for block in _joined(families[version])) for version in _BITS
        )
    )


def internet(excluding: Iterable[str]) -> tuple[CidrSelector, ...]:
    """Every address outside the cluster and outside private networks, one selector per family.

    ``excluding``: addresses and blocks that are not the internet here (pods, Services, nodes).
    Where an engine's CIDRs match pods and nodes by their address, a bare ``0.0.0.0/0`` means
    "everyone, this cluster included"; and even where they do not, it opens the private networks
    beside the cluster and the link-local address at which clouds hand out credentials
    (169.254.169.254). So :data:`NOT_INTERNET` is always taken out. ``excluded`` is sorted as text.
    A family of which nothing is left has no selector. Raises ``ValueError`` as above.
    """
    families = _families((*NOT_INTERNET, *excluding))
    return tuple(
        CidrSelector(_text(version, (0, bits)), _texts(version, blocks))
        for version, bits in _BITS.items()
        if (blocks := _joined(families[version])) != [(0, bits)]
    )


def _texts(version: int, blocks: Iterable[_Block]) -> tuple[str, ...]:
    return tuple(sorted(_text(version, block) for block in blocks))


def _families(texts: Iterable[str]) -> dict[int, set[_Block]]:
    """The blocks by IP version."""
    families: dict[int, set[_Block]] = {version: set() for version in _BITS}
    for text in texts:
        if "/" in text:
            block = network(text)
            host_bits = block.max_prefixlen - block.prefixlen
            families[block.version].add((int(block.network_address), host_bits))
        else:
            # Addresses come by the ten thousand; a network object each would take twice as long.
            address = ipaddress.ip_address(text)
            families[address.version].add((int(address), 0))
    return families


def _joined(blocks: Iterable[_Block]) -> list[_Block]:
    """The fewest blocks with the same addresses, in order; one pass over the sorted blocks."""
    stack: list[_Block] = []
    for block in sorted(blocks, key=lambda block: (block[0], -block[1])):
        if stack and _within(block, stack[-1]):
            continue
        stack.append(block)
        while len(stack) > 1 and _are_halves(*stack[-2:]):
            stack.pop()
            first, bits = stack.pop()
            stack.append((first, bits + 1))
    return stack


def _within(inner: _Block, outer: _Block) -> bool:
    return inner[0] < outer[0] + (1 << outer[1])


def _are_halves(left: _Block, right: _Block) -> bool:
    """Whether two neighbours make up one aligned block of twice the size."""
    return left[1] == right[1] and left[0] ^ right[0] == 1 << left[1]


def _text(version: int, block: _Block) -> str:
    first, bits = block
    address = ipaddress.IPv4Address(first) if version == 4 else ipaddress.IPv6Address(first)
    return f"{address}/{_BITS[version] - bits}"

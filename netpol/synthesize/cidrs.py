"""Outside the cluster: address blocks that say exactly what was seen, and "the internet".

Laws (``tests/laws/test_cidrs.py``): the cover holds exactly the given addresses and has as few
blocks as ``ipaddress.collapse_addresses``; the internet holds none of the excluded addresses.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from itertools import chain
from socket import inet_ntoa
from typing import Final, TypeAlias

from netpol.net import NOT_INTERNET, network
from netpol.policy import CidrSelector

__all__ = ["cover_addresses", "internet"]

# A block is its first address and its prefix length: sorted, a block stands before its parts.
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
            (_text(version, block) for block in _joined(families[version], bits))
            for version, bits in _BITS.items()
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
        CidrSelector(_text(version, (0, 0)), _texts(version, blocks))
        for version, bits in _BITS.items()
        if (blocks := _joined(families[version], bits)) != [(0, 0)]
    )


def _texts(version: int, blocks: Iterable[_Block]) -> tuple[str, ...]:
    return tuple(sorted(_text(version, block) for block in blocks))


def _families(texts: Iterable[str]) -> dict[int, set[_Block]]:
    """The blocks by IP version."""
    families: dict[int, set[_Block]] = {version: set() for version in _BITS}
    for text in texts:
        # Addresses come by the ten thousand; a network object each would take twice as long.
        version = 6 if ":" in text else 4
        host = text.removesuffix(f"/{_BITS[version]}")
        if "/" in host:
            block = network(text)
            families[version].add((int(block.network_address), block.prefixlen))
        else:
            address = ipaddress.IPv6Address(host) if version == 6 else ipaddress.IPv4Address(host)
            families[version].add((int(address), _BITS[version]))
    return families


def _joined(blocks: Iterable[_Block], bits: int) -> list[_Block]:
    """The fewest blocks with the same addresses, in order; one pass over the sorted blocks.

    ``bits``: the length of an address.
    """
    stack: list[_Block] = []
    end = 0
    for first, length in sorted(blocks):
        if first < end:
            continue
        end = first + (1 << bits - length)
        # Two neighbours that differ in nothing but the last bit of their prefix are one block.
        while stack and stack[-1] == (first ^ 1 << bits - length, length):
            first, length = stack.pop()[0], length - 1
        stack.append((first, length))
    return stack


def _text(version: int, block: _Block) -> str:
    first, length = block
    host = inet_ntoa(first.to_bytes(4)) if version == 4 else ipaddress.IPv6Address(first)
    return f"{host}/{length}"

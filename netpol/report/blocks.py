"""Many address blocks that are treated alike, shown as one party."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from functools import lru_cache
from ipaddress import summarize_address_range
from typing import Final, TypeVar

from netpol.net import IPNetwork, network
from netpol.peers import Cidr, Peer, label

__all__ = ["addresses_words", "together"]

_MOST: Final = 4
"""Blocks of one family that are spelled out; the others are counted."""
_TURNED: Final = 256
"""Most blocks that are looked at for a shorter way to say them."""

_BUT: Final = " but "
_FAMILIES: Final = ((4, "IPv4", "0.0.0.0/0"), (6, "IPv6", "::/0"))

_What = TypeVar("_What", bound=Hashable)


def together(
    found: Iterable[tuple[Peer, Peer, _What]],
) -> list[tuple[Peer, Peer, _What]]:
    """The same (client, server, what) rows with the blocks of one partner and one what merged.

    A merged party is a Cidr whose text is :func:`addresses_words`: for people, not for programs.
    Sorted by the labels of client and server; rows of one pair keep their order.
    """
    rows: list[tuple[Peer, Peer, _What]] = []
    clients: dict[tuple[Peer, _What], list[str]] = {}
    servers: dict[tuple[Peer, _What], list[str]] = {}
    for client, server, what in found:
        if isinstance(client, Cidr):
            clients.setdefault((server, what), []).append(client.cidr)
        elif isinstance(server, Cidr):
            servers.setdefault((client, what), []).append(server.cidr)
        else:
            rows.append((client, server, what))
    rows += [(_merged(blocks), server, what) for (server, what), blocks in clients.items()]
    rows += [(client, _merged(blocks), what) for (client, what), blocks in servers.items()]
    return sorted(rows, key=lambda row: (label(row[0]), label(row[1])))


def _merged(blocks: list[str]) -> Cidr:
    return Cidr(addresses_words(blocks))


def addresses_words(blocks: Iterable[str]) -> str:
    """Blocks in words: ``10.0.0.0/8 but 10.9.0.0/16``, ``all IPv4 but 10.0.0.0/8``."""
    return _words(tuple(blocks))


@lru_cache(maxsize=1024)
def _words(every: tuple[str, ...]) -> str:
    if set(every) == {whole for _, _, whole in _FAMILIES}:
        return "every address"
    parts = []
    for version, name, whole in _FAMILIES:
        mine = _disjoint(one for one in map(network, every) if one.version == version)
        parts += _family_words(mine, f"all {name}", whole)
    return ("; " if any(_BUT in one for one in parts) else ", ").join(parts)


def _family_words(blocks: list[IPNetwork], name: str, whole: str) -> list[str]:
    found = _shortest(blocks) if 0 < len(blocks) <= _TURNED else [(one, ()) for one in blocks]
    pierced = [(block, holes) for block, holes in found if holes]
    plain = [str(block) for block, holes in found if not holes]
    named = {whole: name}
    words = [
        f"{named.get(str(block), block)}{_BUT}{_listed(map(str, holes))}"
        for block, holes in pierced
    ]
    return words + [named.get(text, text) for text in [_listed(plain)] if text]


def _disjoint(blocks: Iterable[IPNetwork]) -> list[IPNetwork]:
    """Sorted, without those that are inside others."""
    kept: list[IPNetwork] = []
    for one in sorted(blocks):
        if not kept or int(one.network_address) > int(kept[-1].broadcast_address):
            kept.append(one)
    return kept


def _shortest(blocks: list[IPNetwork]) -> list[tuple[IPNetwork, tuple[IPNetwork, ...]]]:
    """The same addresses as blocks with holes, so that there is least to say; they are disjoint."""
    if len(blocks) == 1:
        return [(blocks[0], ())]
    cover = _cover(blocks[0], blocks[-1])
    middle = int(cover.network_address) + cover.num_addresses // 2
    below = sum(1 for one in blocks if int(one.network_address) < middle)
    halves = _shortest(blocks[:below]) + _shortest(blocks[below:])
    holes = tuple(_holes(cover, blocks))
    return [(cover, holes)] if 1 + len(holes) < sum(1 + len(some) for _, some in halves) else halves


def _cover(first: IPNetwork, last: IPNetwork) -> IPNetwork:
    """The smallest block that both are in."""
    differ = (int(first.network_address) ^ int(last.broadcast_address)).bit_length()
    return network(f"{first.network_address}/{first.max_prefixlen - differ}")


def _holes(cover: IPNetwork, blocks: list[IPNetwork]) -> Iterator[IPNetwork]:
    """What is missing of ``cover``, in the fewest blocks."""
    here, after = int(cover.network_address), int(cover.broadcast_address) + 1
    address = type(cover.network_address)
    for first, last in [
        *((int(one.network_address), int(one.broadcast_address)) for one in blocks),
        (after, after),
    ]:
        if first > here:
            yield from summarize_address_range(address(here), address(first - 1))
        here = last + 1


def _listed(blocks: Iterable[str]) -> str:
    every = list(blocks)
    more = len(every) - _MOST
    shown = ", ".join(every[:_MOST] if more > 1 else every)
    return f"{shown} and {more:,} more blocks" if more > 1 else shown

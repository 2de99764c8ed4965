"""Many address blocks that are treated alike, shown as one party."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Final, TypeVar

from netpol.net import network, without
from netpol.peers import Cidr, Peer, label

__all__ = ["addresses_words", "together"]

_MOST: Final = 4
"""Blocks of one family that are spelled out; the others are counted."""
_TURNED: Final = 256
"""Most blocks of which the complement is looked at: it may be shorter to say."""

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
    """Disjoint blocks in words: ``10.0.0.0/8, 192.0.2.0/24``, ``all IPv4 but 10.0.0.0/8``."""
    every = list(blocks)
    if set(every) == {whole for _, _, whole in _FAMILIES}:
        return "every address"
    parts = []
    for version, name, whole in _FAMILIES:
        mine = sorted((b for b in every if network(b).version == version), key=network)
        if mine:
            parts.append(_family_words(mine, name, whole))
    return ", ".join(parts)


def _family_words(blocks: list[str], name: str, whole: str) -> str:
    if blocks == [whole]:
        return f"all {name}"
    rest = without(whole, blocks) if 1 < len(blocks) <= _TURNED else ()
    return f"all {name} but {_listed(rest)}" if 0 < len(rest) < len(blocks) else _listed(blocks)


def _listed(blocks: Iterable[str]) -> str:
    every = list(blocks)
    more = len(every) - _MOST
    shown = ", ".join(every[:_MOST] if more > 1 else every)
    return f"{shown} and {more:,} more blocks" if more > 1 else shown

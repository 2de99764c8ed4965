"""Packets of translated connections, told as what they are: from the client to who answers it.

A connection passes a node under two sets of addresses; where packets were seen with either of them,
or with both, it becomes the one that the connection tracking knows, and so counts once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from itertools import repeat
from typing import Final

import numpy as np

from capture.packet_nat import Translated, Translations, key_of
from capture.packet_rows import Addresses, Numbers, Rows
from capture.tracking_entry import Translation

__all__ = ["Tracked"]

_ROOM: Final = 1 << 17
"""Each connection takes two; the oldest give way."""
_WAY: Final = np.dtype(
    [
        (name, np.uint64)
        for name in ("key", "truth", "source", "target", "client", "server", "dialled")
    ]
)
"""Hashes of the connection as it is seen and as it is, its sides as a packet from the client has
them, the sides that they stand for, and what was dialled where that is another than the server."""
_LOOPBACK: Final = bytes(15) + b"\1"


@dataclass(slots=True)
class Tracked:
    """Which connections are translated to what."""

    at_pods: bool = False
    """Whether packets are seen in the pods alone: to a pod, and to its policies, whoever comes by a
    node port and is masqueraded is the node."""
    _ways: Numbers = field(default_factory=lambda: np.zeros(_ROOM, _WAY))
    _next: int = 0
    _places: dict[int, int] = field(default_factory=dict)
    """By key where it is in ``_ways``."""

    def learn(self, some: Iterable[Translation], addresses: Addresses) -> None:
        """Remember some connections."""
        found: list[tuple[int, ...]] = []
        for original, reply in some:
            client = _side(addresses, original.source, original.source_port)
            dialled = _side(addresses, original.target, original.target_port)
            server = _side(addresses, reply.source, reply.source_port)
            shown = _side(addresses, reply.target, reply.target_port)
            if dialled != server and _inside(original.target, reply.source):
                continue
            rest = server, dialled if dialled != server else 0
            answered = shown if self.at_pods and original.source != reply.target else client
            found.append((original.protocol, client, dialled, client, *rest))
            found.append((original.protocol, shown, server, answered, *rest))
        if found:
            self._keep(np.array(found[-_ROOM:], np.uint64))

    def _keep(self, found: Numbers) -> None:
        protocol, source, target, client, server, dialled = found.T
        keys, truth = _key(source, target, protocol), _key(client, server, protocol)
        at = (self._next + np.arange(len(keys))) % _ROOM
        old = self._ways["key"][at].tolist()
        for place, gone, key in zip(at.tolist(), old, keys.tolist(), strict=True):
            if self._places.get(gone) == place:
                del self._places[gone]
            self._places[key] = place
        self._next += len(keys)
        columns = keys, truth, source, target, client, server, dialled
        for name, column in zip(_WAY.names or (), columns, strict=True):
            self._ways[name][at] = column

    def tell(self, rows: Rows, translations: Translations) -> None:
        """Put the sides that they stand for into some rows, and note what was dialled."""
        if not self._places:
            return
        keys = _key(rows.source, rows.target, rows.protocol).tolist()
        at = np.fromiter(map(self._places.get, keys, repeat(-1)), np.int64, len(keys))
        here = np.flatnonzero(at >= 0)
        if not here.size:
            return
        ways = self._ways[at[here]]
        forth = (ways["source"] == rows.source[here]) & (ways["target"] == rows.target[here])
        back = (ways["source"] == rows.target[here]) & (ways["target"] == rows.source[here])
        source = np.where(forth, ways["client"], ways["server"])
        target = np.where(forth, ways["server"], ways["client"])
        same = forth | back  # else another connection has the same hash
        rows.source[here[same]], rows.target[here[same]] = source[same], target[same]
        for way in self._ways[np.unique(at[here[same]])]:
            told = Translated(int(way["client"]), int(way["dialled"]))
            translations.behind[int(way["truth"])] = told


def _key(source: Numbers, target: Numbers, protocol: Numbers) -> Numbers:
    return key_of(np.minimum(source, target), np.maximum(source, target), protocol)


def _inside(dialled: bytes, server: bytes) -> bool:
    """Whether it is turned to another port of the same host, as proxies beside a pod do inside it.

    Policies are about what was dialled then.
    """
    loopback = server[0] == 127 if len(server) == 4 else server == _LOOPBACK
    return dialled == server or loopback


def _side(addresses: Addresses, address: bytes, port: int) -> int:
    four = len(address) == 4
    number = int.from_bytes(address) if four else addresses.number(IPv6Address(address))
    return number << 16 | port

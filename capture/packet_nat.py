"""Connections that were captured before and after their addresses were translated.

The opening packet is the same but for an address and port: number, size and IP identification are
kept. The connection that was seen first has the client, and the Service's address where there is
one; the one that was seen last has the server.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Final, NamedTuple

import numpy as np

from capture import packet_layers as layers
from capture.packet_copies import NEAR
from capture.packet_groups import grouped
from capture.packet_rows import Numbers, Rows, mixed

__all__ = ["Translated", "Translations", "key_of"]

_RANDOM: Final = 1 << 16
"""A number that a client chose at random is hardly ever smaller."""
_KEPT: Final = 1 << 14
_MOST: Final = 1 << 18


class Translated(NamedTuple):
    """What is known of a connection from where it was captured before."""

    client: int
    service: int
    """The side that the client dialled; 0 where that is the server itself."""


def key_of(low: Numbers, high: Numbers, protocol: Numbers) -> Numbers:
    """A hash of a connection."""
    return mixed(low, high, protocol.astype(np.uint64))


@dataclass(slots=True)
class Translations:
    """Remembers which connections are one."""

    before: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Connections that were seen again behind a translation; there: client and server."""
    behind: dict[int, Translated] = field(default_factory=dict)
    _recent: Rows | None = None

    def note(self, rows: Rows) -> None:
        """Look for translations among the opening packets of some rows."""
        stream = (rows.layer == layers.TCP) | (rows.layer == layers.SCTP)
        telling = np.where(stream, rows.opening > 0, rows.mark & np.uint64(1) > 0)
        opening = (rows.kind == layers.OPEN) & (rows.layer != layers.ICMP) & telling
        chosen = rows.of(np.flatnonzero(opening))
        if self._recent is not None:
            chosen = _joined(self._recent, chosen)
        if not len(chosen.time):
            return
        late = np.flatnonzero(chosen.time >= chosen.time.max() - NEAR)[-_KEPT:]
        self._recent = chosen.of(late)
        order, starts = grouped(chosen.mark, chosen.protocol)
        sizes = np.diff(starts, append=len(order))
        for group in np.flatnonzero(sizes > 1).tolist():
            alike = order[starts[group] :][: sizes[group]]
            self._chain(chosen, alike[np.argsort(chosen.time[alike], kind="stable")])

    def clients(self, keys: Numbers, low: Numbers, high: Numbers) -> Numbers:
        """1 for connections whose client is known to be their higher side, -1 for the lower."""
        found = np.zeros(len(keys), np.int8)
        if self.behind:
            known = np.isin(keys, np.fromiter(self.behind, np.uint64, len(self.behind)))
            for one in np.flatnonzero(known).tolist():
                client = self.behind[int(keys[one])].client
                found[one] = int(client == high[one]) - int(client == low[one])
        return found

    def _chain(self, rows: Rows, chosen: Numbers) -> None:
        """Opening packets that are alike, in the order of time."""
        last = None
        for one in chosen.tolist():
            if last is not None and self._follows(rows, last, one):
                self._link(rows, last, one)
            last = one

    def _follows(self, rows: Rows, one: int, other: int) -> bool:
        if abs(int(rows.time[other]) - int(rows.time[one])) > NEAR:
            return False
        source = rows.source[one] == rows.source[other]
        target = rows.target[one] == rows.target[other]
        return source != target or (not source and rows.opening[one] >= _RANDOM)

    def _link(self, rows: Rows, one: int, other: int) -> None:
        if len(self.before) >= _MOST:
            return
        early, late = _key(rows, one), _key(rows, other)
        source, target = int(rows.source[one]), int(rows.target[one])
        server = int(rows.target[other])
        known = self.behind.pop(early, Translated(source, 0))
        service = known.service or (target if target != server else 0)
        self.behind[late] = Translated(known.client, service)
        self.before[early] = known.client, server


def _key(rows: Rows, one: int) -> int:
    source, target = rows.source[one : one + 1], rows.target[one : one + 1]
    low, high = np.minimum(source, target), np.maximum(source, target)
    return int(key_of(low, high, rows.protocol[one : one + 1])[0])


def _joined(one: Rows, other: Rows) -> Rows:
    names = [each.name for each in fields(Rows)]
    return Rows(*(np.concatenate([getattr(one, n), getattr(other, n)]) for n in names))

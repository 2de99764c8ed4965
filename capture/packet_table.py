"""Connections that are being added up, as columns, found by their two sides.

A hash table over numpy arrays: a dict of as many Python objects would take ten times the memory.
When it is full half of them leave it, so memory is bounded whatever the number of connections:
those that ended or were datagrams first, then those that were quiet for longest. One that goes on
after that counts as another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from capture import packet_layers as layers
from capture.packet_groups import grouped
from capture.packet_rows import Numbers, Rows, mixed

__all__ = ["CONNECTION", "ROOM", "Table", "summed"]

ROOM: Final = 1 << 18
_BITS: Final = 20
_LINGER: Final = 1_000_000_000
"""So many nanoseconds after it ended some packets of a connection may still come."""
_STREAMS: Final = (6, 132)
_SHIFT: Final = np.uint64(64 - _BITS)

CONNECTION: Final = np.dtype(
    [
        ("low", np.uint64),
        ("high", np.uint64),
        ("protocol", np.uint32),
        ("began", np.uint32),
        ("opening", np.uint32),
        ("first", np.int64),
        ("last", np.int64),
        ("count", np.uint32),
        ("lead", np.uint8),
        ("loose", np.uint8),
        ("seen", np.uint32, (layers.KINDS, 2)),
    ]
)
"""``low`` and ``high`` are the sides in numeric order. ``began`` and ``opening`` are what the first
and the latest opening packet chose. ``count`` is how often a connection began: with another number,
or (``loose``) before the first. ``lead`` is 1 where the higher side sent the first packet, ``seen``
are packets by what they say and by who sent them."""


def summed(rows: Rows) -> Numbers:
    """The connections of some rows, each once."""
    low = np.minimum(rows.source, rows.target)
    high = np.maximum(rows.source, rows.target)
    order, starts = grouped(low, high, rows.protocol)
    found = np.zeros(len(starts), CONNECTION)
    if not len(starts):
        return found
    heads = order[starts]
    found["low"], found["high"], found["protocol"] = low[heads], high[heads], rows.protocol[heads]
    time = rows.time[order]
    found["first"] = np.minimum.reduceat(time, starts)
    found["last"] = np.maximum.reduceat(time, starts)
    up = rows.source > rows.target
    found["lead"] = up[heads]
    group = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(order)))
    cells = group * (layers.KINDS * 2) + rows.kind[order] * 2 + up[order]
    seen = np.bincount(cells, minlength=len(starts) * layers.KINDS * 2)
    found["seen"] = seen.reshape(-1, layers.KINDS, 2)
    found["loose"] = rows.opening[heads] == 0
    found["count"] = found["loose"]
    _openings(found, group, rows.opening[order])
    return found


def _openings(found: Numbers, group: Numbers, opening: Numbers) -> None:
    """Count how often a client began anew: it chooses another number then."""
    telling = np.flatnonzero(opening)
    if not telling.size:
        return
    group, opening = group[telling], opening[telling]
    new = np.ones(len(telling), bool)
    new[1:] = (group[1:] != group[:-1]) | (opening[1:] != opening[:-1])
    found["count"] += np.bincount(group[new], minlength=len(found)).astype(np.uint32)
    edge = group[1:] != group[:-1]
    first, last = np.append(True, edge), np.append(edge, True)
    found["began"][group[first]] = opening[first]
    found["opening"][group[last]] = opening[last]


@dataclass(slots=True)
class Table:
    """The connections seen of late."""

    rows: Numbers = field(default_factory=lambda: np.zeros(ROOM, CONNECTION))
    size: int = 0
    _index: Numbers = field(default_factory=lambda: np.full(1 << _BITS, -1, np.int32))

    def add(self, new: Numbers) -> None:
        """Add up with what is known; there must be room (:meth:`leave`)."""
        where, fresh = self._places(new)
        old, more = where[~fresh], new[~fresh]
        kept = self.rows[old]
        same = (kept["opening"] == more["began"]) & (more["began"] > 0)
        kept["count"] += more["count"] - more["loose"] - same
        kept["seen"] += more["seen"]
        kept["opening"] = np.where(more["opening"] > 0, more["opening"], kept["opening"])
        kept["first"] = np.minimum(kept["first"], more["first"])
        kept["last"] = np.maximum(kept["last"], more["last"])
        self.rows[old] = kept

    def _places(self, new: Numbers) -> tuple[Numbers, Numbers]:
        """Row numbers of connections, and which of them were not known before."""
        where = np.zeros(len(new), np.int64)
        fresh = np.zeros(len(new), bool)
        slot = (mixed(new["low"], new["high"], new["protocol"].astype(np.uint64)) >> _SHIFT).astype(
            np.int64
        )
        pending = np.arange(len(new))
        while pending.size:
            row = self._index[slot[pending]]
            free = pending[row < 0]
            if free.size:
                mine = self._claim(slot[free])
                won = free[mine]
                where[won] = np.arange(self.size, self.size + len(won))
                self._index[slot[won]] = where[won]
                self.rows[where[won]] = new[won]
                self.size += len(won)
                fresh[won] = True
            taken, row = pending[row >= 0], row[row >= 0]
            equal = self._equal(row, new[taken])
            where[taken[equal]] = row[equal]
            pending = np.concatenate([taken[~equal], free[~mine]] if free.size else [taken[~equal]])
            slot[pending] = (slot[pending] + 1) & ((1 << _BITS) - 1)
        return where, fresh

    def _claim(self, slots: Numbers) -> Numbers:
        """Which of several that want a free slot have it: the last that wrote."""
        numbers = np.arange(len(slots), dtype=np.int32)
        self._index[slots] = numbers
        won: Numbers = self._index[slots] == numbers
        return won

    def _equal(self, row: Numbers, new: Numbers) -> Numbers:
        known = self.rows[row]
        equal = np.ones(len(row), bool)
        for name in ("low", "high", "protocol"):
            equal &= known[name] == new[name]
        return equal

    def leave(self, coming: int) -> Numbers:
        """The connections that must go before so many can come: half of them, or none."""
        if self.size + coming <= ROOM:
            return self.rows[:0]
        live = self.rows[: self.size]
        keep = min(self.size // 2, max(ROOM - coming, 0))
        order = np.lexsort((live["last"], self._open(live)))
        gone, kept = live[order[: self.size - keep]], live[order[self.size - keep :]]
        self.size = 0
        self._index.fill(-1)
        self._places(kept)
        return gone

    def _open(self, live: Numbers) -> Numbers:
        """Which of them will hardly say who opened them again, but may go on."""
        seen = live["seen"] > 0
        ended = seen[:, layers.CLOSE].all(axis=1) | seen[:, layers.REFUSE].any(axis=1)
        fresh = live["last"] > live["last"].max() - _LINGER
        stream = np.isin(live["protocol"], _STREAMS)
        kept: Numbers = fresh | (stream & ~ended)
        return kept

    def rest(self) -> Numbers:
        """All that are left."""
        return self.rows[: self.size]

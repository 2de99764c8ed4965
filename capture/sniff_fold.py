"""Packets added up interval by interval, without forgetting who opened what.

Each interval's flows are written and let go of. What comes later of a connection (a ClientHello, a
datagram) does not say who opened it; that is remembered for a while.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from capture import packet_layers as layers
from capture.packet_fold import PacketFold
from capture.packet_nat import key_of
from capture.packet_orient import Oriented
from capture.packet_rows import Numbers, Rows, Window
from capture.sniff_tracked import Tracked
from capture.source import Reading
from capture.tracking_entry import Translation
from netpol.flow import Flow

__all__ = ["Intervals"]

_REMEMBERED: Final = 1 << 18
_IPV6: Final = 1 << 20
"""So many addresses are kept as numbers; then everything is begun anew."""

_KNOWN: Final = np.dtype([("key", np.uint64), ("high", np.bool_), ("last", np.int64)])


@dataclass(slots=True)
class _Interval(PacketFold):
    """The packets of one interval, and what is known of earlier ones."""

    known: Numbers = field(default_factory=lambda: np.zeros(0, _KNOWN))
    """Connections that were seen to be opened, in the order of their keys."""
    tracked: Tracked = field(default_factory=Tracked)

    def read(self, window: Window) -> Rows:
        """What is in each packet; those of translated connections as what they are."""
        found = PacketFold.read(self, window)
        self.tracked.tell(found, self._translations)
        return found

    def oriented(self, gone: Numbers) -> Oriented:
        """As these packets tell, else as earlier ones told."""
        told = PacketFold.oriented(self, gone)
        keys = key_of(gone["low"], gone["high"], gone["protocol"])
        high, certain, by_ports = told.high.copy(), told.certain.copy(), told.by_ports.copy()
        if len(self.known):
            at = np.minimum(np.searchsorted(self.known["key"], keys), len(self.known) - 1)
            # Datagrams are certain by who was first, and that one was in an earlier interval.
            before = (self.known["key"][at] == keys) & ~_opening(gone)
            high[before] = self.known["high"][at[before]]
            certain[before], by_ports[before] = True, False
        tracked = self._translations.clients(keys, gone["low"], gone["high"])
        high = np.where(tracked != 0, tracked > 0, high)
        certain, by_ports = certain | (tracked != 0), by_ports & (tracked == 0)
        self._remember(keys[certain], high[certain], gone["last"][certain])
        return replace(told, high=high, certain=certain, by_ports=by_ports)

    def following(self) -> _Interval:
        """The interval behind this one."""
        if len(self.addresses) > _IPV6:
            anew = Tracked(at_pods=self.tracked.at_pods)
            return _Interval(self.reading, self.source, tracked=anew)
        return _Interval(
            self.reading,
            self.source,
            addresses=self.addresses,
            known=self.known,
            tracked=self.tracked,
            _copies=self._copies,
            _translations=self._translations,
            _servers=self._servers[:0] if len(self._servers) > _REMEMBERED else self._servers,
        )

    def _remember(self, keys: Numbers, high: Numbers, last: Numbers) -> None:
        more = np.zeros(len(keys), _KNOWN)
        more["key"], more["high"], more["last"] = keys, high, last
        known = np.concatenate([self.known, more])
        known = known[np.lexsort((-known["last"], known["key"]))]
        known = known[np.append(True, known["key"][1:] != known["key"][:-1])[: len(known)]]
        if len(known) > _REMEMBERED:
            recent = np.argsort(known["last"], kind="stable")[-_REMEMBERED // 2 :]
            known = known[np.sort(recent)]
        self.known = known


def _opening(gone: Numbers) -> Numbers:
    """Which connections show by themselves who opened them."""
    seen: Numbers = gone["seen"][:, [layers.OPEN, layers.ACCEPT]].reshape(len(gone), -1)
    return np.asarray(seen.any(axis=1))


@dataclass(slots=True)
class Intervals:
    """What was captured, as flows of one interval after the other."""

    reading: Reading
    source: str
    at_pods: bool = False
    """As in :class:`capture.sniff_tracked.Tracked`."""
    _now: _Interval = field(init=False)

    def __post_init__(self) -> None:
        tracked = Tracked(at_pods=self.at_pods)
        self._now = _Interval(self.reading, self.source, tracked=tracked)

    def learn(self, some: Iterable[Translation]) -> None:
        """How connections are translated whose packets come now."""
        self._now.tracked.learn(some, self._now.addresses)

    def take(self, window: Window) -> None:
        """Packets of this interval."""
        self._now.take(window)

    def flows(self) -> list[Flow]:
        """The flows of this interval; another one begins."""
        found = list(self._now.flows())
        self._now = self._now.following()
        return found

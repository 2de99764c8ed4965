"""One packet that was captured several times: on interfaces, bridges and tunnels of one node.

A copy has the same addresses, ports, numbers, size and IP identification within 5 ms. What
a sender repeats comes later, or has an identification of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from capture.packet_groups import grouped
from capture.packet_rows import Numbers, Rows, mixed

__all__ = ["NEAR", "Copies"]

NEAR: Final = 5_000_000
_KEPT: Final = 1 << 16
"""Packets that are remembered beyond their window."""


@dataclass(slots=True)
class Copies:
    """Remembers the packets of the last milliseconds."""

    _prints: Numbers = field(default_factory=lambda: np.zeros(0, np.uint64))
    _times: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))

    def among(self, rows: Rows) -> Numbers:
        """Which of the rows are copies of earlier ones."""
        found = mixed(rows.source, rows.target, rows.mark, rows.protocol)
        prints = np.concatenate([self._prints, found])
        times = np.concatenate([self._times, rows.time])
        copy = np.zeros(len(prints), bool)
        order, starts = grouped(prints)
        if len(order):
            gaps = np.diff(times[order], prepend=0)
            near = np.abs(gaps) <= NEAR
            near[starts] = False
            copy[order[near]] = True
            recent = np.flatnonzero(times >= times.max() - NEAR)[-_KEPT:]
            self._prints, self._times = prints[recent], times[recent]
        return copy[len(copy) - len(found) :]

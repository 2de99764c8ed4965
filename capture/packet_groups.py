"""Equal things among many: sorting by a hash, with the exact comparison that a hash is not."""

from __future__ import annotations

from typing import Final

import numpy as np

from capture.packet_rows import Numbers, mixed

__all__ = ["MOST", "grouped"]

_INDEX_BITS: Final = 21
MOST: Final = 1 << _INDEX_BITS
"""So many things can be grouped at once."""
_LOW: Final = np.uint64(MOST - 1)


def grouped(*columns: Numbers) -> tuple[Numbers, Numbers]:
    """(order, starts): things sorted so that those equal in all columns are together.

    Equal things keep their order; a group begins at each of ``starts``. A number whose low bits are
    the place sorts much faster than a stable sort of the hashes.
    """
    n = len(columns[0])
    if not n:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    key = mixed(*(column.astype(np.uint64) for column in columns)) & ~_LOW
    key |= np.arange(n, dtype=np.uint64)
    key.sort()
    order = (key & _LOW).astype(np.int64)
    near = (key[1:] ^ key[:-1]) > _LOW
    new = np.zeros(n - 1, bool)
    for column in columns:
        ordered = column[order]
        new |= ordered[1:] != ordered[:-1]
    if (new & ~near).any():  # different things share a hash, and may lie between each other
        order = np.lexsort(columns)
        new = np.zeros(n - 1, bool)
        for column in columns:
            ordered = column[order]
            new |= ordered[1:] != ordered[:-1]
    return order, np.concatenate([[0], np.flatnonzero(new) + 1])

"""Giving privileges up, by the calls of the kernel itself (capabilities(7), prctl(2))."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from struct import pack
from typing import Final

from netpol.errors import NetpolError

__all__ = ["NET_RAW", "SYS_ADMIN", "SYS_PTRACE", "drop"]

NET_RAW: Final = 13
SYS_PTRACE: Final = 19
"""To see which namespace a process of another user is in."""
SYS_ADMIN: Final = 21
"""To enter it."""

_BOUNDING: Final = 24
_NO_NEW: Final = 38
_AMBIENT, _CLEAR = 47, 4
_VERSION3: Final = 0x20080522
_LAST: Final = 63


def drop(kept: Iterable[int] = ()) -> None:
    """Have no capabilities but these from now on, in no way ever again. Raises NetpolError."""
    libc = ctypes.CDLL(None, use_errno=True)
    keep = sum(1 << one for one in kept)
    _sure(libc.prctl(_NO_NEW, 1, 0, 0, 0))
    libc.prctl(_AMBIENT, _CLEAR, 0, 0, 0)  # a kernel without it has none
    for one in range(_LAST):
        # What may not be taken from the bounding set has no way back either: no new privileges.
        libc.prctl(_BOUNDING, one, 0, 0, 0)
    header = ctypes.create_string_buffer(pack("=Ii", _VERSION3, 0))
    # An unprivileged process keeps what it has of these: nothing.
    keep &= _permitted()
    words = keep & 0xFFFFFFFF, keep >> 32
    data = ctypes.create_string_buffer(
        b"".join(pack("=III", word, word, 0) for word in words)  # effective, permitted, inheritable
    )
    _sure(libc.capset(header, data))


def _permitted() -> int:
    with open("/proc/self/status", encoding="ascii", errors="replace") as lines:  # noqa: PTH123
        for line in lines:
            if line.startswith("CapPrm:"):
                return int(line.split()[1], 16)
    return 0


def _sure(result: int) -> None:
    if result:
        error = ctypes.get_errno()
        raise NetpolError(f"cannot give privileges up: {os.strerror(error)}")

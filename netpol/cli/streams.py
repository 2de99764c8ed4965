"""The standard streams, whatever netpol was started with."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Final

__all__ = ["make_usable", "no_room", "turn_away"]

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def make_usable() -> None:
    """Every stream is there, and takes any text.

    One that was closed leads nowhere from here on: else a file that is opened later would get its
    number, and our messages with it. What an encoding has no letter for is written as its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(nowhere, mode, encoding="utf-8"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def no_room(error: OSError) -> bool:
    """Whether the result could not be written where it was sent to."""
    return error.filename is None and error.errno in _NO_ROOM


def turn_away() -> None:
    """What is still buffered for stdout must not be written at exit: it would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

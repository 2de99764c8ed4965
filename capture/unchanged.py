"""Whether a file is still what it was when all of it was known, so that it need not be read again.

The ledger knows content; to ask it, a file has to be read. A note beside it saves that for files
that nobody touched: it holds while device, inode, size and both times of the file are those of the
note, and its first and last bytes are those of the content that the note is about. A file that was
renamed, copied, cut or packed has other times or another inode, and is read. Times that are
so young that a clock may not tell them from the next change are no reason to note anything.
"""

from __future__ import annotations

import hashlib
import os
import stat as modes
import time
from typing import Final

from netpol.store import Note

__all__ = ["Look", "look", "look_at"]

_END: Final = 4096
"""Bytes."""
_EXACT: Final = 2_000_000_000
"""Nanoseconds: file systems that keep times by the second or two are the coarsest."""

Look = Note
"""What a file looks like from outside."""


def look(path: str) -> Look | None:
    """The file as it is now; None: it is none whose looks tell anything."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        return look_at(file)
    finally:
        os.close(file)


def look_at(file: int) -> Look | None:
    """The same of a file that is open."""
    stat = os.fstat(file)
    changed = max(stat.st_mtime_ns, stat.st_ctime_ns)
    if not modes.S_ISREG(stat.st_mode) or time.time_ns() - changed < _EXACT:
        return None
    size = stat.st_size
    ends = os.pread(file, _END, 0) + os.pread(file, _END, max(size - _END, 0))
    return Note(
        place=f"{stat.st_dev}:{stat.st_ino}",
        state=f"{size} {stat.st_mtime_ns} {stat.st_ctime_ns}",
        ends=hashlib.blake2b(ends, digest_size=16).digest(),
    )

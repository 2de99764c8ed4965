"""Where flow records go: standard output, or a file that gives way to another when it is large.

Lines are only ever added, a whole interval with one call; what was written stays readable whatever
becomes of the process.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from capture.appended import Appended, add, cannot, opened, size
from capture.times import rfc3339
from netpol.errors import NetpolError

__all__ = ["Records"]

_OURS: Final = b'{"netpol":'
_STEP: Final = 1 << 16


@dataclass(slots=True, kw_only=True)
class Records(Appended):
    """A file of flow records."""

    def ready(self) -> None:
        """Raises NetpolError where another file could not be begun with the privileges left."""
        if self.path is not None and self.largest and not os.access(self.path.parent, os.W_OK):
            raise NetpolError(
                "--max-size puts files aside, and without privileges that is not allowed here",
                where=str(self.path.parent),
                hint="write to a directory that belongs to the user who captures",
            )

    def add(self, text: bytes) -> None:
        """Add whole lines. Raises NetpolError where they cannot all be written."""
        if not text:
            return
        if self.path is not None and self.largest:
            before = size(self._file)
            if before and before + len(text) > self.largest:
                self._rotate(self.path)
        add(self._file, text, self.path)

    def _resume(self, path: Path) -> None:
        _mend(self._file, path)

    def _rotate(self, path: Path) -> None:
        """Put the file aside under the time of now; there is at most one of a microsecond."""
        stamp = rfc3339(time.time_ns()).replace(":", "").replace("-", "")
        try:
            path.rename(path.with_name(f"{path.stem}-{stamp}{path.suffix}"))
        except OSError as error:
            raise cannot(error, path) from error
        fresh = opened(path)
        os.close(self._file)
        self._file = fresh


def _mend(file: int, path: Path) -> None:
    """Cut off a line that was not written to its end."""
    if not (end := size(file)):
        return
    if os.pread(file, len(_OURS), 0) != _OURS[:end]:
        raise NetpolError(
            "this file has no flow records of netpol",
            where=str(path),
            hint="capture to a file of its own: netpol capture -o flows.jsonl",
        )
    whole = end
    while whole:
        start = max(whole - _STEP, 0)
        found = os.pread(file, whole - start, start).rfind(b"\n")
        if found >= 0:
            whole = start + found + 1
            break
        whole = start
    if whole < end:
        os.ftruncate(file, whole)

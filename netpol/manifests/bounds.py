"""How much is read, and how what goes beyond is said."""

from __future__ import annotations

from typing import Final

from netpol.errors import NetpolError

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "MAX_OBJECT", "BrokenError", "short"]

MAX_BYTES: Final = 64 * 1024 * 1024
"""Largest YAML file, in bytes, once it is unpacked. YAML can only be read as a whole (an anchor may
be used anywhere below) and slowly, about 8 MB a second: this bounds memory and patience. JSON is
read object by object at the speed of the disk, and its files may be of any size."""
MAX_OBJECT: Final = 16 * 1024 * 1024
"""Largest object of a JSON file, in bytes: it becomes plain values, which take ten times as much
memory. What etcd stores is a tenth of it."""
MAX_NODES: Final = 1_000_000
"""Most values of one YAML object, with those that its aliases stand for, were they written out."""
MAX_DEPTH: Final = 64
"""Deepest nesting of objects and lists in one document."""


class BrokenError(NetpolError):
    """Reading cannot go on from here: the ``line``, and why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")


def short(text: str) -> str:
    """The text, or its beginning when it is long."""
    return text if len(text) <= 40 else text[:39] + "…"

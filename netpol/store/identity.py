"""By what the content of an input is known again: renamed, compressed, grown or cut short.

A log grows at its end, so an input is what its first bytes are. Beside the digest of all that was
read, digests at 512, 1024, 2048 … bytes are kept, so that of two readings of unknown content one
can tell whether the shorter may be the beginning of the longer.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

__all__ = ["BEGIN", "Identity", "Trace"]

BEGIN: Final = 256
"""So many first bytes are kept as they are."""
_DIGEST: Final = 16
"""Bytes of a digest (BLAKE2b)."""
_MARK: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The content of an input from its first byte to ``length``, after decompression."""

    length: int
    digest: bytes
    begin: bytes
    marks: bytes

    def begins(self, other: Identity) -> bool:
        """Whether this may be a beginning of ``other``, as far as the two tell without the bytes.

        Short ones tell for certain. Of long ones the last mark that both have decides: between it
        and the end of this one they may differ, as no two copies of one log do.
        """
        if self.length > other.length or not other.begin.startswith(self.begin):
            return False
        if self.length == other.length:
            return self.digest == other.digest
        return other.marks.startswith(self.marks)


@dataclass(slots=True)
class Trace:
    """The identity of what was read so far."""

    length: int = 0
    _begin: bytes = b""
    _marks: bytes = b""
    _next: int = 2 * BEGIN
    _hash: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=_DIGEST))

    def add(self, data: bytes | memoryview) -> None:
        """Go on with these bytes."""
        if len(self._begin) < BEGIN:
            self._begin += bytes(data[: BEGIN - len(self._begin)])
        while self.length + len(data) >= self._next:
            cut = self._next - self.length
            self._hash.update(data[:cut])
            self._marks += self._hash.digest()[:_MARK]
            self.length, data = self._next, data[cut:]
            self._next *= 2
        self._hash.update(data)
        self.length += len(data)

    def identity(self) -> Identity:
        """What is known by now."""
        return Identity(
            length=self.length, digest=self._hash.digest(), begin=self._begin, marks=self._marks
        )

    def copy(self) -> Trace:
        """One that goes on by itself."""
        return Trace(self.length, self._begin, self._marks, self._next, self._hash.copy())

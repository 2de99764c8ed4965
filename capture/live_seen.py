"""Which records of a live source were read, so that none counts twice when it is asked again.

A server is asked again for what it has since some time before the connection broke, as records
come only about in order. What tells those records is remembered, for the newest that came: memory
and the size of a position do not grow with the stream.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from capture.live import Position

__all__ = ["KEPT", "REPEATED", "Seen", "digest"]

REPEATED: Final = "read before"
"""Why a record is left aside that an earlier connection gave already."""

KEPT: Final = 16384
"""So many records are told from repeated ones, at least; about a second of a very busy cluster."""

_DIGEST: Final = 8


def digest(ident: bytes) -> bytes:
    """Eight bytes that stand for what tells a record from all others."""
    return blake2b(ident, digest_size=_DIGEST).digest()


@dataclass(slots=True, frozen=True)
class _Block:
    """Records that came together."""

    ids: list[bytes]
    """Digests already in a block that an earlier reading left, else what they are made from."""
    oldest: int
    newest: int
    digests: bool = False

    def told(self) -> list[bytes]:
        """Digests of all."""
        return self.ids if self.digests else list(map(digest, self.ids))


@dataclass
class Seen:
    """What was read, in blocks.

    Who decodes leaves out what is in ``skip``. Of all else it gives what tells the record from all
    others to ``note``, and its time, in nanoseconds since the epoch, to ``at``.
    """

    skip: set[bytes] = field(default_factory=set)
    repeated: int = 0
    """Records that were left out."""
    _ids: list[bytes] = field(default_factory=list)
    _times: list[int] = field(default_factory=list)
    _blocks: deque[_Block] = field(default_factory=deque)
    _kept: int = 0
    _floor: int = 0
    """All records before it are forgotten, so they must not be asked for."""
    _newest: int = 0

    def __post_init__(self) -> None:
        self.note, self.at = self._ids.append, self._times.append

    def resume(self, position: Position) -> None:
        """Go on from there: what was read then is skipped, and part of the next position."""
        ids = [position.seen[n : n + _DIGEST] for n in range(0, len(position.seen), _DIGEST)]
        self.skip, self.repeated = set(ids), 0
        self._blocks = deque([_Block(ids, position.since, position.newest, True)] if ids else [])
        self._kept, self._floor, self._newest = len(ids), position.since, position.newest

    def close(self, now: int) -> int:
        """End a block; ``now`` is the latest that a record's time is believed.

        The time of its oldest record; 0 where there was none.
        """
        if not self._ids:
            return 0
        times = [time for time in self._times if 0 < time <= now] or [now]
        block = _Block(self._ids.copy(), min(times), max(times))
        self._ids.clear()
        self._times.clear()
        self._blocks.append(block)
        self._kept += len(block.ids)
        self._newest = max(self._newest, block.newest)
        while self._kept - len(self._blocks[0].ids) >= KEPT:
            gone = self._blocks.popleft()
            self._kept -= len(gone.ids)
            self._floor = max(self._floor, gone.newest + 1)
        return block.oldest

    def position(self) -> Position:
        """Where to go on from."""
        if not self._blocks:
            return Position(since=self._floor, newest=self._newest)
        since = max(self._floor, min(block.oldest for block in self._blocks))
        ids = sorted({one for block in self._blocks for one in block.told()})
        return Position(since=since, newest=self._newest, seen=b"".join(ids))

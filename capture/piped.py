"""Standard input: what comes is learned as it comes. Nobody can tell whether it came before."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Event, Thread
from typing import BinaryIO, Final

from capture.compressed import decompressed
from capture.ingest import Ingest, Part
from capture.windows import Windows
from netpol.flow import Flow
from netpol.notices import Notice
from netpol.store import Fresh, Identity

__all__ = ["PipedFeed"]

_HEAD: Final = 64 * 1024
_BLOCKS: Final = 64
"""So many wait to be read; then the writer waits."""
_TICK: Final = 0.2
"""Seconds after which whoever waits for bytes looks whether it is still wanted."""


@dataclass(slots=True, kw_only=True)
class PipedFeed:
    """A pipe, read by a thread of its own until it ends or ``stopped`` is set."""

    name: str
    ingest: Ingest
    file: BinaryIO
    """Without a buffer, so that what comes is there at once."""
    stopped: Event
    patience: float = 1.0
    """Seconds that are waited for more before what came is committed."""
    ended: bool = False
    nothing: str = "nothing came"
    _part: Part | None = None
    _windows: Windows | None = None
    _head: bytes = b""
    _rest: bytes = b""
    _all: Queue[tuple[list[Flow], Identity]] = field(default_factory=Queue)
    _blocks: Queue[bytes] = field(default_factory=lambda: Queue(_BLOCKS))
    _exhausted: bool = False
    _until: float = 0.0

    def __post_init__(self) -> None:
        Thread(target=self._pump, daemon=True).start()

    def _pump(self) -> None:
        chunks = decompressed(self.file, self.name, self._tell)
        while not self.stopped.is_set() and (block := chunks.chunk()):
            self._blocks.put(block)
        self._blocks.put(b"")

    def _tell(self, notice: Notice) -> None:
        (self._part.tell if self._part else self.ingest.tell)(notice)

    def poll(self) -> Iterator[Fresh]:
        """What has come by now, and in the next moment."""
        self._until = time.monotonic() + self.patience
        if self._part is None and not self._recognised():
            self.ended = self._exhausted
            return
        yield from self._taken()

    def close(self) -> Iterator[Fresh]:
        """What came before it was stopped."""
        self.stopped.set()
        while not self.ended:
            before = self._blocks.qsize()
            yield from self.poll()
            self.ended |= before == 0

    def _taken(self) -> Iterator[Fresh]:
        part, windows = self._part, self._windows
        assert part is not None
        if windows is None:
            yield from self._whole(part)
            return
        yield from part.pieces(windows, lambda: time.monotonic() > self._until)
        if self._exhausted and not self._rest and windows.ended:
            self.ended = True
            yield from part.last(windows)

    def _whole(self, part: Part) -> Iterator[Fresh]:
        """What only makes sense as a whole is there when it has ended."""
        try:
            found = self._all.get(timeout=None if self.stopped.is_set() else self.patience)
        except Empty:
            return
        self.ended = True
        yield part.commit(*found, closed=False)

    def _recognised(self) -> bool:
        """Whether enough came to see what it is."""
        while len(self._head) < _HEAD and (block := self._read(_HEAD)):
            self._head += block
        known = b"\n" in self._head or len(self._head) >= _HEAD or self._exhausted
        source = self.ingest.source_of(self._head, self.name) if known else None
        if source is None:
            return False
        self._part = Part(self.ingest, source, self.name, live=secrets.token_hex(8))
        self._rest, self._head = self._head, b""
        if source.by_line(self._rest):
            self._windows = Windows(self._read)
        else:
            Thread(target=self._fold, args=(self._part,), daemon=True).start()
        return True

    def _fold(self, part: Part) -> None:
        self._all.put(part.all_of(self._wait))

    def _read(self, size: int) -> bytes:
        """What comes within the patience of this poll; nothing: that is all by now."""
        while not self._rest and not self._exhausted:
            try:
                self._rest = self._blocks.get(timeout=min(_TICK, self._left()))
            except Empty:
                if self.stopped.is_set() or not self._left():
                    return b""
            else:
                self._exhausted = not self._rest
        block, self._rest = self._rest[:size], self._rest[size:]
        return block

    def _left(self) -> float:
        return max(self._until - time.monotonic(), 0.0)

    def _wait(self, size: int) -> bytes:
        """What comes next, however long that takes; nothing: it has ended."""
        while not (block := self._read(size)):
            if self._exhausted or self.stopped.is_set():
                break
            time.sleep(_TICK)
        return block

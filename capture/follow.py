"""Files that grow while they are read: appended to, renamed and begun anew, cut to nothing, packed.

A file is what its inode is, and its content what it begins with. So a log that was renamed goes on
being read until it is quiet; of one that was copied and cut, the copy is known by its beginning and
only its end is read; one that was packed is known as a whole.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias, cast

from capture.compressed import is_compressed
from capture.ingest import Ingest, Part
from capture.unchanged import look, look_at
from capture.windows import Windows
from netpol.errors import NetpolError
from netpol.notices import Notice
from netpol.store import Fresh, note
from netpol.store.identity import BEGIN

__all__ = ["FollowFeed"]

_HEAD: Final = 64 * 1024
_QUIET: Final = 12
"""Looks without anything new after which a file is closed. When it changes it is opened again."""

_Key: TypeAlias = tuple[int, int]
"""Device and inode."""
_State: TypeAlias = tuple[int, int]
"""Size and time of the last change."""


@dataclass(slots=True)
class _Tail:
    """A file that is open, read to its present end."""

    file: BinaryIO
    part: Part
    windows: Windows
    begin: bytes
    quiet: int = 0

    def read(self) -> Iterator[Fresh]:
        """What was added since."""
        self.quiet += 1
        for fresh in self.part.pieces(self.windows):
            self.quiet = 0
            yield fresh

    def is_cut(self) -> bool:
        """Whether what was read is not in it any more."""
        read = self.windows.trace.length + len(self.windows.rest)
        there = os.pread(self.file.fileno(), BEGIN, 0)
        return os.fstat(self.file.fileno()).st_size < read or not there.startswith(self.begin)


@dataclass(slots=True, kw_only=True)
class FollowFeed:
    """All files that some sources stand for, now and later, until somebody stops it."""

    name: str
    ingest: Ingest
    paths: Callable[[], Iterable[str]]
    """The files that there are by now."""
    ended: bool = False
    nothing: str = "nothing came"
    _tails: dict[_Key, _Tail] = field(default_factory=dict)
    _done: dict[_Key, _State] = field(default_factory=dict)
    """Files that were read as far as they go."""
    _seen: dict[_Key, _State] = field(default_factory=dict)
    """How files were last time that are read when they have come to rest."""
    _started: float = field(default_factory=time.time)

    def poll(self) -> Iterator[Fresh]:
        """What was added to files, and what is in new ones."""
        for key, tail in list(self._tails.items()):
            if tail.is_cut():
                self._tails.pop(key).file.close()
            else:
                yield from tail.read()
        for path in self._present():
            with suppress(FileNotFoundError):  # it was renamed just now: next time
                yield from self._look(path)
        yield from self._let_go()

    def close(self) -> Iterator[Fresh]:
        """What has no end of a line yet is read by whoever goes on."""
        for tail in self._tails.values():
            tail.file.close()
        self._tails.clear()
        return iter(())

    def _present(self) -> list[str]:
        """The files of the sources, and those that logs among them were renamed or packed to."""
        found = dict.fromkeys(self.paths())
        for path in list(found):
            found.update(dict.fromkeys(self._siblings(Path(path))))
        return list(found)

    def _siblings(self, path: Path) -> Iterator[str]:
        """``flows.log.1``, ``flows.log-20261102.gz``, ``flows-2026-11-02T09-14-07.log`` …"""
        with suppress(OSError):
            for entry in os.scandir(path.parent):
                name = entry.name
                rest = name.removeprefix(path.name)
                dated = name.removeprefix(f"{path.stem}-")
                renamed = rest != name and rest[:1] in (".", "-", "_")
                if renamed or (dated != name and dated[:1].isdigit()):
                    with suppress(OSError):
                        if entry.is_file() and entry.stat().st_mtime >= self._started:
                            yield str(path.with_name(name))

    def _look(self, path: str) -> Iterator[Fresh]:
        stat = Path(path).stat()
        key, state = (stat.st_dev, stat.st_ino), (stat.st_size, stat.st_mtime_ns)
        if key in self._tails or self._done.get(key) == state:
            return
        if self.ingest.unchanged(look(path)):
            self._done[key] = state
            return
        try:
            yield from self._open(path, key, state)
        except NetpolError as error:
            if key not in self._done:
                self.ingest.tell(Notice(code="NP031", message=error.what, where=path))
            self._done[key] = state

    def _open(self, path: str, key: _Key, state: _State) -> Iterator[Fresh]:
        file = cast("BinaryIO", Path(path).open("rb", buffering=0))  # noqa: SIM115 - while it grows
        tail = None
        try:
            head = os.pread(file.fileno(), _HEAD, 0)
            if is_compressed(head) or not self._by_line(head, path):
                yield from self._at_rest(path, key, state)
            elif b"\n" in head:
                tail = self._tail(path, head, file)
                if tail is None:
                    self._done[key] = state
        finally:
            if tail is None:
                file.close()
        if tail is not None:
            self._tails[key] = tail
            yield from tail.read()

    def _by_line(self, head: bytes, path: str) -> bool:
        if b"\n" not in head and len(head) < BEGIN:
            return True  # it has hardly begun
        source = self.ingest.source_of(head, path)
        return source is None or source.by_line(head)

    def _tail(self, path: str, head: bytes, file: BinaryIO) -> _Tail | None:
        source = self.ingest.source_of(head, path)
        part = source and self.ingest.part(path, source, head, file.read)
        if not part:
            return None
        file.seek(0)
        return _Tail(file, part, part.windows(file.read), head[:BEGIN])

    def _at_rest(self, path: str, key: _Key, state: _State) -> Iterator[Fresh]:
        """A file that is read as a whole: once nobody writes to it."""
        old = state[1] < (self._started - 1) * 1e9
        if old or self._seen.get(key) == state:
            yield from self.ingest.file(path)
            self._done[key] = state
        self._seen[key] = state

    def _let_go(self) -> Iterator[Fresh]:
        """Close files that are quiet, with what stands after their last line."""
        for key, tail in list(self._tails.items()):
            if tail.quiet > _QUIET:
                yield from tail.part.last(tail.windows)
                self._note(tail)
                stat = os.fstat(tail.file.fileno())
                self._done[key] = stat.st_size, stat.st_mtime_ns
                self._tails.pop(key).file.close()

    def _note(self, tail: _Tail) -> None:
        """All of a file is known that is as long as what was read of it."""
        looks, known = look_at(tail.file.fileno()), tail.part.known
        long = os.fstat(tail.file.fileno()).st_size
        if looks is not None and known is not None and known.identity.length == long:
            with self.ingest.store.transaction() as db:
                note(db, looks, known)

"""Processes that fold: each reads a share of an input, as it is dealt, as if it were the whole.

A large input is dealt in pieces that end with a line, to whichever process has done with its last;
each folds its own pieces in one go, so that what is remembered (endpoints, edges) is learned once a
process and not once a piece. Of a plain file a piece is a place, of a compressed one its bytes.
"""

from __future__ import annotations

import gc
import io
import multiprocessing
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Final, cast

from capture.compressed import decompressed
from capture.folded import Folded, Settings, fold
from capture.inputs import opened
from capture.lines import newlines
from netpol.eras import Era
from netpol.errors import NetpolError
from netpol.store import Told

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from typing import BinaryIO

__all__ = ["Crew", "Dealt", "Job", "Piece"]

_BUFFER: Final = 1 << 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An input to fold: as a whole, or, ``dealt``, in pieces."""

    path: str
    source: str
    dealt: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Whole lines of an input, by their place in the file or as they are."""

    number: int
    """Of the pieces of an input, from 0."""
    start: int = 0
    length: int = 0
    data: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealt:
    """What one process made of its pieces, and how many lines each of them had."""

    folded: Folded
    lines: list[tuple[int, int]]
    """(number of the piece, lines), in the order in which they were folded."""


class _Stream(io.RawIOBase):
    """The pieces that a process is dealt, one after the other."""

    def __init__(self, path: str, connection: Connection) -> None:
        self._path, self._connection = path, connection
        self._file: BinaryIO | None = None
        self._left = 0
        self._data = memoryview(b"")
        self._ended = False
        self.lines: list[tuple[int, int]] = []

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Some of the present piece, or of the next."""
        while not (self._left or self._data or self._ended):
            self._next()
        if self._left:
            assert self._file is not None
            found = self._file.read(min(len(buffer), self._left))
            self._left = self._left - len(found) if found else 0
        else:
            found = bytes(self._data[: len(buffer)])
            self._data = self._data[len(found) :]
        buffer[: len(found)] = found
        if self.lines:
            number, lines = self.lines[-1]
            self.lines[-1] = number, lines + newlines(found)
        return len(found)

    def _next(self) -> None:
        self._connection.send(sum(lines for _, lines in self.lines[-1:]))
        piece: Piece | None = self._connection.recv()
        if piece is None:
            self._ended = True
            return
        self.lines.append((piece.number, 0))
        if piece.length:
            self._file = self._file or opened(self._path).__enter__()
            self._file.seek(piece.start)
            self._left = piece.length
        else:
            self._data = memoryview(piece.data)

    def close(self) -> None:
        """The file, too."""
        if self._file is not None:
            self._file.close()
        super().close()


def _work(connection: Connection, settings: Settings) -> None:
    """What a process of the crew does until there is nothing more to do."""
    gc.set_threshold(200_000, 50, 1_000)  # as the program itself
    era = settings.era()
    with suppress(EOFError, KeyboardInterrupt, OSError):
        while (job := connection.recv()) is not None:
            try:
                answer: object = _dealt(job, connection, era, settings.at)
            except Exception as error:  # noqa: BLE001 - it is raised where it can be seen
                answer = error
            connection.send(answer)


def _dealt(job: Job, connection: Connection, era: Era, at: int | None) -> Dealt:
    if job.dealt:
        with _Stream(job.path, connection) as pieces:
            stream = cast("BinaryIO", io.BufferedReader(pieces, _BUFFER))
            folded = fold(stream, job.source, job.path, era, at)
            stream.read()  # a source may end early; what is dealt is taken all the same
            return Dealt(folded=folded, lines=pieces.lines)
    told = Told()
    with opened(job.path) as raw:
        stream = cast(
            "BinaryIO", io.BufferedReader(decompressed(raw, job.path, told.tell), _BUFFER)
        )
        folded = fold(stream, job.source, job.path, era, at)
    folded.add(Folded(told=told))
    return Dealt(folded=folded, lines=[])


class Crew:
    """So many processes; use it as a context."""

    def __init__(self, number: int, settings: Settings) -> None:
        self.number = number
        self.read = 0
        """About so many records were read by now, for who watches."""
        # Not forked: threads of this process (progress, grpc) may hold locks.
        context = multiprocessing.get_context("spawn")
        self._processes: list[BaseProcess] = []
        self._connections: list[Connection] = []
        for _ in range(number):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, settings), daemon=True)
            process.start()
            theirs.close()
            self._processes.append(process)
            self._connections.append(ours)

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        for connection, process in zip(self._connections, self._processes, strict=True):
            if kind is None:
                with suppress(OSError):
                    connection.send(None)
            else:
                process.terminate()
            process.join()
            connection.close()

    @property
    def pids(self) -> list[int]:
        """The processes."""
        return [one.pid for one in self._processes if one.pid is not None]

    def whole(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Folded]]:
        """Fold inputs side by side, each by one process; in the order in which they are done."""
        idle, busy = list(self._connections), dict[Connection, Job]()
        waiting = iter(jobs)
        job = next(waiting, None)
        while job is not None or busy:
            while idle and job is not None:
                connection = idle.pop()
                _send(connection, job)
                busy[connection] = job
                job = next(waiting, None)
            for connection in _ready(busy):
                folded = _answer(connection).folded
                self.read += folded.account.read
                yield busy.pop(connection), folded
                idle.append(connection)

    def dealt(self, job: Job, pieces: Iterable[Piece]) -> list[Dealt]:
        """Fold one input by all processes."""
        for connection in self._connections:
            _send(connection, job)
        asking: list[Connection] = []
        for piece in pieces:
            asking = asking or self._asking(self._connections)
            _send(asking.pop(), piece)
        left = set(self._connections)
        while left:  # all are told to end before any is heard: they end side by side
            for connection in asking or self._asking(left):
                _send(connection, None)
                left.discard(connection)
            asking = []
        return [_answer(connection) for connection in self._connections]

    def _asking(self, among: Iterable[Connection]) -> list[Connection]:
        """Processes that have done with their piece, one at least."""
        found = list(_ready(among))
        for connection in found:
            lines = _received(connection)
            assert isinstance(lines, int)
            self.read += lines
        return found


def _ready(among: Iterable[Connection]) -> list[Connection]:
    return [one for one in wait(list(among)) if isinstance(one, Connection)]


def _gone() -> NetpolError:
    return NetpolError(
        "a process that read flows was ended from outside",
        hint="give fewer --jobs where memory is short",
    )


def _send(connection: Connection, what: Job | Piece | None) -> None:
    try:
        connection.send(what)
    except OSError as error:
        raise _gone() from error


def _received(connection: Connection) -> object:
    """What a process says. Raises what it raised."""
    try:
        said: object = connection.recv()
    except (EOFError, OSError) as error:
        raise _gone() from error
    if isinstance(said, Exception):
        raise said
    return said


def _answer(connection: Connection) -> Dealt:
    said = _received(connection)
    assert isinstance(said, Dealt)
    return said

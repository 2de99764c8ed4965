"""Files that lines are only ever added to: whole ones, by one process at a time."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from netpol.errors import NetpolError

__all__ = ["Appended", "add", "cannot", "opened", "size"]

_STDOUT: Final = 1


@dataclass(slots=True, kw_only=True)
class Appended(ABC):
    """A file that lines are added to while it is open; ``path`` None: standard output."""

    path: Path | None
    largest: int = 0
    """From which size on, in bytes, another file is begun; 0: never."""
    _file: int = _STDOUT

    def __enter__(self) -> Self:
        """Open the file, to go on with what is in it. Raises NetpolError."""
        if self.path is not None:
            self._file = opened(self.path)
            try:
                self._resume(self.path)
            except BaseException:
                os.close(self._file)
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.path is not None:
            with suppress(OSError):
                os.fsync(self._file)
            os.close(self._file)

    @abstractmethod
    def _resume(self, path: Path) -> None:
        """Look at what there is, and cut off a line that was not written to its end."""


def opened(path: Path) -> int:
    """The file, to add to; nobody else records to it."""
    try:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise cannot(error, path) from error
    try:
        _lock(file)
    except OSError as error:
        os.close(file)
        raise NetpolError(
            "another recording goes to this file", where=str(path), hint="give another one with -o"
        ) from error
    return file


def _lock(file: int) -> None:
    try:
        import fcntl
    except ImportError:  # where there is no such thing, nobody is kept from it
        return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def size(file: int) -> int:
    """Bytes in the file."""
    return os.fstat(file).st_size


def add(file: int, text: bytes, path: Path | None) -> None:
    """All of it, or nothing. Raises NetpolError, or BrokenPipeError."""
    before = size(file) if path else 0
    rest = memoryview(text)
    try:
        while rest:
            rest = rest[os.write(file, rest) :]
    except BrokenPipeError:
        raise
    except OSError as error:
        if path:
            with suppress(OSError):
                os.ftruncate(file, before)
        raise cannot(error, path) from error


def cannot(error: OSError, path: Path | None) -> NetpolError:
    """What is said where writing fails."""
    return NetpolError(f"cannot write: {error.strerror}", where=str(path or "standard output"))

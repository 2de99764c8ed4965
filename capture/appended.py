"""Files that lines are only ever added to: whole ones, by one process at a time."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from netpol.errors import NetpolError

__all__ = ["STDOUT", "add", "cannot", "close", "opened", "size"]

STDOUT: Final = 1


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


def close(file: int) -> None:
    """Close it, with all that was added on the disk."""
    with suppress(OSError):
        os.fsync(file)
    os.close(file)


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

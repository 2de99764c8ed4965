"""The file of a store: made, recognised, brought to the present version, and locked by its writer.

In SQLite's WAL mode readers see the last commit while a writer goes on, and a process that is
killed leaves the last commit behind. What is no store is never written to.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from netpol.errors import NetpolError
from netpol.store.schema import APPLICATION, STEPS, VERSION
from netpol.store.shape import both

__all__ = ["Store", "beside", "is_store", "opened"]

_MAGIC: Final = b"SQLite format 3\0"
_HEAD: Final = 100
_WAIT: Final = 5.0
"""Seconds to wait for a lock. Those of netpol that write are kept apart before they ask for one, so
whoever has it is another program."""
_DAMAGE: Final = (sqlite3.DatabaseError, UnicodeDecodeError, msgspec.DecodeError)
"""What comes of bytes that nobody wrote, wherever in the file they are."""
_HINTS: Final[dict[int, str]] = {
    sqlite3.SQLITE_BUSY: "another program has it open and locked: close it there, then try again",
    sqlite3.SQLITE_FULL: "make room on the disk; what was committed is in the store",
    sqlite3.SQLITE_IOERR: "the disk failed, or is full; what was committed is in the store",
    sqlite3.SQLITE_READONLY: "write to a place where you may: --store",
    sqlite3.SQLITE_CANTOPEN: "the folder of the store must be writable: a log is kept beside it",
}
"""What to do about an error of SQLite, by its primary code; all others mean damage."""
_NEWER: Final = "use the netpol that wrote it, or a later one"
_FOREIGN: Final = "give another file with --store; this one was not touched"


@dataclass(frozen=True, slots=True)
class Store:
    """An open store."""

    path: Path
    db: sqlite3.Connection

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """To read from: all of it as it was at one moment, whoever writes meanwhile."""
        with _told(self.path):
            self.db.execute("BEGIN")
            try:
                yield self.db
            finally:
                self.db.execute("ROLLBACK")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """To write to: all of it happens, or nothing."""
        with _told(self.path):
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
            except BaseException:
                with suppress(sqlite3.Error):
                    self.db.execute("ROLLBACK")
                raise
            self.db.execute("COMMIT")


def is_store(path: Path) -> bool:
    """Whether a file says of itself that it is a store. Raises NetpolError."""
    head = _head(path)
    return head.startswith(_MAGIC) and int.from_bytes(head[68:72]) == APPLICATION


@contextmanager
def opened(path: Path, *, write: bool = False) -> Iterator[Store]:
    """The store in a file; to ``write``, it is made where there is none. Raises NetpolError.

    A store is written by one process at a time, and read by any number of them. One that was made
    is gone again when something is raised before anything was taken into it.
    """
    there, made = path.exists(), _recognised(path, write=write)
    if not write and _version(path) < VERSION:
        with opened(path, write=True):
            pass
    with _told(path), _written(path) if write else _nobody():
        store = Store(path, _connected(path, write=write))
        try:
            if write:
                _migrate(store, made=made)
            yield store
        except BaseException:
            if not there:
                _forget(store)
            raise
        finally:
            store.db.close()


def _forget(store: Store) -> None:
    """Remove a store that nothing was taken into; a failure to do so hides no other."""
    with suppress(sqlite3.Error, OSError):
        if store.db.execute("SELECT count(*) FROM inputs").fetchone() == (0,):
            store.db.close()
            for path in beside(store.path):
                path.unlink(missing_ok=True)


def beside(path: Path) -> tuple[Path, ...]:
    """The file of a store and those that SQLite keeps beside it."""
    return tuple(path.with_name(path.name + end) for end in ("", "-wal", "-shm"))


def _recognised(path: Path, *, write: bool) -> bool:
    """Whether a store has to be made of it. Raises NetpolError for what is none."""
    where = str(path)
    if write and (not path.exists() or path.stat().st_size == 0):
        return True
    head = _head(path)
    if not head:
        raise NetpolError("the file is empty", where=where, hint="`netpol learn` makes a store")
    if not head.startswith(_MAGIC) or len(head) < _HEAD:
        raise NetpolError("this is no store of netpol", where=where, hint=_FOREIGN)
    application, version = int.from_bytes(head[68:72]), _version(path)
    if application != APPLICATION:
        raise NetpolError("this is a database, but no store of netpol", where=where, hint=_FOREIGN)
    if version > VERSION:
        raise NetpolError(
            f"the store is of version {version}, and this netpol knows {VERSION}",
            where=where,
            hint=_NEWER,
        )
    _whole(path, head)
    return False


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise NetpolError(
            f"cannot be opened: {error.strerror}",
            where=str(path),
            hint="`netpol learn flows.jsonl --store FILE` makes a store",
        ) from error


def _version(path: Path) -> int:
    """In the header; commits that are in the log alone never change it, see ``_migrate``."""
    return int.from_bytes(_head(path)[60:64])


def _whole(path: Path, head: bytes) -> None:
    """Raises NetpolError where the end of the file is missing.

    While there is a log beside it, the size in the header is not the file's.
    """
    log = path.with_name(path.name + "-wal")
    size, pages = int.from_bytes(head[16:18]), int.from_bytes(head[28:32])
    size = 65536 if size == 1 else size
    if not (log.exists() and log.stat().st_size) and path.stat().st_size < size * pages:
        raise NetpolError(
            "the end of the store is missing",
            where=str(path),
            hint="copy it again: with its -wal file, or while nothing writes to it",
        )


@contextmanager
def _nobody() -> Iterator[None]:
    yield


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Nobody else writes to it. The lock is SQLite's neighbour, not its own (flock and fcntl)."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise NetpolError(f"cannot be written: {error.strerror}", where=str(path)) from error
    try:
        _lock(file, path)
        yield
    finally:
        os.close(file)


def _lock(file: int, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # where there is no such thing, nobody is kept from it
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise NetpolError(
            "another process learns into this store",
            where=str(path),
            hint="give all sources to one `netpol learn`, or learn into two stores and merge them",
        ) from error


def _connected(path: Path, *, write: bool) -> sqlite3.Connection:
    mode = "rwc" if write else "ro"
    log = path.with_name(path.name + "-wal")
    if not write and not log.exists() and not os.access(path.parent, os.W_OK):
        mode = "ro&immutable=1"  # else SQLite would make a log to read along
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_WAIT)
    db.execute("PRAGMA cache_size = -65536")
    db.execute("PRAGMA temp_store = FILE")
    if write:
        # A commit survives whatever happens to the process; the last ones may be lost with power.
        db.execute("PRAGMA synchronous = NORMAL")
        db.create_function("both", 2, both, deterministic=True)
    return db


def _migrate(store: Store, *, made: bool) -> None:
    """Take the steps that are missing, all in one transaction; those that write do this."""
    with store.transaction() as db:
        version = 0 if made else int(db.execute("PRAGMA user_version").fetchone()[0])
        for step in STEPS[version:]:
            for statement in step.split(";\n"):
                db.execute(statement)
        if version < VERSION:
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {VERSION}")
    store.db.execute("PRAGMA journal_mode = WAL")
    if version < VERSION:  # from the log into the header
        store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What SQLite cannot do, in words."""
    try:
        yield
    except _DAMAGE as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        raise NetpolError(
            f"the store cannot be used: {error}",
            where=str(path),
            hint=_HINTS.get(code, "if it is damaged, go back to a copy: netpol does not repair it"),
        ) from error

"""Which content was taken into a store, so that none is taken twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import msgspec

from netpol.store.identity import BEGIN, Identity

__all__ = ["Input", "account_of", "candidates", "entered", "inputs", "living", "utf8"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A stretch of content that was taken, as one commit after the other extended it.

    ``closed``: its end is a place from which a source can go on by itself. What is not closed is
    taken back when more comes, and read again from ``start``: a capture, of which every packet may
    change what the others mean, or a last line without its end.
    """

    id: int
    source: str
    name: str
    start: int
    closed: bool
    identity: Identity
    live: str = ""
    resume: str = ""


_COLUMNS: Final = (
    "id, source, name, start, closed, live, length, digest, begin, marks, resume FROM inputs"
)


def inputs(db: sqlite3.Connection) -> Iterator[Input]:
    """All, in the order in which they came."""
    yield from map(_input, db.execute(f"SELECT {_COLUMNS} ORDER BY id"))


_SAME: Final = "begin = ?1 OR (length < ?2 AND begin = substr(?1, 1, length))"
_LONGER: Final = "substr(begin, 1, length(?1)) = ?1"


def candidates(db: sqlite3.Connection, begin: bytes) -> list[Input]:
    """Inputs that begin as these first bytes do, whatever source read them."""
    like = _SAME if len(begin) >= BEGIN else f"{_SAME} OR {_LONGER}"
    rows = db.execute(f"SELECT {_COLUMNS} WHERE live = '' AND ({like}) ORDER BY id", (begin, BEGIN))
    return list(map(_input, rows))


def living(db: sqlite3.Connection, live: str) -> list[Input]:
    """The live input of that name, if there is one."""
    rows = db.execute(f"SELECT {_COLUMNS} WHERE live = ?", (live,))
    return list(map(_input, rows))


def account_of(db: sqlite3.Connection, number: int) -> str:
    """Where the records of an input went, as JSON."""
    return str(db.execute("SELECT account FROM inputs WHERE id = ?", (number,)).fetchone()[0])


def entered(db: sqlite3.Connection, one: Input, account: str) -> Input:
    """The input as it is in the ledger now: a new one, or the known one that grew."""
    identity = one.identity
    cursor = db.execute(
        "INSERT OR REPLACE INTO inputs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            one.id or None,
            one.source,
            utf8(one.name),
            one.start,
            identity.length,
            one.closed,
            one.live,
            identity.digest,
            identity.begin,
            identity.marks,
            account,
            one.resume,
        ),
    )
    assert cursor.lastrowid is not None
    return replace(one, id=cursor.lastrowid)


def utf8(text: str) -> str:
    """A text as it can be kept: names of files may be any bytes."""
    return text.encode(errors="backslashreplace").decode()


_Row: TypeAlias = tuple[int, str, str, int, int, str, int, bytes, bytes, bytes, str]


def _input(row: tuple[object, ...]) -> Input:
    """Raises ``DecodeError`` for what nobody wrote."""
    found = msgspec.convert(row, _Row)
    number, source, name, start, closed, live, length, digest, begin, marks, resume = found
    return Input(
        id=number,
        source=source,
        name=name,
        start=start,
        closed=bool(closed),
        live=live,
        identity=Identity(length=length, digest=digest, begin=begin, marks=marks),
        resume=resume,
    )

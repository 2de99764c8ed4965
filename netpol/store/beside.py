"""What a store remembers beside flows: files that need not be read again, and inventories.

Files are a hint for this machine alone; they are not part of what was learned, and no export or
other store takes them over. Inventories are: flows were kept apart by what these told.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from netpol.inventory import Inventory
from netpol.store.ledger import Input

__all__ = ["Known", "Note", "inventories", "known_of", "note", "noted", "remember"]

_encode: Final = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """How a file looked (:mod:`capture.unchanged`)."""

    place: str
    state: str
    ends: bytes


def note(db: sqlite3.Connection, one: Note, known: Input) -> None:
    """All of a file that looks so is in the ledger, up to the end of this input."""
    content = known.source, known.identity.length, known.identity.digest
    row = (one.place, one.state, one.ends, *content)
    db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", row)


def noted(db: sqlite3.Connection, one: Note, source: str | None) -> bool:
    """Whether the content of a file that looks so is in the ledger; by any ``source`` if None."""
    found = db.execute(
        "SELECT 1 FROM files JOIN inputs USING (source, length, digest)"
        " WHERE place = ?1 AND state = ?2 AND ends = ?3 AND (source = ?4 OR ?4 IS NULL)",
        (one.place, one.state, one.ends, source),
    )
    return found.fetchone() is not None


class Known(NamedTuple):
    """An inventory that flows were learned with; not what is in it."""

    digest: bytes
    name: str
    """The paths that were given, for people."""
    pods: int
    until: int
    """The newest time in it, in nanoseconds since the epoch; 0 for none."""


def known_of(inventory: Inventory, paths: Iterable[str]) -> Known | None:
    """What is remembered of an inventory: who was there when. None: it is empty."""
    every = (*inventory.every_pod, *inventory.nodes.values(), *inventory.services.values())
    if not every:
        return None
    total = hashlib.blake2b(digest_size=16)
    for text in sorted(map(_encode, every)):
        total.update(text)
    return Known(total.digest(), ", ".join(paths), len(inventory.every_pod), inventory.until)


def remember(db: sqlite3.Connection, some: Iterable[Known]) -> None:
    """Inventories that flows of the store were learned with."""
    db.executemany("INSERT OR IGNORE INTO inventories VALUES (?, ?, ?, ?)", some)


def inventories(db: sqlite3.Connection) -> list[Known]:
    """All of them, sorted."""
    return [Known(*row) for row in db.execute("SELECT * FROM inventories ORDER BY 1, 2, 3, 4")]

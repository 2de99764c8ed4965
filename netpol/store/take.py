"""Taking what a reading of an input gave into the store: all of it, once, in one transaction."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from netpol.eras import Era, always
from netpol.flow import Account, Flow
from netpol.notices import Notice
from netpol.store.beside import Known, remember
from netpol.store.file import Store
from netpol.store.ledger import Input, entered, utf8
from netpol.store.shape import Edge, Total, parts_of

__all__ = ["Fresh", "Taken", "Told", "Writer", "decode_account", "drop", "encode_account", "take"]

KEPT: Final = 51
"""So many notices of a code are kept of an input, as many as are shown; the others are counted."""

_encode: Final = msgspec.json.Encoder(order="deterministic").encode
decode_account: Final = msgspec.json.Decoder(Account).decode


def encode_account(account: Account) -> str:
    """As it is kept: what a source cannot see is known from its name."""
    return _encode(replace(account, blind={})).decode()


@dataclass(slots=True)
class Told:
    """The notices of a reading, as far as they are kept."""

    counts: Counter[str] = field(default_factory=Counter)
    kept: list[Notice] = field(default_factory=list)

    def tell(self, notice: Notice) -> None:
        """What a source is given as ``tell``."""
        self.counts[notice.code] += 1
        if self.counts[notice.code] <= KEPT:
            self.kept.append(notice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a reading gave, and of what it was."""

    input: Input
    """As it will be; with ``id`` 0 it is new, else its identity is extended."""
    flows: Iterable[Flow]
    account: Account
    told: Told = field(default_factory=Told)
    era: Era = always
    instead: tuple[Input, ...] = ()
    """What it takes the place of."""
    inventory: Known | None = None
    """The one that ``era`` is of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """What came of it."""

    input: Input
    account: Account
    """Where the records went of this commit."""
    edges: int = 0
    """So many edges were not known before."""
    latest: Flow | None = None
    """The one of them that was first seen last."""


def take(store: Store, taken: Taken) -> Fresh:
    """Commit it."""
    flows, latest = list(taken.flows), None
    with store.transaction() as db:
        for one in taken.instead:
            drop(db, one)
        known = _accounted(db, taken)
        _tell(db, known, taken.told)
        remember(db, filter(None, [taken.inventory]))
        writer = Writer(db)
        for flow in flows:
            if writer.add(known.id, *parts_of(flow, taken.era)):
                latest = flow if latest is None or flow.first > latest.first else latest
    return Fresh(input=known, account=taken.account, edges=writer.edges, latest=latest)


def drop(db: sqlite3.Connection, one: Input) -> None:
    """Forget an input and all that it gave."""
    db.execute("DELETE FROM evidence WHERE input = ?", (one.id,))
    db.execute("DELETE FROM notices WHERE input = ?", (one.id,))
    db.execute("DELETE FROM inputs WHERE id = ?", (one.id,))


def _accounted(db: sqlite3.Connection, taken: Taken) -> Input:
    """The input with its place in the ledger."""
    one, account = taken.input, taken.account
    known = db.execute("SELECT account FROM inputs WHERE id = ?", (one.id,)).fetchone()
    if known is not None:
        before = decode_account(known[0])
        before.add(account)
        account = before
    return entered(db, one, encode_account(account))


def _tell(db: sqlite3.Connection, known: Input, told: Told) -> None:
    for code, count in told.counts.items():
        row = db.execute(
            "SELECT count FROM notices WHERE input = ? AND code = ? AND place = 0", (known.id, code)
        ).fetchone()
        before = row[0] if row else 0
        rows = [(known.id, code, 0, "", "", before + count)]
        kept = [one for one in told.kept if one.code == code][: max(0, KEPT - before)]
        rows += [
            (known.id, code, before + place, utf8(one.where), utf8(one.message), 1)
            for place, one in enumerate(kept, 1)
        ]
        db.executemany("INSERT OR REPLACE INTO notices VALUES (?, ?, ?, ?, ?, ?)", rows)


_NEW_EDGE: Final = "INSERT INTO edges VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_EDGE: Final = (
    "SELECT id FROM edges WHERE client = ? AND server = ? AND protocol = ? AND port = ?"
    " AND service = ? AND service_port = ? AND certain = ? AND source = ? AND reported = ?"
    " AND since = ? AND until = ?"
)


_ADD: Final = (
    "INSERT INTO evidence VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " records = records + excluded.records, count = count + excluded.count,"
    " first = min(first, excluded.first), last = max(last, excluded.last),"
    " seen = both(seen, excluded.seen)"
)


@dataclass(slots=True)
class Writer:
    """Adds evidence within a transaction; sides and edges are interned."""

    db: sqlite3.Connection
    edges: int = 0
    """So many were new."""
    _sides: dict[str, int] = field(default_factory=dict)

    def add(self, number: int, edge: Edge, total: Total) -> bool:
        """What input ``number`` shows of an edge; whether that is new."""
        row = self._side(edge.client), self._side(edge.server), *edge[2:]
        found = self.db.execute(_EDGE, row).fetchone()
        key = found[0] if found else self.db.execute(_NEW_EDGE, row).lastrowid
        self.edges += not found
        self.db.execute(_ADD, (key, number, *total))
        return not found

    def _side(self, text: str) -> int:
        known = self._sides.get(text)
        if known is None:
            self.db.execute("INSERT OR IGNORE INTO endpoints VALUES (NULL, ?)", (text,))
            found = self.db.execute("SELECT id FROM endpoints WHERE text = ?", (text,)).fetchone()
            known = self._sides[text] = int(found[0])
        return known

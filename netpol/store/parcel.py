"""One input with all that it gave, on its way from a store into another or into a text."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from netpol.store.ledger import Input, account_of, inputs
from netpol.store.shape import Edge, Total

__all__ = ["Parcel", "Row", "Said", "parcels"]

Said = tuple[str, int, str, str, int]
"""Code, place, where, message and count: a row of ``notices``."""

Row = tuple[Edge, Total]

_ROWS: Final = (
    "SELECT client.text, server.text, protocol, port, service, service_port, certain, source,"
    " reported, since, until, records, count, first, last, seen FROM evidence"
    " JOIN edges ON edges.id = edge JOIN endpoints AS client ON client.id = edges.client"
    " JOIN endpoints AS server ON server.id = edges.server WHERE input = ?"
    " ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """An input, what was told of it, and so many rows of evidence, sorted."""

    input: Input
    account: str
    """As JSON."""
    said: tuple[Said, ...]
    number: int
    rows: Iterable[Row]


def parcels(db: sqlite3.Connection) -> Iterator[Parcel]:
    """All of a store, in an order that follows from the content alone."""
    for one in sorted(inputs(db), key=_order):
        account = account_of(db, one.id)
        (number,) = db.execute(
            "SELECT count(*) FROM evidence WHERE input = ?", (one.id,)
        ).fetchone()
        said = db.execute(
            'SELECT code, place, "where", message, count FROM notices WHERE input = ?'
            " ORDER BY code, place",
            (one.id,),
        )
        yield Parcel(
            input=one, account=account, said=tuple(said), number=number, rows=_rows(db, one.id)
        )


def _order(one: Input) -> tuple[str, str, bytes, int, int]:
    return one.source, one.live, one.identity.digest, one.start, one.identity.length


def _rows(db: sqlite3.Connection, number: int) -> Iterator[Row]:
    for row in db.execute(_ROWS, (number,)):
        yield Edge(*row[:11]), Total(*row[11:])

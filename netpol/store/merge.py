"""Stores into one: of inputs that are the same or a beginning of another, the longest counts.

So merging is a union in which only what no other contains is left: it is commutative, associative
and idempotent, as long as "contains" is an order.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace

from netpol.store.file import Store
from netpol.store.ledger import Input, account_of, candidates, entered, living
from netpol.store.parcel import Parcel
from netpol.store.take import Fresh, Writer, decode_account, drop

__all__ = ["absorb", "merge"]


def merge(store: Store, parcels: Iterable[Parcel]) -> Iterator[Fresh]:
    """Take parcels in; what comes of each that was not known.

    Each is committed by itself: what was interrupted is merged again.
    """
    for parcel in parcels:
        with store.transaction() as db:
            found = list(absorb(db, [parcel]))
        yield from found


def absorb(db: sqlite3.Connection, parcels: Iterable[Parcel]) -> Iterator[Fresh]:
    """The same, within the caller's transaction."""
    for parcel in parcels:
        if (found := _absorbed(db, parcel)) is not None:
            yield found


def _absorbed(db: sqlite3.Connection, parcel: Parcel) -> Fresh | None:
    """What is new; None: all of it was known."""
    new = parcel.input
    for one in _alike(db, new):
        if _same(one, new) and one.source != new.source:
            if _rank(one, account_of(db, one.id)) <= _rank(new, parcel.account):
                return None
            drop(db, one)
        elif _contains(one, new):
            if _same(one, new) and new.name < one.name:
                db.execute("UPDATE inputs SET name = ? WHERE id = ?", (new.name, one.id))
            return None
        elif _contains(new, one):
            drop(db, one)
    known = entered(db, replace(new, id=0), parcel.account)
    db.executemany(
        "INSERT INTO notices VALUES (?, ?, ?, ?, ?, ?)", ((known.id, *row) for row in parcel.said)
    )
    writer = Writer(db)
    for edge, total in parcel.rows:
        writer.add(known.id, edge, total)
    return Fresh(input=known, account=decode_account(parcel.account), edges=writer.edges)


def _alike(db: sqlite3.Connection, new: Input) -> list[Input]:
    if new.live:
        return living(db, new.live)
    return candidates(db, new.identity.begin)


def _same(one: Input, other: Input) -> bool:
    return not one.live and one.identity == other.identity and one.start == other.start


def _rank(one: Input, account: str) -> tuple[int, str]:
    """Of the same bytes that were taken for two kinds of log, the first counts: what told more."""
    return -decode_account(account).folded, one.source


def _contains(one: Input, other: Input) -> bool:
    """Whether all that ``other`` gave is in ``one``."""
    if one.live:
        return other.identity.length <= one.identity.length
    return (
        other.identity.begins(one.identity)
        and one.start <= other.start
        and one.start < other.identity.length
    )

"""What a store holds, as a run over the files themselves would have read it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final

import msgspec

from netpol.flow import Account, Flow
from netpol.notices import Notice
from netpol.store.shape import Edge, Flows, Total, add
from netpol.store.take import decode_account

__all__ = ["account", "flows", "flows_of", "notices"]

_FLOWS: Final = (
    "SELECT edge, client.text, server.text, protocol, port, service, service_port, certain, source,"
    " reported, since, until, records, count, first, last, seen FROM evidence"
    " JOIN edges ON edges.id = edge JOIN endpoints AS client ON client.id = edges.client"
    " JOIN endpoints AS server ON server.id = edges.server"
)


def flows(db: sqlite3.Connection) -> Iterator[Flow]:
    """A flow for each edge, with what all inputs showed of it."""
    return flows_of(db, "")


def flows_of(db: sqlite3.Connection, where: str) -> Iterator[Flow]:
    """The same of some edges; ``where`` narrows the query."""
    made = Flows()
    found = db.execute(f"{_FLOWS} {where} ORDER BY edge, input")
    for _, rows in groupby(found, itemgetter(0)):
        first, *more = rows
        total = Total(*first[12:])
        for row in more:
            total = add(total, Total(*row[12:]))
        yield made.of(Edge(*first[1:12]), total)


def account(db: sqlite3.Connection) -> Account:
    """Where every record of all inputs went. Raises ``DecodeError`` where that does not add up."""
    total = Account()
    for (text,) in db.execute("SELECT account FROM inputs"):
        total.add(decode_account(text))
    if not total.balanced():
        raise msgspec.DecodeError("the account of its records does not balance")
    return total


def notices(db: sqlite3.Connection) -> Iterator[tuple[Notice, int]]:
    """What was told while learning, and how often: each for itself as far as they were kept."""
    rows = db.execute(
        'SELECT input, code, place, "where", message, count FROM notices'
        " ORDER BY input, code, place"
    )
    for _, found in groupby(rows, itemgetter(0, 1)):
        (*_, total), *kept = found
        hidden = total - len(kept)
        for _, code, _, where, message, _ in kept:
            yield Notice(code=code, where=where, message=message), 1 + hidden
            hidden = 0

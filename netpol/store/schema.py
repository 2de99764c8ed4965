"""The tables of a store, as the steps that lead from each version to the next.

A step is never changed once a store may have been written with it: ``tests/data/stores`` keeps a
store of every version, and each must still open.
"""

from __future__ import annotations

from typing import Final

__all__ = ["APPLICATION", "STEPS", "VERSION"]

APPLICATION: Final = 0x6E74706C
"""``ntpl``, in the header of the file (``PRAGMA application_id``): by this one is recognised."""

_FIRST: Final = """
CREATE TABLE endpoints (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE          -- netpol.store.shape.Side, as JSON
) STRICT;

CREATE TABLE edges (
    id INTEGER PRIMARY KEY,
    client INTEGER NOT NULL,           -- endpoints.id
    server INTEGER NOT NULL,           -- endpoints.id
    protocol TEXT NOT NULL,
    port INTEGER NOT NULL,             -- -1: none
    service TEXT NOT NULL,
    service_port INTEGER NOT NULL,     -- -1: none
    certain INTEGER NOT NULL,
    source TEXT NOT NULL,
    reported INTEGER NOT NULL,         -- whether its counts are by reporter
    since INTEGER NOT NULL,            -- of a side known by its address alone: the beginning of
    until INTEGER NOT NULL,            --   the stretch of its first and of its last record
    UNIQUE (client, server, protocol, port, service, service_port, certain, source, reported,
            since, until)
) STRICT;

CREATE TABLE inputs (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,              -- name of the flow source that read it
    name TEXT NOT NULL,                -- where it was, for people
    start INTEGER NOT NULL,            -- bytes (after decompression) from which it counts
    length INTEGER NOT NULL,           -- … and up to which
    closed INTEGER NOT NULL,           -- whether what follows can be read by itself
    live TEXT NOT NULL,                -- not empty: a stream without an identity of its own
    digest BLOB NOT NULL,              -- of the bytes from 0 to length
    begin BLOB NOT NULL,               -- the first 256 of them
    marks BLOB NOT NULL,               -- digests at 512, 1024, 2048 … bytes
    account TEXT NOT NULL,             -- netpol.flow.Account, as JSON
    resume TEXT NOT NULL,              -- of a live source: from where it goes on
    UNIQUE (source, live, start, length, digest)
) STRICT;
CREATE INDEX inputs_begin ON inputs (begin);
CREATE INDEX inputs_short ON inputs (length) WHERE length < 256;

CREATE TABLE evidence (
    edge INTEGER NOT NULL,
    input INTEGER NOT NULL,
    records INTEGER NOT NULL,
    count INTEGER NOT NULL,
    first INTEGER NOT NULL,            -- nanoseconds since the epoch
    last INTEGER NOT NULL,
    seen BLOB NOT NULL,                -- netpol.store.shape.Seen, as MessagePack
    PRIMARY KEY (edge, input)
) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_input ON evidence (input);

CREATE TABLE notices (
    input INTEGER NOT NULL,
    code TEXT NOT NULL,
    place INTEGER NOT NULL,            -- 0: how many there were; above: the first of them
    "where" TEXT NOT NULL,
    message TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (input, code, place)
) STRICT, WITHOUT ROWID;
"""

_SECOND: Final = """
-- Evidence may hold which connections it is of (netpol.sketch); a netpol that does not know of that
-- would lose it, so it must not take the store for its own.
CREATE INDEX inputs_live ON inputs (live) WHERE live != ''
"""

_THIRD: Final = """
CREATE TABLE files (
    place TEXT PRIMARY KEY,            -- device and inode
    state TEXT NOT NULL,               -- size and times
    ends BLOB NOT NULL,                -- digest of its first and last bytes
    source TEXT NOT NULL,
    length INTEGER NOT NULL,           -- of the content: with digest and source, of inputs
    digest BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE inventories (
    digest BLOB NOT NULL,              -- of what it says
    name TEXT NOT NULL,                -- where it was, for people
    pods INTEGER NOT NULL,
    until INTEGER NOT NULL,            -- the newest time in it, nanoseconds since the epoch
    PRIMARY KEY (digest, name)
) STRICT, WITHOUT ROWID
"""

STEPS: Final[tuple[str, ...]] = (_FIRST, _SECOND, _THIRD)
"""The first makes an empty file a store of version 1, each further one makes it the next."""

VERSION: Final = len(STEPS)

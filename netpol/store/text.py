"""A store as JSON lines and back. Equal stores give equal bytes, whatever the order of learning.

The first line says what it is, how many inputs there are and which inventories they were learned
with, then comes a line for each input,
followed by one for each of its edges. Bytes are base64, as msgspec writes them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Final, TypeAlias, TypeVar

import msgspec

from netpol.errors import NetpolError
from netpol.flow import Account, Sighting
from netpol.net import PROTOCOLS, canonical_address
from netpol.sketch import Sketch
from netpol.store.beside import Known, inventories
from netpol.store.identity import Identity
from netpol.store.ledger import Input
from netpol.store.parcel import Parcel, Row, parcels
from netpol.store.shape import Edge, Hour, Seen, Side, Total, pack, side_text, unpack
from netpol.store.take import decode_account, encode_account

__all__ = ["exported", "restored"]

_VERSION: Final = 3
"""As of the store that holds the same; a text of an earlier one lacks what came later."""


_BITS: Final = 63
_Whole: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=(1 << _BITS) - 1)]
_Port: TypeAlias = Annotated[int, msgspec.Meta(ge=-1, le=65535)]


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    netpol_store: int
    inputs: int
    inventories: list[Known] = []


class _Notice(msgspec.Struct, forbid_unknown_fields=True):
    code: str
    place: int
    where: str
    message: str
    count: int


class _Input(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    name: str
    start: _Whole
    length: _Whole
    closed: bool
    live: str
    digest: bytes
    begin: bytes
    marks: bytes
    resume: str
    account: Account
    notices: list[_Notice]
    edges: int

    def __post_init__(self) -> None:
        """Raises ``ValueError`` for records of which nobody knows where they went."""
        if not self.account.balanced():
            raise ValueError("its account does not balance")


class _Edge(msgspec.Struct, forbid_unknown_fields=True):
    client: Side
    server: Side
    protocol: str
    port: _Port
    service: str
    service_port: _Port
    certain: bool
    source: str
    reported: bool
    since: _Whole
    until: _Whole
    records: _Whole
    connections: _Whole
    first: _Whole
    last: _Whole
    reports: dict[str, _Whole]
    hours: list[Hour]
    signals: dict[str, _Whole]
    answers: list[tuple[str, str]]
    sightings: list[Sighting]
    client_pods: list[str]
    server_pods: list[str]
    client_names: list[str]
    server_names: list[str]
    distinct: bytes = b""
    told: list[tuple[str, str, _Whole, _Whole]] = []

    def __post_init__(self) -> None:
        """Raises ``ValueError`` for what no flow says."""
        if self.protocol not in PROTOCOLS:
            raise ValueError(f"unknown protocol {self.protocol!r}")
        if self.first > self.last:
            raise ValueError("it ends before it begins")
        if any(one.time.bit_length() > _BITS or one.time < 0 for one in self.sightings):
            raise ValueError("a pod was seen at no time that can be")
        Sketch.read(self.distinct)
        sides = self.client.endpoint, self.server.endpoint
        addresses = [one.ip for one in sides if one.ip]
        addresses += [one[1] for one in self.answers] + [one[1] for one in self.told]
        for address in (*addresses, *(one.address for one in self.sightings)):
            if canonical_address(address) != address:
                raise ValueError(f"{address!r} is not written as an address is")


_encode: Final = msgspec.json.Encoder(order="deterministic").encode


def exported(db: sqlite3.Connection) -> Iterator[bytes]:
    """The lines, with their ends."""
    (number,) = db.execute("SELECT count(*) FROM inputs").fetchone()
    yield _encode(_Head(_VERSION, number, inventories(db))) + b"\n"
    for parcel in parcels(db):
        yield _encode(_input_line(parcel)) + b"\n"
        for edge, total in parcel.rows:
            yield _encode(_edge_line(edge, total)) + b"\n"


def _input_line(parcel: Parcel) -> _Input:
    one, identity = parcel.input, parcel.input.identity
    return _Input(
        source=one.source,
        name=one.name,
        start=one.start,
        length=identity.length,
        closed=one.closed,
        live=one.live,
        digest=identity.digest,
        begin=identity.begin,
        marks=identity.marks,
        resume=one.resume,
        account=decode_account(parcel.account),
        notices=[_Notice(*row) for row in parcel.said],
        edges=parcel.number,
    )


def _edge_line(edge: Edge, total: Total) -> dict[str, object]:
    sides = {
        "client": msgspec.Raw(edge.client.encode()),
        "server": msgspec.Raw(edge.server.encode()),
    }
    flags = {"certain": bool(edge.certain), "reported": bool(edge.reported)}
    seen = msgspec.structs.asdict(unpack(total.seen))
    found = {**edge._asdict(), **sides, **flags, **total._asdict(), **seen}
    del found["seen"]
    return found


def restored(
    lines: Iterable[bytes], where: str, known: Callable[[list[Known]], object] = bool
) -> Iterator[Parcel]:
    """What :func:`exported` wrote. Raises NetpolError for anything else, and for a part of it.

    An input comes out when all of it was read, so that none is taken in part. Before the first,
    ``known`` is told which inventories they were learned with.
    """
    numbered = enumerate(lines, 1)
    head = _decoded(numbered, _Head, where)
    if not 1 <= head.netpol_store <= _VERSION:
        raise NetpolError(f"the text is of version {head.netpol_store}", where=where)
    known(head.inventories)
    for _ in range(head.inputs):
        line = _decoded(numbered, _Input, where)
        rows = [_row(_decoded(numbered, _Edge, where)) for _ in range(line.edges)]
        if sum(total.records for _, total in rows) != line.account.folded:
            raise NetpolError(f"the records of {line.name} are not all there", where=where)
        yield _parcel(line, rows)
    if (more := next(numbered, None)) is not None:
        raise NetpolError("the text goes on behind its end", where=f"{where}:{more[0]}")


_T = TypeVar("_T")


def _decoded(numbered: Iterator[tuple[int, bytes]], shape: type[_T], where: str) -> _T:
    number, line = next(numbered, (0, b""))
    if not number:
        raise NetpolError("the end of the text is missing", where=where)
    try:
        return msgspec.json.decode(line, type=shape)
    except ValueError as error:
        raise NetpolError(
            f"not a line of `netpol store export`: {error}", where=f"{where}:{number}"
        ) from error


def _parcel(line: _Input, rows: list[Row]) -> Parcel:
    identity = Identity(length=line.length, digest=line.digest, begin=line.begin, marks=line.marks)
    return Parcel(
        input=Input(
            id=0,
            source=line.source,
            name=line.name,
            start=line.start,
            closed=line.closed,
            live=line.live,
            identity=identity,
            resume=line.resume,
        ),
        account=encode_account(line.account),
        said=tuple((n.code, n.place, n.where, n.message, n.count) for n in line.notices),
        number=len(rows),
        rows=rows,
    )


def _row(line: _Edge) -> Row:
    values = msgspec.structs.asdict(line)
    values |= {"client": side_text(line.client), "server": side_text(line.server)}
    seen = Seen(**{name: values[name] for name in Seen.__struct_fields__})
    edge = Edge(*(values[name] for name in Edge._fields))
    return edge, Total(line.records, line.connections, line.first, line.last, pack(seen))

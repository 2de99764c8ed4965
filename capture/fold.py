"""Observations added up into flows: what sources share that read one connection a line.

A source says of each record who the two sides are, which way the connection went and what became of
it; equal ones become one Flow. Sides are small numbers: a named one by its Endpoint, an address in
its era (:mod:`netpol.eras`). State grows with distinct edges, never with records.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from capture.source import Reading
from netpol.answers import HOUR, Answer, Answers, bounded, too_many
from netpol.flow import Flow
from netpol.net import canonical_address
from netpol.notices import Notice
from netpol.peers import Endpoint
from netpol.sketch import KEPT, Sketch

__all__ = ["PAIRS_KEPT", "Fold", "shown"]

PAIRS_KEPT: Final = 65536
"""Distinct clients that are kept apart per server, protocol and port. Of later ones only their
number is known: they are one side without an address, which is held (NP005)."""

_Key: TypeAlias = tuple[int, int, str, int | None, bool, str, int | None]
"""Client, server, protocol, port, whether the direction is certain, Service and its port."""


@dataclass(slots=True)
class _Cell:
    """The records of one edge."""

    first: int
    last: int
    records: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    """Connections by who reported them."""
    distinct: set[int] = field(default_factory=set)
    """Hashes of the connections; the greater ones are left out from time to time."""
    hours: set[int] = field(default_factory=set)
    signals: Counter[str] = field(default_factory=Counter)
    answers: Answers = field(default_factory=bounded)
    left_out: int = 0
    """So many names and answers were not remembered before it came here."""
    names: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))


@dataclass(slots=True)
class Fold:
    """Counts what one input of the source ``source`` shows, and accounts for it in ``reading``."""

    reading: Reading
    source: str
    _numbers: dict[Endpoint | tuple[str, int], int] = field(default_factory=dict)
    _sides: list[Endpoint] = field(default_factory=list)
    _cells: dict[_Key, _Cell] = field(default_factory=dict)
    _clients: Counter[tuple[int, str, int | None]] = field(default_factory=Counter)
    _crowded: set[tuple[int, str, int | None]] = field(default_factory=set)

    def named(self, endpoint: Endpoint) -> int:
        """The number of a side that the source names."""
        number = self._numbers.get(endpoint)
        return self._new(endpoint, endpoint) if number is None else number

    def address(self, text: str, time: int) -> int:
        """The number of a side of which the source gives the address alone, at that time.

        Raises ``ValueError`` for what is no address.
        """
        key = text, self.reading.stretch(text, time)
        number = self._numbers.get(key)
        if number is None:
            canonical = canonical_address(text)
            if canonical != text:
                return self.address(canonical, time)
            number = self._new(key, Endpoint(ip=canonical))
        return number

    def _new(self, key: Endpoint | tuple[str, int], endpoint: Endpoint) -> int:
        self._numbers[key] = number = len(self._sides)
        self._sides.append(endpoint)
        return number

    def add(
        self,
        client: int,
        server: int,
        protocol: str,
        port: int | None,
        times: tuple[int, int],
        signals: Iterable[str] | Mapping[str, int],
        *,
        certain: bool = True,
        count: int = 1,
        distinct: Collection[int] = (),
        records: int = 1,
        hours: Iterable[int] = (),
        reporter: str = "",
        service: str = "",
        service_port: int | None = None,
        answers: Iterable[Answer] = (),
        names: tuple[Iterable[str], Iterable[str]] = ((), ()),
        left_out: int = 0,
    ) -> None:
        """One record: ``count`` connections between ``times`` (first, last; nanoseconds, UTC).

        ``signals`` are names of ``netpol.flow.SIGNALS``. Records of several reporters tell of the
        same connections, so of their counts the largest counts, whether or not they know of the
        Service. A source that can tell connections apart gives their identities instead
        (``distinct``: :func:`netpol.sketch.identity`), so that one counts once however often it is
        told. ``names`` are DNS names of client and server, ``answers`` what the client was told;
        ``left_out`` of both were not remembered. A source that adds up equal records itself gives
        their number, how many gave which signal, and their ``hours``.
        """
        key: _Key = client, server, protocol, port, certain, service, service_port
        cell = self._cells.get(key)
        if cell is None:
            key = (self._client(client, server, protocol, port), *key[1:])
            cell = self._cells.setdefault(key, _Cell(*times))
        first, last = times
        cell.records += records
        if distinct:
            cell.distinct.update(distinct)
            if len(cell.distinct) > 4 * KEPT:
                cell.distinct = set(Sketch.of(cell.distinct).hashes)
        else:
            cell.counts[reporter] += count
        cell.first, cell.last = min(cell.first, first), max(cell.last, last)
        cell.hours.update(hours or range(first // HOUR, last // HOUR + 1))
        cell.signals.update(signals)
        cell.answers.add(answers)
        cell.left_out += left_out
        for known, more in zip(cell.names, names, strict=True):
            known.update(more)
        self.reading.account.read += records
        self.reading.account.folded += records

    def _client(self, client: int, server: int, protocol: str, port: int | None) -> int:
        """The client, or in a crowd the side that stands for all further ones."""
        place = server, protocol, port
        self._clients[place] += 1
        if self._clients[place] <= PAIRS_KEPT or self._sides[client].namespace:
            return client
        self._crowded.add(place)
        return self.named(Endpoint())

    def hold(self, reason: str, message: str = "", where: str = "") -> None:
        """A record that could not be understood; with a message it is told (NP001)."""
        account = self.reading.account
        account.read += 1
        account.held[reason] = account.held.get(reason, 0) + 1
        if message:
            place = f"{self.reading.where}:{where}" if where else self.reading.where
            self.reading.tell(Notice(code="NP001", message=message, where=place))

    def aside(self, reason: str) -> None:
        """A record that is about no connection."""
        account = self.reading.account
        account.read += 1
        account.other[reason] = account.other.get(reason, 0) + 1

    def flows(self) -> Iterator[Flow]:
        """Each edge as a Flow, in an order that does not depend on that of the records."""
        for place in sorted(self._crowded, key=repr):
            server, protocol, port = place
            message = f"too many addresses to keep apart: → {self._shown(server)} {protocol} {port}"
            self.reading.tell(Notice(code="NP005", message=message, where=self.reading.where))
        self._tell_names()
        counts = self._counts()
        order = sorted(self._cells, key=self._order)
        yield from (self._flow(key, self._cells[key], counts[key]) for key in order)

    def _tell_names(self) -> None:
        """Say of which edges names were not remembered."""
        names: Counter[str] = Counter()
        for (client, server, protocol, port, *_), cell in self._cells.items():
            if left_out := cell.left_out + cell.answers.left_out:
                who = f"{self._shown(client)} → {self._shown(server)} {protocol} {port}"
                names[who] += left_out
        for who, left_out in sorted(names.items()):
            self.reading.tell(too_many(who, left_out, self.reading.where))

    def _counts(self) -> dict[_Key, int]:
        """Connections of each edge.

        One reporter may know of the Service that was dialled where another does not. So together
        the edges that differ in that alone have as many as the reporter saw that saw the most.
        """
        found: dict[_Key, int] = {}
        edges: dict[tuple[object, ...], list[_Key]] = defaultdict(list)
        for key, cell in self._cells.items():
            edges[key[:-2]].append(key)
            found[key] = max(cell.counts.values(), default=0)
        for keys in edges.values():
            plain = next((key for key in keys if not any(key[-2:])), None)
            total: Counter[str] = Counter()
            for key in keys:
                total.update(self._cells[key].counts)
            if plain is not None:
                served = sum(found[key] for key in keys) - found[plain]
                found[plain] = max(0, max(total.values(), default=0) - served)
            if not any(found[key] or self._cells[key].distinct for key in keys):
                found[plain or min(keys, key=repr)] = 1
        return found

    def _order(self, key: _Key) -> tuple[str, ...]:
        cell = self._cells[key]
        return repr(self._sides[key[0]]), repr(self._sides[key[1]]), repr(key[2:]), str(cell.first)

    def _shown(self, number: int) -> str:
        return shown(self._sides[number])

    def _flow(self, key: _Key, cell: _Cell, count: int) -> Flow:
        client, server, protocol, port, certain, service, service_port = key
        distinct = Sketch.of(cell.distinct)
        return Flow(
            client=_with(self._sides[client], cell.names[0]),
            server=_with(self._sides[server], cell.names[1]),
            protocol=protocol,
            port=port,
            service=service,
            service_port=service_port,
            certain=certain,
            records=cell.records,
            count=distinct.count or count,
            distinct=distinct,
            reports=tuple(sorted(cell.counts.items())) if any(cell.counts) else (),
            first=cell.first,
            last=cell.last,
            hours=frozenset(cell.hours),
            signals=dict(sorted(cell.signals.items())),
            answers=cell.answers.found(),
            source=self.source,
        )


def shown(side: Endpoint) -> str:
    """A side for people."""
    return side.ip or f"{side.namespace}/{','.join(side.pods)}"


def _with(side: Endpoint, names: set[str]) -> Endpoint:
    return replace(side, names=side.names | names) if names else side

"""What a store holds of sides that are known by their address alone: a flow for many rows.

Such sides are kept apart by address and hour, so that an inventory that comes later can tell who
had an address then. Of a large store these are most rows. Where one pod had an address for as long
as it was seen, the rows of all pods of a workload add up before they are attributed, in SQL: they
would become evidence of one connection anyway.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any, Final, TypeAlias

from netpol.answers import Answer, union
from netpol.flow import Flow, sampled
from netpol.inventory import Pod
from netpol.peers import Endpoint
from netpol.sketch import Sketch
from netpol.store.load import flows_of
from netpol.store.shape import endpoint_of, protocol_of, unpack

__all__ = ["Who", "loose", "named"]

Who: TypeAlias = Callable[[str, int, int], Pod | None]
"""The pod that had an address from one time to another, where that is beyond doubt."""

_TABLES: Final = (
    "DROP TABLE IF EXISTS temp.bare",
    "DROP TABLE IF EXISTS temp.held",
    "CREATE TEMP TABLE bare (endpoint INTEGER PRIMARY KEY, address TEXT NOT NULL)",
    # Who had the address in edges whose stretch begins so; -1: in all.
    """CREATE TEMP TABLE held (
    pod INTEGER NOT NULL, workload INTEGER NOT NULL,
    endpoint INTEGER NOT NULL, begins INTEGER NOT NULL, PRIMARY KEY (endpoint, begins)
) WITHOUT ROWID""",
)
_BOTH: Final = (
    "edges.client IN (SELECT endpoint FROM bare) AND edges.server IN (SELECT endpoint FROM bare)"
)
_C: Final = "held AS c ON c.endpoint = edges.client AND c.begins IN (-1, edges.since)"
_S: Final = "held AS s ON s.endpoint = edges.server AND s.begins IN (-1, edges.since)"
_REST: Final = f"LEFT JOIN {_C} LEFT JOIN {_S} WHERE {_BOTH} AND (c.pod IS NULL OR s.pod IS NULL)"
_COLUMNS: Final = """
    c.workload, s.workload, protocol, port, service, service_port, certain, source, reported,
    seen, count(*), sum(records), sum(count), min(first), max(last),
    group_concat(c.pod), group_concat(s.pod)
    FROM evidence NOT INDEXED JOIN edges ON edges.id = edge"""
_GROUPS: Final = f"SELECT {_COLUMNS} JOIN {_C} JOIN {_S} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10"
_KEY: Final = 9
"""So many of these columns say of which edge between workloads a row is."""
_EVER: Final = """
SELECT endpoint, -1, address, (SELECT min(first) FROM evidence), (SELECT max(last) FROM evidence)
FROM bare"""
_TIMES: Final = """since, address, min(first), max(last)
    FROM evidence NOT INDEXED JOIN edges ON edges.id = edge"""
_OPEN: Final = "endpoint NOT IN (SELECT endpoint FROM held)"
_OPEN_ONES: Final = "SELECT endpoint FROM bare WHERE endpoint NOT IN (SELECT endpoint FROM held)"


def named(db: sqlite3.Connection) -> Iterator[Flow]:
    """Flows of which a source names a side; asked before :func:`loose`."""
    for statement in _TABLES:
        db.execute(statement)
    sides = [(n, endpoint_of(text)) for n, text in db.execute("SELECT id, text FROM endpoints")]
    # What is said of an entity may depend on the pods that had its address.
    shared = {side.ip for _, side in sides if side.entities or side.namespace} | {""}
    rows = ((n, side.ip) for n, side in sides if side.ip not in shared)
    db.executemany("INSERT INTO bare VALUES (?, ?)", rows)
    return flows_of(db, f"WHERE NOT ({_BOTH})")


def loose(db: sqlite3.Connection, who: Who) -> Iterator[Flow]:
    """All others; pods that ``who`` knows are named in them."""
    pods, every = _held(db, who)
    if not every:
        yield from flows_of(db, _REST)
    for _, rows in groupby(db.execute(_GROUPS), lambda row: row[:_KEY]):
        yield _together(list(rows), pods)


def _held(db: sqlite3.Connection, who: Who) -> tuple[list[Pod], bool]:
    """Fill the table: first with those that never changed, which may be all.

    Its pods by number, and whether all were such.
    """
    pods: list[Pod] = []
    workloads: dict[object, int] = {}

    def hold(rows: Iterable[tuple[int, int, str, int, int]]) -> None:
        found = []
        for endpoint, since, address, first, last in rows:
            if (pod := who(address, first, last)) is not None:
                number = workloads.setdefault(pod.workload, len(workloads))
                found.append((len(pods), number, endpoint, since))
                pods.append(pod)
        db.executemany("INSERT OR IGNORE INTO held VALUES (?, ?, ?, ?)", found)

    hold(db.execute(_EVER).fetchall())
    if db.execute(_OPEN_ONES).fetchone() is None:
        return pods, True
    spans: dict[tuple[int, int], tuple[str, int, int]] = {}
    for side in ("client", "server"):
        joined = f"JOIN bare ON endpoint = edges.{side} WHERE {_BOTH} AND {_OPEN} GROUP BY 1, 2"
        for endpoint, since, address, first, last in db.execute(
            f"SELECT endpoint, {_TIMES} {joined}"
        ):
            known = spans.get((endpoint, since), (address, first, last))
            spans[endpoint, since] = address, min(first, known[1]), max(last, known[2])
    hold((*place, *span) for place, span in spans.items())
    return pods, False


def _together(rows: list[tuple[Any, ...]], pods: list[Pod]) -> Flow:
    """One flow of all rows of an edge between workloads."""
    _, _, protocol, port, service, service_port, certain, source, reported, *_ = rows[0]
    seen = [(row[10], unpack(row[9])) for row in rows]
    reports = _summed((n, one.reports) for n, one in seen)
    distinct = Sketch.of(x for _, one in seen for x in Sketch(one.distinct).hashes)
    first, last = min(row[13] for row in rows), max(row[14] for row in rows)
    return Flow(
        client=_side((row[15] for row in rows), pods),
        server=_side((row[16] for row in rows), pods),
        protocol=protocol_of(protocol),
        port=None if port < 0 else port,
        service=service,
        service_port=None if service_port < 0 else service_port,
        certain=bool(certain),
        records=sum(row[11] for row in rows),
        count=distinct.count or max((sum(row[12] for row in rows), *reports.values())),
        distinct=distinct,
        reports=tuple(sorted(reports.items())) if reported else (),
        first=first,
        last=last,
        hours=frozenset(hour for _, one in seen for hour in one.hours),
        signals=_summed((n, one.signals) for n, one in seen),
        answers=union(
            (Answer(*told) for _, one in seen for told in one.told),
            (
                Answer(*pair, row[13], row[14])
                for row, (_, one) in zip(rows, seen, strict=True)
                for pair in one.answers
            ),
        ),
        sightings=frozenset(sampled(one for _, each in seen for one in each.sightings)),
        source=source,
    )


def _summed(some: Iterable[tuple[int, dict[str, int]]]) -> dict[str, int]:
    """Counts, each so many times."""
    total: Counter[str] = Counter()
    for times, counts in some:
        for name, n in counts.items():
            total[name] += times * n
    return dict(sorted(total.items()))


def _side(numbers: Iterable[str], pods: list[Pod]) -> Endpoint:
    found = {number for text in numbers for number in text.split(",")}
    names = sorted({pods[int(number)].name for number in found})
    return Endpoint(namespace=pods[int(min(found))].namespace, pods=tuple(names))

"""What opens and what closes between two policy sets, whatever way they are written.

Both sides are answered completely and the answers compared, so policies that were reordered,
merged, renamed or put in other words (or another dialect) give no change. Outside the cluster the
answer covers every address there is, cut wherever either side's rules cut it, and every name and
entity that one of them can tell apart; nobody needs to have been observed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import merge
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Final, TypeAlias, TypeVar

from netpol.evaluate import Abroad, Doubt, Judge, Span, blocks, joined
from netpol.net import NO_PORTS, PortSet
from netpol.peers import Cidr, Entity, Fqdn, Peer, Workload, label

__all__ = ["Change", "changes"]

_DOUBTS: Final[tuple[Doubt, ...]] = ("ignored", "allowed", "denied")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Ports that open or close for a pair; ``opened`` and ``closed`` have none in common.

    Between workloads: what *some* pair of pods may use; with a party outside: what some pod may use
    with every address of it.
    """

    client: Peer
    server: Peer
    opened: PortSet = NO_PORTS
    closed: PortSet = NO_PORTS
    undecided: PortSet = NO_PORTS
    """Ports about which this is not known, because of what could not be read on either side: part
    of what is said to open or close, or become known or unknown."""


_Said: TypeAlias = tuple[PortSet, PortSet, PortSet]
"""Allowed by what was understood; allowed if whatever was not allows; allowed even if it denies."""
_Delta: TypeAlias = tuple[PortSet, PortSet, PortSet]
"""Opened, closed, undecided."""
_NOTHING: Final[_Said] = (NO_PORTS, NO_PORTS, NO_PORTS)


def changes(old: Judge, new: Judge) -> Iterator[Change]:
    """Every change from ``old`` to ``new``: first within the cluster, then with the outside.

    Each part is sorted by client and server. The two may have different worlds: a workload that
    only one of them knows has all of its connections opened, or closed. Blocks of addresses
    (:meth:`Judge.address_connections`) that change alike for a workload are one list of the fewest
    CIDRs; names and entities are those of :attr:`Judge.kinds` and those that a world lists.
    """
    kinds = [*old.kinds, *new.kinds, *_listed(old), *_listed(new)]
    old, new = _beyond(old, kinds), _beyond(new, kinds)
    deltas = _Deltas()
    yield from _inside(old, new, deltas)
    outside = [*_parties(old, new, deltas), *_addresses(old, new, deltas)]
    yield from sorted(outside, key=lambda one: (label(one.client), label(one.server)))


def _listed(judge: Judge) -> Iterator[Fqdn | Entity]:
    return (one.peer for one in judge.world.outside if not isinstance(one.peer, Cidr))


def _beyond(judge: Judge, kinds: Iterable[Peer]) -> Judge:
    """The judge with these parties, and without blocks: all addresses are judged anyway."""
    kept = tuple(one for one in judge.world.outside if not isinstance(one.peer, Cidr))
    if kept != judge.world.outside:
        judge = replace(judge, world=replace(judge.world, outside=kept))
    return judge.knowing(kinds)


class _Deltas(dict[tuple[_Said, _Said], _Delta]):
    """The difference of two answers, computed once for each two: few are distinct."""

    def __missing__(self, pair: tuple[_Said, _Said]) -> _Delta:
        (old, old_most, old_least), (new, new_most, new_least) = pair
        opened, closed = new - old, old - new
        unsure, unsure_now = old_most - old_least, new_most - new_least
        both = (unsure | unsure_now) & (opened | closed)
        self[pair] = opened, closed, (unsure - unsure_now) | (unsure_now - unsure) | both
        return self[pair]


def _change(client: Peer, server: Peer, delta: _Delta) -> Iterator[Change]:
    if any(delta):
        opened, closed, undecided = delta
        yield Change(
            client=client, server=server, opened=opened, closed=closed, undecided=undecided
        )


def _doubts(judge: Judge) -> tuple[Doubt, ...]:
    """The questions to ask; where everything was understood, one answer stands for all three."""
    return _DOUBTS[:1] if judge.policies.certain else _DOUBTS


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def _aligned(
    left: Iterable[tuple[_Key, _Value]],
    right: Iterable[tuple[_Key, _Value]],
    rank: Callable[[_Key], object],
    missing: _Value,
) -> Iterator[tuple[_Key, _Value, _Value]]:
    """Two streams that ascend by rank, side by side; ``missing`` where one lacks a key."""

    def tagged(
        side: int, stream: Iterable[tuple[_Key, _Value]]
    ) -> Iterator[tuple[object, _Key, int, _Value]]:
        return ((rank(key), key, side, one) for key, one in stream)

    both = merge(tagged(0, left), tagged(1, right), key=itemgetter(0))
    for _, group in groupby(both, key=itemgetter(0)):
        found = list(group)
        sides = {side: one for _, _, side, one in found}
        yield found[0][1], sides.get(0, missing), sides.get(1, missing)


# --- within the cluster


def _inside(old: Judge, new: Judge, deltas: _Deltas) -> Iterator[Change]:
    before, after = _clients(old), _clients(new)
    for client, left, right in _aligned(before, after, label, ()):
        if left == right:
            continue
        was, now = _by_server(left), _by_server(right)
        for server in sorted({*was, *now}, key=label):
            delta = deltas[was.get(server, _NOTHING), now.get(server, _NOTHING)]
            yield from _change(client, server, delta)


_Answers: TypeAlias = tuple[tuple[tuple[Workload, PortSet], ...], ...]


def _clients(judge: Judge) -> Iterator[tuple[Workload, _Answers]]:
    """For each client what it reaches, once per doubt."""
    for found in zip(*(judge.servers(doubt) for doubt in _doubts(judge)), strict=True):
        yield found[0][0], tuple(reached for _, reached in found)


def _by_server(answers: _Answers) -> dict[Workload, _Said]:
    tables = [dict(one) for one in answers]
    servers = dict.fromkeys(server for table in tables for server in table)
    return {server: _said([t.get(server, NO_PORTS) for t in tables]) for server in servers}


def _said(answers: list[PortSet]) -> _Said:
    return answers[0], answers[-2 if len(answers) > 1 else 0], answers[-1]


# --- parties that are not mere addresses


def _parties(old: Judge, new: Judge, deltas: _Deltas) -> Iterator[Change]:
    was, now = _rows(old), _rows(new)
    for client, server in {**was, **now}:
        delta = deltas[was.get((client, server), _NOTHING), now.get((client, server), _NOTHING)]
        yield from _change(client, server, delta)


def _rows(judge: Judge) -> dict[tuple[Peer, Peer], _Said]:
    tables = [
        {(row.client, row.server): row.ports for row in judge.parties(doubt)}
        for doubt in _doubts(judge)
    ]
    pairs = dict.fromkeys(pair for table in tables for pair in table)
    return {pair: _said([table.get(pair, NO_PORTS) for table in tables]) for pair in pairs}


# --- addresses

_Views: TypeAlias = tuple[Abroad, ...]


def _addresses(old: Judge, new: Judge, deltas: _Deltas) -> Iterator[Change]:
    before, after = _abroad(old), _abroad(new)
    for (workload, direction), left, right in _aligned(before, after, _place, ()):
        if left == right:
            continue
        groups: dict[_Delta, list[Span]] = {}
        for span, answers in _overlaid((*left, *right)):
            was, now = answers[: len(left)], answers[len(left) :]
            delta = deltas[_said_by(was), _said_by(now)]
            groups.setdefault(delta, []).append(span)
        for delta, spans in groups.items():
            for block in blocks(joined(spans)):
                if direction == "egress":
                    yield from _change(workload, block, delta)
                else:
                    yield from _change(block, workload, delta)


def _place(key: tuple[Workload, str]) -> tuple[str, str]:
    return label(key[0]), key[1]


def _said_by(answers: tuple[PortSet, ...]) -> _Said:
    return _said(list(answers)) if answers else _NOTHING


def _abroad(judge: Judge) -> Iterator[tuple[tuple[Workload, str], _Views]]:
    for found in zip(*(judge.abroad(doubt) for doubt in _doubts(judge)), strict=True):
        workload, direction, _ = found[0]
        yield (workload, direction), tuple(view for _, _, view in found)


def _overlaid(views: Iterable[Abroad]) -> Iterator[tuple[Span, tuple[PortSet, ...]]]:
    """Address space cut where any view cuts it, with what each one says there."""
    tables = [_table(view) for view in views]
    for version in (4, 6):
        spans = [span for table in tables for span, _ in table if span[0] == version]
        edges = sorted({edge for _, first, last in spans for edge in (first, last + 1)})
        for first, beyond in pairwise(edges):
            span = version, first, beyond - 1
            yield span, tuple(_at(table, span) for table in tables)


def _table(view: Abroad) -> list[tuple[Span, PortSet]]:
    every = ((span, ports) for ports, spans in view.items() for span in spans)
    return sorted(every, key=itemgetter(0))


def _at(table: list[tuple[Span, PortSet]], span: Span) -> PortSet:
    """What a view says of a span that it does not cut."""
    place = bisect_right(table, span[:2], key=lambda entry: entry[0][:2]) - 1
    if place < 0 or table[place][0][0] != span[0] or table[place][0][2] < span[1]:
        return NO_PORTS
    return table[place][1]

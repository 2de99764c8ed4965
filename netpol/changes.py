"""What opens and what closes between two policy sets, whatever way they are written.

Both sides are answered completely and the answers compared, so policies that were reordered,
merged, renamed or put in other words (or another dialect) give no change. Outside the cluster the
answer covers every address there is, cut wherever either side's rules cut it, and every name and
entity that one of them can tell apart; nobody needs to have been observed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from netpol.evaluate import Abroad, Doubt, Judge, Span, blocks, joined
from netpol.evaluate.overlay import aligned, overlaid, views_at
from netpol.net import NO_PORTS, PortSet
from netpol.peers import Cidr, Entity, Fqdn, Peer, Workload, label
from netpol.stations import Station, ordinary, stations
from netpol.world import Outside

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
_Views: TypeAlias = tuple[Abroad, ...]
"""One for each way to take what is undecided."""
_Delta: TypeAlias = tuple[PortSet, PortSet, PortSet]
"""Opened, closed, undecided."""
_NOTHING: Final[_Said] = (NO_PORTS, NO_PORTS, NO_PORTS)


def changes(old: Judge, new: Judge) -> Iterator[Change]:
    """Every change from ``old`` to ``new``: first within the cluster, then with the outside.

    Each part is sorted by client and server. The two may have different worlds: a workload that
    only one of them knows has all of its connections opened, or closed. Blocks of addresses
    (:meth:`Judge.address_connections`) that change alike for a workload are one list of the fewest
    CIDRs; names and entities are those of :attr:`Judge.kinds` and those that a world lists.

    Engines know nodes and API servers by address or as entities. Where that makes a difference a
    block says nothing of them: their entities do, or blocks of their addresses alone. A name has
    a change of its own where it changes otherwise than any address of the internet.
    """
    known, unlisted = stations(old, new), ordinary(old, new)
    asked = [*old.kinds, *new.kinds, *_listed(old), *_listed(new), unlisted]
    asked += [one.peer for one in known]
    old, new = (_beyond(one, dict.fromkeys(asked), unlisted) for one in (old, new))
    deltas = _Deltas()
    yield from _inside(old, new, deltas)
    beside = _Beside(was=_rows(old), now=_rows(new), deltas=deltas)
    outside = [*_parties(beside, unlisted), *_addresses(old, new, known, beside)]
    yield from sorted(outside, key=lambda one: (label(one.client), label(one.server)))


def _listed(judge: Judge) -> Iterator[Fqdn | Entity]:
    return (one.peer for one in judge.world.outside if not isinstance(one.peer, Cidr))


def _beyond(judge: Judge, peers: Iterable[Peer], unlisted: Cidr) -> Judge:
    """The judge with these parties alone; names are at an ordinary address."""
    bare = replace(judge.world, outside=tuple(_named(judge.world.outside)))
    outside = bare.knowing(peers).outside
    placed = tuple(
        replace(one, addresses=one.addresses or (unlisted.cidr,))
        if isinstance(one.peer, Fqdn)
        else one
        for one in outside
    )
    return replace(judge, world=replace(bare, outside=placed))


def _named(parties: Iterable[Outside]) -> Iterator[Outside]:
    """Without blocks: all addresses are judged anyway."""
    return (one for one in parties if not isinstance(one.peer, Cidr))


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


# --- within the cluster


def _inside(old: Judge, new: Judge, deltas: _Deltas) -> Iterator[Change]:
    before, after = _clients(old), _clients(new)
    for client, left, right in aligned(before, after, label, ()):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beside:
    """What both judges say of the parties."""

    was: dict[tuple[Peer, Peer], _Said]
    now: dict[tuple[Peer, Peer], _Said]
    deltas: _Deltas

    def __call__(self, client: Peer, server: Peer) -> _Delta:
        """The difference for one pair."""
        pair = client, server
        return self.deltas[self.was.get(pair, _NOTHING), self.now.get(pair, _NOTHING)]


def _parties(beside: _Beside, unlisted: Cidr) -> Iterator[Change]:
    """Changes for entities and names. A name that is nothing but an address here has none."""
    for client, server in {**beside.was, **beside.now}:
        delta = beside(client, server)
        match client, server:
            case (Cidr(), _) | (_, Cidr()):
                continue
            case (Fqdn(), _) if delta == beside(unlisted, server):
                continue
            case (_, Fqdn()) if delta == beside(client, unlisted):
                continue
        yield from _change(client, server, delta)


def _rows(judge: Judge) -> dict[tuple[Peer, Peer], _Said]:
    tables = [
        {(row.client, row.server): row.ports for row in judge.parties(doubt)}
        for doubt in _doubts(judge)
    ]
    pairs = dict.fromkeys(pair for table in tables for pair in table)
    return {pair: _said([table.get(pair, NO_PORTS) for table in tables]) for pair in pairs}


# --- addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class _Abroad:
    """What both judges say of all addresses, for one workload and direction."""

    workload: Workload
    direction: str
    was: _Views
    now: _Views
    deltas: _Deltas

    def pair(self, peer: Peer) -> tuple[Peer, Peer]:
        """Client and server of a connection with ``peer``."""
        return (self.workload, peer) if self.direction == "egress" else (peer, self.workload)

    def spans(self) -> dict[_Delta, list[Span]]:
        """Who is at an address does not count here."""
        groups: dict[_Delta, list[Span]] = {}
        if self.was != self.now:
            for span, answers in overlaid((*self.was, *self.now)):
                groups.setdefault(self.of(answers), []).append(span)
        return {delta: list(joined(spans)) for delta, spans in groups.items() if any(delta)}

    def at(self, span: Span) -> _Delta:
        """The same for one address."""
        return self.of(views_at((*self.was, *self.now), span))

    def of(self, answers: tuple[PortSet, ...]) -> _Delta:
        """The difference of what all views say."""
        was, now = answers[: len(self.was)], answers[len(self.was) :]
        return self.deltas[_said_by(was), _said_by(now)]

    def changes(self, groups: dict[_Delta, list[Span]]) -> Iterator[Change]:
        """A change for each of the fewest blocks."""
        for delta, spans in groups.items():
            for block in blocks(joined(spans)):
                yield from _change(*self.pair(block), delta)


def _addresses(
    old: Judge, new: Judge, known: tuple[Station, ...], beside: _Beside
) -> Iterator[Change]:
    before, after = _abroad(old), _abroad(new)
    for (workload, direction), left, right in aligned(before, after, _place, ()):
        one = _Abroad(
            workload=workload, direction=direction, was=left, now=right, deltas=beside.deltas
        )
        groups = one.spans()
        told = [each for each in known if beside(*one.pair(each.peer)) != one.at(each.spans[0])]
        if told:
            groups = {delta: _without(spans, told) for delta, spans in groups.items()}
            yield from one.changes(_of_their_own(one, told, beside))
        yield from one.changes(groups)


def _without(spans: Iterable[Span], told: Iterable[Station]) -> list[Span]:
    """The spans but for those in which there is nobody else."""
    own = sorted(span for one in told for span in one.spans)
    return [
        span
        for span in spans
        if bisect_right(own, (*span[:1], span[2], span[2])) - bisect_left(own, span[:2])
        <= span[2] - span[1]
    ]


def _of_their_own(
    one: _Abroad, told: Iterable[Station], beside: _Beside
) -> dict[_Delta, list[Span]]:
    """What changes for nodes and API servers, unless it does for the entity that they are."""
    groups: dict[_Delta, list[Span]] = {}
    for each in told:
        delta = beside(*one.pair(each.peer))
        if any(delta) and delta not in [beside(*one.pair(entity)) for entity in each.entities]:
            groups.setdefault(delta, []).extend(each.spans)
    return groups


def _place(key: tuple[Workload, str]) -> tuple[str, str]:
    return label(key[0]), key[1]


def _said_by(answers: tuple[PortSet, ...]) -> _Said:
    return _said(list(answers)) if answers else _NOTHING


def _abroad(judge: Judge) -> Iterator[tuple[tuple[Workload, str], _Views]]:
    for found in zip(*(judge.abroad(doubt) for doubt in _doubts(judge)), strict=True):
        workload, direction, _ = found[0]
        yield (workload, direction), tuple(view for _, _, view in found)

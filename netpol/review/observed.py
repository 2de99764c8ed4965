"""What was observed, beside a change: the evidence for each edge, and what the change would break.

Whether an observed connection breaks is decided by replay under both policy sets, as
``netpol check`` does it; to which edge it belongs, by the parties alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from netpol.certificate import judge_of, translated
from netpol.decisions import Decision
from netpol.doubts import Doubt, doubts
from netpol.evaluate import Decision as Verdict
from netpol.evaluate import Judge, decides
from netpol.graph import Connection, Evidence
from netpol.learn import Learned
from netpol.net import without
from netpol.parties import outside
from netpol.peers import Entity, Peer, Workload
from netpol.policy import PolicySet
from netpol.profile import Profile
from netpol.review.edges import Edge
from netpol.silence import silent
from netpol.synthesize.declared import declared_needs
from netpol.visitors import as_ruled

__all__ = ["Broken", "Replayed", "Seen", "replayed"]

_Edge: TypeAlias = tuple[Connection, Evidence]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """An accepted connection that the new policies deny and the old ones allow, at least to some

    of its pods to which the new ones do not.
    """

    connection: Connection
    evidence: Evidence
    decision: Verdict
    """What the new policies say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The accepted connections under both policy sets."""

    asked: int
    allowed: int
    """By the new policies."""
    broken: tuple[Broken, ...]
    before: tuple[Connection, ...]
    """Denied by both: that is no work of this change."""
    undecided: tuple[Connection, ...]
    """Of a kind that the dialect does not decide (ICMP in Kubernetes)."""
    silent: tuple[Workload, ...]
    """Workloads in namespaces with policies for which nothing was accepted."""


def replayed(
    old: tuple[PolicySet, Profile],
    new: tuple[PolicySet, Profile],
    learned: Learned,
    closing: Container[Connection],
) -> Replayed:
    """Put every accepted connection to both.

    ``closing``: those of which something closes. Where the old policies denied a connection to some
    of its pods, it may still be lost to the others.
    """
    policies, profile = new
    accepted = [(c, e) for c, e in learned.accepted if decides(profile, c)]
    judge, asked = _asked(policies, profile, accepted, learned)
    passes = judge.replay(one for one, _ in asked)
    denied = [edge for edge, passed in zip(asked, passes, strict=True) if not passed]
    former, _ = _asked(*old, accepted, learned)
    passes = former.replay(one for one, _ in denied)
    lost = [passed or one in closing for passed, (one, _) in zip(passes, denied, strict=True)]
    return Replayed(
        asked=len(accepted),
        allowed=len(asked) - len(denied),
        broken=tuple(
            Broken(connection=one, evidence=evidence, decision=judge.decide(one))
            for (one, evidence), gone in zip(denied, lost, strict=True)
            if gone
        ),
        before=tuple(one for (one, _), gone in zip(denied, lost, strict=True) if not gone),
        undecided=tuple(c for c, _ in learned.accepted if not decides(profile, c)),
        silent=silent(learned, frozenset(one.namespace for one in policies.policies)),
    )


def _asked(
    policies: PolicySet, profile: Profile, accepted: list[_Edge], learned: Learned
) -> tuple[Judge, list[_Edge]]:
    every = [*accepted, *translated(accepted, profile, learned.inventory)]
    return judge_of(policies, learned, profile, every), every


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was learned, by the parties of edges."""

    learned: Learned

    def of(self, edge: Edge) -> Evidence:
        """All that was accepted of an edge, added up; no records: never observed."""
        total = Evidence()
        for _, _, evidence in self._matching(self._accepted, edge):
            total = total + evidence
        return total

    def connections(self, edges: Iterable[Edge]) -> frozenset[Connection]:
        """The accepted connections of these edges."""
        found = (self._matching(self._accepted, one) for one in edges)
        return frozenset(connection for each in found for connection, _, _ in each)

    def tried(self, edge: Edge) -> dict[str, int]:
        """Records of it that were not taken as needed, by reason: denied by policy, a scan …"""
        found: dict[str, int] = defaultdict(int)
        for _, reason, evidence in self._matching(self._held, edge):
            found[reason] += evidence.records
        return dict(sorted(found.items()))

    def decided(self, edge: Edge) -> tuple[Decision, ...]:
        """What people decided about connections of it."""
        known = self.learned.decided.by
        found = [
            known.get(one)
            for table in (self._accepted, self._held)
            for one, _, _ in self._matching(table, edge)
        ]
        return tuple(dict.fromkeys(one for one in found if one is not None))

    def declared(self, edge: Edge) -> tuple[str, ...]:
        """Why connections of it are declared needs, whether or not they were observed."""
        return tuple(dict.fromkeys(why for _, why, _ in self._matching(self._needs, edge)))

    def doubted(self, edge: Edge) -> tuple[str, ...]:
        """What is odd about connections of it that were accepted."""
        found = (
            self._odd.get(self._ruled(c), ()) for c, _, _ in self._matching(self._accepted, edge)
        )
        return tuple(dict.fromkeys(what for each in found for what in each))

    @cached_property
    def _ruled(self) -> Callable[[Connection], Connection]:
        return as_ruled(self.learned.inventory)

    @cached_property
    def odd(self) -> tuple[Doubt, ...]:
        """What is odd about all that was accepted."""
        return doubts(self.learned)

    @cached_property
    def _odd(self) -> dict[Connection, list[str]]:
        found: dict[Connection, list[str]] = defaultdict(list)
        for doubt in self.odd:
            for one in doubt.connections:
                found[one].append(doubt.what)
        return found

    def _matching(self, table: _Index, edge: Edge) -> Iterator[tuple[Connection, str, Evidence]]:
        for found in table.get(_key(edge.client, edge.server), ()):
            if found[0].ports & edge.ports and self._within(found[0], edge):
                yield found

    def _within(self, one: Connection, edge: Edge) -> bool:
        outer = edge.outer
        if outer is None:
            return True
        party = one.client if not isinstance(one.client, Workload) else one.server
        if party == outer:
            return True
        if isinstance(party, Entity) and party != Entity("world"):
            return False  # nodes and the like have edges of their own (netpol.changes)
        known = self._addresses.get(party, ())
        if not edge.blocks or not known:
            return False
        return not any(without(block, edge.blocks) for block in known)

    @cached_property
    def _accepted(self) -> _Index:
        return _indexed((c, "", e) for c, e in self.learned.accepted)

    @cached_property
    def _needs(self) -> _Index:
        found = declared_needs(self.learned.accepted, self.learned.inventory)
        return _indexed((one, why, Evidence()) for one, why in sorted(found.items(), key=_first))

    @cached_property
    def _held(self) -> _Index:
        return _indexed((one.connection, one.reason, one.evidence) for one in self.learned.held)

    @cached_property
    def _addresses(self) -> dict[Peer, tuple[str, ...]]:
        held = ((one.connection, one.evidence) for one in self.learned.held)
        parties = outside([*self.learned.accepted, *held], self.learned.inventory)
        return {one.peer: one.addresses for one in parties}


def _first(need: tuple[Connection, str]) -> tuple[str, str, str, int]:
    return need[0].key


_Key: TypeAlias = tuple[Peer | None, Peer | None]
_Index: TypeAlias = dict[_Key, list[tuple[Connection, str, Evidence]]]


def _key(client: Peer, server: Peer) -> _Key:
    """The workloads of a pair; None stands for whoever is outside."""
    sides = (one if isinstance(one, Workload) else None for one in (client, server))
    one, other = sides
    return one, other


def _indexed(found: Iterable[tuple[Connection, str, Evidence]]) -> _Index:
    table: _Index = defaultdict(list)
    for connection, what, evidence in found:
        table[_key(connection.client, connection.server)].append((connection, what, evidence))
    return table

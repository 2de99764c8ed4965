"""From flows to what was learned: attribution and quarantine, with every record accounted for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from netpol.addresses import GUARD
from netpol.attribute import Loose, Unattributed, attribute, nothing_loose
from netpol.crosscheck import CrossCheck
from netpol.decisions import Decided, Decision, decide
from netpol.flow import Account, Flow
from netpol.graph import ServiceGraph
from netpol.inventory import Inventory
from netpol.quarantine import UNCAUTIOUS, Caution, Held, judge
from netpol.roster import roster
from netpol.visitors import one_world

__all__ = ["Learned", "Records", "learn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Where every record that was read went; ``read == connections + held + other``."""

    read: int
    connections: int
    held: int
    other: int
    reasons: dict[str, int] = field(default_factory=dict)
    """Held and other records by reason."""

    @property
    def balanced(self) -> bool:
        """The conservation law; only what was damaged can break it."""
        return self.read == self.connections + self.held + self.other


@dataclass(frozen=True, kw_only=True)
class Learned:
    """All that a run knows: the needed connections, the held ones, and the cluster they are in."""

    accepted: ServiceGraph
    held: tuple[Held, ...]
    unattributed: tuple[Unattributed, ...]
    inventory: Inventory
    records: Records
    lost_events: int
    crosscheck: CrossCheck = field(default_factory=CrossCheck)
    blind_spots: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What each flow source that was read cannot see."""
    decided: Decided = field(default_factory=Decided)
    """What people decided, and which connections owe it their place."""

    @cached_property
    def ruled(self) -> ServiceGraph:
        """The needed connections as rules tell them apart (:mod:`netpol.visitors`)."""
        return one_world(self.accepted, self.inventory)

    @property
    def attributed_share(self) -> float:
        """Share of the records about connections whose two sides and direction are known."""
        about = self.records.read - self.records.other
        known = self.records.connections + sum(one.evidence.records for one in self.held)
        return known / about if about else 1.0

    def holding(self, more: Iterable[Held]) -> Learned:
        """The same, with these accepted connections held instead."""
        more = tuple(more)
        gone = {one.connection for one in more}
        reasons = dict(self.records.reasons)
        for one in more:
            reasons[one.reason] = reasons.get(one.reason, 0) + one.evidence.records
        moved = sum(one.evidence.records for one in more)
        return replace(
            self,
            accepted=ServiceGraph.of(edge for edge in self.accepted if edge[0] not in gone),
            held=tuple(sorted((*self.held, *more), key=lambda one: one.connection.key)),
            records=replace(
                self.records,
                connections=self.records.connections - moved,
                held=self.records.held + moved,
                reasons=dict(sorted(reasons.items())),
            ),
        )


def learn(
    flows: Iterable[Flow],
    inventory: Inventory,
    account: Account,
    guard: int = GUARD,
    caution: Caution = UNCAUTIOUS,
    decisions: Iterable[Decision] = (),
    loose: Loose = nothing_loose,
) -> Learned:
    """Attribute and judge ``flows``; ``account`` is what the sources counted while reading them.

    ``guard``: by how many nanoseconds the clocks of flows and inventory may differ. People's
    ``decisions`` overrule what the evidence alone says. ``loose`` are flows that say nothing about
    the cluster, as :func:`netpol.attribute.attribute` takes them.
    """
    flows = list(flows)
    inventory = inventory | roster(flows, inventory)
    attributed = attribute(flows, inventory, guard, loose)
    decided = decide(judge(attributed.graph, inventory, caution), decisions)
    judged = decided.judged
    return Learned(
        accepted=judged.accepted,
        held=judged.held,
        unattributed=attributed.held,
        inventory=inventory,
        records=_records(account, judged.accepted, judged.held, attributed.held),
        lost_events=account.lost_events,
        blind_spots=dict(sorted(account.blind.items())),
        crosscheck=attributed.crosscheck,
        decided=decided,
    )


def _records(
    account: Account,
    accepted: ServiceGraph,
    held: Iterable[Held],
    unattributed: Iterable[Unattributed],
) -> Records:
    reasons = dict(account.held)
    for reason, records in account.other.items():
        reasons[reason] = reasons.get(reason, 0) + records
    held_records = sum(account.held.values())
    waiting = [(one.reason, one.evidence.records) for one in held]
    waiting += [(one.reason, one.evidence.records) for one in unattributed]
    for reason, records in waiting:
        reasons[reason] = reasons.get(reason, 0) + records
        held_records += records
    aside = sum(one.evidence.records for one in unattributed if one.beside)
    return Records(
        read=account.read,
        connections=sum(evidence.records for _, evidence in accepted),
        held=held_records - aside,
        other=sum(account.other.values()) + aside,
        reasons=dict(sorted(reasons.items())),
    )

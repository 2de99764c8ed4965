"""One connection cut down to one pod on each side, and questions about it to the evaluator.

Every question is a policy of its own, put to the evaluator in a world that has only the two pods
(or the pod and the party): what is answered cannot differ from what is decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, TypeAlias

from netpol.evaluate import Decision, Judge, Step
from netpol.graph import Connection
from netpol.net import contains, without
from netpol.peers import Peer, Workload
from netpol.policy import DEFAULT_TIER, CidrSelector, PodSelector, Policy, PolicySet, Rule
from netpol.world import Outside, PodClass, World

__all__ = ["Case", "Side", "case_of"]

Side: TypeAlias = PodClass | Outside
"""Pods that are all alike, or a party outside."""

_CLIENT: Final = Workload("", "Pod", "client")
_SERVER: Final = Workload("", "Pod", "server")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One pair: pods that are alike, with one address, or a party with one, on each side."""

    judge: Judge
    """The policies that speak of either side, in a world without pods and parties."""
    client: Side
    server: Side
    asked: Connection
    client_partly: bool = False
    """Whether other pods or addresses of the client get another verdict."""
    server_partly: bool = False

    @cached_property
    def decision(self) -> Decision:
        """What all policies together decide."""
        return self._here.decide(self._connection)

    @cached_property
    def _here(self) -> Judge:
        sides = (self.client, self.server)
        parties = {one.peer: one for one in sides if isinstance(one, Outside)}
        classes = tuple(one for one in sides if isinstance(one, PodClass))
        outside = tuple(parties.values())
        return replace(
            self.judge, world=replace(self.judge.world, classes=classes, outside=outside)
        )

    @cached_property
    def _connection(self) -> Connection:
        return replace(
            self.asked,
            client=self.client.peer if isinstance(self.client, Outside) else _CLIENT,
            server=self.server.peer if isinstance(self.server, Outside) else _SERVER,
        )

    def selects(self, subject: PodSelector, direction: str) -> bool:
        """Whether this side's pod is among the subjects; never for what no policy is about."""
        return _selects(self._here, self._connection, subject, direction)

    def matches(self, rule: Rule, direction: str) -> bool:
        """Whether a rule covers this connection, every port of it, as far as is known."""
        rules = (replace(rule, action="allow", unsure=""),)
        return _alone(self._here, self._connection, PodSelector(), direction, rules).allowed


def case_of(judge: Judge, connection: Connection) -> Case:
    """The first case that gets the verdict of the whole connection: denied, if any is."""
    peers = (connection.client, connection.server)
    few = replace(judge, world=_only(judge.world.knowing(peers), peers))
    few = replace(few, policies=_relevant(few, connection))
    decision = few.decide(connection)
    bare = replace(few.world, classes=(), outside=(), on_host=frozenset())
    case = Case(
        judge=replace(few, world=bare),
        client=_standing(decision.client, connection.client, _CLIENT),
        server=_standing(decision.server, connection.server, _SERVER),
        asked=connection,
    )
    cuts = _cuts(few.policies)
    clients = (replace(case, client=one) for one in _kinds(case.client, cuts))
    case = next((one for one in clients if _same(one, decision)), case)
    servers = (replace(case, server=one) for one in _kinds(case.server, cuts))
    case = next((one for one in servers if _speaks(one) and _same(one, decision)), case)
    if decision.allowed and not decision.undecided:
        return case
    clients = (
        replace(case, client=one)
        for side in _sides(few.world, connection.client, case.client, _CLIENT)
        for one in _kinds(side, cuts)
    )
    servers = (
        replace(case, server=one)
        for side in _sides(few.world, connection.server, case.server, _SERVER)
        for one in _kinds(side, cuts)
    )
    return replace(
        case,
        client_partly=any(_speaks(one) and not _same(one, decision) for one in clients),
        server_partly=any(_speaks(one) and not _same(one, decision) for one in servers),
    )


def _same(case: Case, decision: Decision) -> bool:
    found = case.decision
    return (found.allowed, not found.undecided) == (decision.allowed, not decision.undecided)


# Policies alone


def _alone(
    judge: Judge,
    connection: Connection,
    subject: PodSelector,
    direction: str,
    rules: tuple[Rule, ...],
) -> Step:
    """What one side would say if these rules were all there is."""
    policy = Policy(
        name="alone",
        namespace="",
        subject=subject,
        ingress=rules if direction == "ingress" else None,
        egress=rules if direction == "egress" else None,
    )
    only = PolicySet(policies=(policy,), tiers=(DEFAULT_TIER,))
    decision = replace(judge, policies=only).decide(connection)
    return decision.egress if direction == "egress" else decision.ingress


def _selects(judge: Judge, connection: Connection, subject: PodSelector, direction: str) -> bool:
    """Whether a default deny for ``subject`` would deny this side, for some pod of it."""
    return not _alone(judge, connection, subject, direction, ()).allowed


def _relevant(judge: Judge, connection: Connection) -> PolicySet:
    """The policies that have something to say about some pod of either side."""
    known: dict[tuple[PodSelector, str], bool] = {}

    def relevant(subject: PodSelector, direction: str) -> bool:
        key = (subject, direction)
        if key not in known:
            known[key] = _selects(judge, connection, subject, direction)
        return known[key]

    kept = tuple(
        one
        for one in judge.policies.policies
        if (one.egress is not None and relevant(one.subject, "egress"))
        or (one.ingress is not None and relevant(one.subject, "ingress"))
    )
    return replace(judge.policies, policies=kept)


# Fewer pods, fewer addresses


def _only(world: World, peers: tuple[Peer, ...]) -> World:
    """The world with the pods of these workloads alone: no verdict about them needs others."""
    kept = (
        replace(one, members=tuple(some for some in one.members if some.workload in peers))
        for one in world.classes
    )
    return replace(world, classes=tuple(one for one in kept if one.members))


def _standing(side: Side, peer: Peer, stand_in: Workload) -> Side:
    """The pods of one class under a name of their own, so that both sides may be one workload."""
    if isinstance(side, Outside):
        return side
    mine = [some for some in side.members if some.workload == peer]
    return replace(side, members=tuple(replace(some, workload=stand_in) for some in mine))


def _sides(world: World, peer: Peer, side: Side, stand_in: Workload) -> Iterator[Side]:
    """Everything that the peer is: its classes of pods, or the party with all its addresses."""
    if isinstance(side, Outside):
        yield world.outside[world.parties[side.peer]] if side.peer in world.parties else side
    elif isinstance(peer, Workload):
        yield from (
            _standing(world.classes[place], peer, stand_in) for place in world.workloads[peer]
        )


def _kinds(side: Side, cuts: tuple[str, ...]) -> Iterator[Side]:
    """The side with one address each, at least one for every way in which addresses differ."""
    if isinstance(side, Outside):
        pieces = (piece for block in side.addresses for piece in _pieces(block, cuts))
        found: list[Side] = [replace(side, addresses=(piece,)) for piece in pieces]
    else:
        found = [
            replace(side, members=(replace(some, pods=1, addresses=((address,),)),))
            for some in side.members
            for address in sorted({one for every in some.addresses for one in every})
        ]
    yield from found or [side]


def _cuts(policies: PolicySet) -> tuple[str, ...]:
    """Every block that a rule names: between two of them all addresses are treated alike."""
    rules = (r for one in policies.policies for r in (*(one.ingress or ()), *(one.egress or ())))
    named = (s for rule in rules for s in (*(rule.peers or ()), *rule.without, *(rule.at or ())))
    blocks = (one for one in named if isinstance(one, CidrSelector))
    return tuple(sorted({cut for one in blocks for cut in (one.cidr, *one.excluded)}))


def _pieces(block: str, cuts: Iterable[str]) -> Iterator[str]:
    """A part of ``block`` for each set of cuts that some address of it is in.

    Blocks nest or are disjoint, so that is each block without the smaller ones inside it.
    """
    inner = [cut for cut in cuts if cut != block and contains(block, cut)]
    for whole in (block, *inner):
        parts = without(whole, (cut for cut in inner if cut != whole and contains(whole, cut)))
        yield from parts[:1]


def _speaks(case: Case) -> bool:
    """Whether the two sides, cut down, can have a connection: one IP version on both."""
    versions = [{":" in address for address in _addresses(s)} for s in (case.client, case.server)]
    return not all(versions) or bool(versions[0] & versions[1])


def _addresses(side: Side) -> Iterator[str]:
    if isinstance(side, Outside):
        yield from side.addresses
    else:
        yield from (a for some in side.members for every in some.addresses for a in every)

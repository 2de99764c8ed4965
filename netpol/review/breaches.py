"""A team's rules, held against what policies allow; each breach comes with a witness.

``must-deny`` and the two ``only`` rules are broken by one hole: one pod of a workload, one address
of a block. ``must-allow`` is broken where some pod or address is denied. Both are asked of the
evaluator for all parties there are, whether or not anybody was observed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

from netpol.evaluate import Judge, Row
from netpol.graph import Connection
from netpol.net import PortSet
from netpol.peers import Entity, Fqdn, Peer, Workload
from netpol.review.edges import Lone
from netpol.review.peers import Entities, Names, Party, inside, members, rest
from netpol.review.rules import TeamRule

__all__ = ["Breach", "Breaches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """What is allowed against a rule, or denied against it, between two parties."""

    rule: TeamRule
    client: Peer
    server: Peer
    ports: PortSet
    certain: bool = True
    """Whether it is so whatever the policies mean that could not be read."""
    blocks: tuple[str, ...] = ()
    """Where one party is a block of addresses, all the blocks for which this is so; sorted."""

    @property
    def witness(self) -> Connection:
        """One connection that shows it."""
        return _one(self.client, self.server, self.ports)


@dataclass(frozen=True, kw_only=True)
class Breaches:
    """Asks one judge about rules."""

    judge: Judge
    lone: Lone
    rules: tuple[TeamRule, ...]

    def of(self, rule: TeamRule) -> tuple[Breach, ...]:
        """Every breach of a rule, sorted by client and server."""
        found = self._refused(rule) if rule.demand == "must-allow" else self._allowed(rule)
        return tuple(sorted(found, key=lambda one: one.witness.key))

    def idle(self, rule: TeamRule) -> str:
        """The side of a rule (``from`` or ``to``) on which there is nobody; empty: none."""
        world = self.judge.world
        for side, parties in (("from", rule.clients), ("to", rule.servers)):
            if not any(True for _ in members(parties, world)):
                return side
        return ""

    def _refused(self, rule: TeamRule) -> Iterator[Breach]:
        world = self.judge.world
        ends = [list(dict.fromkeys(members(side, world))) for side in (rule.clients, rule.servers)]
        for client, server in product(*ends):
            outside = not isinstance(client, Workload) and not isinstance(server, Workload)
            if outside or (client == server and self.lone(client)):
                continue
            ports = self.judge.denied(client, server) & rule.ports
            if ports:
                yield self._sure(Breach(rule=rule, client=client, server=server, ports=ports))

    def _allowed(self, rule: TeamRule) -> Iterator[Breach]:
        for certain, rows in ((True, self._rows), (False, self._doubtful)):
            for row in rows:
                ports = row.ports & rule.ports
                for client, server in self._forbidden(rule, row) if ports else ():
                    one = Breach(rule=rule, client=client, server=server, ports=ports)
                    yield self._sure(one) if certain else replace(one, certain=False)

    def _forbidden(self, rule: TeamRule, row: Row) -> Iterable[tuple[Peer, Peer]]:
        """The parts of a row that the rule does not want, by client and server."""
        clients = rest if rule.demand == "only-from" else inside
        servers = rest if rule.demand == "only-to" else inside
        world = self.judge.world
        return product(
            clients(rule.clients, row.client, world), servers(rule.servers, row.server, world)
        )

    @cached_property
    def _rows(self) -> list[Row]:
        """All that is allowed and that policies could deny."""
        wide = self._wide
        rows = [*wide.connections(), *wide.outside_connections(), *wide.address_connections()]
        return [row for row in rows if not self._exempt(row)]

    @cached_property
    def _doubtful(self) -> list[Row]:
        """What may be allowed, depending on what could not be read."""
        return list(self._wide.undecided_connections())

    @cached_property
    def _wide(self) -> Judge:
        """With everybody whom the policies or the rules can tell from mere addresses."""
        return self.judge.knowing([*self.judge.kinds, *self._spoken])

    @property
    def _spoken(self) -> Iterator[Peer]:
        """Names and entities that the rules speak of."""
        parties: list[Party] = [p for r in self.rules for p in (*r.clients, *r.servers)]
        for one in parties:
            if isinstance(one, Names) and "*" not in one.pattern:
                yield Fqdn(one.pattern)
            elif isinstance(one, Entities):
                yield Entity(one.name)

    def _exempt(self, row: Row) -> bool:
        """Whether no policy can deny it: what comes from the own node, or from oneself."""
        if isinstance(row.client, Entity):
            return self.judge.decide(_one(*row)).ingress.reason == "exempt"
        return row.client == row.server and self.lone(row.client)

    def _sure(self, breach: Breach) -> Breach:
        decision = self.judge.decide(breach.witness)
        return replace(breach, certain=not decision.undecided)


def _one(client: Peer, server: Peer, ports: PortSet) -> Connection:
    protocol, low, _ = next(iter(ports))
    return Connection(client, server, protocol, low)

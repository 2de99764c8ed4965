"""The judge: a policy set in a world, under the rules of one engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

from netpol.errors import NetpolError
from netpol.evaluate.bits import bits
from netpol.evaluate.cells import Universe, Vocabulary, universe, vocabulary
from netpol.evaluate.compile import Direction, Programs, Tables, programs
from netpol.evaluate.connections import Plan, Row, inside, outside
from netpol.evaluate.decide import Decision, Step, step, walk
from netpol.evaluate.ports import PortAtoms, port_atoms
from netpol.evaluate.rows import Reach, reach
from netpol.evaluate.select import selected
from netpol.evaluate.witness import RuleId, Trial, used, witnesses
from netpol.graph import Connection
from netpol.net import PORT_PROTOCOLS, PortSet
from netpol.peers import Entity, Peer, Workload, label
from netpol.policy import PolicySet
from netpol.profile import Profile
from netpol.world import Outside, PodClass, World

__all__ = ["Judge", "decides"]


def decides(profile: Profile, connection: Connection) -> bool:
    """Whether the dialect decides about such connections at all.

    ICMP and other protocols without ports are undefined in a dialect that cannot name them
    (Kubernetes, policy-semantics §1.9): there :meth:`Judge.decide` answers by the general rule that
    a rule without ports covers them, but engines may differ.
    """
    return profile.icmp or connection.protocol in PORT_PROTOCOLS


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Policies, a world and a profile; everything computed from them is computed once."""

    policies: PolicySet
    world: World
    profile: Profile

    def decide(self, connection: Connection) -> Decision:
        """Whether a connection is allowed: for every pod of both sides, every address, every port.

        Peers outside that the world does not list are judged by what they say of themselves. Raises
        NetpolError for a workload that the world does not know.
        """
        judge = self._knowing((connection.client, connection.server))
        ports = judge._atoms.mask(connection.ports)
        first: tuple[int, int, Step, Step] | None = None
        for client, server in judge._pairs(connection):
            egress = judge._step("egress", client, server, ports)
            ingress = judge._step("ingress", server, client, ports)
            if first is None or not (egress.allowed and ingress.allowed):
                first = client, server, egress, ingress
            if not (egress.allowed and ingress.allowed):
                break
        assert first is not None
        return Decision(
            allowed=first[2].allowed and first[3].allowed,
            egress=first[2],
            ingress=first[3],
            client=judge._who(connection.client, first[0]),
            server=judge._who(connection.server, first[1]),
        )

    def connections(self) -> Iterator[Row]:
        """Rows (client workload, server workload, ports), sorted by the peers' labels.

        The ports that *some* pair of pods may use: a hole counts even where only one pod has it.
        A workload's pods may always be several, so it also has a row with itself.
        """
        return inside(self._plan)

    def outside_connections(self) -> Iterator[Row]:
        """Rows between each workload and each party of ``world.outside``, either way, sorted.

        The ports that some pod of the workload may use with *every* address of the party.
        """
        return outside(self._plan)

    def witnesses(self, connections: Iterable[Connection]) -> dict[RuleId, Connection]:
        """For each allow rule one of ``connections`` that is allowed, and denied without the rule.

        Keys are (place in ``policies.policies``, direction, place of the rule); a rule without an
        entry has no witness among these.
        """
        asked = list(connections)
        judge = self._knowing(peer for one in asked for peer in (one.client, one.server))
        allowed = (one for one in asked if judge._allowed(one))
        return witnesses((one, judge._trials(one)) for one in allowed)

    def used(self, connections: Iterable[Connection]) -> set[RuleId]:
        """The rules that decide some of ``connections``, on either side and for any pair of pods.

        Where several rules would allow one, the first is the one that is used.
        """
        asked = list(connections)
        judge = self._knowing(peer for one in asked for peer in (one.client, one.server))
        return used(trial for one in asked for trial in judge._trials(one))

    @cached_property
    def _words(self) -> Vocabulary:
        return vocabulary(self.policies)

    @cached_property
    def _everyone(self) -> Universe:
        return universe(self._words, self.world, self.profile)

    @cached_property
    def _atoms(self) -> PortAtoms:
        sides = ((one.ingress or ()) + (one.egress or ()) for one in self.policies.policies)
        named = (port for cell in self._everyone.cells for port in cell.named_ports)
        return port_atoms(
            [
                *{rule.ports: None for rules in sides for rule in rules},
                *(PortSet.of(protocol, number) for protocol, _, number in named),
            ]
        )

    @cached_property
    def _tables(self) -> Tables:
        return Tables(
            policies=self.policies,
            everyone=self._everyone,
            selected=selected(self._words, self._everyone),
            atoms=self._atoms,
        )

    @cached_property
    def _programs(self) -> dict[Direction, Programs]:
        return {
            "egress": programs(self._tables, "egress"),
            "ingress": programs(self._tables, "ingress"),
        }

    @cached_property
    def _exempt(self) -> int:
        """Clients (cells) that no ingress rule is ever asked about: a pod's own node (§1.8)."""
        cells = enumerate(self._everyone.cells)
        return bits(number for number, cell in cells if "host" in cell.entities)

    @cached_property
    def _plan(self) -> Plan:
        return Plan(
            everyone=self._everyone,
            atoms=self._atoms,
            egress=self._programs["egress"],
            ingress=self._programs["ingress"],
            egress_reach=self._reach("egress", 0),
            ingress_reach=self._reach("ingress", self._exempt),
            workloads={one: self._cells(one) for one in self.world.workloads},
            parties={one: self._cells(one) for one in self.world.parties},
        )

    def _reach(self, direction: Direction, exempt: int) -> tuple[Reach, ...]:
        every = self._programs[direction].programs
        return tuple(reach(one, self._everyone.all, exempt, self._atoms.all) for one in every)

    def _knowing(self, peers: Iterable[Peer]) -> Judge:
        wider = self.world.knowing(self._outer(peer) for peer in peers)
        return self if wider is self.world else replace(self, world=wider)

    @cached_property
    def _cells_of(self) -> dict[Peer, tuple[int, ...]]:
        """The cells of every workload and party of the world."""
        found: dict[Peer, tuple[int, ...]] = dict(
            zip(self.world.parties, self._everyone.of_party, strict=True)
        )
        found.update({one: tuple(cells) for one, cells in self._everyone.of_workload.items()})
        return found

    def _cells(self, peer: Peer) -> tuple[int, ...]:
        found = self._cells_of.get(self._outer(peer))
        if found is None:
            raise NetpolError(
                f"no pod of {label(peer)} is known",
                hint="give the inventory of the cluster that the policies and the flows belong to",
            )
        return found

    def _outer(self, peer: Peer) -> Peer:
        """A workload on the host's network is the node, for its peers one of the other nodes."""
        return Entity("remote-node") if peer in self.world.on_host else peer

    def _pairs(self, connection: Connection) -> list[tuple[int, int]]:
        """The pairs of cells that can have this connection; all, if no two share an IP version."""
        cells = self._everyone.cells
        every = list(product(self._cells(connection.client), self._cells(connection.server)))
        shared = [
            (a, b) for a, b in every if 0 in (f := {cells[a].family, cells[b].family}) or len(f) < 2
        ]
        return shared or every

    def _policed(self, direction: Direction, subject: int, other: int) -> bool:
        if not self._everyone.cells[subject].pod:
            return False
        return direction == "egress" or not self._exempt >> other & 1

    def _step(self, direction: Direction, subject: int, other: int, ports: int) -> Step:
        if not self._policed(direction, subject, other):
            pod = self._everyone.cells[subject].pod
            return Step(direction=direction, allowed=True, reason="exempt" if pod else "no pod")
        verdicts = walk(self._programs[direction].of(subject), other, ports)
        return step(direction, verdicts, self.policies)

    def _trials(self, connection: Connection) -> list[Trial]:
        """The policed sides of every pair."""
        ports = self._atoms.mask(connection.ports)
        sides: list[tuple[Direction, int, int]] = []
        for client, server in self._pairs(connection):
            sides += [("egress", client, server), ("ingress", server, client)]
        return [
            Trial(direction, self._programs[direction].of(subject), other, ports)
            for direction, subject, other in sides
            if self._policed(direction, subject, other)
        ]

    def _allowed(self, connection: Connection) -> bool:
        return all(
            verdict.allowed
            for trial in self._trials(connection)
            for verdict in walk(trial.program, trial.other, trial.ports)
        )

    def _who(self, peer: Peer, cell: int) -> PodClass | Outside:
        """Somebody of the peer who is in this cell."""
        outer = self._outer(peer)
        if not isinstance(outer, Workload):
            return self.world.outside[self.world.parties[outer]]
        return self.world.classes[self._everyone.of_workload[outer][cell]]

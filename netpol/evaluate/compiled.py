"""A policy set compiled for a world: everything that is computed once and asked often."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

from netpol.errors import NetpolError
from netpol.evaluate.bits import bits
from netpol.evaluate.cells import Cell, Universe, Vocabulary, outer_cells, universe, vocabulary
from netpol.evaluate.compile import Direction, Programs, Tables
from netpol.evaluate.compile import programs as compiled
from netpol.evaluate.connections import Plan, toward
from netpol.evaluate.decide import Step, walk
from netpol.evaluate.decide import step as told
from netpol.evaluate.ports import PortAtoms, port_atoms
from netpol.evaluate.rows import Doubt, Reach, reach
from netpol.evaluate.select import selected
from netpol.evaluate.witness import Trial
from netpol.graph import Connection
from netpol.net import PortSet
from netpol.peers import Cidr, Entity, Peer, Workload, label
from netpol.policy import PolicySet
from netpol.profile import Profile
from netpol.world import Outside, PodClass, World

__all__ = ["Compiled"]


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """Each part is computed when it is first asked for.

    Parties outside the world can be admitted later, as long as some cell is like them.
    """

    policies: PolicySet
    world: World
    profile: Profile

    def knowing(self, peers: Iterable[Peer]) -> Compiled:
        """With the outside ones among ``peers`` added to the world."""
        wider = self.world.knowing(self.outer(peer) for peer in peers)
        return self if wider is self.world else replace(self, world=wider)

    @cached_property
    def words(self) -> Vocabulary:
        """What the policies read of an endpoint."""
        return vocabulary(self.policies)

    @cached_property
    def everyone(self) -> Universe:
        """The cells."""
        return universe(self.words, self.world, self.profile)

    @cached_property
    def atoms(self) -> PortAtoms:
        """The kinds of ports."""
        sides = ((one.ingress or ()) + (one.egress or ()) for one in self.policies.policies)
        named = (port for cell in self.everyone.cells for port in cell.named_ports)
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
            everyone=self.everyone,
            selected=selected(self.words, self.everyone),
            atoms=self.atoms,
        )

    @cached_property
    def programs(self) -> dict[Direction, Programs]:
        """The rules that apply to each cell, per direction."""
        return {
            "egress": compiled(self._tables, "egress"),
            "ingress": compiled(self._tables, "ingress"),
        }

    @cached_property
    def _exempt(self) -> int:
        """Clients (cells) that no ingress rule is ever asked about: a pod's own node.

        Cilium asks where ``allow-localhost`` is ``policy``. See
        docs/semantics.md#own-node-and-itself.
        """
        if not self.profile.node_to_pod:
            return 0
        cells = enumerate(self.everyone.cells)
        return bits(number for number, cell in cells if "host" in cell.entities)

    def plan(self, doubt: Doubt = "ignored") -> Plan:
        """What is allowed with everyone, computed once per way to take what is undecided."""
        if doubt not in self._plans:
            self._plans[doubt] = self._planned(doubt)
        return self._plans[doubt]

    @cached_property
    def _plans(self) -> dict[Doubt, Plan]:
        return {}

    def _planned(self, doubt: Doubt) -> Plan:
        return Plan(
            everyone=self.everyone,
            atoms=self.atoms,
            egress=self.programs["egress"],
            ingress=self.programs["ingress"],
            egress_reach=self._reach("egress", 0, doubt),
            ingress_reach=self._reach("ingress", self._exempt, doubt),
            workloads={one: self._cells(one) for one in self.world.workloads},
            parties={one: self._cells(one) for one in self.world.parties},
        )

    def _reach(self, direction: Direction, exempt: int, doubt: Doubt) -> tuple[Reach, ...]:
        every, everyone, ports = self.programs[direction], self.everyone.all, self.atoms.all
        return tuple(reach(one, everyone, exempt, ports, doubt) for one in every.programs)

    def admits(self, peer: Peer) -> bool:
        """Whether a peer is known, or like the known ones; then it is known from here on."""
        peer = self.outer(peer)
        if peer in self._cells_of or isinstance(peer, Workload):
            return True
        numbers = self.everyone.numbers
        party = self._parties[peer] = self.world.party(peer)
        cells = set(outer_cells(party, self.world, self.words, self.everyone.space, self.profile))
        if all(cell in numbers for cell in cells):
            self._cells_of[peer] = tuple(sorted(numbers[cell] for cell in cells))
        return peer in self._cells_of

    @cached_property
    def _parties(self) -> dict[Peer, Outside]:
        return {one.peer: one for one in self.world.outside}

    @cached_property
    def _cells_of(self) -> dict[Peer, tuple[int, ...]]:
        """The cells of every workload and party of the world, and of those that were admitted."""
        found: dict[Peer, tuple[int, ...]] = dict(
            zip(self.world.parties, self.everyone.of_party, strict=True)
        )
        found.update({one: tuple(cells) for one, cells in self.everyone.of_workload.items()})
        return found

    def _cells(self, peer: Peer) -> tuple[int, ...]:
        found = self._cells_of.get(self.outer(peer))
        if found is None:
            raise NetpolError(
                f"no pod of {label(peer)} is known",
                hint="give the inventory of the cluster that the policies and the flows belong to",
            )
        return found

    def standing(self, address: str) -> tuple[Cell, int]:
        """Who is at an address by what the world knows, and the CIDR selectors that contain it.

        Addresses of which these are equal are treated alike, also by who does not know them.
        """
        party, cut = self.world.party(Cidr(address)), self.everyone.space
        (cell,) = outer_cells(party, self.world, self.words, cut, self.profile)
        ((_, cidrs),) = cut.signatures(address)
        return cell, cidrs

    def outer(self, peer: Peer) -> Peer:
        """A workload on the host's network is the node, for its peers one of the other nodes."""
        return Entity("remote-node") if peer in self.world.on_host else peer

    def pairs(self, client: Peer, server: Peer) -> list[tuple[int, int]]:
        """The pairs of cells that can be connected; all, if no two share an IP version."""
        every = list(product(self._cells(client), self._cells(server)))
        if len(every) == 1:
            return every
        cells = self.everyone.cells
        shared = [
            (a, b) for a, b in every if 0 in (f := {cells[a].family, cells[b].family}) or len(f) < 2
        ]
        return shared or every

    def denied(self, client: Peer, server: Peer) -> int:
        """The port atoms that some pair of pods, at some addresses, may not use."""
        allowed, plan, cells = self.atoms.all, self.plan(), self.everyone.cells
        for sender, receiver in self.pairs(client, server):
            if cells[sender].pod:
                allowed &= toward(plan.egress_reach[plan.egress.of_cell[sender]], receiver)
            if cells[receiver].pod:
                allowed &= toward(plan.ingress_reach[plan.ingress.of_cell[receiver]], sender)
        return self.atoms.all & ~allowed

    def _policed(self, direction: Direction, subject: int, other: int) -> bool:
        if not self.everyone.cells[subject].pod:
            return False
        return direction == "egress" or not self._exempt >> other & 1

    def step(self, direction: Direction, subject: int, other: int, ports: int) -> Step:
        """What one side says: the cell ``subject`` about the cell ``other`` on these atoms."""
        if not self._policed(direction, subject, other):
            pod = self.everyone.cells[subject].pod
            return Step(direction=direction, allowed=True, reason="exempt" if pod else "no pod")
        verdicts = walk(self.programs[direction].of(subject), other, ports)
        return told(direction, verdicts, self.policies)

    def trials(self, connection: Connection) -> list[Trial]:
        """The policed sides of every pair."""
        ports = self.atoms.mask(connection.ports)
        sides: list[tuple[Direction, int, int]] = []
        for client, server in self.pairs(connection.client, connection.server):
            sides += [("egress", client, server), ("ingress", server, client)]
        return [
            Trial(direction, self.programs[direction].of(subject), other, ports)
            for direction, subject, other in sides
            if self._policed(direction, subject, other)
        ]

    def allowed(self, connection: Connection) -> bool:
        """Whether every side of every pair allows it."""
        return all(
            verdict.allowed
            for trial in self.trials(connection)
            for verdict in walk(trial.program, trial.other, trial.ports)
        )

    def who(self, peer: Peer, cell: int) -> PodClass | Outside:
        """Somebody of the peer who is in this cell."""
        outer = self.outer(peer)
        if not isinstance(outer, Workload):
            return self._parties[outer]
        return self.world.classes[self.everyone.of_workload[outer][cell]]

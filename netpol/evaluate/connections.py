"""Everything that may talk to everything, by a sparse join of egress with ingress.

For each client cell: what its egress program reaches, and which servers let it in. Both are short
lists of (ports, servers), servers being bits, so a row costs the product of the two lists, never
the number of pods. Ingress that is open to all pods is kept once, not once per client.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import merge
from typing import NamedTuple, TypeAlias

from netpol.evaluate.bits import members
from netpol.evaluate.cells import Universe
from netpol.evaluate.compile import Direction, Programs
from netpol.evaluate.ports import PortAtoms
from netpol.evaluate.rows import Reach
from netpol.net import PortSet
from netpol.peers import Peer, Workload, label

__all__ = ["Plan", "Row", "Servers", "inside", "outside", "servers", "toward"]

Servers: TypeAlias = tuple[tuple[Workload, PortSet], ...]
"""What a client reaches, sorted by label."""


class Row(NamedTuple):
    """What a client may do at a server."""

    client: Peer
    server: Peer
    ports: PortSet


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the joins read. ``egress_reach`` and ``ingress_reach`` are one Reach per program."""

    everyone: Universe
    atoms: PortAtoms
    egress: Programs
    ingress: Programs
    egress_reach: tuple[Reach, ...]
    ingress_reach: tuple[Reach, ...]
    workloads: Mapping[Workload, tuple[int, ...]]
    """The cells of each workload."""
    parties: Mapping[Peer, tuple[int, ...]]
    """The cells of each party outside."""

    def side(self, direction: Direction) -> tuple[Programs, tuple[Reach, ...]]:
        """The programs of a direction and what they reach."""
        if direction == "egress":
            return self.egress, self.egress_reach
        return self.ingress, self.ingress_reach

    def shown(self, ports: int) -> PortSet:
        """Port atoms (bits) as a set; the same object each time."""
        if ports not in self._shown:
            self._shown[ports] = self.atoms.ports(ports)
        return self._shown[ports]

    @cached_property
    def _shown(self) -> dict[int, PortSet]:
        return {}

    @cached_property
    def ranks(self) -> Mapping[Workload, int]:
        """The place of each workload when they are sorted by label."""
        return {one: place for place, one in enumerate(sorted(self.workloads, key=label))}

    @cached_property
    def pieces_of(self) -> Mapping[int, tuple[int, ...]]:
        """For each cell of addresses the places of its pieces in ``everyone.pieces``."""
        found: dict[int, list[int]] = {}
        for place, piece in enumerate(self.everyone.pieces):
            found.setdefault(piece.cell, []).append(place)
        return {cell: tuple(places) for cell, places in found.items()}


def inside(plan: Plan) -> Iterator[Row]:
    """A row for each ordered pair of workloads of which some pair of pods is allowed some port."""
    for client, reached in servers(plan):
        yield from (Row(client, server, ports) for server, ports in reached)


def servers(plan: Plan) -> Iterator[tuple[Workload, Servers]]:
    """The same by client, sorted; clients in a row that reach the same have the same object."""
    open_to_all, doors = _doors(plan)
    owners = _owners(plan)
    speaks = {family: plan.everyone.speaks(family) for family in (0, 4, 6)}
    last: tuple[Reach, Servers] | None = None
    for client in plan.ranks:
        reach: Reach = {}
        for cell in plan.workloads[client]:
            partners = speaks[plan.everyone.cells[cell].family]
            egress = plan.egress_reach[plan.egress.of_cell[cell]]
            _join(reach, egress, open_to_all, partners)
            _join(reach, egress, doors.get(cell, {}), partners)
        if last is None or last[0] != reach:
            # Neighbours often reach the same: in an open cluster this is the only row computed.
            last = reach, _by_workload(reach, owners, plan)
        yield client, last[1]


def outside(plan: Plan) -> Iterator[Row]:
    """Rows from each party to each workload and back, sorted.

    The ports that some pod of the workload may use with every address of the party.
    """
    workloads, parties = list(plan.ranks), sorted(plan.parties, key=label)
    sent, taken = _parties(plan, "egress", parties), _parties(plan, "ingress", parties)
    calls = (
        Row(workload, party, ports)
        for workload in workloads
        for party, ports in sent[workload].items()
    )
    called = (
        Row(party, workload, taken[workload][party])
        for party in parties
        for workload in workloads
        if party in taken[workload]
    )
    yield from merge(calls, called, key=lambda row: label(row.client))


def _parties(
    plan: Plan, direction: Direction, parties: Sequence[Peer]
) -> dict[Workload, dict[Peer, PortSet]]:
    """For each workload the ports per party; those with equal programs share one answer."""
    programs, reaches = plan.side(direction)
    groups: dict[tuple[int, ...], list[Peer]] = {}
    for party in parties:
        groups.setdefault(plan.parties[party], []).append(party)
    order = {party: place for place, party in enumerate(parties)}
    known: dict[frozenset[int], dict[Peer, PortSet]] = {}
    found: dict[Workload, dict[Peer, PortSet]] = {}
    for workload, cells in plan.workloads.items():
        key = frozenset(programs.of_cell[cell] for cell in cells)
        if key not in known:
            masks = {
                party: mask
                for others, alike in groups.items()
                if (mask := _some((reaches[number] for number in key), others))
                for party in alike
            }
            known[key] = {
                one: plan.shown(masks[one]) for one in sorted(masks, key=order.__getitem__)
            }
        found[workload] = known[key]
    return found


def _doors(plan: Plan) -> tuple[Reach, dict[int, Reach]]:
    """Who lets whom in: by ports the servers that are open to all pods, and those of each cell."""
    pods = plan.everyone.pods
    open_to_all: Reach = {}
    doors: dict[int, Reach] = {}
    for subjects, reach in zip(plan.ingress.subjects, plan.ingress_reach, strict=True):
        for ports, clients in reach.items():
            if clients & pods == pods:
                open_to_all[ports] = open_to_all.get(ports, 0) | subjects
                continue
            for cell in members(clients & pods):
                door = doors.setdefault(cell, {})
                door[ports] = door.get(ports, 0) | subjects
    return open_to_all, doors


def _join(into: Reach, egress: Reach, ingress: Reach, partners: int) -> None:
    for sent, servers in egress.items():
        for taken, subjects in ingress.items():
            ports, both = sent & taken, servers & subjects & partners
            if ports and both:
                into[ports] = into.get(ports, 0) | both


def _owners(plan: Plan) -> dict[int, list[Workload]]:
    owners: dict[int, list[Workload]] = {}
    for workload, cells in plan.workloads.items():
        for cell in cells:
            owners.setdefault(cell, []).append(workload)
    return owners


def _by_workload(reach: Reach, owners: dict[int, list[Workload]], plan: Plan) -> Servers:
    masks: dict[Workload, int] = {}
    for ports, cells in reach.items():
        for cell in members(cells):
            for workload in owners[cell]:
                masks[workload] = masks.get(workload, 0) | ports
    order = sorted(masks, key=plan.ranks.__getitem__)
    return tuple((workload, plan.shown(masks[workload])) for workload in order)


def toward(reach: Reach, other: int) -> int:
    """Port atoms that are allowed with one cell."""
    for ports, cells in reach.items():
        if cells >> other & 1:
            return ports
    return 0


def _some(reaches: Iterable[Reach], others: Iterable[int]) -> int:
    """Port atoms that some of these allow with all of ``others``."""
    found = 0
    for reach in reaches:
        every = -1
        for other in others:
            every &= toward(reach, other)
        found |= every
    return found

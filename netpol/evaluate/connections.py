"""Everything that may talk to everything, by a sparse join of egress with ingress.

For each client cell: what its egress program reaches, and which servers let it in. Both are short
lists of (ports, servers), servers being bits, so a row costs the product of the two lists, never
the number of pods. Ingress that is open to all pods is kept once, not once per client.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from netpol.evaluate.bits import members
from netpol.evaluate.cells import Universe
from netpol.evaluate.compile import Programs
from netpol.evaluate.ports import PortAtoms
from netpol.evaluate.rows import Reach
from netpol.net import PortSet
from netpol.peers import Peer, Workload, label

__all__ = ["Plan", "Row", "inside", "outside"]


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


def inside(plan: Plan) -> Iterator[Row]:
    """A row for each ordered pair of workloads of which some pair of pods is allowed some port."""
    open_to_all, doors = _doors(plan)
    owners = _owners(plan)
    speaks = {family: plan.everyone.speaks(family) for family in (0, 4, 6)}
    shown: dict[int, PortSet] = {}
    last: tuple[Reach, list[tuple[Workload, PortSet]]] | None = None
    for client in sorted(plan.workloads, key=label):
        reach: Reach = {}
        for cell in plan.workloads[client]:
            partners = speaks[plan.everyone.cells[cell].family]
            egress = plan.egress_reach[plan.egress.of_cell[cell]]
            _join(reach, egress, open_to_all, partners)
            _join(reach, egress, doors.get(cell, {}), partners)
        if last is None or last[0] != reach:
            # Neighbours often reach the same: in an open cluster this is the only row computed.
            last = reach, _by_workload(reach, owners, plan.atoms, shown)
        yield from (Row(client, server, ports) for server, ports in last[1])


def outside(plan: Plan) -> Iterator[Row]:
    """Rows from each party to each workload and back.

    The ports that some pod of the workload may use with every address of the party.
    """
    rows: list[Row] = []
    for workload, cells in plan.workloads.items():
        for party, others in plan.parties.items():
            sent = _some(plan.egress, plan.egress_reach, cells, others)
            taken = _some(plan.ingress, plan.ingress_reach, cells, others)
            rows += [Row(workload, party, plan.atoms.ports(sent))] if sent else []
            rows += [Row(party, workload, plan.atoms.ports(taken))] if taken else []
    yield from sorted(rows, key=lambda row: (label(row.client), label(row.server)))


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


def _by_workload(
    reach: Reach, owners: dict[int, list[Workload]], atoms: PortAtoms, shown: dict[int, PortSet]
) -> list[tuple[Workload, PortSet]]:
    masks: dict[Workload, int] = {}
    for ports, cells in reach.items():
        for cell in members(cells):
            for workload in owners[cell]:
                masks[workload] = masks.get(workload, 0) | ports
    for mask in masks.values():
        if mask not in shown:
            shown[mask] = atoms.ports(mask)
    return [(workload, shown[masks[workload]]) for workload in sorted(masks, key=label)]


def _some(
    programs: Programs, reaches: tuple[Reach, ...], cells: Iterable[int], others: Iterable[int]
) -> int:
    """Port atoms that some of ``cells`` may use with all of ``others``."""
    found = 0
    for number in {programs.of_cell[cell] for cell in cells}:
        every = -1
        for other in others:
            every &= next((p for p, peers in reaches[number].items() if peers >> other & 1), 0)
        found |= every
    return found

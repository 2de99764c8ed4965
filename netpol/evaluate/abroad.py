"""What each workload may do with every address there is, seen or not.

The address space is cut where CIDR rules begin and end; pieces that are treated alike are put
together again, so that the answer does not show how the rules were written. An address here is
somebody outside the cluster of whom nothing else is known: pods are told of by
:mod:`.connections`, nodes and names are parties.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from netpol.evaluate.bits import bits, members
from netpol.evaluate.cells import Piece
from netpol.evaluate.compile import DIRECTIONS, Direction
from netpol.evaluate.connections import Plan, Row
from netpol.evaluate.rows import Reach
from netpol.net import PortSet
from netpol.peers import Cidr, Workload

__all__ = ["Abroad", "Span", "Spans", "abroad", "blocks", "joined", "rows"]

Span: TypeAlias = tuple[int, int, int]
"""IP version, first and last address."""
Spans: TypeAlias = tuple[Span, ...]
"""Sorted, disjoint and not adjacent."""
Abroad: TypeAlias = Mapping[PortSet, Spans]
"""The addresses with which exactly these ports are allowed; those with none are left out."""


def abroad(plan: Plan) -> Iterator[tuple[Workload, Direction, Abroad]]:
    """For each workload, either way, what some pod of it may do with whom; sorted by workload."""
    everywhere = bits(piece.cell for piece in plan.everyone.pieces)
    known: dict[tuple[Direction, frozenset[int]], Abroad] = {}
    spans: dict[int, Spans] = {}
    for workload in plan.ranks:
        for direction in DIRECTIONS:
            programs, reaches = plan.side(direction)
            key = direction, frozenset(programs.of_cell[cell] for cell in plan.workloads[workload])
            if key not in known:
                found = _some((reaches[number] for number in key[1]), everywhere)
                known[key] = {
                    plan.shown(ports): _spans(plan, cells, spans) for ports, cells in found.items()
                }
            yield workload, direction, known[key]


def rows(found: Iterable[tuple[Workload, Direction, Abroad]]) -> Iterator[Row]:
    """A row for each block; the blocks of one workload and direction are disjoint, and few."""
    for workload, direction, reached in found:
        for ports, spans in reached.items():
            for block in blocks(spans):
                if direction == "egress":
                    yield Row(workload, block, ports)
                else:
                    yield Row(block, workload, ports)


def blocks(spans: Iterable[Span]) -> Iterator[Cidr]:
    """The fewest CIDRs that are exactly these addresses."""
    for version, first, last in spans:
        kind = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
        for block in ipaddress.summarize_address_range(kind(first), kind(last)):
            yield Cidr(str(block))


def joined(spans: Iterable[Span]) -> Spans:
    """Adjacent ones put together; they must be disjoint."""
    found: list[Span] = []
    for version, first, last in sorted(spans):
        if found and found[-1][0] == version and found[-1][2] + 1 == first:
            found[-1] = version, found[-1][1], last
        else:
            found.append((version, first, last))
    return tuple(found)


def _some(reaches: Iterable[Reach], cells: int) -> Reach:
    """What is allowed by some of these, for ``cells`` alone."""
    states: Reach = {0: cells}
    for reach in reaches:
        after: Reach = {}
        for before, left in states.items():
            for ports, reached in reach.items():
                if both := left & reached:
                    after[before | ports] = after.get(before | ports, 0) | both
                    left &= ~both
            if left:
                after[before] = after.get(before, 0) | left
        states = after
    return {ports: found for ports, found in states.items() if ports}


def _spans(plan: Plan, cells: int, known: dict[int, Spans]) -> Spans:
    if cells not in known:
        pieces: Iterable[Piece] = (
            plan.everyone.pieces[place] for cell in members(cells) for place in plan.pieces_of[cell]
        )
        known[cells] = joined(piece[:3] for piece in pieces)
    return known[cells]

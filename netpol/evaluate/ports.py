"""Port numbers, cut wherever a rule begins or ends: a set of ports becomes one whole number."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from netpol.net import ALL_PORTS, PROTOCOLS, PortSet

__all__ = ["PortAtoms", "port_atoms"]


@dataclass(frozen=True, slots=True)
class PortAtoms:
    """Atoms are numbered over all protocols; no rule tells two ports of one atom apart."""

    first: dict[str, int]
    """The number of each protocol's first atom."""
    starts: dict[str, list[int]]
    """The lowest port of each atom of a protocol, ascending."""
    parts: tuple[PortSet, ...]
    """The ports of each atom."""

    def mask(self, ports: PortSet) -> int:
        """The atoms that ``ports`` touches; exactly its ports when it was among those cut for."""
        found = 0
        for protocol, low, high in ports:
            starts, offset = self.starts[protocol], self.first[protocol]
            begin, end = bisect_right(starts, low) - 1, bisect_right(starts, high)
            found |= ((1 << end) - (1 << begin)) << offset
        return found

    def ports(self, mask: int) -> PortSet:
        """The ports of these atoms."""
        return PortSet.union(part for n, part in enumerate(self.parts) if mask >> n & 1)

    @property
    def all(self) -> int:
        """Every atom."""
        return (1 << len(self.parts)) - 1


def port_atoms(sets: Iterable[PortSet]) -> PortAtoms:
    """Cut so that each of ``sets`` is a union of atoms."""
    edges: dict[str, set[int]] = {protocol: {0} for protocol in PROTOCOLS}
    for ports in sets:
        for protocol, low, high in ports:
            edges[protocol] |= {low, high + 1}
    first: dict[str, int] = {}
    starts: dict[str, list[int]] = {}
    parts: list[PortSet] = []
    for protocol in PROTOCOLS:
        last = ALL_PORTS.ranges(protocol)[-1][1]
        starts[protocol] = sorted(edge for edge in edges[protocol] if edge <= last)
        first[protocol] = len(parts)
        ends = [*(edge - 1 for edge in starts[protocol][1:]), last]
        parts += [PortSet.of(protocol, *pair) for pair in zip(starts[protocol], ends, strict=True)]
    return PortAtoms(first, starts, tuple(parts))

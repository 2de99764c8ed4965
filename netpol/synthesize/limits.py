"""Rules cut to what a CNI takes: how many ports an address may have, ranges, blocks apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from netpol.net import PORT_PROTOCOLS, PortSet, contains, without
from netpol.policy import CidrSelector, Rule, Selector

__all__ = ["apart", "bridged", "coalesced", "covering", "entries", "single_ports"]


def entries(ports: PortSet) -> int:
    """How many ports and ranges of ports it takes to write a set."""
    return sum(1 for _ in ports)


def bridged(ports: PortSet, gap: int) -> PortSet:
    """The ports with every gap filled that is at most ``gap`` ports wide: fewer, longer ranges."""
    filled = (
        PortSet.of(protocol, before, after)
        for protocol, ranges in ports.parts
        if protocol in PORT_PROTOCOLS
        for (_, before), (after, _) in pairwise(ranges)
        if after - before - 1 <= gap
    )
    return PortSet.union((ports, *filled))


def coalesced(ports: PortSet, limit: int) -> PortSet:
    """The ports with the narrowest gaps filled, until at most ``limit`` ranges remain.

    Protocols are never joined, so there may remain one range for each of them.
    """
    gaps = sorted(
        (after - before, protocol, before, after)
        for protocol, ranges in ports.parts
        for (_, before), (after, _) in pairwise(ranges)
    )
    filled = gaps[: max(0, entries(ports) - limit)]
    return PortSet.union(
        (ports, *(PortSet.of(protocol, low, high) for _, protocol, low, high in filled))
    )


def covering(table: Mapping[Selector, PortSet], selector: Selector) -> PortSet:
    """The ports that a block inherits from wider blocks of the same rules."""
    if not isinstance(selector, CidrSelector):
        return PortSet()
    return PortSet.union(
        ports
        for one, ports in table.items()
        if isinstance(one, CidrSelector)
        and one != selector
        and contains(one.cidr, selector.cidr)
        and not any(contains(hole, selector.cidr) for hole in one.excluded)
    )


def apart(table: Mapping[Selector, PortSet]) -> dict[Selector, PortSet]:
    """The same addresses, where what one block excepts is denied in all of them.

    A block that is wider than such an exception is cut, so that the exception is a block of its
    own: that one is then a rule, and no exception any more.
    """
    holes = {h for one in table if isinstance(one, CidrSelector) for h in one.excluded}
    cut: dict[Selector, PortSet] = {}
    for selector, ports in table.items():
        for part in _parts(selector, holes):
            cut[part] = cut.get(part, PortSet()) | ports
    return cut


def _parts(selector: Selector, holes: Iterable[str]) -> tuple[Selector, ...]:
    if not isinstance(selector, CidrSelector):
        return (selector,)
    inner = sorted(
        hole
        for hole in holes
        if hole != selector.cidr
        and contains(selector.cidr, hole)
        and not any(contains(own, hole) for own in selector.excluded)
    )
    if not inner:
        return (selector,)
    widest = [one for one in inner if not any(one != two and contains(two, one) for two in inner)]
    blocks = without(selector.cidr, (*widest, *selector.excluded))
    return tuple(CidrSelector(block) for block in (*blocks, *widest))


def single_ports(rule: Rule) -> tuple[Rule, ...]:
    """The rule, where a range means its first port alone: as rules without any range.

    Two do, one with the even and one with the odd ports of the ranges; whole protocols stay.
    """
    whole = PortSet.union(one for one in rule.ports.split() if PortSet.of(one.parts[0][0]) <= one)
    listed = [(p, n) for p, low, high in rule.ports - whole for n in range(low, high + 1)]
    if entries(rule.ports - whole) == len(listed):
        return (rule,)
    parts = [
        PortSet.union(PortSet.of(protocol, n) for protocol, n in listed if n % 2 == odd)
        for odd in (0, 1)
    ]
    cut = [whole | parts[0], parts[1]] if whole else parts
    return tuple(Rule(peers=rule.peers, ports=ports, dns=rule.dns) for ports in cut if ports)

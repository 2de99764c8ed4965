"""Rules cut so far that each part is needed as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from netpol.net import NO_PORTS, PortSet
from netpol.policy import Policy, PolicySet, Rule, normal

__all__ = ["atoms", "joined"]


def atoms(rule: Rule) -> Iterator[Rule]:
    """One rule for each peer and each run of ports; together they say what the rule says.

    A rule that does more than allow is left whole, for its place in the list counts.
    """
    if rule.action != "allow" or not rule.simple:
        yield rule
        return
    peers = (None,) if rule.peers is None else tuple((one,) for one in rule.peers)
    for some in peers:
        for protocol, low, high in rule.ports:
            part = PortSet.of(protocol, low, high)
            yield replace(rule, peers=some, ports=part, named_ports=())
        for name in rule.named_ports:
            yield replace(rule, peers=some, ports=NO_PORTS, named_ports=(name,))


def joined(rules: Iterable[Rule], policy: Policy) -> tuple[Rule, ...]:
    """The fewest rules that say the same, in the order in which netpol writes them."""
    one = replace(policy, ingress=tuple(rules), egress=None)
    return normal(PolicySet(policies=(one,))).policies[0].ingress or ()

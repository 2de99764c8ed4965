"""What policies of one level cost: how much there is to review, and what is open for nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netpol.certificate import Certificate
from netpol.net import ICMP_PROTOCOLS, PortSet
from netpol.opened import Opened, is_declared, is_outside
from netpol.synthesize.levels import Level

__all__ = ["Price", "price"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The figures of one level in one dialect."""

    level: Level
    policies: int
    rules: int
    lines: int
    """Of YAML, in all files of policies."""
    unobserved: int
    """(client workload, server workload, protocol, port) tuples that are allowed in the cluster,
    were not observed and are no declared need."""
    outside: int
    """The same with somebody outside, who was observed with another workload."""


def price(level: Level, certificate: Certificate, policies: int, texts: Iterable[str]) -> Price:
    """The price of what was certified; ``texts``: the files of the policies."""
    return Price(
        level=level,
        policies=policies,
        rules=certificate.rules,
        lines=sum(text.count("\n") for text in texts),
        unobserved=_open(one for one in certificate.opened if not is_outside(one)),
        outside=_open(filter(is_outside, certificate.opened)),
    )


def _open(some: Iterable[Opened]) -> int:
    return sum(_tuples(one.ports) for one in some if not is_declared(one))


def _tuples(ports: PortSet) -> int:
    """How many (protocol, port) there are; a type of ICMP is one, whatever its code."""
    return sum(
        high // 256 - low // 256 + 1 if protocol in ICMP_PROTOCOLS else high - low + 1
        for protocol, low, high in ports
    )

"""Ports that no pod listens on: NP103 and NP113."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TypeAlias

from netpol.inventory import Service, ServicePort
from netpol.lint.case import Case
from netpol.lint.finding import Finding, RuleAt
from netpol.net import PortSet
from netpol.peers import Workload
from netpol.policy import PodSelector

__all__ = ["service_ports", "unknown_names"]

_Mistake: TypeAlias = tuple[str, str, int, int]
"""(Service, protocol, its port, the port of the pods)."""


def service_ports(case: Case) -> Iterator[Finding]:
    """NP103: a rule names the port of a Service, and the pods behind it listen on another."""
    for at in case.rules:
        found: dict[_Mistake, set[Workload]] = defaultdict(set)
        for server in _meant(case, at) if _pointed(at.rule.ports) else ():
            for mistake in _mistakes(case, at, server):
                found[mistake].add(server)
        for (service, protocol, port, target), servers in sorted(found.items()):
            yield at.finding(
                "NP103",
                f"{protocol} {port} is the port of Service {service}; its pods"
                f" ({case.names(servers)}) listen on {target}, and that is the port that policies"
                f" see: allow {protocol} {target}",
            )


def _meant(case: Case, at: RuleAt) -> frozenset[Workload]:
    """The pods at whose ports a rule is aimed for certain.

    A rule for everyone, or for blocks such as 0.0.0.0/0, is for the outside as well: what it says
    of port 443 need not be about the Service in the cluster that has this port, too.
    """
    if at.direction == "ingress":
        return case.subjects(at)
    by_labels = (one for one in at.rule.peers or () if isinstance(one, PodSelector))
    return frozenset(pod for one in by_labels for pod in case.pods(one))


def _mistakes(case: Case, at: RuleAt, server: Workload) -> Iterator[_Mistake]:
    for service in case.known.services_of(case.some(server)):
        for port in service.ports:
            target = _target(case, port, server)
            if target is not None and _mistaken(case, at, server, port, target):
                yield _title(service), port.protocol, port.port, target


def _pointed(ports: PortSet) -> bool:
    """Whether the rule names single ports at all."""
    return any(low == high for _, low, high in ports)


def _title(service: Service) -> str:
    return f"{service.namespace}/{service.name}"


def _target(case: Case, port: ServicePort, server: Workload) -> int | None:
    """The pod's port; None where a name leads nowhere."""
    if not isinstance(port.target, str):
        return port.port if port.target is None else port.target
    ports = case.some(server).ports
    found = (p.port for p in ports if (p.protocol, p.name) == (port.protocol, port.target))
    return next(found, None)


def _mistaken(case: Case, at: RuleAt, server: Workload, port: ServicePort, target: int) -> bool:
    named = {(protocol, low) for protocol, low, high in at.rule.ports if low == high}
    allowed = at.rule.ports | case.resolved(at.rule.named_ports, server)
    listens = any(
        (p.protocol, p.port) == (port.protocol, port.port) for p in case.some(server).ports
    )
    return (
        (port.protocol, port.port) in named
        and port.port != target
        and (port.protocol, target) not in allowed
        and not listens
    )


def unknown_names(case: Case) -> Iterator[Finding]:
    """NP113: a port name that none of the pods concerned declares."""
    for at in case.rules:
        servers = case.servers(at) if at.rule.named_ports else frozenset()
        declared = {(p.protocol, p.name) for one in servers for p in case.some(one).ports}
        for name in sorted({name for _, name in at.rule.named_ports}):
            protocols = [p for p, one in at.rule.named_ports if one == name]
            if servers and not any((p, name) in declared for p in protocols):
                others = sorted(p for p, one in declared if one == name)
                hint = f" (it is declared for {', '.join(others)})" if others else ""
                yield at.finding(
                    "NP113",
                    f"no pod of {case.names(servers)} declares a port named {name} for"
                    f" {'/'.join(protocols)}{hint}, so it allows nothing; use the number",
                )

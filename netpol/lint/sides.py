"""NP108: traffic that one side allows and the other never does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from netpol.evaluate import Decision, Step
from netpol.graph import Connection
from netpol.lint.candidates import pieces
from netpol.lint.case import Case
from netpol.lint.finding import Direction, Finding, RuleAt, title
from netpol.lint.peers import spoken
from netpol.net import ALL_PORTS, NO_PORTS, PORT_PROTOCOLS, PortSet
from netpol.peers import Workload
from netpol.policy import PodSelector

__all__ = ["one_sided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What a rule opens for one of its peers on one port: it must be of use to somebody."""

    at: RuleAt
    peer: PodSelector
    ports: PortSet
    named: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        names = " ".join(f"{protocol} {name}" for protocol, name in self.named)
        return names or ("any port" if self.ports == ALL_PORTS else str(self.ports))


def one_sided(case: Case) -> Iterator[Finding]:
    """Parts of allow rules that open nothing, since the pods on the other side never allow it.

    A wide rule of which something works on both sides is no finding: it may be meant as a frame.
    """
    for at, peer in case.peer_selectors():
        if at.rule.action == "allow":
            for part in _parts(at, peer):
                step = _refusal(case, part)
                if step is not None:
                    yield at.finding("NP108", _message(part, step))


def _message(part: _Part, step: Step) -> str:
    side = ("client", "server") if part.at.direction == "egress" else ("server", "client")
    blame = ", ".join(title(one) for one in step.policies)
    why = f"rule {step.number} of {blame}" if step.rule is not None else f"default deny: {blame}"
    return (
        f"{part.text} with {spoken(part.peer)} is opened on the {side[0]}'s side only:"
        f" {step.direction} of the {side[1]} denies it ({why}); allow it there too, or remove it"
        " here"
    )


def _parts(at: RuleAt, peer: PodSelector) -> Iterator[_Part]:
    if at.rule.ports == ALL_PORTS:
        yield _Part(at=at, peer=peer, ports=ALL_PORTS)
        return
    # One number for several protocols (DNS) is one need: which of them is spoken is not known.
    numbers: dict[tuple[int, int], PortSet] = {}
    for protocol, low, high in at.rule.ports:
        one = PortSet.of(protocol, low, high)
        numbers[low, high] = numbers.get((low, high), NO_PORTS) | one
    for ports in numbers.values():
        yield _Part(at=at, peer=peer, ports=ports)
    for name in sorted({name for _, name in at.rule.named_ports}):
        named = tuple(one for one in at.rule.named_ports if one[1] == name)
        yield _Part(at=at, peer=peer, ports=NO_PORTS, named=named)


def _refusal(case: Case, part: _Part) -> Step | None:
    """The step that denies all of it, from the first case; None when some pair of pods may."""
    told: Step | None = None
    subjects, peers = case.subjects(part.at), case.pods(part.peer)
    there: Direction = "ingress" if part.at.direction == "egress" else "egress"
    if peers & case.doubtful(there) or subjects & case.doubtful(part.at.direction):
        return None
    for subject, peer in product(sorted(subjects), sorted(peers)):
        ends = (subject, peer) if part.at.direction == "egress" else (peer, subject)
        for decision in _decisions(case, part, *ends):
            here, other = decision.egress, decision.ingress
            if part.at.direction == "ingress":
                here, other = other, here
            if decision.allowed:
                return None
            if here.allowed and not other.allowed:
                told = told or other
    return told


def _decisions(case: Case, part: _Part, client: Workload, server: Workload) -> Iterator[Decision]:
    ports = part.ports | case.resolved(part.named, server)
    peer = server if part.at.direction == "egress" else client
    rules = (
        rule for one in case.selecting[peer] for rule in (one.ingress or ()) + (one.egress or ())
    )
    named = case.known.workloads[server][0].ports
    cuts = [*{rule.ports: None for rule in rules}]
    cuts += [PortSet.of(one.protocol, one.port) for one in named if one.name]
    for protocol, port in pieces(ports, cuts):
        if case.profile.icmp or protocol in PORT_PROTOCOLS:
            yield case.judge.decide(Connection(client, server, protocol, port))

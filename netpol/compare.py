"""Where the dialects of one run differ in what they allow, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from netpol.certificate import Certificate
from netpol.learn import Learned
from netpol.net import ICMP_PROTOCOLS, PortSet
from netpol.peers import Cidr, Fqdn, Peer, Workload, label

__all__ = ["Difference", "differences"]


_ICMP: Final = PortSet.union(PortSet.of(one) for one in ICMP_PROTOCOLS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A tuple that one dialect treats otherwise than the others."""

    client: Peer
    server: Peer
    ports: PortSet
    dialect: str
    reason: str


def differences(certificates: Iterable[Certificate], learned: Learned) -> tuple[Difference, ...]:
    """Every in-cluster tuple that is not allowed alike, and outside parties not said alike."""
    certificates = tuple(certificates)
    union = _union(certificates)
    found = [
        difference
        for certificate in certificates
        for difference in (
            *_inside(certificate, union, _opened(certificates)),
            *_names(certificate, learned),
        )
    ]
    return tuple(sorted(found, key=_key))


def _union(certificates: Iterable[Certificate]) -> dict[tuple[Peer, Peer], PortSet]:
    union: dict[tuple[Peer, Peer], PortSet] = {}
    for certificate in certificates:
        for pair, ports in certificate.allowed.items():
            union[pair] = union.get(pair, PortSet()) | ports
    return union


_Why: TypeAlias = Mapping[tuple[Peer, Peer], list[tuple[PortSet, str]]]


def _opened(certificates: Iterable[Certificate]) -> _Why:
    """What some dialect allows without need, and why it does."""
    found: dict[tuple[Peer, Peer], list[tuple[PortSet, str]]] = {}
    for certificate in certificates:
        for one in certificate.opened:
            why = f"only {certificate.profile.words.name} opens it ({one.reason})"
            found.setdefault((one.client, one.server), []).append((one.ports, why))
    return found


def _held(certificate: Certificate) -> _Why:
    """What one dialect has no rule for, and why."""
    found: dict[tuple[Peer, Peer], list[tuple[PortSet, str]]] = {}
    for one in certificate.held:
        pair = one.connection.client, one.connection.server
        found.setdefault(pair, []).append((one.connection.ports, f"held: {one.reason}"))
    return found


def _inside(
    certificate: Certificate, union: Mapping[tuple[Peer, Peer], PortSet], opened: _Why
) -> Iterable[Difference]:
    """What others allow inside the cluster and this dialect does not."""
    name, held = certificate.profile.words.name, _held(certificate)
    for (client, server), ports in union.items():
        rest = ports - certificate.allowed.get((client, server), PortSet())
        if not certificate.profile.icmp:
            yield from (
                Difference(
                    client=client,
                    server=server,
                    ports=part,
                    dialect=name,
                    reason=f"{name} rules cannot name ICMP; what happens to it is up to the engine",
                )
                for part in (rest & _ICMP).split()
            )
            rest -= _ICMP
        known = (*held.get((client, server), ()), *opened.get((client, server), ()))
        for some, reason in (*known, (rest, "allowed in another dialect, not in this one")):
            for part in (rest & some).split():
                yield Difference(
                    client=client, server=server, ports=part, dialect=name, reason=reason
                )
            rest -= some


def _names(certificate: Certificate, learned: Learned) -> Iterable[Difference]:
    """Destinations known by name that had to be written as addresses."""
    words = certificate.profile.words
    if words.fqdn:
        return
    for connection, evidence in learned.accepted:
        client = connection.client
        policed = isinstance(client, Workload) and client.namespace in certificate.policed
        reason = _unnamed(connection.server, evidence.names, words.name) if policed else ""
        if reason:
            yield Difference(
                client=connection.client,
                server=connection.server,
                ports=connection.ports,
                dialect=words.name,
                reason=reason,
            )


def _unnamed(server: Peer, names: Iterable[str], dialect: str) -> str:
    """What becomes of a server with names where a dialect cannot say them; empty: it has none."""
    match server, ", ".join(sorted(names)):
        case Cidr(), called if called:
            what = f"{called}: only the addresses that were seen are allowed, and they may change"
        case Fqdn(name), _:
            what = f"{name}, of which no address is known: only --allow-world lets it pass"
        case _:
            return ""
    return f"{dialect} rules cannot name {what}"


def _key(one: Difference) -> tuple[str, str, str, str]:
    return one.dialect, label(one.client), label(one.server), str(one.ports)

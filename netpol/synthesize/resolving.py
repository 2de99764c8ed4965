"""The policies of the declared need for names: who may ask, and who answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from netpol.net import PortSet
from netpol.peers import Workload
from netpol.policy import NAMESPACE, PodSelector, Policy, Requirement, Rule, Selector, in_namespace
from netpol.synthesize import dns
from netpol.synthesize.builder import Selectors
from netpol.synthesize.names import object_names
from netpol.synthesize.through import Through

__all__ = ["allow_dns", "serve_dns", "serving_names"]


def allow_dns(
    serving: dns.Resolvers,
    asking: Mapping[str, tuple[Workload, ...]],
    inspected: frozenset[str],
    through: Through,
) -> Iterable[Policy]:
    """Every pod of a namespace may ask the resolvers."""
    for namespace, clients in sorted(asking.items()):
        if not clients:
            continue
        yield Policy(
            name="allow-dns",
            namespace=namespace,
            subject=PodSelector(in_namespace(namespace)),
            egress=tuple(
                Rule(peers=(peer,), ports=ports, dns=("*",) if namespace in inspected else ())
                for server, answering in serving.items()
                for peer, ports in _resolver(server, answering, clients, through)
            ),
        )


def _resolver(
    server: Workload, answering: frozenset[int], clients: tuple[Workload, ...], through: Through
) -> Iterable[tuple[Selector, PortSet]]:
    """The peers by which a resolver is asked; one entry for each, with all of its ports."""
    pairs: dict[Selector, PortSet] = defaultdict(PortSet)
    for peer, ports in through.peers(server, [(dns.dns_ports(answering), frozenset())], clients):
        pairs[peer] |= ports
    return pairs.items()


def serve_dns(
    serving: dns.Resolvers, asking: Mapping[str, tuple[Workload, ...]], selectors: Selectors
) -> Iterable[Policy]:
    """The other half: a resolver accepts every pod of the namespaces that ask.

    In its own namespace the clients are named one by one, so that it does not open to itself.
    """
    for server, ports in serving.items():
        if server.namespace not in asking:
            continue
        others = tuple(n for n, found in asking.items() if found and n != server.namespace)
        peers: list[Selector] = []
        if others:
            peers.append(PodSelector((Requirement(NAMESPACE, "In", others),)))
        neighbours = (one for one in asking[server.namespace] if selectors.can_name(one))
        peers += [selectors.of(neighbour) for neighbour in neighbours]
        if peers:
            yield Policy(
                name=serving_names(serving)[server],
                namespace=server.namespace,
                subject=selectors.of(server),
                ingress=(Rule(peers=tuple(peers), ports=dns.dns_ports(ports)),),
            )


def serving_names(serving: dns.Resolvers) -> dict[Workload, str]:
    """The names of the policies with which resolvers answer."""
    return {server: f"{name}-serve-dns" for server, name in object_names(serving).items()}

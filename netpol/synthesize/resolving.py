"""The policies of the declared need for names: who may ask, and who answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from netpol.net import PortSet, host_cidr
from netpol.peers import Cidr, Entity, Peer, Workload, label
from netpol.policy import NAMESPACE, PodSelector, Policy, Requirement, Rule, Selector, in_namespace
from netpol.synthesize import dns
from netpol.synthesize.names import object_names
from netpol.synthesize.outside import Outsiders
from netpol.synthesize.through import Through

__all__ = ["Resolving"]

_OTHER_NODES: Final = Entity("remote-node")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolving:
    """Both halves of the need, for one run."""

    serving: dns.Resolvers
    """Those that rules can name."""
    asking: Mapping[str, tuple[Workload, ...]]
    """By namespace the workloads that ask."""
    upstream: Mapping[Workload, frozenset[int]]
    """Whom NodeLocal DNSCache asks, from the nodes."""
    through: Through
    outsiders: Outsiders

    def ask(self, inspected: frozenset[str]) -> Iterator[Policy]:
        """Every pod of a namespace may ask the resolvers; ``inspected``: where names matter."""
        for namespace, clients in sorted(self.asking.items()):
            if not (clients and self.serving):
                continue
            pairs: dict[Selector, PortSet] = defaultdict(PortSet)
            for server, answering in self.serving.items():
                for peer, ports in self._resolver(server, dns.dns_ports(answering), clients):
                    pairs[peer] |= ports
            yield Policy(
                name="allow-dns",
                namespace=namespace,
                subject=PodSelector(in_namespace(namespace)),
                egress=tuple(
                    Rule(peers=(peer,), ports=ports, dns=("*",) if namespace in inspected else ())
                    for peer, ports in pairs.items()
                ),
            )

    def _resolver(
        self, server: Peer, ports: PortSet, clients: tuple[Workload, ...]
    ) -> Iterable[tuple[Selector, PortSet]]:
        """The peers by which a resolver is asked, with its ports."""
        if isinstance(server, Workload):
            return self.through.peers(server, [(ports, frozenset())], clients)
        if self.through.choices.profile.before_dnat and server in self._services():
            return ()  # Opened with the pods behind it.
        return [(peer, ports) for peer in self.outsiders.of(server)]

    def _services(self) -> frozenset[Peer]:
        services = self.through.inventory.services.values()
        return frozenset(Cidr(host_cidr(a)) for one in services for a in one.cluster_ips)

    def serve(self) -> Iterator[Policy]:
        """The other half: pods that resolve accept those who ask. What is no pod needs nothing."""
        names = self.names()
        for server, name in names.items():
            rules = (
                Rule(peers=peers, ports=dns.dns_ports(ports))
                for peers, ports in (
                    (self._pods(server), self.serving.get(server, ())),
                    (self._nodes(server), self.upstream.get(server, ())),
                )
                if peers and ports
            )
            if ingress := tuple(rules):
                policy = Policy(
                    name=name,
                    namespace=server.namespace,
                    subject=PodSelector(),
                    ingress=ingress,
                )
                yield from self.through.selectors.policies(server, policy)

    def names(self) -> dict[Workload, str]:
        """The names of the policies with which resolvers answer."""
        pods = [one for one in self.serving if isinstance(one, Workload)]
        pods += [one for one in self.upstream if one not in self.serving]
        served = (
            one
            for one in pods
            if one.namespace in self.asking and self.through.selectors.can_name(one)
        )
        return {one: f"{name}-serve-dns" for one, name in object_names(sorted(served)).items()}

    def _pods(self, server: Workload) -> tuple[Selector, ...]:
        """Those who ask; in its own namespace one by one, so that it does not open to itself."""
        others = tuple(n for n, found in self.asking.items() if found and n != server.namespace)
        selectors = self.through.selectors
        named = PodSelector((Requirement(NAMESPACE, "In", others),))
        everyone, of = selectors.spaces.shortened(named, label(server)), selectors.of
        neighbours = (one for client in self.asking[server.namespace] for one in of(client))
        return (*((everyone,) if others else ()), *neighbours)

    def _nodes(self, server: Workload) -> tuple[Selector, ...]:
        return self.outsiders.of(_OTHER_NODES) if server in self.upstream else ()

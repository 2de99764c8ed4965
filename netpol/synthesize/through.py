"""How egress rules point at pods, also where the CNI polices before a Service is translated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netpol.choices import Choices, Opening
from netpol.inventory import Inventory, Pod, Service
from netpol.net import PortSet
from netpol.peers import Workload, label
from netpol.policy import CidrSelector, PodSelector, Requirement, Selector, in_namespace
from netpol.synthesize.builder import Selectors
from netpol.virtual import Dialled, dialled, satisfies

__all__ = ["Through"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Through:
    """The peers by which a client may reach a server, for one profile."""

    selectors: Selectors
    choices: Choices
    policed: frozenset[str]

    @property
    def inventory(self) -> Inventory:
        """Of the cluster."""
        return self.selectors.inventory

    def peers(
        self,
        server: Workload,
        calls: Iterable[tuple[PortSet, frozenset[str]]],
        clients: Iterable[Workload],
    ) -> Iterator[tuple[Selector, PortSet]]:
        """Egress peers for a server.

        ``calls``: ports, with the Services through which they were called, if that is known.
        """
        calls = tuple(calls)
        ports = PortSet.union(some for some, _ in calls)
        own = self.selectors.of(server)
        if not self.choices.profile.before_dnat:
            yield from ((one, ports) for one in own)
            return
        found = (way for call in calls for way in dialled(server, call[0], self.inventory, call[1]))
        ways = tuple(dict.fromkeys(found))
        for way in ways:
            self._advise(way, server, ports)
        closed = [way for way in ways if not self._opened(way, own)]
        other = self._by_service(server, ways) if closed else None
        yield from ((one, ports) for one in ((other,) if other else own))
        if closed and other is None:
            yield from self._addresses(closed, server, ports, clients)

    def _opened(self, way: Dialled, some: Iterable[PodSelector]) -> bool:
        """Whether one of these peers opens the address of a Service, too."""
        return any(satisfies(way.service, one, self.inventory) for one in some)

    def _by_service(self, server: Workload, ways: Iterable[Dialled]) -> PodSelector | None:
        """The selector of a Service, when that names the server as well and opens every way."""
        services = {(way.service.namespace, way.service.name): way.service for way in ways}
        for (namespace, name), service in sorted(services.items()):
            wanted = tuple(Requirement(key, "In", (value,)) for key, value in service.selector)
            selector = PodSelector(in_namespace(namespace), tuple(sorted(wanted)))
            fits = all(satisfies(one, selector, self.inventory) for one in services.values())
            pods = self.inventory.workloads[server]
            whole = all(_behind(service, pod) for pod in pods)
            if fits and whole and not self._others(service, server):
                what = (
                    f"egress to {label(server)} selects the labels of Service {namespace}/{name}:"
                    " only then its address is opened too"
                )
                self.choices.add("before_dnat", what, label(server))
                return selector
        return None

    def _others(self, service: Service, server: Workload) -> tuple[Workload, ...]:
        """The other workloads behind a Service."""
        pods = self.inventory.by_namespace.get(service.namespace, ())
        found = {one.workload for one in pods if _behind(service, one) and not one.host_network}
        return tuple(sorted(found - {server}))

    def _addresses(
        self,
        ways: Iterable[Dialled],
        server: Workload,
        ports: PortSet,
        clients: Iterable[Workload],
    ) -> Iterator[tuple[Selector, PortSet]]:
        """The addresses of Services that no selector opens, with the Services' own ports."""
        clients = tuple(clients)
        for way in ways:
            name = f"{way.service.namespace}/{way.service.name}"
            others = self._others(way.service, server)
            more = ", ".join(map(label, others))
            what = (
                f"egress to {label(server)} also allows the address of Service {name}, port"
                f" {way.port}: the Service does not select by the labels that tell the server apart"
                + (f"; it leads to {more} too, whose ingress must hold it off" if more else "")
            )
            opens = [
                Opening(client=client, server=one, ports=ports)
                for one in others
                if one.namespace not in self.policed
                for client in clients
            ]
            self.choices.add("before_dnat", what, label(server), opens)
            for block in way.blocks:
                yield CidrSelector(block), way.ports

    def _advise(self, way: Dialled, server: Workload, ports: PortSet) -> None:
        """The vendor wants a Service's port to be that of the pods."""
        if not way.ports <= ports:
            name = f"{way.service.namespace}/{way.service.name}"
            what = (
                f"Service {name} has port {way.port} where its pods have another: the vendor"
                " advises equal ports"
            )
            self.choices.add("before_dnat", what, label(server))


def _behind(service: Service, pod: Pod) -> bool:
    """Whether a Service selects a pod."""
    return bool(service.selector) and set(service.selector) <= set(pod.labels)

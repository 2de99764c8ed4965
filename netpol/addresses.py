"""Who had an address at a time: pods and nodes, by intervals, with a guard band for clocks.

An address may be handed to another pod seconds after it was released. So the answer is a holder
only where exactly one can have had the address at that time (the rule of Otterize's network
mapper), else it says why not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from netpol.detect import detect
from netpol.inventory import Dated, Holder, Inventory, Node, Pod
from netpol.net import host_cidr, is_public, network
from netpol.stretches import Stretches, stretches
from netpol.wellknown import local_caches

__all__ = ["GONE", "GUARD", "SEVERAL", "AddressBook", "Unclear"]

GUARD: Final = 2_000_000_000
"""By how many nanoseconds a flow's clock and the inventory's may differ, unless the user knows."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """No holder, and why."""

    reason: str


_BRIDGED: Final = frozenset({"antrea", "generic", "kube-router"})
"""Profiles of plugins that give the first address of a node's pod range to the node."""

SEVERAL: Final = Unclear("its address changed hands about that time")
GONE: Final = Unclear("the pod that is known to have had its address may not have had it then")
LATER: Final = Unclear("only a later pod had its address")
NOBODY: Final = Unclear("nobody is known to have had its address at that time")


@dataclass(frozen=True, kw_only=True)
class AddressBook:
    """The holders of addresses, arranged for questions; addresses in canonical text."""

    inventory: Inventory
    guard: int = GUARD
    _known: dict[str, tuple[Stretches[Holder], tuple[Holder | Unclear | None, ...]]] = field(
        default_factory=dict
    )

    def era(self, address: str, time: int) -> int:
        """The number of the stretch of time, about an address, in which ``time`` lies.

        In one stretch the answers to :meth:`holder` and :meth:`serves_api` are the same.
        """
        return bisect_right(self.cuts(address), time)

    def holder(self, address: str, time: int) -> Holder | Unclear | None:
        """Who had an address at a time; None for one that nobody is known to have had ever."""
        found, answers = self._of(address)
        return answers[found.number(time)]

    def away(self, address: str, name: tuple[str, str], time: int) -> int:
        """By how many nanoseconds ``time`` lies outside of when a pod had an address.

        0 when it had it then, or never had it.
        """
        found = [
            max(one.start - time, time - one.end, 0)
            for one in self._dated(address)
            if isinstance(one.thing, Pod) and (one.thing.namespace, one.thing.name) == name
        ]
        return min(found, default=0)

    def cuts(self, address: str) -> tuple[int, ...]:
        """The times at which an answer changes."""
        own, api = self._of(address)[0].cuts, self._api.get(address)
        return own if api is None else tuple(sorted({*own, *api.cuts}))

    def serves_api(self, address: str, time: int) -> bool:
        """Whether an API server is, or may be, at an address at a time.

        As the EndpointSlices of ``default/kubernetes`` have it, where they are known.
        """
        if not self._api:
            return address in self.inventory.api_servers
        return address in self._api and bool(self._api[address].at(time))

    @cached_property
    def _api(self) -> Mapping[str, Stretches[bool]]:
        found: dict[str, list[Dated[bool]]] = {}
        for one in self.inventory.slices:
            if (one.thing.namespace, one.thing.service) == ("default", "kubernetes"):
                state = Dated(True, one.start, one.end, one.sure, one.begun)
                for address in (a for end in one.thing.endpoints for a in end.addresses):
                    found.setdefault(address, []).append(state)
        return {address: stretches(states, self.guard) for address, states in found.items()}

    @cached_property
    def health(self) -> frozenset[str]:
        """Where the network plugin checks itself."""
        return frozenset(a for node in self.inventory.nodes.values() for a in node.health)

    @cached_property
    def local_dns(self) -> tuple[Pod, ...]:
        """The pods of NodeLocal DNSCache."""
        return local_caches(self.inventory)

    @cached_property
    def public(self) -> frozenset[int]:
        """The IP versions of which pods have addresses that others on the internet could have."""
        every = {**self._undated, **self.inventory.holders}
        pods = (a for a, held in every.items() if any(isinstance(one.thing, Pod) for one in held))
        return frozenset(6 if ":" in a else 4 for a in pods if is_public(host_cidr(a)))

    @cached_property
    def populated(self) -> bool:
        """Whether any address is known to be the cluster's."""
        return bool(self.inventory.holders or self._undated)

    def _of(self, address: str) -> tuple[Stretches[Holder], tuple[Holder | Unclear | None, ...]]:
        known = self._known.get(address)
        if known is None:
            found = stretches(self._dated(address), self.guard)
            known = self._known[address] = found, tuple(_answers(found))
        return known

    def _dated(self, address: str) -> tuple[Dated[Holder], ...]:
        dated = self.inventory.holders.get(address)
        return self._undated.get(address, ()) if dated is None else dated

    @cached_property
    def _undated(self) -> Mapping[str, tuple[Dated[Holder], ...]]:
        """Who has the addresses of which no dates are known."""
        every: list[Holder] = [p for p in self.inventory.every_pod if not p.host_network]
        every += self.inventory.nodes.values()
        found: dict[str, tuple[Dated[Holder], ...]] = {}
        for one in every:
            for address in one.addresses:
                found[address] = (*found.get(address, ()), Dated(one))
        return {a: (Dated(n),) for a, n in gateways(self.inventory).items()} | found


def _answers(found: Stretches[Holder]) -> list[Holder | Unclear | None]:
    """What is said in each stretch."""
    answers: list[Holder | Unclear | None] = []
    every = any(found.holding)
    for number, holding in enumerate(found.holding):
        holders = {_identity(one): one for one, _ in holding}
        if len(holders) > 1:
            answers.append(SEVERAL)
        elif holders:
            (holder,) = holders.values()
            answers.append(holder if any(sure for _, sure in holding) else GONE)
        else:
            later = every and not any(found.holding[:number])
            answers.append((LATER if later else NOBODY) if every else None)
    return answers


def _identity(holder: Holder) -> tuple[str, ...]:
    if isinstance(holder, Node):
        return "", holder.name
    return holder.namespace, holder.name, holder.uid


def gateways(inventory: Inventory) -> dict[str, Node]:
    """The first address of a node's pod range, where bridges and tunnels of the node sit.

    So with the bridge plugin (kubenet, flannel) and Antrea. Not where a network plugin writes down
    which address of that range is the node's, or is known to have its own mind about addresses:
    Calico and Cilium may give the first one to a pod.
    """
    plugin = detect(inventory).profile
    if plugin is not None and plugin.name not in _BRIDGED:
        return {}
    found: dict[str, Node] = {}
    for node in inventory.nodes.values():
        ranges = [network(cidr) for cidr in node.pod_cidrs]
        own = [network(address) for address in node.addresses]
        for one in ranges:
            told = any(a.version == one.version and a.subnet_of(one) for a in own)  # type: ignore[arg-type]
            if not told and one.num_addresses > 2:
                found[str(one[1])] = node
    return found

"""An inventory over time, as rows: who had which address from when to when, and how much there is.

Times are nanoseconds since the epoch; None is "as far back as is known", or "still".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Final, TypeAlias

from netpol.addresses import GUARD, AddressBook, Unclear
from netpol.inventory import ALWAYS, Dated, Holder, Inventory, Node, Pod, Service

__all__ = ["COLUMNS", "TIMES", "Stay", "answers", "stays", "summary"]

Stay: TypeAlias = dict[str, str | int | None]
"""The :data:`COLUMNS` of one holder of an address."""

COLUMNS: Final = ("address", "kind", "namespace", "name", "workload", "uid", "from", "to", "sure")
TIMES: Final = ("from", "to", "sure")
"""``sure``: until when it is certain; later than that somebody else may have had the address."""


def summary(inventory: Inventory) -> dict[str, int | list[str]]:
    """How much there is of everything, the ranges, and where the API server is."""
    nodes = inventory.nodes.values()
    ranges = {*inventory.pod_ranges, *(cidr for node in nodes for cidr in node.pod_cidrs)}
    present = [one for one in inventory.pods.values() if not one.finished and not one.template]
    return {
        "pods": len(present),
        "former_pods": sum(not one.template for one in inventory.every_pod) - len(present),
        "workloads": len(inventory.workloads),
        "services": len(inventory.services),
        "nodes": len(inventory.nodes),
        "namespaces": len(inventory.namespaces),
        "addresses": len(inventory.holders),
        "pod_ranges": sorted(ranges, key=_by_number),
        "service_ranges": sorted(inventory.service_ranges, key=_by_number),
        "api_servers": sorted(inventory.api_servers, key=_by_number),
    }


def stays(inventory: Inventory, address: str = "") -> Iterator[Stay]:
    """Each holder of each address, or of one, in the order of addresses and times."""
    services = _services(inventory)
    every = [address] if address else {*inventory.holders, *services}
    for one in sorted(every, key=_by_number):
        for dated in (*inventory.holders.get(one, ()), *services.get(one, ())):
            yield _stay(one, dated)


def answers(
    inventory: Inventory, at: int, address: str = "", guard: int = GUARD
) -> Iterator[tuple[Stay | None, str, str]]:
    """(the holder at a time, the address, why there is none), of each address or of one.

    Addresses that nobody had then are left out, unless they are asked for.
    """
    book = AddressBook(inventory=inventory, guard=guard)
    services = _services(inventory)
    every = [address] if address else {*inventory.holders, *services}
    for one in sorted(every, key=_by_number):
        found = book.holder(one, at)
        mine = [d for d in services.get(one, ()) if d.start <= at < d.end]
        if mine and not isinstance(found, Pod | Node):
            yield _stay(one, mine[-1]), one, ""
        elif isinstance(found, Unclear):
            if address or _about(inventory, one, at, guard):
                yield None, one, found.reason
        elif found is None:
            if address:
                yield None, one, "it is not in the inventory"
        else:
            yield _stay(one, _dated(inventory, one, found, at, guard)), one, ""


def _about(inventory: Inventory, address: str, at: int, guard: int) -> bool:
    """Whether somebody may have had an address about that time."""
    return any(one.start - guard <= at < one.end + guard for one in inventory.holders[address])


def _dated(
    inventory: Inventory, address: str, holder: Holder, at: int, guard: int
) -> Dated[Holder]:
    """The time that a holder had an address, of those it had it the one in question."""
    mine = [one for one in inventory.holders.get(address, ()) if one.thing == holder]
    about = [one for one in mine if one.start - guard <= at < one.end + guard]
    return about[0] if about else Dated(holder)


def _services(inventory: Inventory) -> dict[str, list[Dated[Service]]]:
    """The virtual addresses of Services, each as long as it was theirs."""
    changed = {(one.thing.namespace, one.thing.name) for one in inventory.services_then}
    always = (one for key, one in inventory.services.items() if key not in changed)
    found: dict[str, list[Dated[Service]]] = {}
    for dated in (*inventory.services_then, *map(Dated, always)):
        for address in dict.fromkeys((*dated.thing.cluster_ips, *dated.thing.external_ips)):
            found.setdefault(address, []).append(dated)
    return found


def _stay(address: str, dated: Dated[Holder] | Dated[Service]) -> Stay:
    thing = dated.thing
    space, workload, uid = "", "", ""
    if isinstance(thing, Pod):
        space, uid = thing.namespace, thing.uid
        workload = f"{thing.workload.kind}/{thing.workload.name}"
    elif isinstance(thing, Service):
        space = thing.namespace
    kind = type(thing).__name__
    values = (address, kind, space, thing.name, workload, uid, *_times(dated))
    return dict(zip(COLUMNS, values, strict=True))


def _times(dated: Dated[Holder] | Dated[Service]) -> Iterable[int | None]:
    ended = (None if time == ALWAYS else time for time in (dated.end, dated.sure))
    return dated.start or None, *ended


def _by_number(address: str) -> tuple[int, int, str]:
    try:
        one = ip_address(address.partition("/")[0])
    except ValueError:
        return 0, 0, address
    return one.version, int(one), address

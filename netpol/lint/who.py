"""Whom each selector selects, asked of the Judge: here no selector is matched a second way.

Every selector becomes the only rule of a probe, a pod that nobody else selects; whom that probe
reaches is whom the selector matches, under the rules of the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from netpol.evaluate import Judge, Row
from netpol.inventory import Inventory, Pod
from netpol.net import ALL_PORTS
from netpol.peers import Peer, Workload
from netpol.policy import (
    NAMESPACE,
    PodSelector,
    Policy,
    PolicySet,
    Requirement,
    Rule,
    Selector,
    in_namespace,
)
from netpol.profile import Profile
from netpol.world import Outside, world

__all__ = ["who"]

_PROBES: Final = "netpol probes"
"""A namespace that no cluster can have: its name has a space."""
_KEY: Final = "netpol-probe"


def who(
    selectors: Iterable[Selector],
    inventory: Inventory,
    parties: Iterable[Outside],
    profile: Profile,
) -> dict[Selector, frozenset[Peer]]:
    """For each selector the workloads of the inventory and the parties that it matches.

    A workload is matched when some pod of it is; a pod selector matches no party.
    """
    wanted = list(dict.fromkeys(selectors))
    others = [one for one in wanted if not isinstance(one, PodSelector)]
    inside = _asked(wanted, inventory, (), profile)
    outside = _asked(others, Inventory(), parties, profile)
    return {one: inside[one] | outside.get(one, frozenset()) for one in wanted}


def _asked(
    selectors: Sequence[Selector],
    inventory: Inventory,
    parties: Iterable[Outside],
    profile: Profile,
) -> dict[Selector, frozenset[Peer]]:
    probes = {_probe(number): selector for number, selector in enumerate(selectors)}
    pods = {(_PROBES, one.name): _pod(one) for one in probes}
    judge = Judge(
        policies=PolicySet(policies=(_silence(), *map(_policy, probes, selectors))),
        world=world(replace(inventory, pods={**inventory.pods, **pods}), parties),
        profile=profile,
    )
    found: dict[Selector, set[Peer]] = {one: set() for one in selectors}
    rows: list[Row] = [*judge.connections(), *judge.outside_connections()]
    for client, server, _ in rows:
        if isinstance(client, Workload) and client in probes and server not in probes:
            found[probes[client]].add(server)
    return {selector: frozenset(peers) for selector, peers in found.items()}


def _probe(number: int) -> Workload:
    return Workload(_PROBES, "Probe", str(number))


def _pod(probe: Workload) -> Pod:
    labels = ((_KEY, probe.name),)
    return Pod(namespace=_PROBES, name=probe.name, workload=probe, labels=labels)


def _silence() -> Policy:
    """Nobody but the probes says anything, so that only their rows are computed."""
    others = PodSelector((Requirement(NAMESPACE, "NotIn", (_PROBES,)),))
    return Policy(name="others", namespace=_PROBES, subject=others, egress=())


def _policy(probe: Workload, selector: Selector) -> Policy:
    return Policy(
        name=probe.name,
        namespace=_PROBES,
        subject=PodSelector(in_namespace(_PROBES), (Requirement(_KEY, "In", (probe.name,)),)),
        ingress=(),
        egress=(Rule(peers=(selector,), ports=ALL_PORTS),),
    )

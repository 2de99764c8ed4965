"""NP106: address blocks where pods live."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import TypeAlias

from netpol.lint.case import Case
from netpol.lint.finding import Finding
from netpol.lint.peers import spoken
from netpol.lint.stand_ins import living
from netpol.net import NOT_INTERNET, contains, network, overlaps
from netpol.peers import label
from netpol.policy import CidrSelector

__all__ = ["over_pods"]

_Address: TypeAlias = tuple[int, int, str, str]
"""(IP version, number, as a block, workload)."""


def over_pods(case: Case) -> Iterator[Finding]:
    """Blocks that contain pods: opened by address, or not opened at all, by engine.

    Where blocks do not match pods, one that reaches into the internet is taken to mean just that.
    """
    pods = _addresses(case)
    ranges = {cidr for node in case.inventory.nodes.values() for cidr in node.pod_cidrs}
    for at in case.rules:
        for block in at.rule.peers or ():
            if isinstance(block, CidrSelector) and _questionable(case, block):
                shared = sorted(one for one in ranges if _touches(one, block))
                what = [*_examples(_inside(pods, block)), *shared[:2]]
                if what:
                    yield at.finding("NP106", _message(case, block, ", ".join(what)))


def _questionable(case: Case, block: CidrSelector) -> bool:
    """Not one address of a node, though it may lie in the node's pod range."""
    return block.cidr not in case.world.nodes and (
        case.profile.cidr_matches_pods or any(contains(one, block.cidr) for one in NOT_INTERNET)
    )


def _message(case: Case, block: CidrSelector, what: str) -> str:
    if case.profile.cidr_matches_pods:
        return (
            f"{spoken(block)} also matches pods ({what}), whoever has such an address next; use"
            " labels for pods, and except the pod ranges from blocks that mean the outside"
        )
    return (
        f"{spoken(block)} lies over pods ({what}), which blocks never match under"
        f" {case.profile.title}; use labels for pods"
    )


def _addresses(case: Case) -> list[_Address]:
    """Those of every pod that is no node, sorted."""
    return sorted(
        (block.version, int(block.network_address), str(block), label(pod.workload))
        for pod in case.inventory.pods.values()
        if not pod.host_network
        for block in living(pod)
    )


def _inside(pods: list[_Address], block: CidrSelector) -> Iterator[str]:
    """The workloads with addresses in the block."""
    whole = network(block.cidr)
    first = bisect_left(pods, (whole.version, int(whole.network_address)))
    for place in range(first, len(pods)):
        version, number, address, name = pods[place]
        if (version, number) > (whole.version, int(whole.broadcast_address)):
            return
        if not any(contains(one, address) for one in block.excluded):
            yield name


def _examples(names: Iterator[str]) -> list[str]:
    """The first two that differ."""
    first = next(names, None)
    second = next((name for name in names if name != first), None)
    return [name for name in (first, second) if name]


def _touches(cidr: str, block: CidrSelector) -> bool:
    return overlaps(cidr, block.cidr) and not any(contains(e, cidr) for e in block.excluded)

"""netpol's opinion on what the lab tries: of the evaluator that `netpol check` and `why` ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from lab import describe as d
from lab.play import Try, address

from capture.snapshot import read_inventory
from generators import parse
from netpol.enforced import as_enforced
from netpol.evaluate import Judge
from netpol.graph import Connection
from netpol.inventory import Inventory
from netpol.manifests import load
from netpol.net import host_cidr, network
from netpol.notices import Notice
from netpol.peers import Cidr, Entity, Peer, Workload
from netpol.policy import PolicySet
from netpol.profile import KUBERNETES
from netpol.world import world

__all__ = ["expected"]

_NODE_OF = {pod.name: pod.node.name for pod in d.PODS}


def expected(policies: Path, cluster: Path, tries: Iterable[Try]) -> dict[Try, bool]:
    """Whether each is allowed.

    netpol answers for workloads with all their pods, and for pods with all their addresses: here
    each pod is a workload of its own, with the address that the connection is between.
    """
    told: list[Notice] = []
    inventory = read_inventory([str(cluster)], told.append)
    read, _ = parse(load([str(policies)], told.append), told.append)
    assert not told, told
    found: dict[Try, bool] = {}
    asked = list(tries)
    for version in (4, 6):
        some = [one for one in asked if one.version == version]
        found |= zip(some, _replayed(read, _pod_by_pod(inventory, version), some), strict=True)
    return found


def _replayed(policies: PolicySet, inventory: Inventory, tries: list[Try]) -> Iterator[bool]:
    judge = Judge(
        policies=as_enforced(policies, KUBERNETES, inventory),
        world=world(inventory),
        profile=KUBERNETES,
    )
    workloads = {one.name: one for one in judge.world.workloads}
    return judge.replay(
        Connection(*_sides(one, workloads), protocol=one.protocol, port=one.port) for one in tries
    )


def _pod_by_pod(inventory: Inventory, version: int) -> Inventory:
    pods = {
        (space, name): replace(
            pod,
            workload=Workload(space, "Pod", name),
            addresses=tuple(one for one in pod.addresses if network(one).version == version),
        )
        for (space, name), pod in inventory.pods.items()
    }
    return replace(inventory, pods=pods)


def _sides(one: Try, workloads: dict[str, Workload]) -> tuple[Peer, Peer]:
    """A node is the host to the pods on it as a client; else an address, as the internet is."""
    if _NODE_OF.get(one.server) == one.client:
        return Entity("host"), workloads[one.server]
    client, server = (
        workloads.get(name) or Cidr(host_cidr(address(name, one.version)))
        for name in (one.client, one.server)
    )
    return client, server

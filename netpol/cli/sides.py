"""Policies with the cluster that they are for: what connections, diff and why read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from netpol.cli.console import Notices, say
from netpol.cli.options import cni_option
from netpol.errors import NetpolError
from netpol.inventory import Inventory
from netpol.notices import Notice, collecting
from netpol.peers import Peer, Workload, label
from netpol.policy import PodSelector, PolicySet, Undecided
from netpol.profile import Profile
from netpol.report.words import count

if TYPE_CHECKING:
    from netpol.cli.engine import Engine
    from netpol.evaluate import Judge
    from netpol.evaluate import Row as Reach
    from netpol.manifests import Document
    from netpol.world import Outside, World

__all__ = [
    "Read",
    "allowed",
    "cluster_options",
    "internet",
    "inventory_or_own",
    "judge_of",
    "listed",
    "lone",
    "no_workloads",
    "present",
    "read_policies",
    "say_engine",
    "say_lost",
    "say_on_host",
]

Command = TypeVar("Command", bound=Any)
_TOLD: Final = frozenset({"NP060", "NP061", "NP062", "NP070", "NP081", "NP082"})
"""What reading the same files as an inventory tells again, or what is no news about policies."""
_MOST: Final = 4
"""Workloads that a line on stderr names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The policies of one path, and the dialects they are in."""

    path: str
    policies: PolicySet
    seen: frozenset[str]
    lost: tuple[Notice, ...] = ()
    """What of the files could not be read, so that nobody knows what it says."""

    @property
    def unknown(self) -> tuple[Undecided, ...]:
        """Texts that could not be read as policies that may say anything about any pod."""
        return tuple(
            Undecided(
                subject=PodSelector(),
                directions=("ingress", "egress"),
                tier=self.policies.tiers[0].name,
                reason=one.message,
                origin=one.where,
            )
            for one in self.lost
        )

    def under(self, found: Engine) -> Profile:
        """The profile that they are judged under."""
        return found.for_policies(self.seen, self.path)


def cluster_options(command: Command) -> Command:
    """Where the workloads come from, and what enforces the policies."""
    return click.option(
        "--inventory",
        metavar="PATH",
        multiple=True,
        help="The workloads: what `kubectl get … -o json` printed, or their manifests; or the word"
        " cluster, for the live one. Without it, they are read from where the policies are. May be"
        " repeated.",
    )(cni_option(command))


def read_policies(path: str, notices: Notices, beside: Iterable[Document]) -> Read:
    """Every policy of a file or directory. None at all is said, for it allows everything."""
    from generators import parse
    from netpol.manifests import load

    told: list[Notice] = []
    tell = collecting(told, notices.tell)
    policies, seen = parse(load([path], tell), tell, beside)
    if not policies.policies and not policies.undecided:
        # Refused, staged and the like are told one by one.
        what = "takes effect" if seen else "was found"
        say(f"{path}: no policy {what}, so everything is allowed there")
    lost = tuple(one for one in told if one.code == "NP060")
    return Read(path=path, policies=policies, seen=seen, lost=lost)


def inventory_or_own(paths: tuple[str, ...], own: str, notices: Notices) -> Inventory:
    """The inventory of ``paths``; without any, the workloads beside the policies in ``own``."""
    from netpol.cli.run import inventory_from

    if paths:
        return inventory_from(paths, notices)
    from capture.snapshot import read_inventory

    def tell(notice: Notice) -> None:
        if notice.code not in _TOLD:
            notices.tell(notice)

    try:
        return read_inventory([own], tell)
    except NetpolError:
        # No object at all in it: the path exists, for its policies were read before.
        return Inventory()


def judge_of(
    policies: PolicySet, inventory: Inventory, profile: Profile, outside: Iterable[Outside] = ()
) -> Judge:
    """What a CNI makes of the policies in the world of an inventory and these parties."""
    from netpol.enforced import as_enforced
    from netpol.evaluate import Judge
    from netpol.world import world

    enforced = as_enforced(policies, profile, inventory)
    return Judge(policies=enforced, world=world(inventory, outside), profile=profile)


def internet() -> Outside:
    """Everything outside, to be asked about as one party: every public address."""
    from netpol.net import NOT_INTERNET, without
    from netpol.peers import Entity
    from netpol.world import Outside

    blocks = (*without("0.0.0.0/0", NOT_INTERNET), *without("::/0", NOT_INTERNET))
    return Outside(peer=Entity("world"), addresses=blocks)


def allowed(judge: Judge) -> Iterator[Reach]:
    """Everything that may talk to everything, in the cluster and across its edge."""
    yield from judge.connections()
    yield from judge.knowing(judge.kinds).outside_connections()
    yield from judge.address_connections()


def present(inventory: Inventory) -> Inventory:
    """Without the pods that are over: nothing selects them.

    Those of a workload that will make new ones stay where they are all that is known of it. Who is
    left out altogether is said.
    """
    pods = inventory.pods
    living = {pod.workload for pod in pods.values() if not pod.finished}
    kept = {
        key: pod
        for key, pod in pods.items()
        if not pod.finished or (pod.workload not in living and pod.workload.kind != "Pod")
    }
    gone = {pod.workload for pod in pods.values()} - {pod.workload for pod in kept.values()}
    if gone:
        say(f"without rows, for they have finished: {listed(gone)}")
    return inventory if len(kept) == len(pods) else replace(inventory, pods=kept)


def lone(peer: Peer, *inventories: Inventory) -> bool:
    """Whether it is one bare pod.

    What that says to itself never leaves it and no policy can block it
    (docs/semantics.md#own-node-and-itself).
    """
    if not isinstance(peer, Workload) or peer.kind != "Pod":
        return False
    return all(len(one.workloads.get(peer, ())) <= 1 for one in inventories)


def say_engine(found: Engine, used: Profile) -> None:
    """A network plugin that nobody named decides some verdicts: say which one it is."""
    if found.origin == "inventory" and found.profile and found.profile.name == used.name:
        say(
            f"judged as {used.name} enforces policies, for the inventory shows it;"
            " --cni generic judges by the specification alone"
        )


def say_lost(lost: Sequence[Notice]) -> None:
    """Whoever reads the verdict must know that a text which may be a policy is not in it."""
    if lost:
        texts = count(len(lost), "text")
        say(f"{texts} of the policies could not be read (NP060), and may say otherwise")


def say_on_host(worlds: Iterable[World]) -> None:
    """Name the workloads that have no rows because policies see their node in their place."""
    found = {one for world in worlds for one in world.on_host}
    if found:
        say(
            "without rows, for they use their node's network and policies see the node:"
            f" {listed(found)}"
        )


def listed(workloads: Iterable[Workload]) -> str:
    """The first few by label, and how many more there are."""
    names = sorted(map(label, workloads))
    more = f" and {len(names) - _MOST:,} more" if len(names) > _MOST else ""
    return f"{', '.join(names[:_MOST])}{more}"


def no_workloads(where: str) -> NetpolError:
    """The error when there is nobody whom policies could be about."""
    return NetpolError(
        "no pod or workload is there, so there is nobody to ask about",
        where=where,
        hint="give the cluster with --inventory: a dump of kubectl, or the workloads' manifests",
    )

"""How fine the policies are: a subject for each workload, for each app, or for each namespace.

A level is a map of workloads to groups; synthesis then runs on the groups as if they were the
workloads. That is all: rules between groups are as small as rules between workloads, and what the
groups open beside what was observed is the price, which the certificate lists.

``app``       workloads of one namespace whose pods all carry one value of
              ``app.kubernetes.io/part-of``; where they have none, of ``…/instance``, else of
              ``…/name`` (Kubernetes, "Recommended Labels"). What has none of them stays alone.
``namespace`` everything in a namespace.

Resolvers stay by themselves on every level: who may ask them is a declared need, and a namespace
full of system pods should not be open to everyone for the sake of names. So do hostNetwork pods,
which no selector means.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, Literal, TypeAlias, assert_never

from netpol.choices import Choice, Generalised, Opening, Siblings
from netpol.graph import Connection, Evidence, ServiceGraph
from netpol.inventory import Inventory, Pod
from netpol.net import PortSet
from netpol.peers import Peer, Workload
from netpol.visitors import as_ruled

__all__ = ["LEVELS", "WHOLE_NAMESPACE", "Grouping", "Level"]

Level: TypeAlias = Literal["workload", "app", "namespace"]
LEVELS: Final[tuple[Level, ...]] = ("workload", "app", "namespace")
"""From the finest to the coarsest."""

WHOLE_NAMESPACE: Final = "Namespace"
"""The kind of a group that is a namespace: its selector needs no label."""

_APP_KEYS: Final = tuple(f"app.kubernetes.io/{key}" for key in ("part-of", "instance", "name"))

Edge: TypeAlias = tuple[Connection, Evidence]


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """Which workloads are one subject and one peer."""

    level: Level
    inventory: Inventory
    """With groups in the place of workloads."""
    groups: Mapping[Workload, Workload] = field(default_factory=dict)
    """The group of each workload that is in one."""

    @staticmethod
    def of(level: Level, inventory: Inventory, apart: Container[Peer]) -> Grouping:
        """The groups of a level; the workloads in ``apart`` are in none."""
        labels: dict[Workload, tuple[tuple[str, str], ...]] = {}
        groups = {}
        for workload, pods in inventory.workloads.items():
            if workload in apart or all(pod.host_network for pod in pods):
                continue
            found = _group(level, workload, pods)
            if found is not None:
                groups[workload], labels[found[0]] = found
        return Grouping(level=level, inventory=_regrouped(inventory, groups, labels), groups=groups)

    def subject(self, peer: Peer) -> Peer:
        """The group of a peer; itself where it is in none."""
        return self.groups.get(peer, peer) if isinstance(peer, Workload) else peer

    def between(self, connection: Connection) -> Connection:
        """A connection as one between groups."""
        client, server = self.subject(connection.client), self.subject(connection.server)
        return replace(connection, client=client, server=server)

    def edges(self, edges: Iterable[Edge]) -> list[Edge]:
        """Connections between groups, with their evidence added up."""
        return list(ServiceGraph.of((self.between(one), evidence) for one, evidence in edges))

    def named(self, names: Mapping[Workload, str]) -> dict[Workload, str]:
        """What names say of subjects, said of each workload in them."""
        mine = ((one, self.groups.get(one, one)) for one in self.every_workload)
        return {one: names[subject] for one, subject in mine if subject in names}

    def spelled_out(self, choices: Iterable[Choice]) -> tuple[Choice, ...]:
        """The same choices, with what they open said workload by workload."""
        return tuple(
            replace(
                choice,
                opens=tuple(
                    Opening(client=client, server=server, ports=opening.ports)
                    for opening in choice.opens
                    for client in self._members(opening.client)
                    for server in self._members(opening.server)
                ),
            )
            for choice in choices
        )

    def _members(self, peer: Peer) -> tuple[Peer, ...]:
        return self._by_group.get(peer, (peer,))

    @cached_property
    def _by_group(self) -> dict[Peer, tuple[Peer, ...]]:
        found: dict[Peer, list[Peer]] = defaultdict(list)
        for workload, group in self.groups.items():
            found[group].append(workload)
        return {group: tuple(members) for group, members in found.items()}

    def generalised(self, edges: Iterable[Edge]) -> Generalised | None:
        """What the level opens beyond ``edges``; None where it opens nothing by itself."""
        if self.level == "workload":
            return None
        return Generalised(
            reason=f"chosen generalisation: level {self.level}",
            subjects={one: self._subjects(one) for one in self.every_workload},
            ports=self._allowed(edges),
            ruled=self._ruled,
        )

    def siblings(
        self,
        shared: Mapping[Workload, Iterable[Workload]],
        edges: Iterable[Edge],
        choices: Iterable[Choice],
    ) -> Siblings | None:
        """What opens because selectors of the groups in ``shared`` match pods of others, too.

        That is what ``edges`` and ``choices`` (between groups) open for the groups themselves.
        """
        if not shared:
            return None
        others: dict[Peer, list[Peer]] = defaultdict(list)
        for group, also in sorted(shared.items()):
            for other in also:
                others[other].append(group)
        ports = self._allowed(edges)
        for opening in (one for choice in choices for one in choice.opens):
            ports[opening.client, opening.server] |= opening.ports
        return Siblings(
            subjects={
                one: (*own, *(other for each in own for other in others.get(each, ())))
                for one in self.every_workload
                for own in [self._subjects(one)]
            },
            ports=ports,
            ruled=self._ruled,
        )

    def _allowed(self, edges: Iterable[Edge]) -> dict[tuple[Peer, Peer], PortSet]:
        """What is allowed between groups, and with the internet where rules say that."""
        ports: dict[tuple[Peer, Peer], PortSet] = defaultdict(PortSet)
        for connection, _ in self.edges(edges):
            for one in (connection, self._ruled(connection)):
                ports[one.client, one.server] |= one.ports
        return ports

    @cached_property
    def _ruled(self) -> Callable[[Connection], Connection]:
        return as_ruled(self.inventory)

    @cached_property
    def every_workload(self) -> tuple[Workload, ...]:
        """Every workload, in a group or not."""
        alone = (one for one in self.inventory.workloads if one not in self._by_group)
        return (*self.groups, *alone)

    def _subjects(self, workload: Workload) -> tuple[Peer, ...]:
        """Itself or its group; a namespace as one subject means also those that stay apart."""
        own = self.groups.get(workload, workload)
        if self.level != "namespace" or own != workload:
            return (own,)
        return own, Workload(workload.namespace, WHOLE_NAMESPACE, workload.namespace)


def _group(
    level: Level, workload: Workload, pods: Iterable[Pod]
) -> tuple[Workload, tuple[tuple[str, str], ...]] | None:
    """The group of a workload, with the labels that all in it share; None: it is in none."""
    match level:
        case "workload":
            return None
        case "namespace":
            return Workload(workload.namespace, WHOLE_NAMESPACE, workload.namespace), ()
        case "app":
            for key in _APP_KEYS:
                values = {dict(pod.labels).get(key) for pod in pods}
                if (value := values.pop()) and not values:
                    kind = key.rpartition("/")[2]
                    return Workload(workload.namespace, kind, value), ((key, value),)
            return None
    assert_never(level)


def _regrouped(
    inventory: Inventory,
    groups: Mapping[Workload, Workload],
    labels: Mapping[Workload, tuple[tuple[str, str], ...]],
) -> Inventory:
    if not groups:
        return inventory

    def moved(pod: Pod) -> Pod:
        group = groups.get(pod.workload)
        return replace(pod, workload=group) if group else pod

    kept = {one: found for one, found in inventory.selectors.items() if one not in groups}
    return replace(
        inventory,
        pods={name: moved(pod) for name, pod in inventory.pods.items()},
        former=tuple(map(moved, inventory.former)),
        selectors={**kept, **{one: found for one, found in labels.items() if found}},
    )

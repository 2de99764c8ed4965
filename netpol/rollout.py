"""In which order policies go live: first those that can do least harm.

A policy does harm where the hour that was learned from did not show everything. Nothing tells what
was not seen; but who has many partners has more to lose, and a connection that was seen once says
that others like it may have been missed.

Workloads come under their policies one after the other. Policies that select a common pod must
come together: a pod is isolated by any of them and may need what the others allow. So that stages
have no pod in common, and each pod is either as before or as in the end of all stages; where
nothing is denied then, nothing is denied in between (``tests/synthesize/test_rollout.py``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from netpol.learn import Learned
from netpol.numbered import object_name
from netpol.peers import Peer, Workload, label
from netpol.policy import PodSelector, Policy

__all__ = ["Plan", "Stage", "Step", "rollout", "stages"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One workload that comes under its policies."""

    workload: Workload
    clients: int
    """Distinct peers that call it."""
    servers: int
    """Distinct peers that it calls."""
    seen_once: int
    """Connections of it that a single record tells of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Workloads that come under their policies together, one of them as a rule."""

    workloads: tuple[Workload, ...]
    policies: tuple[tuple[str, str], ...]
    """(namespace, name of the object), sorted."""
    clients: int = 0
    servers: int = 0
    seen_once: int = 0
    """Of :class:`Step`, added up."""

    @property
    def title(self) -> str:
        """The workloads, for a person; of pods that nobody knows the first policy."""
        return ", ".join(map(label, self.workloads)) or "/".join(self.policies[0])

    @property
    def risk(self) -> tuple[bool, int, int, str]:
        """The sort key: the safest first, and last who answers everybody."""
        serves = any(name.endswith("-serve-dns") for _, name in self.policies)
        return serves, self.seen_once, self.clients + self.servers, self.title


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A roll-out in one dialect: workload by workload, then namespace by namespace."""

    target: str
    stages: tuple[Stage, ...]
    whole: Mapping[str, tuple[tuple[str, str], ...]]
    """Per namespace the policies for all its pods, which come when its workloads are done."""
    between: tuple[tuple[str, str], ...] = ()
    """Policies of stages that nobody needs any more in the end."""


def rollout(learned: Learned, policed: frozenset[str]) -> tuple[Step, ...]:
    """Every workload of these namespaces with traffic, by label."""
    clients: Mapping[Peer, set[Peer]] = defaultdict(set)
    servers: Mapping[Peer, set[Peer]] = defaultdict(set)
    once: dict[Peer, int] = defaultdict(int)
    for connection, evidence in learned.accepted:
        clients[connection.server].add(connection.client)
        servers[connection.client].add(connection.server)
        for peer in {connection.client, connection.server} if evidence.records == 1 else ():
            once[peer] += 1
    found = (
        Step(
            workload=one,
            clients=len(clients[one]),
            servers=len(servers[one]),
            seen_once=once[one],
        )
        for one in {*clients, *servers}
        if isinstance(one, Workload) and one.namespace in policed
    )
    return tuple(sorted(found, key=lambda step: label(step.workload)))


def stages(
    policies: Iterable[Policy],
    selected: Mapping[PodSelector, frozenset[Workload]],
    steps: Iterable[Step],
) -> tuple[Stage, ...]:
    """The policies in groups that have no pod in common, the safest first.

    ``selected``: the workloads of which some pod is a subject's.
    """
    known = {one.workload: one for one in steps}
    members: dict[tuple[str, str], set[object]] = defaultdict(set)
    for policy in policies:
        # Of pods that nobody knows the selector stands for them.
        pods = selected[policy.subject] or {policy.subject}
        members[policy.namespace, object_name(policy)].update(pods)
    groups: dict[object, set[object]] = {}
    for parts in members.values():
        joined = parts.union(*(groups[pod] for pod in parts if pod in groups))
        groups.update(dict.fromkeys(joined, joined))
    by_group: dict[frozenset[object], list[tuple[str, str]]] = defaultdict(list)
    for name, parts in members.items():
        by_group[frozenset(groups[next(iter(parts))])].append(name)
    found = (_stage(names, group, known) for group, names in by_group.items())
    return tuple(sorted(found, key=lambda stage: stage.risk))


def _stage(
    names: list[tuple[str, str]], pods: Iterable[object], known: Mapping[Workload, Step]
) -> Stage:
    workloads = sorted((pod for pod in pods if isinstance(pod, Workload)), key=label)
    steps = [known[one] for one in workloads if one in known]
    return Stage(
        workloads=tuple(workloads),
        policies=tuple(sorted(names)),
        clients=sum(one.clients for one in steps),
        servers=sum(one.servers for one in steps),
        seen_once=sum(one.seen_once for one in steps),
    )

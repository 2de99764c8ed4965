"""The policies of workloads: who gets one, and for which connections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from operator import itemgetter
from typing import TypeAlias

from netpol.graph import Connection, ServiceGraph
from netpol.peers import Workload
from netpol.policy import PodSelector, Policy, in_namespace
from netpol.synthesize import dns
from netpol.synthesize.builder import Edge, Selectors
from netpol.synthesize.resolving import Resolving
from netpol.synthesize.rules import Rules

__all__ = ["Subjects", "default_deny", "joined", "subjects_of", "touched", "workload_policies"]

Subjects: TypeAlias = Mapping[Workload, tuple[list[Edge], list[Edge]]]
"""For everyone who gets a policy the connections towards it, and its own."""


def default_deny(namespace: str) -> Policy:
    """Everything in a namespace that no other policy allows is denied."""
    return Policy(
        name="default-deny",
        namespace=namespace,
        subject=PodSelector(in_namespace(namespace)),
        ingress=(),
        egress=(),
    )


def subjects_of(
    edges: list[Edge], policed: frozenset[str], resolving: Resolving, asked: frozenset[str]
) -> Subjects:
    """Everyone in a policed namespace that has connections beside those to resolvers."""
    # allow-dns is for every pod of a namespace: also for a resolver that asks a resolver.
    asking = [one for one in edges if not dns.asks(one[0], resolving.serving, asked)]
    egress = _by_side(asking, lambda connection: connection.client)
    ingress = _by_side(edges, lambda connection: connection.server)
    return {
        one: (ingress.get(one, []), egress.get(one, []))
        for one in {*egress, *ingress}
        if one.namespace in policed
    }


def joined(subjects: Subjects, selectors: Selectors) -> dict[Workload, Workload]:
    """In whose policy each of them is: workloads that no labels tell apart share that of the first.

    Any of their policies would be for the pods of all of them.
    """
    first: dict[frozenset[PodSelector], Workload] = {}
    return {one: first.setdefault(frozenset(selectors.of(one)), one) for one in sorted(subjects)}


def _together(subjects: Subjects, into: Mapping[Workload, Workload]) -> Subjects:
    """The connections of all that share a policy."""
    found: dict[Workload, tuple[list[Edge], list[Edge]]] = {}
    for one, (ingress, egress) in subjects.items():
        towards, own = found.setdefault(into[one], ([], []))
        towards += [(replace(edge, server=into[one]), evidence) for edge, evidence in ingress]
        own += [(replace(edge, client=into[one]), evidence) for edge, evidence in egress]
    return {
        one: (list(ServiceGraph.of(towards)), list(ServiceGraph.of(own)))
        for one, (towards, own) in found.items()
    }


def _by_side(
    edges: Iterable[Edge], side: Callable[[Connection], object]
) -> dict[Workload, list[Edge]]:
    groups: dict[Workload, list[Edge]] = defaultdict(list)
    for edge in edges:
        workload = side(edge[0])
        if isinstance(workload, Workload):
            groups[workload].append(edge)
    return groups


def workload_policies(
    subjects: Subjects,
    names: Mapping[Workload, str],
    rules: Rules,
) -> Iterator[Policy]:
    """One policy for each, by its name; several where it takes several selectors.

    Those that share one are :func:`joined`.
    """
    together = _together(subjects, joined(subjects, rules.selectors))
    for workload, (ingress, egress) in sorted(together.items(), key=itemgetter(0)):
        policy = Policy(
            name=names[workload],
            namespace=workload.namespace,
            subject=PodSelector(),
            ingress=rules.of(ingress, subject=workload, ingress=True),
            egress=rules.of(egress, subject=workload, ingress=False),
        )
        yield from rules.selectors.policies(workload, policy)


def touched(policy: Policy) -> Policy:
    """The same in the directions in which it allows something; the others are not its concern."""
    return replace(policy, ingress=policy.ingress or None, egress=policy.egress or None)

"""Pods that are not isolated, and policies for nobody: NP107 and NP109."""

from __future__ import annotations

from collections.abc import Iterator

from netpol.graph import Connection
from netpol.lint.case import Case
from netpol.lint.finding import DIRECTIONS, Direction, Finding, about
from netpol.lint.peers import spoken
from netpol.lint.stand_ins import STRANGER
from netpol.peers import Workload
from netpol.policy import PodSelector, Policy

__all__ = ["for_nobody", "open_namespaces"]


def open_namespaces(case: Case) -> Iterator[Finding]:
    """NP107: namespaces in which some pod is not isolated; pods of which nothing is known aside."""
    for namespace in sorted({one.namespace for one in case.everyone}):
        pods = sorted(one for one in case.everyone if one.namespace == namespace)
        for direction in DIRECTIONS:
            unsure = case.doubtful(direction)
            found = [one for one in pods if one not in unsure and _open(case, one, direction)]
            if found:
                yield Finding(
                    code="NP107",
                    policy=namespace,
                    origin="",
                    message=(
                        f"{direction} of {case.names(found)} is open to everyone; add a policy that"
                        f" selects all pods of {namespace} and has no {direction} rules"
                    ),
                )


def _open(case: Case, pod: Workload, direction: Direction) -> bool:
    if direction == "egress":
        step = case.judge.decide(Connection(pod, STRANGER, "TCP", 1)).egress
    else:
        step = case.judge.decide(Connection(STRANGER, pod, "TCP", 1)).ingress
    return step.reason == "not isolated"


def for_nobody(case: Case) -> Iterator[Finding]:
    """NP109: a policy, or a rule of its own subject, that selects no pod of the inventory.

    A policy for all pods of a namespace that is known and empty waits for pods: no finding.
    """
    for policy in case.policies.policies:
        if not case.pods(policy.subject) and not _waiting(case, policy):
            yield about(policy, "NP109", _nobody(case, policy.subject))
    for at in case.rules:
        if at.rule.subject is not None and case.pods(at.policy.subject) and not case.subjects(at):
            yield at.finding("NP109", _nobody(case, at.rule.subject))


def _waiting(case: Case, policy: Policy) -> bool:
    known = policy.namespace in {*case.inventory.namespaces, *case.inventory.by_namespace}
    return known and not policy.subject.pods and not case.hosted(policy.subject)


def _nobody(case: Case, subject: PodSelector) -> str:
    hosted = case.hosted(subject)
    if hosted:
        return (
            f"it selects {spoken(subject)}, which are only pods on the host's network"
            f" ({case.names(hosted)}): no engine applies it to them"
        )
    return f"it selects {spoken(subject)}, and the inventory has none; mend the labels or remove it"

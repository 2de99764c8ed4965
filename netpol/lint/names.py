"""Name resolution: NP102 and NP105."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from netpol.evaluate import name_matches
from netpol.graph import Connection, Evidence
from netpol.lint.case import Case
from netpol.lint.finding import Finding, RuleAt, about
from netpol.lint.stand_ins import STRANGER
from netpol.net import PortSet
from netpol.peers import Entity, Workload
from netpol.policy import FqdnSelector, PodSelector, Policy, Rule
from netpol.synthesize.dns import DNS_PORTS, dns_ports, resolvers

__all__ = ["unresolved", "unseen_names"]


def unresolved(case: Case) -> Iterator[Finding]:
    """NP102: pods that may connect to something, and may not ask for its name.

    A pod that may connect to nobody is not named: that is what deny-all is for.
    """
    serving = _resolvers(case)
    silent: dict[Policy, set[Workload]] = defaultdict(set)
    for pod in case.everyone - serving.keys() - case.doubtful("egress"):
        allowing = [one for one in case.selecting[pod] if any(map(_wants, _allowing(one)))]
        rules = [rule for one in case.selecting[pod] for rule in _allowing(one)]
        if allowing and _isolated(case, pod) and not _asks(case, pod, rules, serving):
            silent[allowing[0]].add(pod)
    where = case.names(serving) or "a resolver"
    for policy in case.policies.policies:
        if policy in silent:
            yield about(policy, "NP102", _unresolved(case.names(silent[policy]), where))


def _unresolved(pods: str, where: str) -> str:
    return (
        f"{pods} may connect to others, but no egress rule lets them resolve names; allow UDP and"
        f" TCP 53 to {where}"
    )


def _resolvers(case: Case) -> Mapping[Workload, frozenset[int]]:
    """The pods that look like resolvers of the cluster: who would be one, did it answer DNS?"""
    asked = (
        (Connection(Entity("world"), pod, "UDP", port), Evidence())
        for pod in case.everyone | case.on_host
        for port in sorted(DNS_PORTS)
    )
    found = resolvers(asked, case.known)
    return {one: ports for one, ports in found.items() if isinstance(one, Workload)}


def _allowing(policy: Policy) -> list[Rule]:
    return [rule for rule in policy.egress or () if rule.action == "allow"]


def _wants(rule: Rule) -> bool:
    """Whether a rule is for something else than DNS."""
    return rule.peers != () and bool(rule.named_ports or rule.ports - dns_ports(DNS_PORTS))


def _isolated(case: Case, pod: Workload) -> bool:
    return not case.judge.decide(Connection(pod, STRANGER, "TCP", 1)).egress.allowed


def _asks(
    case: Case,
    pod: Workload,
    rules: Iterable[Rule],
    serving: Mapping[Workload, frozenset[int]],
) -> bool:
    queries = [Connection(pod, one, "UDP", port) for one in serving for port in serving[one]]
    if any(case.judge.decide(query).egress.allowed for query in queries):
        return True
    # A resolver may be no pod (an address on the node), or not be in the inventory.
    return any(
        rule.ports & PortSet.union(PortSet.of("UDP", port) for port in DNS_PORTS)
        and (not serving or rule.peers is None or not all(map(_is_pods, rule.peers)))
        for rule in rules
    )


def _is_pods(selector: object) -> bool:
    return isinstance(selector, PodSelector)


def unseen_names(case: Case) -> Iterator[Finding]:
    """NP105: toFQDNs of which the engine never learns an address, for want of a DNS rule."""
    for at in case.rules:
        names = [one.name for one in at.rule.peers or () if isinstance(one, FqdnSelector)]
        inspected = [name for rule in _beside(case, at) for name in rule.dns] if names else []
        missing = [name for name in names if not any(_covers(one, name) for one in inspected)]
        if missing and at.direction == "egress":
            yield at.finding(
                "NP105",
                f"{', '.join(missing)} never gets an address: no egress rule for these pods has"
                " rules.dns that let the name be asked; add one to the rule for the resolver",
            )


def _covers(pattern: str, name: str) -> bool:
    return pattern == name or name_matches(pattern, name.replace("**", "*").replace("*", "any"))


def _beside(case: Case, at: RuleAt) -> Iterator[Rule]:
    """The egress rules of all policies that select every pod that this one selects."""
    pods = case.pods(at.policy.subject)
    for policy in case.policies.policies:
        wider = set(policy.subject.pods) <= set(at.policy.subject.pods)
        same = policy.subject.namespaces in ((), at.policy.subject.namespaces)
        if (wider and same) or (pods and pods <= case.pods(policy.subject)):
            yield from policy.egress or ()

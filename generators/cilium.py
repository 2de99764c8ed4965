"""CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy, cilium.io/v2.

An empty rule selects nobody and only switches isolation on: ``ingress: [{}]`` is default deny, the
opposite of Kubernetes. Deny sections are policies of the tier ``cilium-deny``, which is asked
first; the isolation that they cause is a policy of the tier ``default``. Sources: Cilium "Policy
Language" pages and ``pkg/policy/api/{rule,rule_validation}.go``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from generators.cilium_around import CONTEXT
from generators.cilium_peers import written_peers, written_pod_labels
from generators.cilium_read import KIND, KINDS, VERSION, parse
from generators.cilium_traffic import Traffic, written_traffic
from generators.generator import Dialect, Manifest, cannot_say, subject, united
from generators.selectors import label_selector
from generators.shared_lists import CILIUM_GROUPS, with_shared_lists
from netpol.errors import NetpolError
from netpol.net import ALL_PORTS
from netpol.numbered import grouped
from netpol.policy import (
    ANY,
    DEFAULT_TIER,
    DENY_TIER,
    Action,
    EntitySelector,
    Policy,
    PolicySet,
    Rule,
)
from netpol.profile import CILIUM as PROFILE

__all__ = ["CILIUM", "CONTEXT", "parse", "render"]

_DIRECTIONS: Final = (("ingress", "from"), ("egress", "to"))
_ACTIONS: Final[dict[str, Action]] = {DEFAULT_TIER.name: "allow", DENY_TIER.name: "deny"}


def render(policies: PolicySet) -> tuple[Manifest, ...]:
    """One CiliumNetworkPolicy per policy. Raises NetpolError for what Cilium has no words for."""
    written = (_written_group(some) for some in grouped(policies.policies))
    return with_shared_lists(written, CILIUM_GROUPS)


def _written_group(policies: tuple[Policy, ...]) -> Manifest:
    """One object; with several specs for policies that are one to people."""
    first, *more = (_written_spec(one) for one in policies)
    one = united([(policies[0], first)], VERSION, KIND)
    if not more:
        return one
    head = {name: part for name, part in one.documents[0].items() if name != "spec"}
    return replace(one, documents=({**head, "specs": [first, *more]},))


def _written_spec(policy: Policy) -> dict[str, object]:
    if policy.tier not in _ACTIONS:
        raise cannot_say("cilium", policy, f"the tier {policy.tier}")
    denying = policy.tier == DENY_TIER.name
    labels = written_pod_labels(subject("cilium", policy))
    spec: dict[str, object] = {"endpointSelector": label_selector(labels)}
    restricted = [one for one in _DIRECTIONS if policy.rules(one[0]) is not None]
    if denying or not policy.isolates:
        # A deny section would isolate as well, which the neutral deny tier never means.
        spec["enableDefaultDeny"] = {direction: False for direction, _ in restricted}
    for direction, prefix in restricted:
        rules = [
            written
            for rule in policy.rules(direction) or ()
            for written in _written_rules(policy, rule, direction, prefix)
        ]
        spec[direction + ("Deny" if denying else "")] = rules or [{}]
    return spec


def _written_rules(
    policy: Policy, rule: Rule, direction: str, prefix: str
) -> Iterator[dict[str, object]]:
    if rule.action != _ACTIONS[policy.tier]:
        raise cannot_say("cilium", policy, f"the action {rule.action} in the tier {policy.tier}")
    if not rule.simple:
        raise cannot_say("cilium", policy, "exceptions from a rule")
    # Without any member a rule would select nobody.
    everything = rule.peers is ANY and rule.ports == ALL_PORTS
    far = (EntitySelector("all"),) if everything else rule.peers
    wanted = Traffic(rule.ports, rule.named_ports, rule.dns)
    try:
        for member in written_peers(far, policy.namespace, prefix):
            for ports in written_traffic(wanted, direction):
                yield {**member, **ports}
    except NetpolError as error:
        error.where = error.where or f"{policy.namespace}/{policy.name}"
        raise


CILIUM: Final = Dialect(
    name="cilium",
    summary="CiliumNetworkPolicy of cilium.io/v2, with DNS names, entities and ICMP",
    profile=PROFILE,
    kinds=KINDS,
    context=CONTEXT,
    render=render,
    parse=parse,
)

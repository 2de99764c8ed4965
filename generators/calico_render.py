"""Neutral policies → Calico NetworkPolicy, projectcalico.org/v3.

Source: Calico "Network policy" reference. Only the tier ``default`` is written, and no exceptions
or conditions on the policed side: what is synthesized has none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from generators.calico_labels import NAME, POD_ACCOUNT
from generators.calico_peers import MAX_NETS
from generators.calico_rules import ACTIONS, MAX_RULES
from generators.calico_selectors import Conjunction, written
from generators.calico_traffic import written_traffic
from generators.generator import Manifest, cannot_say, subject, united
from generators.selectors import positive
from generators.shared_lists import CALICO_SETS, with_shared_lists
from netpol.net import network
from netpol.numbered import grouped, object_name
from netpol.policy import (
    ANY,
    NAMESPACE,
    SERVICE_ACCOUNT,
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Policy,
    PolicySet,
    Requirement,
    Rule,
    Selector,
    in_namespace,
)

__all__ = ["render"]

_VERSION: Final = "projectcalico.org/v3"
_DIRECTIONS: Final = (("Ingress", "ingress", "source"), ("Egress", "egress", "destination"))
_WRITTEN: Final = {action: name for name, action in ACTIONS.items()}
_MAX_SELECTOR: Final = 1024


def render(policies: PolicySet) -> tuple[Manifest, ...]:
    """One NetworkPolicy per policy. Raises NetpolError for what Calico has no words for.

    Policies that are one to people are one object where they have the same rules.
    """
    written = (_written_group(some) for some in grouped(policies.policies))
    return with_shared_lists(written, CALICO_SETS)


def _written_group(policies: tuple[Policy, ...]) -> Manifest:
    alike: dict[Policy, list[Conjunction]] = {}
    for one in policies:
        bare = replace(one, name=object_name(one), subject=PodSelector())
        alike.setdefault(bare, []).append(subject("calico", one))
    parts = ((one, _written_spec(one, subjects)) for one, subjects in alike.items())
    return united(parts, _VERSION, "NetworkPolicy")


def _written_spec(policy: Policy, subjects: Iterable[Conjunction]) -> dict[str, object]:
    if policy.tier != "default" or not policy.isolates:
        raise cannot_say("calico", policy, "a tier that it does not know, or not to isolate")
    spec: dict[str, object] = {"tier": policy.tier}
    if policy.order != math.inf:
        whole = policy.order == int(policy.order)
        spec["order"] = int(policy.order) if whole else policy.order
    spec["selector"] = _written_selector(policy, *subjects)
    spec["types"] = [
        kind for kind, direction, _ in _DIRECTIONS if policy.rules(direction) is not None
    ]
    for _, direction, side in _DIRECTIONS:
        rules = policy.rules(direction) or ()
        if entries := [one for rule in rules for one in _written_rules(policy, rule, side)]:
            spec[direction] = entries
            if len(entries) > MAX_RULES:
                raise cannot_say("calico", policy, f"more than {MAX_RULES} rules in one policy")
    return spec


def _written_selector(policy: Policy, *wanted: Conjunction) -> str:
    texts = [written(tuple(_calico_key(policy, one) for one in each)) for each in wanted]
    text = texts[0] if len(texts) == 1 else " || ".join(f"({one})" for one in texts)
    if len(text) > _MAX_SELECTOR:
        raise cannot_say("calico", policy, f"a selector of more than {_MAX_SELECTOR} characters")
    return text


def _calico_key(policy: Policy, one: Requirement) -> Requirement:
    if one.key.startswith(f"{SERVICE_ACCOUNT}."):
        raise cannot_say("calico", policy, "labels of service accounts")
    return replace(one, key=POD_ACCOUNT) if one.key == SERVICE_ACCOUNT else one


def _written_rules(policy: Policy, rule: Rule, side: str) -> Iterator[dict[str, object]]:
    """One Calico rule per peer and protocol."""
    if not rule.simple:
        raise cannot_say("calico", policy, "exceptions or conditions on the policed side of a rule")
    for entity in _written_peers(policy, rule.peers):
        for head, ports in written_traffic(rule.ports, rule.named_ports):
            destination: dict[str, object] = {"ports": ports} if ports else {}
            # A table of its own for each rule: what refers to a list is written into it later.
            sides = {"source": {**entity}, "destination": destination}
            if side == "destination":
                sides = {"destination": {**entity, **destination}}
            yield {
                "action": _WRITTEN[rule.action],
                **head,
                **{name: one for name, one in sides.items() if one},
            }


def _written_peers(
    policy: Policy, peers: tuple[Selector, ...] | None
) -> Iterator[dict[str, object]]:
    """Pods one by one; plain address blocks together, one family at a time."""
    if peers is ANY:
        yield {}
        return
    plain: dict[int, list[str]] = {4: [], 6: []}
    # The API server takes no block twice.
    for peer in dict.fromkeys(peers):
        match peer:
            case PodSelector():
                yield _written_pods(policy, peer)
            case CidrSelector(cidr, ()):
                plain[network(cidr).version].append(cidr)
            case CidrSelector(cidr, excluded):
                yield {"nets": [cidr], "notNets": list(excluded)}
            case FqdnSelector(name):
                raise cannot_say("calico", policy, f"the DNS name {name}")
            case EntitySelector(name):
                raise cannot_say("calico", policy, f"the entity {name}")
    for nets in plain.values():
        for start in range(0, len(nets), MAX_NETS):
            yield {"nets": nets[start : start + MAX_NETS]}


def _written_pods(policy: Policy, peer: PodSelector) -> dict[str, object]:
    pods: dict[str, object] = {"selector": _written_selector(policy, peer.pods)}
    if peer.namespaces == in_namespace(policy.namespace):
        return pods
    wanted = [
        replace(one, key=NAME if one.key == NAMESPACE else one.key) for one in peer.namespaces
    ]
    if wanted and not positive(wanted):
        wanted.insert(0, Requirement(NAME, "Exists"))
    namespaces = {"namespaceSelector": _written_selector(policy, tuple(wanted))}
    return {**namespaces, **(pods if peer.pods else {})}

"""The verdict about one connection, with the way to it: as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from netpol.cases import Side
from netpol.evaluate import Step
from netpol.peers import Workload, label
from netpol.policy import Policy
from netpol.report.printable import printable_lines
from netpol.report.rows import connection_row
from netpol.report.words import (
    doubt_words,
    policy_words,
    ports_words,
    rule_words,
    selector_words,
    set_words,
)
from netpol.why import Asked, Layer, Part, Path, Why
from netpol.world import Outside

__all__ = ["verdict", "why_object", "why_text"]

_PARTS: Final[dict[Part, str]] = {
    "subject": "it is not for this pod",
    "peer": "the peer does not match",
    "excluded": "the peer is one that it leaves out",
    "port": "the port does not match",
    "some ports": "it has only some of these ports",
}
_MARKS: Final = {"decides": "✔", "passes": "↷", "unsure": "?", "too late": "·", "no match": "·"}


def verdict(found: Why) -> str:
    """``allowed``, ``denied`` or ``undecided``."""
    if found.decision.undecided:
        return "undecided"
    return "allowed" if found.decision.allowed else "denied"


def why_text(found: Why) -> str:
    """The verdict in the first line, then each side, tier by tier and rule by rule."""
    c = found.connection
    first = f"{verdict(found)}: {label(c.client)} → {label(c.server)}, {set_words(c.ports)}"
    doubts = [f"  because of {doubt_words(one)}" for one in found.decision.undecided]
    parts = [first, *doubts, *_side(found.egress), *_side(found.ingress)]
    return printable_lines(parts)


def _side(path: Path) -> Iterator[str]:
    yield ""
    yield f"{path.step.direction.capitalize()} of {label(path.peer)}: {_said(path)}"
    if path.partly:
        yield f"  this is about {_about(path.about)}; others of it get another verdict"
    for layer in path.layers:
        yield from _layer(layer, path.step)
    for one in path.step.undecided:
        yield f"  undecided: {doubt_words(one)}"


def _about(side: Side) -> str:
    """Which pods of a workload, or which address of a party."""
    if isinstance(side, Outside):
        return ", ".join(_plain(one) for one in side.addresses)
    labels = ", ".join(f"{key}={value}" for key, value in side.labels) or "no labels"
    addresses = {a for some in side.members for every in some.addresses for a in every}
    at = f" at {', '.join(sorted(map(_plain, addresses)))}" if addresses else ""
    return f"its pods with {labels}{at}"


def _plain(cidr: str) -> str:
    """One address without the length of its block."""
    return cidr.removesuffix("/128" if ":" in cidr else "/32")


def _said(path: Path) -> str:
    """What one side said, in a sentence."""
    step = path.step
    unless = ", unless what is undecided says otherwise" if step.undecided else ""
    word = ("allowed" if step.allowed else "denied") + unless
    names = ", ".join(policy_words(one) for one in step.policies)
    match step.reason:
        case "rule" if step.rule is not None:
            return f"{word} by rule {step.number} of {names}"
        case "not isolated" if path.layers:
            return f"{word}: no rule decides, and no default deny applies"
        case "not isolated":
            return f"{word}: no policy selects it for {step.direction}"
        case "exempt":
            return f"{word}: what comes from a pod's own node is never denied"
        case "no pod" if isinstance(path.peer, Workload):
            return f"{word}: it uses the network of its node, so no policy selects it"
        case "no pod":
            return f"{word}: it is no pod, and policies are about pods"
        case _:
            return f"{word}: no rule matches, and {names} isolate{_s(step)} it"


def _s(step: Step) -> str:
    return "s" if len(step.policies) == 1 else ""


def _layer(layer: Layer, step: Step) -> Iterator[str]:
    unasked = "" if layer.reached else ": not asked, an earlier tier decided"
    yield f"  tier {layer.tier.name}{unasked}"
    for policy, answers in layer.policies:
        yield f"    {policy_words(policy)}, for {selector_words(policy.subject)}"
        yield from (f"      {_origin(policy)}" for _ in (1,) if policy.origin)
        if not answers:
            yield f"      · no {step.direction} rules: it allows nothing by itself"
        for one in answers:
            yield f"      {_mark(one)} {one.number}. {rule_words(one.rule, step.direction)}"
            yield f"           {_answer(one)}"


def _origin(policy: Policy) -> str:
    """The file and document; what follows repeats kind and name."""
    return policy.origin.partition(f", {policy.kind} " if policy.kind else "\0")[0]


def _mark(one: Asked) -> str:
    return "✘" if one.role == "decides" and one.rule.action == "deny" else _MARKS[one.role]


def _answer(one: Asked) -> str:
    match one.role:
        case "decides":
            return "matches and decides"
        case "passes":
            return "matches: the next tier is asked"
        case "unsure":
            return f"may match: {one.rule.unsure}"
        case "too late":
            return "matches too, but is not asked any more"
        case "no match":
            return "; ".join(_PARTS[part] for part in one.why_not) or "is not asked"


def why_object(found: Why) -> dict[str, Any]:
    """What ``why --format json`` prints."""
    return {
        "verdict": verdict(found),
        **connection_row(found.connection),
        "egress": _path_object(found.egress),
        "ingress": _path_object(found.ingress),
        "undecided": [
            {
                "origin": one.origin,
                "reason": one.reason,
                "tier": one.tier,
                "directions": list(one.directions),
                "subject": selector_words(one.subject),
            }
            for one in found.decision.undecided
        ],
    }


def _path_object(path: Path) -> dict[str, Any]:
    step = path.step
    return {
        "about": _about(path.about),
        "partly": path.partly,
        "allowed": step.allowed,
        "reason": step.reason,
        "by": [_name(one) for one in step.policies],
        "rule": step.number,
        "tiers": [_layer_object(one, step.direction) for one in path.layers],
    }


def _layer_object(layer: Layer, direction: str) -> dict[str, Any]:
    return {
        "tier": layer.tier.name,
        "reached": layer.reached,
        "default": layer.tier.default,
        "policies": [
            {
                "policy": _name(policy),
                "kind": policy.kind,
                "origin": policy.origin,
                "subject": selector_words(policy.subject),
                "isolates": policy.isolates,
                "rules": [_asked_object(one, direction) for one in answers],
            }
            for policy, answers in layer.policies
        ],
    }


def _asked_object(one: Asked, direction: str) -> dict[str, Any]:
    return {
        "rule": one.number,
        "action": one.rule.action,
        "words": rule_words(one.rule, direction),
        "ports": ports_words(one.rule),
        "matches": not one.why_not,
        "why_not": list(one.why_not),
        "role": one.role,
        "decides": one.role == "decides",
    }


def _name(policy: Policy) -> str:
    return f"{policy.namespace}/{policy.name}" if policy.namespace else policy.name

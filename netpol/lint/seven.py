"""NP104: Cilium rules about requests that a plainer rule makes void.

Where one rule allows a peer and port by requests and another allows the same without, everything is
allowed. The neutral model has no requests, so the documents are read twice more: once without such
rules, once each of them alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from netpol.evaluate import Judge
from netpol.lint.candidates import Candidates
from netpol.lint.case import Case
from netpol.lint.documents import Written, entries, objects
from netpol.lint.finding import DIRECTIONS, Direction, Finding, RuleAt, title
from netpol.manifests import Document
from netpol.policy import Policy, PolicySet, Rule

__all__ = ["defeated"]

_KINDS: Final = ("CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filter:
    """A rule about requests, and the policies that it alone amounts to."""

    one: Written
    direction: Direction
    number: int
    policies: tuple[Policy, ...]


def defeated(case: Case) -> Iterator[Finding]:
    """Rules about requests whose peers and ports another rule allows without a look at them."""
    filters = [one for found in objects(case.documents) for one in _filters(case, found)]
    if not filters:
        return
    bare = [found for each in case.documents if (found := _bare(each)) is not None]
    plain = replace(case.read(bare), undecided=())
    both = (*plain.policies, *(policy for one in filters for policy in one.policies))
    joined = replace(case, policies=replace(plain, policies=both))
    judge = Judge(policies=plain, world=joined.world, profile=case.profile)
    start = len(plain.policies)
    for one in filters:
        end = start + len(one.policies)
        mine = [at for at in joined.rules if start <= at.index < end]
        start = end
        by = next((f for at in mine if (f := _decider(joined, judge, plain, at))), None)
        if by:
            yield one.one.finding(
                "NP104",
                f"{one.direction} rule {one.number} looks at requests, but {by} allows the same"
                " peer and port without: every request passes; narrow or remove that rule",
            )


def _decider(case: Case, judge: Judge, plain: PolicySet, at: RuleAt) -> str | None:
    """The plain rule that allows something that this one would look at."""
    for policy in plain.policies:
        for place, rule in enumerate(policy.rules(at.direction) or ()):
            if _same_words(at, policy, rule):
                return (
                    f"{at.direction} rule {policy.number(at.direction, place)} of {title(policy)}"
                )
    for connection in Candidates(case, at.direction).of(at):
        decision = judge.decide(connection)
        step = decision.ingress if at.direction == "ingress" else decision.egress
        if step.allowed and step.rule is not None:
            return f"{at.direction} rule {step.number} of {title(step.policies[0])}"
    return None


def _same_words(at: RuleAt, policy: Policy, rule: Rule) -> bool:
    """Whether a rule covers another as written, whoever the pods are."""
    mine, theirs = at.policy.subject, policy.subject
    return (
        rule.action == "allow"
        and theirs.namespaces == mine.namespaces
        and set(theirs.pods) <= set(mine.pods)
        and (rule.peers is None or bool(set(rule.peers) & set(at.rule.peers or ())))
        and bool(rule.ports & at.rule.ports or set(rule.named_ports) & set(at.rule.named_ports))
    )


def _filters(case: Case, one: Written) -> Iterator[_Filter]:
    if one.group != "cilium.io" or one.kind not in _KINDS:
        return
    for spec in _specs(one.document.data):
        for direction in DIRECTIONS:
            for number, rule in enumerate(entries(spec.get(direction)), 1):
                items = [item for item in entries(rule.get("toPorts")) if _looks(item)]
                if items:
                    bare = [
                        {name: item[name] for name in item if name != "rules"} for item in items
                    ]
                    alone = {
                        "endpointSelector": spec.get("endpointSelector"),
                        direction: [{**rule, "toPorts": bare}],
                    }
                    read = case.read([_with(one.document, [alone])]).policies
                    yield _Filter(one=one, direction=direction, number=number, policies=read)


def _looks(item: Mapping[str, object]) -> bool:
    """Whether some request may be refused; rules about DNS are there for the names."""
    rules = item.get("rules")
    lists = [rules.get(name) for name in ("http", "kafka", "l7")] if isinstance(rules, dict) else []
    return any(isinstance(one, list) and one and all(one) for one in lists)


def _specs(data: Mapping[str, object]) -> list[dict[str, object]]:
    return [*entries([data.get("spec")]), *entries(data.get("specs"))]


def _bare(document: Document) -> Document | None:
    """The document without rules about requests; None when nothing else is in it."""
    if document.data.get("kind") not in _KINDS:
        return document
    specs = [_bare_spec(spec) for spec in _specs(document.data)]
    kept = [spec for spec in specs if any(name.removesuffix("Deny") in DIRECTIONS for name in spec)]
    return _with(document, kept) if kept else None


def _bare_spec(spec: Mapping[str, object]) -> dict[str, object]:
    kept = dict(spec)
    for direction in DIRECTIONS:
        rules = entries(spec.get(direction))
        rest = [bare for rule in rules if (bare := _bare_rule(rule)) is not None]
        if rest:
            kept[direction] = rest
        else:
            kept.pop(direction, None)
    return kept


def _bare_rule(rule: dict[str, object]) -> dict[str, object] | None:
    items = entries(rule.get("toPorts"))
    rest = [item for item in items if not _looks(item)]
    if not items or len(rest) == len(items):
        return rule
    return {**rule, "toPorts": rest} if rest else None


def _with(document: Document, specs: list[dict[str, object]]) -> Document:
    data = {name: value for name, value in document.data.items() if name not in ("spec", "specs")}
    return replace(document, data={**data, "specs": specs})

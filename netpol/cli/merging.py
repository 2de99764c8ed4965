"""A policy object that people wrote, made to say what a generated one says, by little change.

Compared is what they mean, rule by rule: a rule of which all is wanted stays as it was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from netpol.existing.atoms import atoms, joined
from netpol.manifests import Document
from netpol.net import NO_PORTS
from netpol.notices import Notice
from netpol.policy import PodSelector, Policy, PolicySet, Rule, Selector, normal

if TYPE_CHECKING:
    from generators.generator import Dialect

__all__ = ["Alike", "Object", "meaning", "merged"]

Object: TypeAlias = dict[str, Any]
Alike: TypeAlias = Mapping[Selector, PodSelector]
_SIDES: Final = ("ingress", "egress")
_NONE: Final[Alike] = {}


def meaning(one: Object, alike: Alike = _NONE) -> PolicySet | None:
    """What an object says, under no name; None where not all of it was understood.

    ``alike``: selectors in place of others that select the same pods.
    """
    from generators import parse

    told: list[Notice] = []
    found, _ = parse([Document(file="", index=1, data=one)], told.append)
    if not found.certain or not found.policies or any(_doubtful(notice) for notice in told):
        return None
    bare = tuple(_respoken(replace(policy, name=""), alike) for policy in found.policies)
    return normal(replace(found, policies=bare))


def _respoken(policy: Policy, alike: Alike) -> Policy:
    return replace(
        policy,
        subject=alike.get(policy.subject) or policy.subject,
        ingress=_rules(policy.ingress, alike),
        egress=_rules(policy.egress, alike),
    )


def _rules(rules: tuple[Rule, ...] | None, alike: Alike) -> tuple[Rule, ...] | None:
    if rules is None or not alike:
        return rules
    return tuple(
        one
        if one.peers is None
        else replace(one, peers=tuple(alike.get(p) or p for p in one.peers))
        for one in rules
    )


def _doubtful(notice: Notice) -> bool:
    return notice.code.startswith("NP06")


def merged(old: Object, new: Object, dialect: Dialect, alike: Alike = _NONE) -> Object:
    """``old`` with what it must say; ``old`` itself where it says the same."""
    wanted = meaning(new, alike)
    if wanted is None or meaning(old, alike) == wanted:
        return old if wanted is not None else _replaced(old, new)
    for one in _candidates(old, new, wanted, dialect, alike):
        if meaning(one, alike) == wanted:
            return one
    return _replaced(old, new)


def _replaced(old: Object, new: Object) -> Object:
    specs = ("spec", "specs")
    kept = {key: value for key, value in old.items() if key not in specs}
    return kept | {key: new[key] for key in specs if key in new}


def _candidates(
    old: Object, new: Object, wanted: PolicySet, dialect: Dialect, alike: Alike
) -> Iterator[Object]:
    """From the least to the most that changes."""
    spec = old.get("spec")
    if not isinstance(spec, dict) or len(wanted.policies) != 1:
        return
    merging = _Merging(old=old, wanted=wanted.policies[0], dialect=dialect, new=new, alike=alike)
    rules = {side: merging.items(side) for side in _SIDES if side in spec or side in new["spec"]}
    kept = {key: value for key, value in spec.items() if key not in _SIDES}
    some = {key: value for key, value in rules.items() if value is not None}
    order = [*spec, *(key for key in new["spec"] if key not in spec)]
    fresh = _others(new["spec"])
    sides = {key: fresh[key] for key in ("policyTypes", "types") if key in fresh}
    for rest in (kept, {**kept, **sides}, {**kept, **fresh}, fresh):
        every = {**rest, **some}
        yield {**old, "spec": {key: every[key] for key in order if key in every}}


def _others(spec: Object) -> Object:
    return {key: value for key, value in spec.items() if key not in _SIDES}


@dataclass(frozen=True, kw_only=True)
class _Merging:
    old: Object
    new: Object
    wanted: Policy
    dialect: Dialect
    alike: Alike

    def items(self, side: str) -> list[Any] | None:
        """The rules of one direction: those that are wanted as they were written, then the rest."""
        rules = self.wanted.rules(side)
        if side not in self.new["spec"] or rules is None:
            return None if rules is None else []
        old = self.old["spec"].get(side)
        items = old if isinstance(old, list) else []
        wanted = set(_cut(rules))
        said = [self._said(side, item) for item in items]
        covered = {one for some in said if some <= wanted for one in some}
        made: list[Any] = []
        for item, some in zip(items, said, strict=True):
            if some <= wanted:
                made.append(item)
                continue
            part = (some & wanted) - covered
            covered |= part
            made += self._written(side, part)
        return made + self._written(side, wanted - covered)

    def _said(self, side: str, item: object) -> frozenset[Rule]:
        """The atoms of one rule; of one that is not understood something that nobody wants."""
        spec = {key: value for key, value in self.old["spec"].items() if key not in _SIDES}
        found = meaning({**self.old, "spec": {**spec, side: [item]}}, self.alike)
        if found is None or len(found.policies) != 1:
            return frozenset({Rule(action="deny", peers=(), ports=NO_PORTS)})
        return frozenset(_cut(found.policies[0].rules(side) or ()))

    def _written(self, side: str, some: Iterable[Rule]) -> list[Any]:
        rules = joined(some, self.wanted)
        if not rules:
            return []
        only = replace(
            self.wanted,
            name="rule",
            ingress=rules if side == "ingress" else None,
            egress=rules if side == "egress" else None,
        )
        spec = self.dialect.render(PolicySet(policies=(only,)))[0].documents[0]["spec"]
        assert isinstance(spec, dict)
        return list(spec[side])


def _cut(rules: Iterable[Rule]) -> Iterator[Rule]:
    return (part for rule in rules for part in atoms(rule))

"""Which policy objects change: in what they say, or only in how they say it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from netpol.policy import Policy, PolicySet, Undecided, normal

__all__ = ["How", "Name", "Touched", "name_of", "touched"]

How: TypeAlias = Literal["added", "removed", "changed", "reworded"]
"""``reworded``: the object says the same as before in other words."""

Name: TypeAlias = tuple[str, str, str]
"""(kind, namespace, name) of an object."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Touched:
    """One policy object that is not what it was."""

    name: Name
    how: How

    @property
    def text(self) -> str:
        """``Kind namespace/name``."""
        kind, namespace, name = self.name
        return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def name_of(policy: Policy) -> Name:
    """The object that a policy was read from; one object may be several policies."""
    return policy.kind or "policy", policy.namespace, policy.name.partition("#")[0]


def touched(old: PolicySet, new: PolicySet) -> tuple[Touched, ...]:
    """The objects that were added, removed, changed or reworded, sorted by name."""
    return tuple(sorted(_touched(old, new)))


def _touched(old: PolicySet, new: PolicySet) -> Iterator[Touched]:
    was, now = _objects(old), _objects(new)
    for name in {**was, **now}:
        if name not in was:
            yield Touched(name=name, how="added")
        elif name not in now:
            yield Touched(name=name, how="removed")
        elif _said(was[name], old) != _said(now[name], new):
            yield Touched(name=name, how="changed")
        elif _bare(was[name]) != _bare(now[name]):
            yield Touched(name=name, how="reworded")


_Part: TypeAlias = Policy | Undecided


def _objects(policies: PolicySet) -> dict[Name, list[_Part]]:
    found: dict[Name, list[_Part]] = {}
    for policy in policies.policies:
        found.setdefault(name_of(policy), []).append(policy)
    for one in policies.undecided:
        found.setdefault(_unread(one), []).append(one)
    return found


def _unread(one: Undecided) -> Name:
    """The object that is undecided, by how its origin ends: ``…, Kind namespace/name``."""
    kind, _, title = one.origin.rpartition(", ")[2].partition(" ")
    namespace, _, name = title.rpartition("/")
    return kind, namespace, name


def _said(parts: Iterable[_Part], policies: PolicySet) -> object:
    """What an object means, whatever its words and wherever it stands."""
    found = list(parts)
    read = tuple(one for one in found if isinstance(one, Policy))
    tiers = {tier.name: tier for tier in policies.tiers}
    used = {one.tier for one in found}
    meant = normal(PolicySet(policies=read, undecided=(), tiers=()))
    return (
        meant.policies,
        {name: tiers.get(name) for name in used},
        [replace(one, origin="") for one in found if isinstance(one, Undecided)],
    )


def _bare(parts: Iterable[_Part]) -> list[_Part]:
    return [replace(one, origin="") for one in parts]

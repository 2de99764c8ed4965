"""Several policies that are one to people: what one object says, or what one workload needs.

Those after the first are called ``name#2``, ``name#3`` …, which is the name of no object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from netpol.policy import Policy

__all__ = ["grouped", "numbered", "object_name", "renamed"]


def numbered(policies: Iterable[Policy]) -> tuple[Policy, ...]:
    """Policies of one name, told apart by their places."""
    return tuple(
        one if number == 1 else replace(one, name=f"{one.name}#{number}")
        for number, one in enumerate(policies, 1)
    )


def object_name(policy: Policy) -> str:
    """The name without a place."""
    return policy.name.partition("#")[0]


def renamed(policy: Policy, name: str) -> Policy:
    """The policy under another name, at the same place."""
    _, mark, place = policy.name.partition("#")
    return replace(policy, name=f"{name}{mark}{place}")


def grouped(policies: Iterable[Policy]) -> Iterator[tuple[Policy, ...]]:
    """Neighbours of one name together, each first one with those that are numbered after it."""
    group: list[Policy] = []
    for one in policies:
        follows = "#" in one.name and group and _same(group[0], one)
        if group and not follows:
            yield tuple(group)
            group = []
        group.append(one)
    if group:
        yield tuple(group)


def _same(first: Policy, other: Policy) -> bool:
    return (first.namespace, first.tier, first.name) == (
        other.namespace,
        other.tier,
        object_name(other),
    )

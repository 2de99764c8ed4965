"""Peers of one rule that differ in one value become one selector with a list of values.

``app=a`` or ``app=b`` is ``app in (a, b)``, whatever pods there are and whoever comes: nothing is
opened, now or later, and one more peer is one more line. A label that all of these pods happen to
share would be shorter still, and let in whoever is given that label next; so it is not used.

Laws (``tests/laws/test_merged.py``): the same pods match; no two selectors are left that differ
in their namespace alone; the order does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from netpol.policy import NAMESPACE, PodSelector, Requirement, Selector

__all__ = ["merged"]

_Part: TypeAlias = Literal["pods", "namespaces"]


def merged(
    peers: Iterable[Selector], *, least: int, short: Callable[[Sequence[str]], bool] | None = None
) -> tuple[Selector, ...]:
    """The same peers with fewer selectors of pods, those sorted behind the others.

    ``least``: how many have to be alike, because a list takes more lines than a value. First within
    a namespace, then across namespaces where the same pods are meant; those of which ``short`` says
    that they have a name together may be fewer.
    """
    peers = tuple(peers)
    pods = {one for one in peers if isinstance(one, PodSelector)}
    parts: tuple[_Part, ...] = ("pods", "namespaces")
    for part in parts:
        for key in sorted({one.key for peer in pods for one in _of(peer, part)}):
            short_here = short if part == "namespaces" and key == NAMESPACE else None
            pods = _joined(pods, part, key, least, short_here)
    return (*(one for one in peers if not isinstance(one, PodSelector)), *sorted(pods))


def _joined(
    peers: Iterable[PodSelector],
    part: _Part,
    key: str,
    least: int,
    short: Callable[[Sequence[str]], bool] | None,
) -> set[PodSelector]:
    """Those that differ in the values of ``key`` alone as one."""
    groups: dict[PodSelector, list[tuple[PodSelector, Requirement]]] = {}
    found: set[PodSelector] = set()
    for peer in peers:
        own = [one for one in _of(peer, part) if one.key == key]
        if len(own) == 1 and own[0].operator == "In":
            rest = _with(peer, part, (one for one in _of(peer, part) if one.key != key))
            groups.setdefault(rest, []).append((peer, own[0]))
        else:
            found.add(peer)
    for rest, alike in groups.items():
        values = tuple(sorted({value for _, one in alike for value in one.values}))
        if len(alike) < least and not (short and short(values)):
            found.update(peer for peer, _ in alike)
            continue
        wanted = Requirement(key, "In", values)
        found.add(_with(rest, part, (*_of(rest, part), wanted)))
    return found


def _of(peer: PodSelector, part: _Part) -> tuple[Requirement, ...]:
    return peer.pods if part == "pods" else peer.namespaces


def _with(peer: PodSelector, part: _Part, some: Iterable[Requirement]) -> PodSelector:
    ordered = tuple(sorted(some))
    return replace(peer, pods=ordered) if part == "pods" else replace(peer, namespaces=ordered)

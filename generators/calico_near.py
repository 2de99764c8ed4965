"""The policed side of a Calico rule: for which of the policy's pods it is, and at which addresses.

A condition there (``destination`` in ingress, ``source`` in egress) is met or not like one on the
peers, by labels or by address: ``nets`` look at the pod's own address, and a selector also matches
a pod whose address is in a network set with such labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from generators.calico_grammar import Node, Not
from generators.calico_labels import both, pods
from generators.calico_peers import EVERYWHERE, Scope, blocks, members, nets_of, selected
from generators.calico_selectors import conjunctions, selector
from generators.reading import excluding, inside
from netpol.fields import Field
from netpol.policy import CidrSelector, PodSelector, in_namespace

__all__ = ["Near", "nearby"]

At: TypeAlias = tuple[CidrSelector, ...] | None
"""As ``Rule.at``."""
Near: TypeAlias = tuple[PodSelector | None, At]
"""As ``Rule.subject`` and ``Rule.at``."""


def nearby(field: Field, scope: Scope) -> tuple[Near, ...]:
    """Alternatives for the policed pods; (None, None) without a condition on them."""
    at = _nets(field)
    wanted = selected(field, scope.namespace)
    unwanted = selector(field["notSelector"]) if field["notSelector"].given else None
    if unwanted is not None:
        at = _outside(at, _sets(field, unwanted, scope))
    kept = [] if unwanted is None else [Not(unwanted)]
    found = {(one, at) for one in _pods(field, [*([wanted] if wanted else []), *kept], scope)}
    for cidr in _sets(field, wanted, scope) if wanted else ():
        found |= {(one, _within(at, cidr)) for one in _pods(field, kept, scope)}
    return tuple(sorted((one for one in found if one[1] != ()), key=repr))


def _nets(field: Field) -> At:
    nets, not_nets = nets_of(field["nets"]), nets_of(field["notNets"])
    everywhere = not nets or bool(set(nets) & set(EVERYWHERE.values()))
    # The other IP version is ruled out on the side of the peers.
    return None if everywhere and not not_nets else blocks(nets, not_nets)


def _pods(field: Field, parts: Sequence[Node], scope: Scope) -> set[PodSelector | None]:
    """The pods that meet all parts by their labels; {None} for everyone."""
    found: set[PodSelector | None] = {None}
    if parts:
        found = {one for one in map(pods, conjunctions(field, both(tuple(parts)))) if one}
    everyone = {None, PodSelector(), PodSelector(in_namespace(scope.namespace))}
    return {None} if found & everyone else found


def _sets(field: Field, node: Node, scope: Scope) -> list[CidrSelector]:
    """The blocks of the network sets that a selector matches."""
    return [one for one in members(field, node, scope) if isinstance(one, CidrSelector)]


def _outside(at: At, holes: Iterable[CidrSelector]) -> At:
    left_out = [one.cidr for one in holes]
    if not left_out:
        return at
    parts = [CidrSelector(one) for one in EVERYWHERE.values()] if at is None else at
    return tuple(left for one in parts for left in excluding(one.cidr, [*one.excluded, *left_out]))


def _within(at: At, block: CidrSelector) -> At:
    return (block,) if at is None else tuple(_common(at, block))


def _common(at: Iterable[CidrSelector], block: CidrSelector) -> Iterator[CidrSelector]:
    for one in at:
        if inside(one.cidr, block.cidr):
            yield one
        elif inside(block.cidr, one.cidr):
            yield from excluding(block.cidr, one.excluded)

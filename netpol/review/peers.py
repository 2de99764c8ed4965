"""Whom a rule of the team is about: workloads by name or label, address blocks, names, entities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeAlias, assert_never

from netpol.evaluate import name_matches
from netpol.net import NOT_INTERNET, contains, overlaps, without
from netpol.peers import Cidr, Entity, Fqdn, Labels, Peer, Workload
from netpol.world import World

__all__ = [
    "INTERNET",
    "Anyone",
    "Blocks",
    "Entities",
    "Names",
    "Party",
    "Pods",
    "inside",
    "members",
    "rest",
]

INTERNET = (*without("0.0.0.0/0", NOT_INTERNET), *without("::/0", NOT_INTERNET))
"""Every public address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anyone:
    """Every pod, and everybody outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """Workloads whose names match (shell patterns) and some of whose pods have the labels."""

    namespace: str = "*"
    kind: str = "*"
    name: str = "*"
    labels: Labels = ()
    namespace_labels: Labels = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """Addresses. ``others``: also whoever is outside without an address of which it is known."""

    cidrs: tuple[str, ...]
    others: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """DNS names that match a pattern, as Cilium has them."""

    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entities:
    """One of ``netpol.peers.ENTITIES`` but the world, which is a matter of :class:`Blocks`."""

    name: str


Party: TypeAlias = Anyone | Pods | Blocks | Names | Entities


def inside(parties: tuple[Party, ...], peer: Peer, world: World) -> tuple[Peer, ...]:
    """The part of a peer that is among the parties: of a block perhaps some blocks."""
    if isinstance(peer, Cidr) and not any(isinstance(one, Anyone) for one in parties):
        return tuple(Cidr(block) for block in dict.fromkeys(_common(parties, peer.cidr)))
    return (peer,) if any(_holds(one, peer, world) for one in parties) else ()


def rest(parties: tuple[Party, ...], peer: Peer, world: World) -> tuple[Peer, ...]:
    """The part of a peer that is not among them."""
    if isinstance(peer, Cidr) and not any(isinstance(one, Anyone) for one in parties):
        held = [cidr for one in parties if isinstance(one, Blocks) for cidr in one.cidrs]
        near = [cidr for cidr in held if overlaps(cidr, peer.cidr)]
        return tuple(Cidr(block) for block in without(peer.cidr, near))
    return () if any(_holds(one, peer, world) for one in parties) else (peer,)


def _common(parties: tuple[Party, ...], block: str) -> Iterator[str]:
    for one in parties:
        for cidr in one.cidrs if isinstance(one, Blocks) else ():
            if contains(cidr, block):
                yield block
            elif contains(block, cidr):
                yield cidr


def _holds(party: Party, peer: Peer, world: World) -> bool:
    match party, peer:
        case Anyone(), _:
            return True
        case Pods(), Workload():
            return _named(party, peer) and _labelled(party, peer, world)
        case Blocks(), Fqdn() | Entity("world"):
            return party.others
        case Names(), Fqdn(name):
            return name_matches(party.pattern, name) or name == party.pattern
        case Entities(), Entity(name):
            return party.name == name
        case _:
            return False


def _named(pods: Pods, one: Workload) -> bool:
    texts = (
        (one.namespace, pods.namespace),
        (one.kind.lower(), pods.kind.lower()),
        (one.name, pods.name),
    )
    return all(fnmatchcase(text, pattern) for text, pattern in texts)


def _labelled(pods: Pods, one: Workload, world: World) -> bool:
    if not pods.labels and not pods.namespace_labels:
        return True
    classes = (world.classes[place] for place in world.workloads.get(one, ()))
    return any(
        set(pods.labels) <= set(each.labels)
        and set(pods.namespace_labels) <= set(each.namespace_labels)
        for each in classes
    )


def members(parties: tuple[Party, ...], world: World) -> Iterator[Peer]:
    """Everybody who is meant, for a rule that must hold for each of them."""
    for party in parties:
        match party:
            case Pods() | Anyone():
                yield from (one for one in world.workloads if _holds(party, one, world))
            case Blocks():
                yield from map(Cidr, party.cidrs)
            case Names():
                yield Fqdn(party.pattern)
            case Entities():
                yield Entity(party.name)
            case unknown:
                assert_never(unknown)

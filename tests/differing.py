"""What the laws about differences share: applying one, and looking up what it says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from netpol.changes import Change, changes
from netpol.evaluate import Judge
from netpol.net import PortSet, contains
from netpol.peers import Cidr, Fqdn, Peer
from netpol.stations import ordinary

Pair = tuple[Peer, Peer]


def check_applied(old: Judge, new: Judge) -> None:
    """The difference, applied to what ``old`` allows, gives what ``new`` allows.

    In the cluster and with parties that are not mere addresses. A name of which nothing is said
    changes as any address of the internet does, or not at all.
    """
    found, unlisted = list(changes(old, new)), ordinary(old, new)
    kinds = (*old.kinds, *new.kinds)
    before, after = (everything(one, kinds, unlisted) for one in (old, new))
    said = {(one.client, one.server): one for one in found}
    for pair in {*before, *after, *(p for p in said if not any(isinstance(x, Cidr) for x in p))}:
        was, now = before.get(pair, PortSet()), after.get(pair, PortSet())
        opened, closed = PortSet(), PortSet()
        if pair in said:
            opened, closed = said[pair].opened, said[pair].closed
        elif was != now and any(isinstance(peer, Fqdn) for peer in pair):
            one, other = (unlisted if isinstance(peer, Fqdn) else peer for peer in pair)
            opened, closed = (at(found, (one, other), kind) for kind in ("opened", "closed"))
        assert closed <= was
        assert not opened & was
        assert was - closed | opened == now, pair


def everything(one: Judge, kinds: Iterable[Peer], unlisted: Cidr) -> dict[Pair, PortSet]:
    """In the cluster, and with parties; names are at an ordinary address."""
    wide = one.knowing(kinds)
    parties = tuple(
        replace(party, addresses=party.addresses or (unlisted.cidr,))
        if isinstance(party.peer, Fqdn)
        else party
        for party in wide.world.outside
        if not isinstance(party.peer, Cidr)
    )
    judge = replace(one, world=replace(wide.world, outside=parties))
    rows = [*judge.connections(), *judge.outside_connections()]
    return {(row.client, row.server): row.ports for row in rows}


def at(found, asked: tuple, kind: str) -> PortSet:
    """What is said of one address: exactly one block that holds it may say something."""
    hits = [
        getattr(one, kind)
        for one in found
        if all(same(said, peer) for said, peer in zip((one.client, one.server), asked, strict=True))
    ]
    assert len(hits) <= 1
    return hits[0] if hits else PortSet()


def same(said: Peer, peer: Peer) -> bool:
    if isinstance(said, Cidr) and isinstance(peer, Cidr):
        return contains(said.cidr, peer.cidr)
    return said == peer


def backwards(found: Iterable[Change]) -> list[Change]:
    """The same with the sides exchanged."""
    return [replace(one, opened=one.closed, closed=one.opened) for one in found]

"""From the command line's inputs to what was learned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from netpol.attribute import Loose, nothing_loose
from netpol.cli.console import Notices, say
from netpol.cli.judging import LENIENT, Judging, tell_decided
from netpol.cli.progress import reading
from netpol.cli.reading import PLAIN, Reading
from netpol.cli.spreading import read_by_jobs
from netpol.cli.stored import other_inventory
from netpol.crosscheck import CrossCheck
from netpol.eras import Era, eras
from netpol.errors import NetpolError
from netpol.flow import Account, Flow
from netpol.inventory import Inventory
from netpol.learn import Learned, learn
from netpol.notices import Notice, Tell
from netpol.policy import PolicySet
from netpol.report.words import count

if TYPE_CHECKING:
    from netpol.manifests import Document

__all__ = ["Referred", "given", "inventory_from", "learn_from", "policies_from"]

_OLD: Final = 3600 * 10**9
"""Nanoseconds; a dump does not tell when it was taken, only when what is in it changed last."""

LIVE = "cluster"
"""In place of a path; a file or folder of that name is written ``./cluster``."""


def given(sources: Iterable[str], store: Path | None) -> None:
    """Raises where nothing was given to learn from."""
    if not sources and store is None:
        raise click.UsageError("give SOURCES, or --store FILE")


def learn_from(
    paths: Iterable[str],
    inventory: Inventory,
    notices: Notices,
    how: Reading = PLAIN,
    store: Path | None = None,
    judging: Judging = LENIENT,
) -> Learned:
    """Read every input and learn from all of them together, and from what is in the store.

    The inventory is given as it was read: ``how`` only names it.
    """
    account, guard = Account(), how.guard
    flows, era = list[Flow](), eras(inventory, guard)
    inputs = _inputs(paths, how.source, notices)
    shared, rest = read_by_jobs(inputs, inventory, notices, how, account)
    flows += shared
    for path in rest:
        one = Account()
        with reading(path, one):
            flows += _flows(path, notices, one, how, era)
        account.add(one)
    decisions = judging.decisions(notices)
    with _stored(store, account, notices, inventory) as (named, loose):
        flows += named
        learned = learn(flows, inventory, account, guard, judging.caution, decisions, loose)
        if store is not None and not learned.records.balanced:
            raise NetpolError(
                "the store is damaged: not all records are there that it counted",
                where=str(store),
                hint="go back to a copy: netpol does not repair it",
            )
    tell_decided(learned.decided, notices)
    _tell_crosscheck(learned.crosscheck, guard, notices)
    return learned


@contextmanager
def _stored(
    path: Path | None, account: Account, notices: Notices, inventory: Inventory
) -> Iterator[tuple[Iterable[Flow], Loose]]:
    """The flows of a store; what was counted and told while they were learned, is so again."""
    from capture.inputs import blind_spots
    from netpol import store

    if path is None:
        yield (), nothing_loose
        return
    with store.opened(path) as kept, kept.snapshot() as db:
        one = store.account(db)
        account.add(one)
        account.blind |= blind_spots(account.sources)
        for notice, times in store.notices(db):
            notices.tell(notice, times)
        say(f"store {path}: {one.read:,} records")
        for notice in other_inventory(store.inventories(db), store.known_of(inventory, ())):
            notices.tell(notice)
        yield store.named(db), partial(store.loose, db)


def _tell_crosscheck(found: CrossCheck, guard: int, notices: Notices) -> None:
    for seen, holder in found.disagreements:
        message = f"{seen.namespace}/{seen.pod} was seen at {seen.address}, which was {holder}'s"
        notices.tell(Notice(code="NP007", message=message))
    if found.beyond > max(guard, _OLD):
        hours = found.beyond / 3600e9
        message = f"flows were seen until {hours:,.0f} hours after the newest time in the inventory"
        notices.tell(Notice(code="NP012", message=message))
    if found.skew > guard:
        seconds = found.skew / 1e9
        message = (
            f"some are {seconds:.1f} s outside of their pod's time; --clock-skew {seconds:.0f}s"
        )
        notices.tell(Notice(code="NP008", message=message))


def _inputs(paths: Iterable[str], source: str | None, notices: Notices) -> list[str]:
    from capture.inputs import expand
    from netpol.cli.live import refuse_idle

    refuse_idle(paths)
    return expand(paths, every=source is not None, tell=notices.tell)


def _flows(path: str, notices: Notices, account: Account, how: Reading, era: Era) -> Iterator[Flow]:
    from capture.inputs import live, read
    from netpol.cli.live import wanted

    if server := live(path):
        return server.read(path, wanted(), tell=notices.tell, account=account, era=era)
    return read(path, source=how.source, tell=notices.tell, account=account, era=era, at=how.at)


def inventory_from(paths: Iterable[str], notices: Notices) -> Inventory:
    """The inventory of all ``paths`` together; an empty one when there are none.

    Among them may be the word ``cluster``, which is the live one.
    """
    paths = tuple(paths)
    if not paths:
        return Inventory()
    if LIVE in paths:
        from capture.watch import read_cluster

        files = [path for path in paths if path != LIVE]
        inventory = read_cluster(notices.tell, beside=files)
    else:
        from capture.snapshot import read_inventory

        inventory = read_inventory(paths, notices.tell)
    say(
        f"inventory: {count(len(inventory.pods), 'pod')} of"
        f" {count(len(inventory.workloads), 'workload')},"
        f" {count(len(inventory.services), 'service')}, {count(len(inventory.nodes), 'node')}"
    )
    return inventory


@dataclass(frozen=True)
class Referred:
    """What policies may refer to, from the files of an inventory; read when somebody asks, once.

    What is wrong with the files is told when they are read as the inventory.
    """

    inventory: tuple[str, ...]

    def __iter__(self) -> Iterator[Document]:
        return iter(self._found)

    @cached_property
    def _found(self) -> tuple[Document, ...]:
        from generators import REFERRED
        from netpol.manifests import load

        files = [path for path in self.inventory if path != LIVE]
        return tuple(load(files, lambda _: None, REFERRED))


def policies_from(
    path: str, tell: Tell, beside: Iterable[Document] = ()
) -> tuple[PolicySet, frozenset[str]]:
    """The policies in a file or directory, and the dialects they are written in."""
    from generators import parse
    from netpol.manifests import load

    policies, seen = parse(load([path], tell), tell, beside)
    if not (policies.policies or policies.undecided):
        raise NetpolError(
            f"no network policy {'takes effect' if seen else 'was found'} there",
            where=path,
            hint="why is told above"
            if seen
            else "give a file or directory with Kubernetes, Calico or Cilium policies",
        )
    return policies, seen

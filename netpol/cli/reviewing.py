"""From the command line of ``netpol review`` to the review."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from netpol.cli.console import Notices, say
from netpol.cli.judging import Judging
from netpol.cli.reading import Reading
from netpol.cli.revisions import Tree, tree
from netpol.cli.run import Referred
from netpol.cli.sides import inventory_or_own, judge_of, lone, no_workloads, present
from netpol.inventory import Inventory
from netpol.learn import Learned
from netpol.lint import Finding
from netpol.manifests import Document
from netpol.notices import Notice, collecting
from netpol.policy import PolicySet
from netpol.profile import KUBERNETES, Profile
from netpol.review import Gate, Review, Side, review
from netpol.review.places import Places
from netpol.review.risks import Teams
from netpol.review.rules import TeamRules, read_rules

__all__ = ["Asked", "in_repository", "reviewed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was given on the command line."""

    old: str
    new: str
    sources: tuple[str, ...]
    store: Path | None
    how: Reading
    judging: Judging
    cni: str | None
    gates: tuple[Gate, ...]
    rules: str | None
    team_label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """One side as it was read."""

    tree: Tree
    documents: tuple[Document, ...]
    policies: PolicySet
    seen: frozenset[str]
    beside: Referred
    """What the policies may refer to as well."""
    told: tuple[Notice, ...] = ()
    """What was told while they were read."""


def reviewed(asked: Asked, notices: Notices) -> tuple[Review, Learned | None]:
    """Read everything and review it. Raises NetpolError."""
    with ExitStack() as stack:
        trees = [stack.enter_context(tree(t, notices.tell)) for t in (asked.old, asked.new)]
        beside = Referred(asked.how.inventory)
        old, new = (_read(one, beside, notices) for one in trees)
        rules = read_rules(asked.rules, notices.tell) if asked.rules else TeamRules()
        known = _inventories(asked, old, new, notices)
        learned = _learned(asked, known[1], notices)
        worlds = [_world(one, learned) for one in known]
        if not worlds[0].pods and not worlds[1].pods:
            raise no_workloads(", ".join(asked.how.inventory) or f"{asked.old}, {asked.new}")
        profiles = _profiles(asked, old, new, worlds[1], notices)
        before, after = (
            _side(*each) for each in zip((old, new), known, worlds, profiles, strict=True)
        )
        teams = Teams.among(worlds, rules.label or asked.team_label, rules.teams)
        implied: tuple[Gate, ...] = ("rules",) if asked.rules else ()
        found = review(
            before,
            after,
            learned,
            teams,
            lone=lambda peer: lone(peer, *worlds),
            rules=rules.rules,
            gates=tuple(dict.fromkeys((*asked.gates, *implied))),
        )
    for rule, side in found.idle:
        message = f"{rule.name}: nobody is in {side}"
        notices.tell(Notice(code="NP142", message=message, where=f"{rule.file}:{rule.line}"))
    return found, learned


def _read(one: Tree, beside: Referred, notices: Notices) -> _Read:
    from generators import parse
    from netpol.manifests import load

    if one.missing:
        say(f"{one.shown} is not in that revision, so there are no policies")
    told: list[Notice] = []
    tell = collecting(told, notices.tell)
    found = load([one.path], one.telling(tell))
    documents = tuple(replace(each, file=one.name(each.file)) for each in found)
    policies, seen = parse(documents, tell, beside)
    if not policies.policies and not policies.undecided:
        say(f"{one.shown}: no policy {'takes effect' if seen else 'is there'}: all is allowed")
    return _Read(
        tree=one,
        documents=documents,
        policies=policies,
        seen=seen,
        beside=beside,
        told=tuple(told),
    )


def _inventories(
    asked: Asked, old: _Read, new: _Read, notices: Notices
) -> tuple[Inventory, Inventory]:
    """The cluster before and after; one that says nothing of its own is as the other."""
    if asked.how.inventory:
        known = present(inventory_or_own(asked.how.inventory, asked.new, notices))
        return known, known
    before, after = (_own(one.tree, notices) for one in (old, new))
    return before if before.pods else after, after if after.pods else before


def _own(one: Tree, notices: Notices) -> Inventory:
    """The workloads beside the policies."""
    told = Notices()
    found = present(inventory_or_own((), str(one.path), told))
    tell = one.telling(notices.tell)
    for code, example in told.examples.items():
        tell(example)
        notices.counts[code] += told.counts[code] - 1
    return found


def _learned(asked: Asked, known: Inventory, notices: Notices) -> Learned | None:
    from netpol.cli.run import learn_from

    if not asked.sources and asked.store is None:
        return None
    return learn_from(asked.sources, known, notices, asked.how, asked.store, asked.judging)


def _world(known: Inventory, learned: Learned | None) -> Inventory:
    """Without an inventory, whom the flows name."""
    return known if known.pods or learned is None else learned.inventory


def _profiles(
    asked: Asked, old: _Read, new: _Read, known: Inventory, notices: Notices
) -> list[Profile]:
    """A side without policies is judged as the other: any engine allows everything."""
    from netpol.cli.engine import engine

    plugin = engine(asked.cni, known, notices.tell, old.seen | new.seen)
    sides = [(one, plugin.for_policies(one.seen, one.tree.shown)) for one in (old, new) if one.seen]
    fallback = sides[0][1] if sides else KUBERNETES
    own = {id(one): profile for one, profile in sides}
    return [own.get(id(one), fallback) for one in (old, new)]


def _side(read: _Read, known: Inventory, world: Inventory, profile: Profile) -> Side:
    from generators import parse
    from netpol.lint import lint, unread

    files = {one.file: _real(one.file, read.tree) for one in read.documents}
    places = Places(documents=read.documents, files=files)
    found = lint(
        read.policies,
        read.documents,
        known,
        profile,
        lambda some: parse(some, _quiet, read.beside)[0],
    )
    left = unread(read.told, lambda file: _within(file, read.tree) or _ONE)
    return Side(
        policies=read.policies,
        judge=judge_of(read.policies, world, profile),
        places=places,
        profile=profile,
        findings=(*left, *found.findings),
        texts=_texts(read, places, left),
    )


def _quiet(_: Notice) -> None:
    """Tell nobody: what is wrong with the files was told when they were read."""


def _real(name: str, one: Tree) -> Path:
    return one.path / _within(name, one) if one.revised else Path(name)


def _within(name: str, one: Tree) -> str:
    """A file by its path from the tree; empty for the tree itself, where that is one file."""
    return name.removeprefix(one.shown).lstrip("/")


def _texts(read: _Read, places: Places, left: Iterable[Finding]) -> dict[str, str]:
    """The files in which policies are, or may be, by their names within the side."""
    origins = [one.origin for one in read.policies.policies]
    origins += [one.origin for one in read.policies.undecided]
    origins += [one.origin for one in left]
    found = {place.file for place in map(places.of, origins) if place}
    texts = {}
    for file in sorted(found):
        name = _within(file, read.tree) or _ONE
        texts[name] = _text(_real(file, read.tree))
    return texts


_ONE = "policies.yaml"
"""What the file is called where a side is a single one."""


def _text(file: Path) -> str:
    from netpol.errors import NetpolError
    from netpol.manifests.files import chunks

    try:
        return b"".join(chunks(file)).decode(errors="replace")
    except (NetpolError, OSError):
        return ""


def in_repository(file: str, trees: Iterable[str]) -> str:
    """A file by its path from the root of the repository, as SARIF wants to know it."""
    for text in trees:
        revision, colon, _ = text.partition(":")
        if colon and file.startswith(f"{revision}:") and not Path(text).exists():
            return file.removeprefix(f"{revision}:")
    here = Path.cwd()
    root = next((one for one in (here, *here.parents) if (one / ".git").exists()), here)
    path = Path(os.path.relpath(here / file, root))
    return (here / file).resolve().as_posix() if ".." in path.parts else path.as_posix()

"""Patterns in the place of DNS names: shorter, and open to names that nobody was seen to use.

``*`` stands for any run of characters within one label (Cilium's ``matchPattern``). A pattern
comes of three things, each of which the certificate lists with its price:

* the user wrote it (``--fqdn-pattern``): it takes the place of the names that it matches;
* so many names differ in their first label alone (``--fqdn-patterns N``), and everything below
  what they share belongs to one party: ``*`` stands for as little of that label as names allow;
* a flow log told no more (Calico Enterprise writes ``*.example.org``).

Laws (``tests/laws/test_patterns.py``): a pattern allows every name that it stands for, at no other
port than they were seen; nothing else goes; none is as wide as a public suffix.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Final, NamedTuple

from netpol.errors import NetpolError
from netpol.evaluate.names import name_matches
from netpol.net import NO_PORTS, PortSet, is_name_pattern
from netpol.registrable import of_one_party, of_one_registry

__all__ = ["NAMES_ALONE", "Folded", "Patterns", "folded", "is_told_pattern", "pattern_of"]

_PATTERN: Final = re.compile(
    r"(?=.{1,253}\Z)(?:\*\*\.)?(?:[a-z0-9_*-]{1,63}\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
)


@dataclass(frozen=True, slots=True)
class Patterns:
    """What the user allows to be written in the place of names."""

    least: int | None = None
    """So many names under one parent become a pattern; None: none ever do."""
    chosen: tuple[str, ...] = ()
    """Patterns in the words of :func:`pattern_of`."""


NAMES_ALONE: Final = Patterns()
"""Nothing is opened that was not seen."""


class Folded(NamedTuple):
    """The names of one workload after that."""

    table: dict[str, PortSet]
    """Name or pattern → ports."""
    patterns: dict[str, dict[str, PortSet]]
    """Pattern → the names that it took the place of, with the ports at which it did."""
    refused: dict[str, tuple[str, ...]]
    """Public suffix → so many names below it that they would be a pattern, were it none."""


def pattern_of(text: str) -> str:
    """A pattern of the user's in canonical form.

    Raises NetpolError for what is none, and for one that holds all names of a registry.
    """
    pattern = text.lower().removesuffix(".")
    if "*" not in pattern or not _PATTERN.fullmatch(pattern):
        raise NetpolError(
            f"not a pattern of DNS names: {text!r}", hint="such as *.db.example.org or *-eu.example"
        )
    if not of_one_registry(_fixed(pattern)):
        raise NetpolError(
            f"{text} would match names of anybody",
            hint="a pattern must end in a domain that somebody registered, such as .example.org",
        )
    return pattern


def is_told_pattern(text: str) -> bool:
    """Whether a name that a source told is a pattern within the names of one party."""
    return is_name_pattern(text) and of_one_party(text[2:])


def _fixed(pattern: str) -> str:
    """What is behind the last label with a star."""
    return pattern.rpartition("*")[2].partition(".")[2]


def folded(names: Mapping[str, frozenset[PortSet]], wanted: Patterns) -> Folded:
    """Patterns in the place of names, port by port: names that share one port need not share all.

    ``names``: the ports of each connection. What was told as a pattern stays, and takes the place
    of the names that it matches.
    """
    table = {name: PortSet.union(ports) for name, ports in names.items()}
    told = {one: names[one] for one in sorted(names) if "*" in one}
    found = Folded(table, {one: {} for one in told}, {})
    users: dict[PortSet, set[str]] = defaultdict(set)
    for name in names.keys() - told.keys():
        for port in names[name]:
            users[port].add(name)
    for port, left in users.items():
        given = [one for one, ports in told.items() if port in ports]
        for pattern in (*given, *wanted.chosen):
            matched = {one for one in left if name_matches(pattern, one)}
            _put(found, port, pattern, matched)
            left -= matched
        _group(found, port, left, wanted.least)
    return found


def _group(found: Folded, port: PortSet, users: Iterable[str], least: int | None) -> None:
    """Patterns of names that differ in their first label, where these are enough."""
    families: dict[str, set[str]] = defaultdict(set)
    for name in users:
        families[name.partition(".")[2]].add(name)
    for parent, members in sorted(families.items()):
        if least is None or len(members) < least:
            continue
        if of_one_party(parent):
            _put(found, port, f"{_shared(members)}.{parent}", members)
        else:
            found.refused[parent] = tuple(sorted({*found.refused.get(parent, ()), *members}))


def _shared(names: Iterable[str]) -> str:
    """A label with ``*`` for what differs between the first labels, cut where words end."""
    labels = [name.partition(".")[0] for name in names]
    head = _common([re.findall(r"[^-_]*[-_]", one) for one in labels])
    rest = [one[len(head) :] for one in labels]
    # Of the words behind: each with the sign before it, from the last one on.
    tail = _common([[one[::-1] for one in re.findall(r"[-_][^-_]*", text)][::-1] for text in rest])
    return f"{head}*{tail[::-1]}"


def _common(words: Iterable[list[str]]) -> str:
    """The words with which all lists begin."""
    columns = zip(*words, strict=False)
    return "".join(some[0] for some in takewhile(lambda some: len({*some}) == 1, columns))


def _put(found: Folded, port: PortSet, pattern: str, names: set[str]) -> None:
    if not names:
        return
    found.table[pattern] = found.table.get(pattern, NO_PORTS) | port
    stood = found.patterns.setdefault(pattern, {})
    for name in names:
        stood[name] = stood.get(name, NO_PORTS) | port
        found.table[name] -= port
        if not found.table[name]:
            del found.table[name]

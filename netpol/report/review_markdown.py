"""A review as one comment for GitHub and GitLab, never longer than they take.

Sections stand in the order of what a reviewer needs first, and each may use half of the room that
is left, so that a long one leaves something to the others; what does not fit is counted. All names
are inert (:mod:`netpol.report.inert`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from netpol.catalogue import CATALOGUE
from netpol.contradictions import contradictions
from netpol.doubts import ONCE
from netpol.enough import Enough
from netpol.learn import Learned
from netpol.peers import Workload, label
from netpol.report.certificates import blame
from netpol.report.enough import saturation_text
from netpol.report.inert import code, fenced
from netpol.report.judged import decisions_of, named
from netpol.report.review_diff import yaml_diff
from netpol.report.review_mermaid import picture
from netpol.report.review_words import (
    causes_words,
    evidence_words,
    party,
    sentence,
)
from netpol.report.tabular import markdown_table
from netpol.report.words import count, set_words
from netpol.review import GATES, Review
from netpol.review.review import Reviewed
from netpol.review.risks import RISKS

__all__ = ["LEAST", "marker", "review_markdown"]

LEAST: Final = 4_000
"""The head, the coverage and the words between must fit."""
_UNBOUNDED: Final = 10**12
_TEXT: Final = 400
"""Characters of a sentence in a cell."""


def marker(name: str) -> str:
    """The hidden first line, by which a pipeline finds the comment of its last run."""
    return f"<!-- netpol-review: {name} -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    title: str
    columns: tuple[str, ...]
    lines: tuple[Sequence[str], ...]
    folded: bool = False
    """Shown only to who asks for it."""

    def text(self, room: int) -> str:
        """As many lines as there is room for."""
        if not self.lines:
            return ""
        top, rule, *lines = markdown_table(self.columns, self.lines).splitlines(keepends=True)
        title, end = f"**{self.title}**", ""
        if self.folded:
            title, end = f"<details><summary>{self.title}</summary>", "\n</details>\n"
        head = f"\n{title}\n\n{top}{rule}"
        left = room - len(head) - len(_more(len(lines))) - len(end)
        if left < 0:
            bare = f"\n{self.title}: {len(lines):,}, in the whole review.\n"
            return bare if len(bare) <= room else ""
        shown = list(_fitting(lines, left))
        return head + "".join(shown) + _more(len(lines) - len(shown)) + end


class _Section(Protocol):
    def text(self, room: int) -> str:
        """At most so many characters; empty when there is nothing to say, or no room for it."""


def _more(hidden: int) -> str:
    return f"\n… and {hidden:,} more, in the whole review.\n" if hidden else ""


def _fitting(lines: Iterable[str], room: int) -> Iterator[str]:
    for line in lines:
        room -= len(line)
        if room < 0:
            return
        yield line


def review_markdown(
    review: Review, learned: Learned | None, *, name: str, size: int | None = None
) -> str:
    """The comment; ``size``: the most characters that it may have, None for no limit."""
    head = f"{marker(name)}\n**{sentence(review)}**\n{_gates(review)}"
    foot = _coverage(review, learned) + _HINT
    left = (size or _UNBOUNDED) - len(head) - len(foot)
    body = ""
    sections: list[_Section] = [
        *_tables(review, learned),
        _Picture(review=review),
        _Diff(review=review),
    ]
    for section in sections:
        text = section.text(left if section is sections[-1] else left // 2)
        body += text
        left -= len(text)
    return head + body + foot


_HINT: Final = "\n<sub>`netpol explain CODE` says more about a code.</sub>\n"


def _gates(review: Review) -> str:
    if not review.asked:
        return ""
    failed = review.failed
    if not failed:
        return f"\n✅ {count(len(review.asked), 'gate')} passed.\n"
    lines = (
        f"- `{gate}`: {GATES[gate].replace('…', 'a connection opens')} ({n:,})\n"
        for gate, n in failed
    )
    return f"\n❌ {count(len(failed), 'gate')} failed:\n\n{''.join(lines)}"


def _tables(review: Review, learned: Learned | None) -> Iterator[_Table]:
    yield _breaks(review)
    yield _rules(review)
    opens = [one for one in review.edges if one.edge.opens]
    # The gravest first; equal ones stay sorted by client and server.
    opens.sort(key=lambda one: [risk not in one.risks for risk in RISKS])
    yield _edges("What opens", opens)
    closes = [one for one in review.edges if one.edge.closes]
    yield _edges("What closes", [one for one in closes if not _unseen(one)])
    yield _edges("What cannot be decided", [e for e in review.edges if e.edge.kind == "undecided"])
    yield _findings(review)
    yield _doubts(review)
    yield _decided(learned)
    quiet = [one for one in closes if _unseen(one)]
    verb = "closes" if len(quiet) == 1 else "close"
    title = f"{count(len(quiet), 'connection')} {verb} of which nothing was observed"
    yield replace(_edges(title, quiet), folded=True)


def _unseen(one: Reviewed) -> bool:
    """Whether flows were given, and nothing of it was in them."""
    return one.evidence is not None and not one.evidence.records


def _breaks(review: Review) -> _Table:
    return _Table(
        title="What would break: it was observed, and would be denied",
        columns=("client", "server", "ports", "evidence", "denied by"),
        lines=tuple(
            (
                code(label(one.broken.connection.client)),
                code(label(one.broken.connection.server)),
                set_words(one.broken.connection.ports),
                code(evidence_words(one.broken.evidence)),
                code(blame(one.broken.decision), _TEXT),
            )
            for one in review.broke
        ),
    )


def _rules(review: Review) -> _Table:
    broken = [
        (
            code(one.breach.rule.name),
            " → ".join(
                code(party(p, one.breach.blocks)) for p in (one.breach.client, one.breach.server)
            ),
            set_words(one.breach.ports),
            _state(one.breach.certain, one.new),
            code(causes_words(one.causes), _TEXT),
        )
        for one in review.violations
    ]
    idle = [
        (code(rule.name), f"nobody is in `{side}`", "", "about nobody", "")
        for rule, side in review.idle
    ]
    return _Table(
        title="Rules of the team that do not hold",
        columns=("rule", "between", "ports", "", "because of"),
        lines=(*broken, *idle),
    )


def _state(certain: bool, new: bool) -> str:
    if not certain:
        return "cannot be decided"
    return "**broken by this change**" if new else "broken before, too"


def _edges(title: str, found: Iterable[Reviewed]) -> _Table:
    return _Table(
        title=title,
        columns=("", "client", "server", "ports", "evidence", "look twice", "because of"),
        lines=tuple(
            (
                one.edge.kind,
                code(party(one.edge.client, one.edge.blocks)),
                code(party(one.edge.server, one.edge.blocks)),
                set_words(one.edge.ports),
                _evidence(one),
                _twice(one),
                code(causes_words(one.causes), _TEXT),
            )
            for one in found
        ),
    )


def _twice(one: Reviewed) -> str:
    """What speaks for another look: the risks, and what is odd about the evidence."""
    found = [RISKS[risk] for risk in one.risks if risk != "never-observed"]
    found += [code(what) for what in one.doubts if what != ONCE]
    return ", ".join(found)


def _doubts(review: Review) -> _Table:
    return _Table(
        title="Observed, and worth a look before policies rest on it",
        columns=("", "connections"),
        lines=tuple((code(one.what), code(named(one.connections), _TEXT)) for one in review.doubts),
        folded=True,
    )


def _decided(learned: Learned | None) -> _Table:
    about = decisions_of(learned.decided) if learned else {}
    return _Table(
        title="What people decided about it",
        columns=("", "by", "on", "connections", "why"),
        lines=tuple(
            (
                "allowed" if one.verdict == "allow" else "refused",
                code(one.by),
                code(one.date),
                code(named(connections), _TEXT),
                code(one.why, _TEXT),
            )
            for one, connections in about.items()
        ),
        folded=True,
    )


def _evidence(one: Reviewed) -> str:
    words = evidence_words(one.evidence, one.tried.items(), one.declared)
    if words == "never observed":
        return "**never observed**" if one.edge.opens else words
    return code(words) if words else ""


def _findings(review: Review) -> _Table:
    return _Table(
        title="New findings about the policies",
        columns=("code", "policy", "finding"),
        lines=tuple(
            (one.code, code(one.policy), f"{CATALOGUE[one.code].title}: {code(one.message, _TEXT)}")
            for one, _ in review.findings
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    review: Review

    def text(self, room: int) -> str:
        drawn, hidden = picture(self.review)
        if not drawn:
            return ""
        more = f"\n{count(hidden, 'edge')} more {'is' if hidden == 1 else 'are'} not drawn.\n"
        text = f"\n```mermaid\n{drawn}```\n" + (more if hidden else "")
        return text if len(text) <= room else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Diff:
    review: Review

    def text(self, room: int) -> str:
        lines = list(yaml_diff(self.review.old.texts, self.review.new.texts))
        if not lines:
            return ""
        # Fences and words, and escapes are longer than what they stand for.
        text = _folded(lines, len(lines))
        while len(text) > room and lines:
            keep = len(lines) * max(room - len(_folded([], 1)), 0) // (len(text) + 1)
            lines, whole = lines[:keep], len(lines)
            text = _folded(lines, whole)
        return text if len(text) <= room else ""


def _folded(lines: list[str], whole: int) -> str:
    cut = "\nThe rest of the diff is in the whole review.\n" if len(lines) < whole else ""
    block = fenced("\n".join(lines), "diff")
    summary = "<details><summary>The policies, before and after</summary>"
    return f"\n{summary}\n\n{block}{cut}\n</details>\n"


_SILENT: Final = 8
"""Workloads without traffic that are named; the others are counted."""


def _coverage(review: Review, learned: Learned | None) -> str:
    if learned is None or review.replayed is None:
        return "\n**Coverage**: no flows were given, so nothing here says what is needed.\n"
    records = learned.records
    lost = f"; the source lost {learned.lost_events:,} events" if learned.lost_events else ""
    hours = len({hour for _, evidence in learned.accepted for hour in evidence.hours})
    window = f" of {count(hours, 'hour')}" if hours else ""
    return (
        f"\n**Coverage**: learned from {records.connections:,} of {records.read:,} records{window}"
        f" ({count(len(learned.accepted), 'connection')}; {records.held:,} held, {records.other:,}"
        f" about no connection{lost}). What was not seen may still be needed."
        f"{_silent(review.replayed.silent)}{_contradicted(len(contradictions(learned.accepted)))}"
        f"{_enough(review.enough)}\n"
    )


def _enough(found: Enough | None) -> str:
    words = "" if found is None else saturation_text(found)
    return f" Was it long enough? {words}." if words else ""


def _silent(workloads: Sequence[Workload]) -> str:
    if not workloads:
        return ""
    names = ", ".join(code(label(one)) for one in workloads[:_SILENT])
    more = f" and {len(workloads) - _SILENT:,} more" if len(workloads) > _SILENT else ""
    return f" Under policies and without any traffic: {names}{more}."


def _contradicted(number: int) -> str:
    return f" Sources contradict each other about {count(number, 'connection')}." if number else ""

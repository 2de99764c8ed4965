"""A review as SARIF 2.1.0, for whoever shows findings on the changed lines of a pull request.

A result for each edge that changes, each observed connection that would break, each breach of a
team's rule and each new finding; it stands at the policy's own lines. Rules are the entries of the
notice catalogue. Names are taken of what SARIF would make a link of (:func:`netpol.report.inert`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote

from netpol.catalogue import CATALOGUE
from netpol.peers import label
from netpol.report.certificates import blame
from netpol.report.inert import plain
from netpol.report.review_words import causes_words, evidence_words, party, sentence
from netpol.report.words import set_words
from netpol.review import Review
from netpol.review.causes import Cause
from netpol.review.places import Place
from netpol.review.review import Broke, Reviewed, Violation
from netpol.review.risks import RISKS, Risk

__all__ = ["SCHEMA", "review_sarif"]

SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_MOST: Final = 5_000
"""GitHub shows so many results of a run."""

_Level: TypeAlias = Literal["error", "warning", "note"]
_LEVELS: Final[tuple[_Level, ...]] = ("error", "warning", "note")

_RISKS: Final[dict[Risk, tuple[str, _Level]]] = {
    "metadata": ("NP137", "error"),
    "world": ("NP136", "error"),
    "database": ("NP135", "warning"),
    "admin": ("NP134", "warning"),
    "cross-team": ("NP133", "warning"),
    "never-observed": ("NP131", "warning"),
    "seen-once": ("NP132", "note"),
}
"""The code of an edge is that of its gravest risk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    code: str
    level: _Level
    text: str
    place: Place | None


def review_sarif(review: Review, version: str, uri: Callable[[str], str]) -> dict[str, Any]:
    """The log; ``version`` is netpol's own, ``uri`` turns the name of a file into a path from the
    root of the repository.
    """
    every = sorted(_results(review), key=lambda one: _LEVELS.index(one.level))
    shown, hidden = every[:_MOST], len(every) - _MOST
    codes = sorted({one.code for one in shown})
    said = [sentence(review)]
    said += [f"{hidden:,} results more are in the whole review."] if hidden > 0 else []
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": _driver(version, codes)},
                "automationDetails": {"id": "netpol-review/"},
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "toolExecutionNotifications": [
                            {"level": "note", "message": {"text": text}} for text in said
                        ],
                    }
                ],
                "results": [_result(one, codes, uri) for one in shown],
            }
        ],
    }


def _driver(version: str, codes: list[str]) -> dict[str, Any]:
    return {
        "name": "netpol",
        "semanticVersion": version,
        "rules": [
            {
                "id": code,
                "shortDescription": {"text": CATALOGUE[code].title},
                "fullDescription": {"text": CATALOGUE[code].why},
                "help": {"text": CATALOGUE[code].what_to_do},
                "properties": {"tags": ["security", "network-policy"]},
            }
            for code in codes
        ],
    }


def _result(one: _Result, codes: list[str], uri: Callable[[str], str]) -> dict[str, Any]:
    where = [_location(one.place, uri)] if one.place else []
    # What a platform knows a result by from run to run: not the line, which moves.
    known = f"{one.code}\0{one.place.file if one.place else ''}\0{one.text}"
    return {
        "ruleId": one.code,
        "ruleIndex": codes.index(one.code),
        "level": one.level,
        "message": {"text": one.text},
        "locations": where,
        "partialFingerprints": {"netpol/v1": hashlib.sha256(os.fsencode(known)).hexdigest()[:32]},
    }


def _location(place: Place, uri: Callable[[str], str]) -> dict[str, Any]:
    file = quote(os.fsencode(uri(place.file)))
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": file, "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": place.line, "endLine": place.end},
        }
    }


def _results(review: Review) -> Iterator[_Result]:
    yield from map(_broke, review.broke)
    yield from map(_violation, review.violations)
    # Of what closes and was observed, each connection has a result of its own.
    yield from (_edge(e) for e in review.edges if not (e.edge.closes and _observed(e)))
    for rule, side in review.idle:
        place = Place(file=rule.file, line=rule.line, end=rule.line)
        text = f"{plain(rule.name)}: nobody is in {side}"
        yield _Result(code="NP142", level="note", text=text, place=place)
    for finding, at in review.findings:
        text = f"{plain(finding.policy)}: {plain(finding.message)}"
        yield _Result(code=finding.code, level="warning", text=text, place=at)


def _observed(one: Reviewed) -> bool:
    return one.evidence is not None and one.evidence.records > 0


def _broke(one: Broke) -> _Result:
    c = one.broken.connection
    pair = f"{plain(label(c.client))} → {plain(label(c.server))}, {set_words(c.ports)}"
    seen = plain(evidence_words(one.broken.evidence))
    text = f"{pair} would be denied ({plain(blame(one.broken.decision))}); observed {seen}"
    return _Result(code="NP139", level="error", text=text, place=one.place)


def _violation(one: Violation) -> _Result:
    breach = one.breach
    client, server = (plain(party(p, breach.blocks)) for p in (breach.client, breach.server))
    pair = f"{client} → {server}"
    text = f"{plain(breach.rule.name)}: {pair}, {set_words(breach.ports)}{_because(one.causes)}"
    if not breach.certain:
        return _Result(code="NP140", level="warning", text=text, place=one.place)
    level: _Level = "error" if one.new else "warning"
    return _Result(code="NP141", level=level, text=text, place=one.place)


def _edge(one: Reviewed) -> _Result:
    edge = one.edge
    pair = f"{plain(party(edge.client, edge.blocks))} → {plain(party(edge.server, edge.blocks))}"
    what = {"undecided": "cannot be decided"}.get(edge.kind, f"is {edge.kind}")
    seen = plain(evidence_words(one.evidence, one.tried.items(), one.declared))
    parts = [f"{pair} {what}: {set_words(edge.ports)}", seen]
    parts += [RISKS[risk] for risk in one.risks if risk not in ("never-observed", "seen-once")]
    parts += [plain(what) for what in one.doubts]
    parts += [f"{d.verdict} by {plain(d.by)}: {plain(d.why)}" for d in one.decided]
    text = "; ".join(part for part in parts if part) + _because(one.causes)
    code, level = _weight(one)
    return _Result(code=code, level=level, text=text, place=one.place)


def _weight(one: Reviewed) -> tuple[str, _Level]:
    if one.edge.kind == "undecided":
        return "NP140", "warning"
    if one.edge.closes:
        return "NP138", "note"
    return next((_RISKS[risk] for risk in one.risks if risk in _RISKS), ("NP130", "note"))


def _because(causes: tuple[Cause, ...]) -> str:
    words = plain(causes_words(causes))
    return f"; because of {words}" if words else ""

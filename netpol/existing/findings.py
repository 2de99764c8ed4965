"""What is wrong with existing policies, once everything missing has been proposed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from netpol.changes import Change
from netpol.existing.standing import Excess
from netpol.learn import Learned
from netpol.lint import Finding, Lint
from netpol.lint.case import listed
from netpol.peers import label

__all__ = ["Remark", "remarks"]

_FILLED: Final = frozenset({"NP102", "NP107", "NP108"})
"""What a proposal fills (nothing isolates a pod, one side alone is open, names are not resolved),
or, where it does not, what shows as a rule that nobody needs."""
_IDLE: Final = frozenset({"NP103", "NP109", "NP110", "NP111", "NP113"})
"""Why a rule allows nothing of its own: with one of these, that nobody needs it is no news."""
_MOST: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A finding; for what a rule opens too much, the evidence."""

    finding: Finding
    excess: Excess | None = None


def remarks(looked: Lint, excess: Iterable[Excess], learned: Learned) -> tuple[Remark, ...]:
    """The findings of both, each rule once for the same reason; by code, then by place."""
    plain = [one for one in looked.findings if one.code not in _FILLED]
    hours = len({hour for _, evidence in learned.accepted for hour in evidence.hours})
    found = [Remark(finding=one) for one in plain]
    found += [_remark(one, hours) for one in excess if one.serves or not _explained(one, plain)]
    return tuple(sorted(found, key=lambda one: one.finding.code))


def _explained(one: Excess, plain: Iterable[Finding]) -> bool:
    return any(
        finding.code in _IDLE
        and finding.origin == one.at.policy.origin
        and (finding.message.startswith(f"{one.at.text}: ") or finding.code == "NP109")
        for finding in plain
    )


def _remark(one: Excess, hours: int) -> Remark:
    code, message = ("NP151", _wide(one)) if one.serves else ("NP150", _unneeded(one, hours))
    return Remark(finding=one.at.finding(code, message), excess=one)


def _unneeded(one: Excess, hours: int) -> str:
    seen = f"in {hours:,} hour{'' if hours == 1 else 's'} of traffic"
    knocks = ", ".join(f"{count:,} {reason}" for reason, count in one.held.items())
    held = f"; only what is held would use it ({knocks})" if knocks else ""
    return f"no accepted connection needs it {seen}; it opens {_opened(one.opens)}{held}"


def _wide(one: Excess) -> str:
    count = len(one.serves)
    need = "1 connection needs" if count == 1 else f"{count:,} connections need"
    return f"{need} it, and it also opens {_opened(one.opens)}; a narrower rule would do"


def _opened(opens: tuple[Change, ...]) -> str:
    return listed(_pairs(opens), _MOST)


def _pairs(opens: tuple[Change, ...]) -> Iterator[str]:
    return (f"{label(one.client)} → {label(one.server)} {one.opened}" for one in opens)

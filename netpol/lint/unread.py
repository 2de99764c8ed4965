"""What was not read of the files with policies, as findings: verdicts are without it.

Whoever reads a review or the findings of a check does not see what was told while files were read.
But a policy that is left out, since its text is broken or the API server would refuse it, is the
first thing to know about them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from netpol.lint.finding import Finding
from netpol.notices import Notice

__all__ = ["LEFT_OUT", "unread"]

LEFT_OUT: Final = frozenset({"NP060", "NP063"})
"""Of what is told of files: text that is broken, and policies that would be refused."""
_UNDECIDED: Final = frozenset({"NP064", "NP065"})
_OBJECT: Final = re.compile(r"\w+ (?:[\w.-]+/)?[\w.-]+(?=[: ])", re.ASCII)
"""With what a message about an object begins: kind, namespace and name."""
_LINE: Final = re.compile(r"lines? (\d+)")


def unread(told: Iterable[Notice], called: Callable[[str], str] = str) -> tuple[Finding, ...]:
    """A finding for each notice about something that was not read.

    ``called``: the name of a file, which stands in for that of a policy where there is none.
    """
    return tuple(_finding(one, called) for one in told if one.code in LEFT_OUT | _UNDECIDED)


def _finding(one: Notice, called: Callable[[str], str]) -> Finding:
    named = None if one.code == "NP060" else _OBJECT.match(one.message)
    if named is None:
        line = _LINE.search(one.message)
        policy, place = called(one.where.partition(": ")[0]), f"line {line[1] if line else 1}"
    else:
        policy, place = named[0].partition(" ")[2], named[0]
    return Finding(
        code=one.code, policy=policy, origin=f"{one.where}, {place}", message=one.message
    )

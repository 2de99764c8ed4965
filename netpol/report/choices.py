"""What a profile decided, as rows and as lines under the certificate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from netpol.choices import Choice
from netpol.profile import Profile

__all__ = ["choice_rows", "choices_text"]

_MOST = 4


def choice_rows(choices: Iterable[Choice]) -> list[dict[str, Any]]:
    """One object per choice: which field of the profile, what it changed, where, and the source."""
    return [
        {
            "field": one.field,
            "what": one.what,
            "where": [where for where in one.where if where],
            "source": one.source.text,
            "verified": one.source.verified,
        }
        for one in choices
    ]


def choices_text(choices: Iterable[Choice], profile: Profile, origin: str) -> Iterator[str]:
    """The CNI, then a line or two for each choice; (U) marks sources nobody has verified."""
    how = {"--cni": "--cni", "inventory": "from the inventory", "dialect": "assumed"}[origin]
    choices = tuple(choices)
    if choices or origin != "dialect":
        end = ":" if choices else ": nothing had to be decided for it"
        yield f"\n  For {profile.name} ({how}){end}"
    for name, some in groupby(choices, key=lambda one: one.field):
        yield f"    {name}, {profile.source(name)}:"
        yield from (f"      {one.what}{_listed(one.where)}" for one in some)


def _listed(where: Iterable[str]) -> str:
    names = [one for one in where if one]
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f" [{', '.join(names[:_MOST])}{more}]" if names else ""

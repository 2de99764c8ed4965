"""Decisions that netpol took on the user's behalf, and things that it could not use.

Every code has one entry in :data:`CATALOGUE`; ``netpol explain CODE`` prints it and the docs page
is made from it. Library code never prints: it is given ``tell`` and calls it with a Notice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = ["CATALOGUE", "Entry", "Notice", "Tell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One occurrence: which entry of the catalogue, where, and the particulars."""

    code: str
    message: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.where + ': ' if self.where else ''}{self.message}"


Tell: TypeAlias = Callable[[Notice], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a code means: a title, why it happens, and what the reader can do."""

    title: str
    why: str
    what_to_do: str


CATALOGUE: Final[dict[str, Entry]] = {
    "NP001": Entry(
        title="a record could not be read",
        why="The line is not valid JSON, or a field has the wrong type. It was left out and"
        " counted; the other records of the file were read.",
        what_to_do="Look at the named line. A truncated last line is normal for a file that is"
        " still being written. Use --strict to make this an error.",
    ),
    "NP002": Entry(
        title="the source lost events",
        why="The flow source says that it dropped events before they could be exported, so"
        " connections may be missing from what was learned.",
        what_to_do="Collect longer, narrow the filters of the export, or enlarge the ring buffer of"
        " the source, before you enforce the policies.",
    ),
    "NP003": Entry(
        title="a node was not observed for some time",
        why="The source reported that a node was unavailable. What its pods said in that time was"
        " not seen.",
        what_to_do="Collect again over a window in which every node reports.",
    ),
}

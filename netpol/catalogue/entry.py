"""What an entry of the catalogue says."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Entry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a code means: a title, why it happens, and what the reader can do."""

    title: str
    why: str
    what_to_do: str
    each: bool = False
    """Every case matters to the reader, not only that there are some: each is shown."""

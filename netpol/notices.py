"""Decisions that netpol took on the user's behalf, and things that it could not use.

Library code never prints: it is given ``tell`` and calls it with a Notice. What each code means is
in :mod:`netpol.catalogue`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Notice", "Tell", "collecting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One occurrence: which entry of the catalogue, where, and the particulars."""

    code: str
    message: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.where + ': ' if self.where else ''}{self.message}"


Tell: TypeAlias = Callable[[Notice], None]


def collecting(told: list[Notice], tell: Tell) -> Tell:
    """``tell``, which puts each notice into ``told`` as well."""

    def both(notice: Notice) -> None:
        told.append(notice)
        tell(notice)

    return both

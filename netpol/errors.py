"""The one exception that a user can do something about."""

from __future__ import annotations

__all__ = ["NetpolError"]


class NetpolError(Exception):
    """Something the user can put right: what is wrong, where, and what to try.

    Raised anywhere, caught once in ``netpol.cli``. Any other exception that escapes is a bug and
    keeps its traceback.
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{place}{self.what}{hint}"

"""Hubble's times: text that sorts, the hour, and nanoseconds.

Times are RFC 3339 with as many fraction digits as the writer liked, so ``…20Z`` sorts after
``…20.5Z`` as text. Without the ``Z`` the text of equal offset sorts by time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from capture.hubble_errors import Bad, Incomplete
from capture.times import LATEST

__all__ = ["Clock", "Stamp", "nanoseconds"]

Stamp: TypeAlias = Any
"""A time that sorts among others of one fold: text that a Clock gave out, or nanoseconds since the
epoch where records give them."""

_DATE: Final = r"(?:19[7-9]|[2-9]\d\d)\d-\d\d-\d\d"
_SECOND: Final = rf"({_DATE})[Tt ](\d\d:\d\d:\d\d)"
_RFC3339: Final = re.compile(rf"{_SECOND}(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_REMEMBERED: Final = 8192
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """Remembers the seconds that were found to be valid, with their hour since the epoch."""

    def __init__(self) -> None:
        self.hours: dict[str, int] = {}
        """``2026-11-02T09:14:07.`` → hours since the epoch."""

    def read(self, text: str) -> tuple[str, int]:
        """(time that sorts, hour) of any time. Raises :class:`Bad`."""
        if not text:
            raise Incomplete(".time")
        found = _RFC3339.fullmatch(text)
        try:
            if found is None:
                raise ValueError
            second = _utc(found)
            if (second - _EPOCH).total_seconds() >= LATEST:
                raise ValueError
        except (ValueError, OverflowError):
            raise Bad(".time", f"expected an RFC 3339 time, found {text[:40]!r}") from None
        stamp = second.isoformat()[:19]
        if len(self.hours) >= _REMEMBERED:
            self.hours.clear()
        hour = self.hours[f"{stamp}."] = (second - _EPOCH) // timedelta(hours=1)
        return (f"{stamp}.{found[3]}" if found[3] else stamp), hour


def _utc(found: re.Match[str]) -> datetime:
    """The whole second in UTC. Raises ``ValueError`` for dates and offsets that do not exist."""
    if found[4] in "Zz":
        return datetime.fromisoformat(f"{found[1]}T{found[2]}+00:00")
    return datetime.fromisoformat(f"{found[1]}T{found[2]}{found[4]}").astimezone(UTC)


def nanoseconds(stamp: Stamp) -> int:
    """Nanoseconds since the epoch of any time."""
    if isinstance(stamp, int):
        return stamp
    second = datetime.fromisoformat(stamp[:19]).replace(tzinfo=UTC)
    return round((second - _EPOCH).total_seconds()) * 10**9 + int(stamp[20:29].ljust(9, "0"))

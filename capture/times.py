"""Times as Kubernetes and others write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["LATEST", "instant", "nanosecond_text", "nanoseconds", "rfc3339"]

LATEST: Final = 2**33
"""Seconds since the epoch, in March 2242. A later time is a mistake, and in nanoseconds it would
soon be none of 64 bits, as stores keep them."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def nanoseconds(text: str | None) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time; 0 for none, and for what is no such time."""
    if not text:
        return 0
    try:
        time = (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND * 1000
        return time if time < LATEST * 10**9 else 0
    except (ValueError, TypeError, OverflowError):
        return 0


def rfc3339(time: int) -> str:
    """The text of a time in nanoseconds since the epoch, in UTC, to the microsecond."""
    return (_EPOCH + time // 1000 * _MICROSECOND).isoformat().replace("+00:00", "Z")


_INSTANT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d+))?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)


def instant(text: str, *, zoneless: bool = False) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time, to the last digit.

    ``zoneless``: one without an offset is UTC. Raises ``ValueError``.
    """
    found = _INSTANT.fullmatch(text)
    if found is None or not (found[4] or zoneless):
        raise ValueError(f"expected an RFC 3339 time, found {text[:40]!r}")
    zone = "+00:00" if (found[4] or "Z") in "Zz" else found[4]
    try:
        second = datetime.fromisoformat(f"{found[1]}T{found[2]}{zone}")
        whole = (second - _EPOCH) // timedelta(seconds=1)
    except (ValueError, OverflowError):
        raise ValueError(f"expected a time that exists, found {text[:40]!r}") from None
    if not 0 <= whole < LATEST:
        raise ValueError(f"expected a time from 1970 to 2241, found {text[:40]!r}")
    return whole * 10**9 + int((found[3] or "")[:9].ljust(9, "0"))


def nanosecond_text(time: int) -> str:
    """The text of a time in nanoseconds since the epoch, to the nanosecond, in UTC."""
    second, rest = divmod(time, 10**9)
    return f"{(_EPOCH + timedelta(seconds=second)).isoformat()[:19]}.{rest:09}Z"

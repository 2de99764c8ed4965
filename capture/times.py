"""Times as Kubernetes writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["nanoseconds", "rfc3339"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def nanoseconds(text: str | None) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time; 0 for none, and for what is no such time."""
    if not text:
        return 0
    try:
        time = datetime.fromisoformat(text)
        return (time - _EPOCH) // _MICROSECOND * 1000
    except (ValueError, TypeError, OverflowError):
        return 0


def rfc3339(time: int) -> str:
    """The text of a time in nanoseconds since the epoch, in UTC, to the microsecond."""
    return (_EPOCH + time // 1000 * _MICROSECOND).isoformat().replace("+00:00", "Z")

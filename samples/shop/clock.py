"""Times are nanoseconds since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime

MICRO = 1000  # nanoseconds
MILLI = 1000 * MICRO
SECOND = 1000 * MILLI


def rfc3339(nanoseconds: int) -> str:
    whole, rest = divmod(nanoseconds, SECOND)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"

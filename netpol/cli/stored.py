"""What a person is told who asks a store with another inventory than it was learned with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from netpol.notices import Notice
from netpol.report.words import count

if TYPE_CHECKING:
    from netpol.store import Known

__all__ = ["other_inventory"]


def other_inventory(learned: list[Known], given: Known | None) -> Iterator[Notice]:
    """``learned``: those that flows were learned with; ``given``: the one at hand, if any."""
    if not learned or (given is not None and given.digest in {one.digest for one in learned}):
        return
    last = max(learned, key=lambda one: one.until)
    if given is None:
        message = f"its flows were learned with {_words(last)}; give it, or a later one"
        yield Notice(code="NP032", message=message)
    elif given.until < last.until:
        message = f"its newest time is {_time(given.until)}; learned with {_words(last)}"
        yield Notice(code="NP033", message=message)


def _words(one: Known) -> str:
    return f"{one.name} ({count(one.pods, 'pod')}, newest time {_time(one.until)})"


def _time(nanoseconds: int) -> str:
    if not nanoseconds:
        return "none"
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

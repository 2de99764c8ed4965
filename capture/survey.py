"""What of an input is known already: its content is held against the ledger of a store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from capture.windows import BLOCK, Read
from netpol.store import Input, Trace

__all__ = ["Survey", "survey"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What is to be done with an input."""

    resume: Input | None = None
    """What it goes on from; None: it is read from its first byte."""
    instead: tuple[Input, ...] = ()
    """What it grew out of and takes the place of."""
    known: Input | None = None
    """Nothing: all of it was taken already, …"""
    older: Input | None = None
    """… or it is a shorter copy of this."""


def survey(read: Read, known: Iterable[Input], source: str) -> Survey:
    """Compare the bytes of an input with those of inputs that begin alike.

    ``source`` is what reads it. What another source took for its own when less of it was there to
    tell by is taken back.
    """
    known = list(known)
    trace, matched = Trace(), list[Input]()
    for length in sorted({one.identity.length for one in known}):
        _go_on(read, trace, length - trace.length)
        here = trace.identity()
        if here.length < length:
            break
        matched += [one for one in known if one.identity == here]
    ended = not read(1)
    if ended and (same := [one for one in matched if _is(one, trace.length, source)]):
        return Survey(known=same[0])
    if not matched:
        here = trace.identity()
        longer = (one for one in known if ended and here.begins(one.identity))
        return Survey(older=next(longer, None))
    closed = [one for one in matched if one.closed and one.source == source]
    return Survey(
        resume=max(closed, key=lambda one: one.identity.length, default=None),
        instead=tuple(one for one in matched if one not in closed),
    )


def _is(one: Input, length: int, source: str) -> bool:
    return one.identity.length == length and one.source == source


def _go_on(read: Read, trace: Trace, length: int) -> None:
    while length and (data := read(min(BLOCK, length))):
        trace.add(data)
        length -= len(data)

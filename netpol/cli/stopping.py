"""Ending when somebody asks for it, with what has begun finished first."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

__all__ = ["stopping"]


@contextmanager
def stopping() -> Iterator[Event]:
    """What is set when somebody wants this to end: by SIGTERM, or by Control-C."""
    stopped = Event()
    wanted = signal.SIGTERM, signal.SIGINT
    before = [signal.signal(one, lambda *_: stopped.set()) for one in wanted]
    try:
        yield stopped
    finally:
        for one, handler in zip(wanted, before, strict=True):
            signal.signal(one, handler)

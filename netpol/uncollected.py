"""The cycle collector rests while much is built."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["uncollected"]


@contextmanager
def uncollected() -> Iterator[None]:
    """Without Python's collector of reference cycles.

    What readers build has no cycles, and it stays. Walking through it again and again, in search of
    what could go, takes as long as building it.
    """
    working = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if working:
            gc.enable()

"""``--until-stable``: learning ends by itself when enough was learned."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

from netpol.cli.console import say

if TYPE_CHECKING:
    from netpol.enough import Enough
    from netpol.inventory import Inventory

__all__ = ["UntilStable"]

_SHARE: Final = 20
"""Looking takes at most one part in so many of the time of learning."""
_PAUSE: Final = 60.0
"""Seconds between two looks, at least: within a minute little changes."""


@dataclass(slots=True)
class UntilStable:
    """Looks at a store from time to time, and sets ``stopped`` when it holds enough."""

    store: Path
    inventory: Inventory
    guard: int
    """Nanoseconds by which the clocks of flows and inventory may differ."""
    stopped: Event
    clock: Callable[[], float] = time.monotonic
    reached: bool = False
    _next: float = field(default=0.0)

    def look(self) -> None:
        """Unless it is too early for another look."""
        begun = self.clock()
        if begun < self._next:
            return
        found = self._found()
        if found.stable:
            self.reached = True
            self.stopped.set()
        took = self.clock() - begun
        self._next = begun + took + max(_PAUSE, _SHARE * took)

    def _found(self) -> Enough:
        from netpol import store
        from netpol.enough import enough
        from netpol.learn import learn

        with store.opened(self.store) as kept, kept.snapshot() as db:
            flows, account, loose = store.named(db), store.account(db), partial(store.loose, db)
            return enough(learn(flows, self.inventory, account, self.guard, loose=loose))

    def end(self) -> None:
        """Say whether it was reached."""
        if self.reached:
            say("stable: enough was learned of what happens within such a window (netpol status)")
        else:
            say("not stable yet: netpol status says what is missing")

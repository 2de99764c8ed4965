"""What is said on stderr: progress, notices, and the conservation line. stdout stays the result."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import click

from netpol.catalogue import CATALOGUE
from netpol.errors import NetpolError
from netpol.notices import Notice
from netpol.report.printable import printable

if TYPE_CHECKING:
    from netpol.learn import Learned

__all__ = [
    "Notices",
    "account_line",
    "noticed",
    "say",
    "say_account",
    "say_blind_spots",
    "say_error",
    "show_rest",
]


_MOST: Final = 50
"""So many cases of one code are shown after the first."""


@dataclass(slots=True)
class Notices:
    """Collects notices; shows each code once, with how often it occurred and its first case.

    Of codes that say what was lost, every case is shown, as far as :data:`_MOST` goes.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Notice] = field(default_factory=dict)
    more: dict[str, list[Notice]] = field(default_factory=dict)
    shown: bool = False

    def tell(self, notice: Notice, times: int = 1) -> None:
        """What library code is given as ``tell``; ``times``: with so many of which it is one."""
        self.counts[notice.code] += times
        first = self.examples.setdefault(notice.code, notice)
        if first is not notice and CATALOGUE[notice.code].each:
            kept = self.more.setdefault(notice.code, [])
            kept += [notice] if len(kept) < _MOST else []

    def show(self) -> None:
        """Print the summary to stderr."""
        self.shown = True
        for code, count in sorted(self.counts.items()):
            shown = [self.examples[code], *self.more.get(code, ())]
            hidden = count - len(shown)
            first = "; the first:" if len(shown) == 1 else ""
            times = "" if count == 1 else f" ({count}×{first})"
            say(f"{code} {CATALOGUE[code].title}{times}")
            for one in shown:
                say(f"      {one.where + ': ' if one.where else ''}{one.message}")
            if hidden and len(shown) > 1:
                say(f"      … and {hidden:,} more")
        if self.counts:
            say("      `netpol explain CODE` says more")


_META: Final = __name__
"""Where a command's notices are found by who ends it."""


def noticed() -> Notices:
    """The notices of the command that runs: what was told is shown even where it ends in error."""
    found = Notices()
    click.get_current_context().meta[_META] = found
    return found


def show_rest(context: click.Context | None) -> None:
    """Show what the command of ``context`` was told before it ended in error."""
    found: Notices | None = None if context is None else context.meta.get(_META)
    if found and not found.shown:
        found.show()


def say(line: str) -> None:
    """A line for the person who watches: one, whatever names are in it."""
    click.echo(printable(line), err=True)


def say_error(error: NetpolError) -> None:
    """What went wrong, and below it what to try."""
    place = f"{error.where}: " if error.where else ""
    say(f"error: {place}{error.what}")
    if error.hint:
        say(f"  hint: {error.hint}")


def account_line(learned: Learned) -> str:
    """Where every record went, in one line; the parts add up to what was read."""
    r = learned.records
    lost = f"; the source lost {learned.lost_events:,} events" if learned.lost_events else ""
    return (
        f"Learned from {r.connections:,} of {r.read:,} records"
        f" ({len(learned.accepted):,} connections); {r.held:,} held, {r.other:,} about no"
        f" connection{lost}"
    )


def say_account(learned: Learned) -> None:
    """Where every record went, and what could not be seen."""
    say(account_line(learned))
    say_blind_spots(learned)


def say_blind_spots(learned: Learned) -> None:
    """What the sources cannot see: not seen is not not needed."""
    for source, texts in learned.blind_spots.items():
        say(f"Blind spots of {source}: {'; '.join(texts)}")

"""What is demanded before a connection is taken as needed: options of several commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import click

from netpol.cli.sections import in_section

if TYPE_CHECKING:
    from netpol.cli.console import Notices
    from netpol.decisions import Decided, Decision
    from netpol.learn import Learned
    from netpol.notices import Tell
    from netpol.policy import PolicySet
    from netpol.profile import Profile
    from netpol.quarantine import Caution

__all__ = ["LENIENT", "Judging", "judging_options", "tell_decided", "tell_open"]

Command = Callable[..., Any]
_option = in_section("What is taken as needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """How often a connection must have been seen, and the file with people's decisions."""

    min_seen: int = 1
    min_hours: int = 1
    file: str | None = None

    @property
    def caution(self) -> Caution:
        """The same for the core."""
        from netpol.quarantine import Caution

        return Caution(times=self.min_seen, hours=self.min_hours)

    def decisions(self, notices: Notices) -> tuple[Decision, ...]:
        """What the file says. Raises NetpolError."""
        from netpol.decisions import read_decisions

        return read_decisions(self.file, notices.tell) if self.file else ()


LENIENT: Final = Judging()
"""Takes whatever was answered."""


_OPTIONS: Final = (
    _option(
        "--min-seen",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Hold connections that were seen fewer times.",
    ),
    _option(
        "--min-hours",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Hold connections that were seen in fewer hours of the clock.",
    ),
    _option(
        "--decisions",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False),
        help="What people allowed or refused (`netpol decide` writes it).",
    ),
)


def judging_options(command: Command) -> Command:
    """``--min-seen``, ``--min-hours`` and ``--decisions``, given to the command as ``judging``."""

    @wraps(command)
    def judging(
        *args: object, min_seen: int, min_hours: int, decisions: str | None, **more: object
    ) -> object:
        judged = Judging(min_seen=min_seen, min_hours=min_hours, file=decisions)
        return command(*args, judging=judged, **more)

    for option in reversed(_OPTIONS):
        judging = option(judging)
    return judging


def tell_decided(found: Decided, notices: Notices) -> None:
    """Decisions that are about nothing, or change nothing."""
    for code, some in (("NP045", found.unknown), ("NP046", found.idle)):
        _tell(code, some, notices)


def tell_open(policies: PolicySet, learned: Learned, profile: Profile, tell: Tell) -> None:
    """What was refused by a decision and is allowed all the same (NP047)."""
    from netpol.notices import Notice
    from netpol.peers import label
    from netpol.replay import open_though_refused

    for one, decision in open_though_refused(policies, learned, profile):
        message = f"{label(one.client)} → {label(one.server)} {one.ports}"
        tell(Notice(code="NP047", message=message, where=decision.where))


def _tell(code: str, decisions: Iterable[Decision], notices: Notices) -> None:
    from netpol.notices import Notice

    for one in decisions:
        notices.tell(Notice(code=code, message=one.text, where=one.where))

"""What Calico's policies did about a connection, as signals.

Sources: ``goldmane/proto/api.proto`` of projectcalico/calico for policy hits; "Flow log data types"
of Calico Enterprise for policy strings, ``<index>|<tier>|<name>|<action>|<rule index>``. Rule index
-1 is the end of a tier, where no rule fitted, and -2 an unknown one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["ACTIONS", "Hit", "from_string", "signals", "staged"]

ACTIONS: Final = ("", "allow", "deny", "pass")
"""By number in ``goldmane.Action``; the first is none."""

_STAGED_KINDS: Final = ("snp:", "sgnp:", "sknp:")
"""How Felix marks staged policies since it writes the kind of a policy into its name."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One policy, or end of a tier, that had a say."""

    action: str
    explicit: bool
    """A rule of the policy decided, not that none of them fitted."""
    staged: bool = False


def from_string(text: str) -> Hit:
    """A policy of an Enterprise flow log; whatever else it says, the action is from a closed set.

    Old strings end with the action. Names hold no ``|``.
    """
    fields = text.split("|")
    name, tail = fields[2] if len(fields) > 2 else "", fields[3:]
    action = tail[0].lower() if tail and tail[0].lower() in ACTIONS else ""
    rule = tail[1] if len(tail) > 1 else ""
    is_staged = "staged:" in name or name.startswith(_STAGED_KINDS)
    return Hit(action, explicit=rule.isdecimal(), staged=is_staged)


def staged(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    """What decides among the staged policies of an old log, which lists them with all others."""
    return tuple(hit for hit in hits if hit.staged and hit.action in ("allow", "deny"))[:1]


def signals(action: str, enforced: Sequence[Hit], pending: Sequence[Hit]) -> tuple[str, ...]:
    """Signals for a flow's final action; of several hits the last one decided."""
    if action == "deny":
        last = enforced[-1] if enforced else None
        explicit = last is not None and last.action == "deny" and last.explicit
        return ("forbidden",) if explicit else ("denied",)
    audited = ("audited",) if pending and pending[-1].action == "deny" else ()
    # "pass" alone, and no action at all, say nothing about what became of the connection.
    return ("allowed" if action == "allow" else "forward", *audited)

"""Which profile a command works with: ``--cni``, else the inventory, else the dialect.

A plugin that the inventory shows speaks for its own dialect, and for Kubernetes' where it has
none. Policies of another dialect are written and judged as their own specification has it, so that
they are good for more than one cluster; what that plugin would do otherwise is told
(:func:`tell_other`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netpol.detect import Detected, adjusted, detect, warnings
from netpol.errors import NetpolError
from netpol.inventory import Inventory
from netpol.notices import Notice, Tell
from netpol.peers import label
from netpol.profile import CNIS, KUBERNETES, PROFILES, Profile

if TYPE_CHECKING:
    from generators.generator import Dialect
    from netpol.learn import Learned
    from netpol.policy import PolicySet

__all__ = ["Engine", "engine", "tell_other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The CNI of a run, and how it was found."""

    profile: Profile | None
    """None: nothing is known of it but what the dialect lets assume."""
    origin: str
    """``--cni``, ``inventory`` or ``dialect``."""
    detected: Detected

    def origin_of(self, used: Profile) -> str:
        """How the profile that is used was found: the dialect's own may stand in for another."""
        same = self.profile is not None and self.profile.name == used.name
        return self.origin if same else "dialect"

    def for_dialect(self, dialect: Dialect) -> Profile:
        """The profile under which policies of a dialect are written and judged."""
        if self.profile is None or dialect.name not in self.profile.reads:
            return dialect.profile
        if self._foreign(dialect.name):
            return dialect.profile
        return self.profile.speaking(dialect.profile.words)

    def _foreign(self, dialect: str) -> bool:
        """Whether nobody asked for the plugin, and its own policies are of another dialect."""
        return self.profile is not None and not (
            self.origin == "--cni" or self.profile.words.name == dialect
        )

    def other(self, used: Profile) -> Profile | None:
        """The plugin that the inventory shows, given the same policies, where it is another one."""
        if self.profile is None or used.name == self.profile.name:
            return None
        reads = used.words.name in self.profile.reads
        return self.profile.speaking(used.words) if reads else None

    def for_policies(self, seen: frozenset[str], where: str) -> Profile:
        """The profile that policies in these dialects are judged under.

        Raises NetpolError where only one engine could tell, and there are two of them.
        """
        own = [one for name, one in PROFILES.items() if name in seen and one is not KUBERNETES]
        plain = seen & PROFILES.keys() <= {"kubernetes"}
        if self.profile is not None and (
            self.origin == "--cni"
            or (
                (seen & PROFILES.keys() <= {*self.profile.reads})
                and not (plain and self._foreign("kubernetes"))
            )
        ):
            return _speaking(self.profile, seen)
        if len(own) > 1:
            raise NetpolError(
                f"policies of {' and '.join(one.name for one in own)} are mixed: no engine enforces"
                " both",
                where=where,
                hint="say which one enforces them with --cni",
            )
        return own[0] if own else KUBERNETES

    def on_top_of(self, seen: frozenset[str], where: str, dialect: Dialect) -> Profile:
        """The profile under which policies of a dialect are written beside those in others.

        The engine is that of both; the words are the dialect's alone. Raises NetpolError where no
        engine is known to enforce both.
        """
        others = seen & PROFILES.keys() - {"kubernetes", dialect.name}
        if others and not self._reads(dialect):
            raise self._apart(others, where, dialect)
        both = self.for_policies(seen | {dialect.name}, where)
        return both.speaking(dialect.profile.words)

    def unread(self, seen: frozenset[str], dialect: Dialect) -> frozenset[str]:
        """Of these dialects those that whoever enforces policies of ``dialect`` does not read."""
        if self.profile is None or not self._reads(dialect):
            return frozenset()
        return seen & PROFILES.keys() - {*self.profile.reads}

    def _reads(self, dialect: Dialect) -> bool:
        return self.profile is not None and dialect.name in self.profile.reads

    def _apart(self, others: frozenset[str], where: str, dialect: Dialect) -> NetpolError:
        there, wanted = " and ".join(sorted(others)), dialect.name
        if self.profile is not None:
            title, reads = self.profile.title, " or ".join(self.profile.reads)
            return NetpolError(
                f"there are policies of {there}, and {title} does not read those of {wanted}: they"
                " would add nothing to what is there",
                where=where,
                hint=f"{title} reads --target {reads}",
            )
        return NetpolError(
            f"there are policies of {there}: no engine enforces them and those of {wanted}",
            where=where,
            hint="say which network plugin the cluster has with --cni: what it does not read counts"
            f" as nothing. Or propose in the dialect that is there: --target {min(others)}",
        )


def _speaking(profile: Profile, seen: frozenset[str]) -> Profile:
    """What the policies themselves have no words for is not decided by them."""
    return profile if seen - {"kubernetes"} else profile.speaking(KUBERNETES.words)


def tell_other(
    found: Engine, used: Profile, policies: PolicySet, learned: Learned, tell: Tell
) -> None:
    """Tell (NP125) what the plugin that the inventory shows would deny of what is allowed here."""
    from netpol.certificate import denied_under

    other = found.other(used)
    if other is None:
        return
    mine = denied_under(policies, learned, used)
    denied = [one for one in denied_under(policies, learned, other) if one not in mine]
    if denied:
        first = denied[0]
        message = (
            f"{other.title} would deny {len(denied)} of the accepted connections:"
            f" {label(first.client)} → {label(first.server)} {first.protocol} {first.port},"
            f" for one; --cni {other.name} writes and judges for it"
        )
        tell(Notice(code="NP125", message=message))


def engine(
    asked: str | None, inventory: Inventory, tell: Tell, targets: frozenset[str] = frozenset()
) -> Engine:
    """The CNI for an inventory; what does not fit together is told (NP120 to NP124).

    ``targets``: the dialects that are written, or that the policies are in.
    """
    found = detect(inventory)
    chosen = adjusted(CNIS[asked], inventory)[0] if asked else None
    for notice in warnings(found, chosen, targets & PROFILES.keys()):
        # Who names a CNI has decided what the inventory leaves open, or gets wrong.
        if chosen is None or notice.code not in ("NP121", "NP123"):
            tell(notice)
    profile = chosen or found.profile
    origin = "--cni" if chosen else "inventory" if profile else "dialect"
    return Engine(profile=profile, origin=origin, detected=found)

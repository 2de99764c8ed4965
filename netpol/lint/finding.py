"""A finding: a notice about a policy object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from netpol.notices import Notice
from netpol.policy import Policy, Rule

__all__ = ["DIRECTIONS", "Direction", "Finding", "RuleAt", "about", "title"]

Direction: TypeAlias = Literal["ingress", "egress"]
DIRECTIONS: Final[tuple[Direction, ...]] = ("ingress", "egress")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One occurrence of a code of :mod:`netpol.catalogue.findings`."""

    code: str
    policy: str
    """``namespace/name`` of the object; a namespace where a policy is missing in it."""
    origin: str
    """Where the object was read from; empty where there is no object."""
    message: str

    @property
    def notice(self) -> Notice:
        """The same, as every other notice is told."""
        return Notice(code=self.code, message=f"{self.policy}: {self.message}", where=self.origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleAt:
    """A rule and where it stands."""

    index: int
    """Place of the policy in the policy set."""
    policy: Policy
    direction: Direction
    place: int
    """Place in the policy's rules of that direction, from 0."""
    rule: Rule

    @property
    def number(self) -> int:
        """What people call it: its entry in the object, from 1."""
        return self.policy.number(self.direction, self.place)

    @property
    def text(self) -> str:
        """``ingress rule 2``."""
        return f"{self.direction} rule {self.number}"

    @property
    def name(self) -> str:
        """``ingress rule 2 of ns/name``."""
        return f"{self.text} of {title(self.policy)}"

    def finding(self, code: str, message: str) -> Finding:
        """A finding about this rule."""
        return about(self.policy, code, f"{self.text}: {message}")


def title(policy: Policy) -> str:
    """``namespace/name``; the name alone where the object has no namespace."""
    return f"{policy.namespace}/{policy.name}".removeprefix("/")


def about(policy: Policy, code: str, message: str) -> Finding:
    """A finding about a policy as a whole."""
    return Finding(code=code, policy=title(policy), origin=policy.origin, message=message)

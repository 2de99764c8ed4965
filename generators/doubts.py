"""What of one rule is not modelled: the rule is read as widely as it could be meant, in doubt.

It then makes undecided what it could change, and nothing else of its policy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from generators.reading import UndecidedError

__all__ = ["Doubts"]

_Part = TypeVar("_Part")


@dataclass(slots=True)
class Doubts:
    """The doubts about one rule, in the order in which they came up."""

    found: list[UndecidedError] = field(default_factory=list)

    def known(self, part: Callable[[], _Part], widest: _Part) -> _Part:
        """A part of the rule; ``widest`` where it is not modelled."""
        try:
            return part()
        except UndecidedError as error:
            self.found.append(error)
            return widest

    @property
    def reason(self) -> str:
        """As ``Rule.unsure``: the first doubt, empty where there is none."""
        return f"{self.found[0].where}: {self.found[0].what}" if self.found else ""

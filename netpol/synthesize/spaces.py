"""A set of namespaces as one condition: by their names, or by a label that the user trusts.

Names say who is meant, whoever comes. A label (``team=payments``) is shorter, and lets in every
namespace that is given it later: so it is used only where the user names its key, and only where
its values select exactly the set, of all the namespaces that are known. Where the labels of some
namespace are not known, nobody can say that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from netpol.choices import Choices
from netpol.inventory import Inventory
from netpol.notices import Notice, Tell
from netpol.policy import NAMESPACE, PodSelector, Requirement

__all__ = ["Spaces"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spaces:
    """What may stand for namespaces in one run."""

    keys: Sequence[str]
    """Of labels of namespaces, those that the user trusts."""
    inventory: Inventory
    choices: Choices
    used: set[str] = field(default_factory=set)

    def shortened(self, peer: PodSelector, where: str) -> PodSelector:
        """The same peer, with one label for its namespaces if they are several; else itself."""
        match peer.namespaces:
            case (Requirement(key, "In", names),) if key == NAMESPACE:
                pass
            case _:
                return peer
        found = self.label(names)
        if found is None:
            return peer
        self.used.add(found.key)
        what = (
            f"{found.key} in ({', '.join(found.values)}) stands for the namespaces"
            f" {', '.join(names)}; one that is given that label later is let in, too"
        )
        self.choices.add("namespace_label", what, where)
        return replace(peer, namespaces=(found,))

    def label(self, names: Sequence[str]) -> Requirement | None:
        """The shortest condition that holds for these namespaces alone; None where names are."""
        found = [one for one in self._exact(frozenset(names)) if len(one.values) < len(names)]
        return min(found, key=lambda one: len(one.values), default=None)

    def _exact(self, names: frozenset[str]) -> Iterator[Requirement]:
        known = self.inventory.namespaces
        if not self.keys or not {*names, *self.inventory.by_namespace} <= known.keys():
            return
        for key in self.keys:
            value = {name: dict(one.labels).get(key) for name, one in known.items()}
            wanted = {value[name] for name in names}
            if {name for name, one in value.items() if one in wanted} == names:
                values = tuple(sorted(one for one in wanted if one is not None))
                if len(values) == len(wanted):  # All of them have the label.
                    yield Requirement(key, "In", values)

    def tell_unused(self, tell: Tell) -> None:
        """Keys of the user's that stand for nothing (NP029)."""
        for key in sorted(set(self.keys) - self.used):
            tell(Notice(code="NP029", message=f"{key} is in no rule{self._unknown()}"))

    def _unknown(self) -> str:
        strange = sorted(self.inventory.by_namespace.keys() - self.inventory.namespaces.keys())
        return f": the labels of {_few(strange)} are not known" if strange else ""


def _few(names: Iterable[str]) -> str:
    first, *more = names
    return f"{first} and {len(more)} others" if more else first

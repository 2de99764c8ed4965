"""One run of the synthesis: which selector names a workload."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory
from netpol.notices import Notice, Tell
from netpol.peers import Workload, label
from netpol.policy import PodSelector, in_namespace
from netpol.profile import Profile
from netpol.synthesize.levels import WHOLE_NAMESPACE
from netpol.synthesize.neighbours import Neighbours
from netpol.synthesize.selectors import Chosen, choose

__all__ = ["Edge", "Selectors"]

Edge = tuple[Connection, Evidence]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selectors:
    """The selector of each workload, chosen once and used wherever it is subject or peer."""

    inventory: Inventory
    profile: Profile
    tell: Tell
    known: dict[Workload, PodSelector | None] = field(default_factory=dict)
    shared: dict[Workload, tuple[Workload, ...]] = field(default_factory=dict)
    """Workloads that no selector can tell from others, with those others."""
    near: dict[str, Neighbours] = field(default_factory=dict)
    """The pods of each namespace, grouped once for all of its workloads."""

    def of(self, workload: Workload) -> PodSelector:
        """The selector of a workload that :meth:`can_name` said yes to."""
        found = self._remembered(workload)
        assert found is not None, label(workload)
        return found

    def can_name(self, workload: Workload) -> bool:
        """Whether some label names the pods of a workload; told as NP024 where none does."""
        return self._remembered(workload) is not None

    def _remembered(self, workload: Workload) -> PodSelector | None:
        if workload not in self.known:
            self.known[workload] = self._choose(workload)
        return self.known[workload]

    def _choose(self, workload: Workload) -> PodSelector | None:
        if workload.kind == WHOLE_NAMESPACE:
            return PodSelector(in_namespace(workload.namespace))
        strict = self.profile.identity_labels_only
        if workload.namespace not in self.near:
            self.near[workload.namespace] = Neighbours.of(
                workload.namespace, self.inventory, identity_labels_only=strict
            )
        chosen = choose(
            workload,
            self.inventory,
            identity_labels_only=strict,
            near=self.near[workload.namespace],
        )
        if chosen is None:
            message = "its connections are held, and its pods are in no rule"
            self.tell(Notice(code="NP024", where=label(workload), message=message))
            return None
        if chosen.also:
            self.shared[workload] = chosen.also
        for code, message in _remarks(chosen):
            self.tell(Notice(code=code, where=label(workload), message=message))
        return chosen.selector


def _remarks(chosen: Chosen) -> Iterable[tuple[str, str]]:
    """What a reviewer should know about a selector."""
    if chosen.also:
        yield "NP025", f"also matches {', '.join(label(other) for other in chosen.also)}"
    if chosen.fragile:
        yield "NP020", f"selected by {', '.join(chosen.fragile)}"
    if not chosen.exact:
        yield "NP021", chosen.reason
    excluding = [one.key for one in chosen.selector.pods if one.operator != "In"]
    if excluding:
        yield "NP023", f"condition on {', '.join(excluding)}"

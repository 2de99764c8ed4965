"""One run of the synthesis: which selectors name a workload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory
from netpol.notices import Notice, Tell
from netpol.numbered import numbered
from netpol.peers import Workload, label
from netpol.policy import PodSelector, Policy, in_namespace
from netpol.profile import Profile
from netpol.synthesize.levels import WHOLE_NAMESPACE
from netpol.synthesize.neighbours import Neighbours
from netpol.synthesize.selectors import Chosen, choose
from netpol.synthesize.spaces import Spaces

__all__ = ["Edge", "Selectors"]

Edge = tuple[Connection, Evidence]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selectors:
    """The selectors of each workload, chosen once and used wherever it is subject or peer."""

    inventory: Inventory
    profile: Profile
    tell: Tell
    spaces: Spaces
    known: dict[Workload, tuple[PodSelector, ...]] = field(default_factory=dict)
    shared: dict[Workload, tuple[Workload, ...]] = field(default_factory=dict)
    """Workloads that no selector can tell from others, with those others."""
    near: dict[str, Neighbours] = field(default_factory=dict)
    """The pods of each namespace, grouped once for all of its workloads."""

    def of(self, workload: Workload) -> tuple[PodSelector, ...]:
        """The selectors of a workload, mostly one; none where :meth:`can_name` says no."""
        if workload not in self.known:
            self.known[workload] = self._choose(workload)
        return self.known[workload]

    def can_name(self, workload: Workload) -> bool:
        """Whether labels name the pods of a workload; told as NP024 where they do not."""
        return bool(self.of(workload))

    def policies(self, workload: Workload, policy: Policy) -> tuple[Policy, ...]:
        """The policy, once for each selector of the workload that is its subject."""
        return numbered(replace(policy, subject=subject) for subject in self.of(workload))

    def parts(self, workloads: Iterable[Workload]) -> Iterator[tuple[str, str]]:
        """(namespace, name) of the objects after the first that some of them may get."""
        for one in workloads:
            for place in range(2, len(self.of(one)) + 1):
                yield one.namespace, f"{one.name}.{place}"

    def _choose(self, workload: Workload) -> tuple[PodSelector, ...]:
        if workload.kind == WHOLE_NAMESPACE:
            return (PodSelector(in_namespace(workload.namespace)),)
        strict, custom = self.profile.identity_labels_only, self.profile.identity_filter
        if workload.namespace not in self.near:
            self.near[workload.namespace] = Neighbours.of(
                workload.namespace,
                self.inventory,
                identity_labels_only=strict,
                identity_filter=custom,
            )
        chosen = choose(
            workload,
            self.inventory,
            identity_labels_only=strict,
            identity_filter=custom,
            near=self.near[workload.namespace],
        )
        if chosen is None:
            message = "its connections are held, and its pods are in no rule"
            self.tell(Notice(code="NP024", where=label(workload), message=message))
            return ()
        if chosen.also:
            self.shared[workload] = chosen.also
        for code, message in _remarks(chosen):
            self.tell(Notice(code=code, where=label(workload), message=message))
        return chosen.selectors


def _remarks(chosen: Chosen) -> Iterable[tuple[str, str]]:
    """What a reviewer should know about a selector."""
    if chosen.also:
        yield "NP025", f"also matches {', '.join(label(other) for other in chosen.also)}"
    if chosen.fragile:
        yield "NP020", f"selected by {', '.join(chosen.fragile)}"
    if not chosen.exact:
        yield "NP021", chosen.reason
    every = (one for selector in chosen.selectors for one in selector.pods)
    excluding = sorted({one.key for one in every if one.operator != "In"})
    if excluding:
        yield "NP023", f"condition on {', '.join(excluding)}"
    if len(chosen.selectors) > 1:
        yield "NP027", f"{len(chosen.selectors)} selectors: {_words(chosen.selectors)}"


def _words(selectors: Iterable[PodSelector]) -> str:
    return "; ".join(
        ", ".join(f"{one.key} {one.operator} {', '.join(one.values)}".strip() for one in each.pods)
        for each in selectors
    )

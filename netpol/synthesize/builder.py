"""One run of the synthesis: which selector names a workload, which rules its traffic needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory
from netpol.net import PortSet
from netpol.notices import Notice, Tell
from netpol.peers import Workload, label
from netpol.policy import FqdnSelector, PodSelector, Rule, Selector
from netpol.profile import Profile
from netpol.synthesize.outside import Outsiders
from netpol.synthesize.rectangles import cover
from netpol.synthesize.selectors import Chosen, choose

__all__ = ["Edge", "Rules", "Selectors"]

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
        strict = self.profile.identity_labels_only
        chosen = choose(workload, self.inventory, identity_labels_only=strict)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """From connections of one workload in one direction to the fewest rules."""

    selectors: Selectors
    outsiders: Outsiders

    def of(self, edges: Iterable[Edge], *, ingress: bool, where: str) -> tuple[Rule, ...]:
        """Rules that cover these connections and no other pair of peer and port."""
        pairs: dict[Selector, PortSet] = defaultdict(PortSet)
        others: list[Edge] = []
        for connection, evidence in edges:
            peer = connection.client if ingress else connection.server
            if isinstance(peer, Workload):
                pairs[self.selectors.of(peer)] |= connection.ports
            else:
                others.append((connection, evidence))
        pairs.update(self.outsiders.selectors(others, ingress=ingress))
        return tuple(
            Rule(peers=peers, ports=ports)
            for table in self._tables(pairs)
            for peers, ports in cover(table, key=_by_kind, tell=self.selectors.tell, where=where)
        )

    def _tables(self, pairs: Mapping[Selector, PortSet]) -> list[dict[Selector, PortSet]]:
        """The pairs that may share a rule: all of them, or those of one kind of peer."""
        mixed = self.selectors.profile.mixed_peers
        tables: dict[str, dict[Selector, PortSet]] = defaultdict(dict)
        for selector, ports in pairs.items():
            apart = not mixed or isinstance(selector, FqdnSelector)
            tables[type(selector).__name__ if apart else ""][selector] = ports
        return [tables[kind] for kind in sorted(tables)]


def _by_kind(selector: Selector) -> tuple[str, str]:
    return type(selector).__name__, repr(selector)

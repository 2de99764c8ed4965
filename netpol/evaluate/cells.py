"""What a policy set can tell apart: the pods and outside addresses of a world, as cells.

A cell keeps of its endpoints only what some selector reads. Labels that no selector names
(``pod-template-hash``, pod names) vanish, so the number of cells follows the policies and never the
pods; addresses become the set of CIDR selectors that contain them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from netpol.evaluate.bits import bits
from netpol.evaluate.identity import identity_relevant
from netpol.evaluate.names import name_matches
from netpol.evaluate.space import Space, space
from netpol.net import network
from netpol.peers import Labels, Workload
from netpol.policy import CidrSelector, FqdnSelector, PodSelector, PolicySet, Rule, Selector
from netpol.profile import Profile
from netpol.world import Members, NamedPort, Outside, PodClass, World

__all__ = ["NODES", "Cell", "Universe", "Vocabulary", "universe", "vocabulary"]

NODES = frozenset({"host", "remote-node"})
"""The entities that are machines of the cluster."""

_INSIDE = frozenset({"health", "ingress", "init"})
"""Entities that are, like pods, endpoints of the cluster with an address of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Endpoints that no selector of a policy set tells apart."""

    pod: bool
    labels: Labels = ()
    namespace_labels: Labels = ()
    named_ports: tuple[NamedPort, ...] = ()
    cidrs: int = 0
    """Which of the vocabulary's CIDR selectors match (bits)."""
    fqdns: int = 0
    """Which of its FQDN selectors match (bits)."""
    entities: frozenset[str] = frozenset()
    family: int = 0
    """IP version, 0 where it makes no difference; a connection stays within one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Everything that the selectors and rules of a policy set read of an endpoint."""

    selectors: tuple[Selector, ...]
    cidrs: tuple[CidrSelector, ...]
    fqdns: tuple[FqdnSelector, ...]
    pod_keys: frozenset[str]
    namespace_keys: frozenset[str]
    named_ports: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """All cells of a world, those of pods first, and who is in them."""

    cells: tuple[Cell, ...]
    pods: int
    """The cells of pods (bits)."""
    of_workload: dict[Workload, dict[int, int]]
    """For each workload its cells, each with the place in ``world.classes`` of a class in it."""
    of_party: tuple[tuple[int, ...], ...]
    """For each ``world.outside`` its cells: one per kind of address."""

    @property
    def all(self) -> int:
        """Every cell (bits)."""
        return (1 << len(self.cells)) - 1

    def speaks(self, family: int) -> int:
        """The cells (bits) with which an endpoint of this IP version can have a connection."""
        if not family:
            return self.all
        return bits(n for n, cell in enumerate(self.cells) if cell.family in (0, family))


def vocabulary(policies: PolicySet) -> Vocabulary:
    """What ``policies`` read."""
    rules = [rule for one in policies.policies for rule in _rules(one.ingress, one.egress)]
    selectors: dict[Selector, None] = {one.subject: None for one in policies.policies}
    for rule in rules:
        selectors.update(dict.fromkeys(rule.peers or ()))
    pods = [one for one in selectors if isinstance(one, PodSelector)]
    return Vocabulary(
        selectors=tuple(selectors),
        cidrs=tuple(one for one in selectors if isinstance(one, CidrSelector)),
        fqdns=tuple(one for one in selectors if isinstance(one, FqdnSelector)),
        pod_keys=frozenset(r.key for one in pods for r in one.pods),
        namespace_keys=frozenset(r.key for one in pods for r in one.namespaces),
        named_ports=frozenset(name for rule in rules for name in rule.named_ports),
    )


def _rules(*directions: tuple[Rule, ...] | None) -> Iterator[Rule]:
    return (rule for rules in directions for rule in rules or ())


def universe(words: Vocabulary, world: World, profile: Profile) -> Universe:
    """The cells of ``world`` that the policies' words distinguish under a profile."""
    cut = space(words.cidrs)
    numbers: dict[Cell, int] = {}

    def numbered(cells: Iterable[Cell]) -> tuple[int, ...]:
        found = dict.fromkeys(cells)
        return tuple(numbers.setdefault(cell, len(numbers)) for cell in found)

    of_workload: dict[Workload, dict[int, int]] = {workload: {} for workload in world.workloads}
    for place, one in enumerate(world.classes):
        bare = _pod_cell(one, words, profile)
        for some in one.members:
            for cell in numbered(_at_addresses(bare, some, words, cut, profile)):
                of_workload[some.workload].setdefault(cell, place)
    pods = len(numbers)
    of_party = tuple(numbered(_cells(one, world, words, cut, profile)) for one in world.outside)
    return Universe(
        cells=tuple(numbers), pods=(1 << pods) - 1, of_workload=of_workload, of_party=of_party
    )


def _pod_cell(one: PodClass, words: Vocabulary, profile: Profile) -> Cell:
    keys = words.pod_keys
    if profile.identity_labels_only:
        keys = frozenset(key for key in keys if identity_relevant(key))
    return Cell(
        pod=True,
        labels=tuple(pair for pair in one.labels if pair[0] in keys),
        namespace_labels=tuple(p for p in one.namespace_labels if p[0] in words.namespace_keys),
        named_ports=tuple(p for p in one.named_ports if p[:2] in words.named_ports),
    )


def _at_addresses(
    cell: Cell, some: Members, words: Vocabulary, cut: Space, profile: Profile
) -> Iterable[Cell]:
    """The cell, per kind of address where addresses are looked at and known at all."""
    if not (profile.cidr_matches_pods and words.cidrs and some.addresses):
        return (cell,)
    blocks = (network(address) for addresses in some.addresses for address in addresses)
    kinds = {(block.version, found) for block in blocks for found in cut.signatures(block)}
    return (replace(cell, family=family, cidrs=cidrs) for family, cidrs in sorted(kinds))


def _cells(
    party: Outside, world: World, words: Vocabulary, cut: Space, profile: Profile
) -> Iterator[Cell]:
    """The kinds of addresses that a party has; a party without any is one cell all the same."""
    fqdns = bits(n for n, one in enumerate(words.fqdns) if _named(one, party))
    for address in party.addresses or (None,):
        entities = _entities(party, address, world)
        found = cut.signatures(network(address)) if address else {0}
        for cidrs in found if _by_address(entities, profile) else {0}:
            yield Cell(
                pod=False,
                # What resolves to a node is the node, by name as by address (§4.8).
                fqdns=0 if entities & NODES else fqdns,
                cidrs=cidrs,
                entities=entities,
            )


def _named(selector: FqdnSelector, party: Outside) -> bool:
    return any(name_matches(selector.name, name) for name in party.names)


def _entities(party: Outside, address: str | None, world: World) -> frozenset[str]:
    """What the party is at this address: the inventory knows nodes and API servers by address."""
    found = set(party.entities)
    if address in world.api_servers:
        found.add("kube-apiserver")
    if address in world.nodes and "host" not in found:
        found = (found - {"world"}) | {"remote-node"}
    return frozenset(found)


def _by_address(entities: frozenset[str], profile: Profile) -> bool:
    """Whether CIDR rules of this engine apply to such a party."""
    if entities & NODES:
        return profile.cidr_matches_nodes
    return profile.cidr_matches_pods or not entities & _INSIDE

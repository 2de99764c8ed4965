"""What a policy set can tell apart: the pods and outside addresses of a world, as cells.

A cell keeps of its endpoints only what some selector reads. Labels that no selector names
(``pod-template-hash``, pod names) vanish, so the number of cells follows the policies and never the
pods; addresses become the set of CIDR selectors that contain them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from netpol.evaluate.bits import bits
from netpol.evaluate.identity import identity_relevant
from netpol.evaluate.names import name_matches
from netpol.evaluate.space import Space, space
from netpol.peers import ENTITIES, Entity, Fqdn, Labels, Workload
from netpol.policy import (
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    PolicySet,
    Rule,
    Selector,
)
from netpol.profile import Profile
from netpol.world import Members, NamedPort, Outside, PodClass, World

__all__ = [
    "CLUSTER",
    "NODES",
    "Cell",
    "Piece",
    "Universe",
    "Vocabulary",
    "kinds",
    "outer_cells",
    "universe",
    "vocabulary",
]

NODES = frozenset({"host", "remote-node"})
"""The entities that are machines of the cluster."""

CLUSTER = frozenset(
    {"host", "remote-node", "health", "init", "ingress", "unmanaged", "kube-apiserver"}
)
"""Entities that are part of ``cluster``: the API server is, wherever it runs
(docs/semantics.md#cilium-entities-and-blocks)."""

_INSIDE = frozenset({"health", "ingress", "init"})
"""Entities that are, like pods, endpoints of the cluster with an address of it."""


class Cell(NamedTuple):
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
    placed: bool = False
    """Whether some rule asks for the address of the pod that it polices; the other side's IP
    version is then that of this address."""


class Piece(NamedTuple):
    """Addresses that no CIDR rule tells apart, and the cell of somebody there."""

    version: int
    first: int
    last: int
    cell: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """All cells of a world, those of pods first, and who is in them.

    Cells of addresses are there whether or not anybody was seen at one.
    """

    cells: tuple[Cell, ...]
    pods: int
    """The cells of pods (bits)."""
    of_workload: dict[Workload, dict[int, int]]
    """For each workload its cells, each with the place in ``world.classes`` of a class in it."""
    of_party: tuple[tuple[int, ...], ...]
    """For each ``world.outside`` its cells: one per kind of address."""
    pieces: tuple[Piece, ...]
    """All addresses as parties outside."""
    space: Space
    numbers: Mapping[Cell, int]
    """The number of each cell."""

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
    selectors: dict[Selector, None] = dict.fromkeys(one.subject for one in policies.policies)
    selectors.update(dict.fromkeys(one.subject for one in policies.undecided))
    for rule in rules:
        selectors.update(dict.fromkeys((*(rule.peers or ()), *rule.without, *(rule.at or ()))))
        if rule.subject is not None:
            selectors[rule.subject] = None
    pods = [one for one in selectors if isinstance(one, PodSelector)]
    return Vocabulary(
        selectors=tuple(selectors),
        cidrs=tuple(one for one in selectors if isinstance(one, CidrSelector)),
        fqdns=tuple(one for one in selectors if isinstance(one, FqdnSelector)),
        pod_keys=frozenset(r.key for one in pods for r in one.pods),
        namespace_keys=frozenset(r.key for one in pods for r in one.namespaces),
        named_ports=frozenset(name for rule in rules for name in rule.named_ports),
        placed=any(rule.at is not None for rule in rules),
    )


def _rules(*directions: tuple[Rule, ...] | None) -> Iterator[Rule]:
    return (rule for rules in directions for rule in rules or ())


def kinds(words: Vocabulary, profile: Profile) -> tuple[Fqdn | Entity, ...]:
    """A party for everything outside that can be told from an address of which nothing is known."""
    named = {one.name for one in words.selectors if isinstance(one, EntitySelector)}
    if "cluster" in named:
        named |= CLUSTER
    entities = (named | profile.entities) & frozenset(ENTITIES) - {"world"}
    names = {name for one in words.fqdns for name in _examples(one.name)}
    return (*map(Entity, sorted(entities)), *map(Fqdn, sorted(names)))


def _examples(pattern: str) -> tuple[str, ...]:
    """Names that a pattern matches: itself; with one and with two labels for ``**``."""
    if pattern.startswith("**."):
        rest = pattern.removeprefix("**.")
        return f"*.{rest}", f"*.*.{rest}"
    return (pattern,)


def universe(words: Vocabulary, world: World, profile: Profile) -> Universe:
    """The cells of ``world`` that the policies' words distinguish under a profile."""
    cut = space(words.cidrs)
    numbers: dict[Cell, int] = {}

    def numbered(cells: Iterable[Cell]) -> tuple[int, ...]:
        found = dict.fromkeys(cells)
        return tuple(numbers.setdefault(cell, len(numbers)) for cell in found)

    of_workload: dict[Workload, dict[int, int]] = {workload: {} for workload in world.workloads}
    keys = _visible_keys(words, profile)
    for place, one in enumerate(world.classes):
        bare = _pod_cell(one, words, keys)
        for some in one.members:
            for cell in numbered(_at_addresses(bare, some, words, cut, profile)):
                of_workload[some.workload].setdefault(cell, place)
    pods = len(numbers)
    parties = tuple(numbered(outer_cells(one, world, words, cut, profile)) for one in world.outside)
    pieces = tuple(
        Piece(version, first, last, *numbered((_address(version * words.placed, cidrs),)))
        for version, first, last, cidrs in cut
    )
    return Universe(
        cells=tuple(numbers),
        pods=(1 << pods) - 1,
        of_workload=of_workload,
        of_party=parties,
        pieces=pieces,
        space=cut,
        numbers=numbers,
    )


def _address(family: int, cidrs: int) -> Cell:
    """Somebody outside of whom the address is all that is known."""
    return Cell(pod=False, cidrs=cidrs, entities=frozenset({"world"}), family=family)


def _visible_keys(words: Vocabulary, profile: Profile) -> frozenset[str]:
    """The label keys of pods that some selector reads and the engine knows."""
    if not profile.identity_labels_only:
        return words.pod_keys
    return frozenset(
        key for key in words.pod_keys if identity_relevant(key, profile.identity_filter)
    )


def _pod_cell(one: PodClass, words: Vocabulary, keys: frozenset[str]) -> Cell:
    labels = one.labels if keys.isdisjoint(one.account_keys) else one.visible_labels
    return Cell(
        pod=True,
        labels=tuple([pair for pair in labels if pair[0] in keys]),
        namespace_labels=tuple([p for p in one.namespace_labels if p[0] in words.namespace_keys]),
        named_ports=tuple([p for p in one.named_ports if p[:2] in words.named_ports]),
    )


def _at_addresses(
    cell: Cell, some: Members, words: Vocabulary, cut: Space, profile: Profile
) -> Iterable[Cell]:
    """The cell, per kind of address where addresses are looked at and known at all."""
    if not (profile.cidr_matches_pods and words.cidrs and some.addresses):
        return (cell,)
    blocks = [block for addresses in some.addresses for block in addresses]
    kinds = {kind for block in blocks for kind in cut.signatures(block)}
    return [cell._replace(family=family, cidrs=cidrs) for family, cidrs in sorted(kinds)]


def outer_cells(
    party: Outside, world: World, words: Vocabulary, cut: Space, profile: Profile
) -> Iterator[Cell]:
    """The kinds of addresses that a party has; a party without any is one cell all the same.

    Likewise of what it may be taken for.
    """
    fqdns = bits(n for n, one in enumerate(words.fqdns) if _named(one, party))
    takes = dict.fromkeys((party.entities, party.instead or party.entities))
    for address, taken in product(party.addresses or (None,), takes):
        entities = _entities(taken, address, world)
        found = set(cut.signatures(address)) if address else {(0, 0)}
        for family, cidrs in found if _by_address(entities, profile) else {(0, 0)}:
            yield Cell(
                pod=False,
                # What resolves to a node is the node, by name as by address.
                fqdns=0 if entities & NODES else fqdns,
                cidrs=cidrs,
                entities=entities,
                family=family * words.placed,
            )


def _named(selector: FqdnSelector, party: Outside) -> bool:
    return any(name_matches(selector.name, name) for name in party.names)


def _entities(taken: frozenset[str], address: str | None, world: World) -> frozenset[str]:
    """What a party is at this address: the inventory knows nodes and API servers by address."""
    found = set(taken)
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

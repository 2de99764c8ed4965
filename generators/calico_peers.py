"""The other side of a Calico rule: addresses, endpoints by their labels, and Services.

Sources: Calico "Network policy" reference (EntityRule); ``GetEntityRuleSelector`` in
``updateprocessors/rules.go``; ``FilterRuleToIPVersion`` of Felix: a rule with address blocks is
there for their IP version only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from generators.calico_around import Around, Service
from generators.calico_grammar import Compare, Node
from generators.calico_labels import (
    POD_ACCOUNT,
    POD_NAMESPACE,
    both,
    of_accounts,
    of_namespaces,
    pods,
)
from generators.calico_selectors import conjunctions, selector
from generators.calico_sets import matching
from generators.calico_traffic import Named
from generators.naming import is_name
from generators.reading import UndecidedError, block, excluding, undecided
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.net import PortSet, network, without
from netpol.policy import ANY, CidrSelector, Selector

__all__ = [
    "EVERYWHERE",
    "MAX_NETS",
    "Peers",
    "Scope",
    "blocks",
    "family",
    "far",
    "members",
    "nets_of",
    "of_service",
    "of_version",
    "selected",
]

EVERYWHERE: Final = {4: "0.0.0.0/0", 6: "::/0"}
"""IP version → all its addresses."""
MAX_NETS: Final = 256
_MAX_HOLES: Final = 1024

Peers: TypeAlias = tuple[Selector, ...] | None
"""As ``Rule.peers``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where a rule stands: its policy's namespace ("" in a global one), and what is around it.

    ``note`` tells of a field that is read more loosely than it was written, ``doubt`` of one for
    which a rule is in doubt.
    """

    namespace: str
    around: Around
    note: Callable[[Field, str], None]
    doubt: Callable[[UndecidedError], None]


# Addresses


def family(field: Field) -> int | None:
    """The one IP version that a rule is for; None: both. Calico refuses rules that mix them."""
    version: int | None = None
    if field["ipVersion"].present:
        version = field["ipVersion"].whole(4, 6)
        if version == 5:
            field["ipVersion"].expected("4 or 6")
        for name in ("protocol", "notProtocol"):
            wrong = ("ICMPV6", "58") if version == 4 else ("ICMP", "1")
            if str(field[name].value).upper() in wrong:
                field["ipVersion"].refuse(f"does not go with {name} {field[name].value}")
    for name in ("source", "destination"):
        for entry in (e for kind in ("nets", "notNets") for e in field[name][kind].entries()):
            found = network(_net(entry)).version
            if version not in (None, found):
                entry.refuse("the addresses of a rule must be of one IP version")
            version = found
    return version


def _net(field: Field) -> str:
    """A block as Calico takes it in a rule: with a length, and without host bits."""
    found = block(field)
    address = field.text().partition("/")[0]
    if network(address).network_address != network(found).network_address:
        field.expected(f"a block without host bits, such as {found}")
    return found


def nets_of(field: Field) -> list[str]:
    """The blocks of ``nets`` or ``notNets``."""
    entries = field.entries()
    if len(entries) > MAX_NETS:
        field.refuse(f"at most {MAX_NETS} entries")
    return [_net(entry) for entry in entries]


def of_version(
    version: int | None, ports: PortSet, peers: Peers, holes: list[Selector]
) -> tuple[Peers, list[Selector]]:
    """Leave out the other IP version than the rule's, where ports and peers could be of it."""
    if version is None or ports <= PortSet.of("ICMP" if version == 4 else "ICMPv6"):
        return peers, holes
    if peers is not ANY:
        peers = tuple(
            one
            for one in peers
            if not isinstance(one, CidrSelector) or network(one.cidr).version == version
        )
        if all(isinstance(one, CidrSelector) for one in peers):
            return peers, holes
    return peers, [*holes, CidrSelector(EVERYWHERE[10 - version])]


# Peers


def far(field: Field, scope: Scope) -> tuple[Peers, list[Selector]]:
    """(peers, exceptions): no condition is any address, a selector alone known endpoints."""
    nets, not_nets = nets_of(field["nets"]), nets_of(field["notNets"])
    holes: list[Selector] = []
    if field["notSelector"].given:
        holes += members(field["notSelector"], selector(field["notSelector"]), scope)
    wanted = selected(field, scope.namespace)
    if wanted is None:
        return blocks(nets, not_nets) if nets or not_nets else ANY, holes
    holes += [CidrSelector(one) for one in not_nets]
    if nets:
        holes += _complement(field["nets"], nets)
    return members(field, wanted, scope), holes


def blocks(nets: list[str], not_nets: list[str]) -> tuple[CidrSelector, ...]:
    """The addresses that ``nets`` and ``notNets`` leave; one of them has entries."""
    if not nets:
        nets = [EVERYWHERE[version] for version in sorted({network(n).version for n in not_nets})]
    return tuple(dict.fromkeys(peer for net in nets for peer in excluding(net, not_nets)))


def _complement(field: Field, nets: list[str]) -> list[CidrSelector]:
    """The addresses of their IP version that are in none of the blocks."""
    found = without(EVERYWHERE[network(nets[0]).version], nets)
    if len(found) > _MAX_HOLES:
        undecided(field, "too many blocks to be modelled together with a selector")
    return [CidrSelector(one) for one in found]


def selected(field: Field, namespace: str) -> Node | None:
    """The one selector that an entity amounts to; None without any condition on labels.

    In a policy of a namespace every such condition, also a negative one, keeps to that namespace
    unless there is a namespaceSelector (docs/semantics.md#calico-peers).
    """
    parts = _accounts(field["serviceAccounts"])
    if field["selector"].given:
        parts.append(selector(field["selector"]))
    spaces = field["namespaceSelector"]
    if spaces.given:
        parts.insert(0, of_namespaces(selector(spaces, scope=True)))
    elif namespace and (parts or field["notSelector"].given):
        parts.insert(0, Compare(POD_NAMESPACE, "in", (namespace,)))
    return both(tuple(parts)) if parts else None


def _accounts(field: Field) -> list[Node]:
    parts: list[Node] = []
    for entry in field["names"].entries():
        if not is_name(entry.text()):
            undecided(entry, "not the name of a service account")
    if field["names"].given:
        parts.append(Compare(POD_ACCOUNT, "in", field["names"].texts()))
    if field["selector"].given:
        parts.append(of_accounts(selector(field["selector"])))
    return parts


def members(field: Field, node: Node, scope: Scope) -> tuple[Selector, ...]:
    """Pods, and the addresses of sets, that a selector matches."""
    wanted = conjunctions(field, node)
    found: list[Selector] = [one for one in map(pods, wanted) if one is not None]
    for each in wanted:
        try:
            found += [CidrSelector(net) for net in matching(scope.around.sets, each)]
        except NetpolError as error:
            undecided(field, error.what)
    return tuple(dict.fromkeys(found))


def of_service(
    field: Field, side: str, scope: Scope, ports: PortSet, named: Named
) -> tuple[Peers, PortSet, Named]:
    """Who is behind a Service; as a destination also at its ports alone."""
    key = field["namespace"].text("") or scope.namespace, field["name"].text()
    service: Service | None = scope.around.services.get(key)
    if service is None:
        undecided(field, f"the Service {'/'.join(key)} is not among the objects that were read")
    if not service.peers:
        undecided(field, f"the endpoints of the Service {'/'.join(key)} are not known")
    if side == "destination":
        protocols = {name for name, _ in ports.parts}
        names = tuple(one for one in service.named_ports if one[0] in protocols)
        return service.peers, service.ports & ports, names
    return service.peers, ports, named

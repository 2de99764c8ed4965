"""Cilium's L3 members of one rule (endpoints, CIDRs, entities, names …) ↔ neutral selectors.

One rule has members of one kind; a list that is there and empty selects nobody. Sources: Cilium
"Layer 3" page, ``pkg/policy/api/rule_validation.go`` and ``pkg/policy/utils/parserules.go``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, assert_never

from generators.cilium_around import Around
from generators.cilium_selectors import (
    ACCOUNT,
    IN_SOME_NAMESPACE,
    LABELS_OF_NAMESPACE,
    NAMED,
    POD_NAMESPACE,
    Far,
    at_most,
    meant,
)
from generators.cilium_traffic import dns_names, written_dns
from generators.reading import UndecidedError, block, excluding, inside, undecided
from generators.selectors import label_key, label_selector, positive, requirements
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.policy import (
    ANY,
    NAMESPACE,
    SERVICE_ACCOUNT,
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Requirement,
    Selector,
    in_namespace,
)

__all__ = ["MEMBERS", "Speaker", "peers", "written_peers", "written_pod_labels"]

_ENTITIES: Final = (*NAMED, "cluster", "all")


# Writing


def written_peers(
    peers: tuple[Selector, ...] | None, namespace: str, prefix: str
) -> Iterator[dict[str, object]]:
    """The L3 member of each rule that is needed, one kind per rule; none at all for ANY.

    ``prefix`` is ``from`` or ``to``. Raises NetpolError for what Cilium has no words for.
    """
    if peers is ANY:
        yield {}
        return
    blocks = [peer for peer in peers if isinstance(peer, CidrSelector)]
    # CIDR and CIDRSet are two kinds: once one block has exceptions, all go into the set.
    kind = "CIDRSet" if any(peer.excluded for peer in blocks) else "CIDR"
    members: dict[str, list[object]] = {}
    for peer in peers:
        name, written = _written_peer(peer, namespace, prefix, kind)
        members.setdefault(prefix + name, []).append(written)
    for name, entries in members.items():
        yield {name: entries}


def _written_peer(peer: Selector, namespace: str, prefix: str, blocks: str) -> tuple[str, object]:
    match peer:
        case PodSelector():
            return "Endpoints", _written_pods(peer, namespace)
        case CidrSelector(cidr):
            return blocks, cidr if blocks == "CIDR" else _written_block(peer)
        case FqdnSelector(name):
            if prefix == "from":
                raise NetpolError("cilium cannot say DNS names in ingress", where=name)
            return "FQDNs", written_dns(name)
        case EntitySelector(name):
            if name not in _ENTITIES:
                raise NetpolError(f"cilium cannot say the entity {name}")
            return "Entities", name
        case _:
            assert_never(peer)


def _written_block(peer: CidrSelector) -> dict[str, object]:
    return {"cidr": peer.cidr, **({"except": list(peer.excluded)} if peer.excluded else {})}


def _written_pods(peer: PodSelector, namespace: str) -> dict[str, object]:
    labels = written_pod_labels(peer.pods)
    if peer.namespaces == in_namespace(namespace):
        return label_selector(labels)
    wanted = peer.namespaces
    if not positive(wanted):
        wanted = (IN_SOME_NAMESPACE, *wanted)
    return label_selector([*labels, *(replace(one, key=_written_key(one.key)) for one in wanted)])


def written_pod_labels(wanted: Iterable[Requirement]) -> tuple[Requirement, ...]:
    """Conditions on pods with the keys that Cilium has for them.

    Raises NetpolError for what its selectors cannot ask for.
    """
    return tuple(replace(one, key=_written_label(one)) for one in wanted)


def _written_label(one: Requirement) -> str:
    if one.operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
        raise NetpolError(f"cilium cannot say {one.operator} of a label", where=one.key)
    if one.key == SERVICE_ACCOUNT:
        return f"k8s:{ACCOUNT}"
    if one.key.startswith(SERVICE_ACCOUNT):
        raise NetpolError("cilium cannot say labels of a service account", where=one.key)
    return one.key


def _written_key(key: str) -> str:
    return f"k8s:{POD_NAMESPACE if key == NAMESPACE else LABELS_OF_NAMESPACE + key}"


# Reading

MEMBERS: Final = (
    *("Endpoints", "CIDR", "CIDRSet", "Entities", "Nodes", "Groups"),
    *("Services", "FQDNs"),
)
"""The kinds of L3 members, after ``from`` or ``to``; the last two are for egress only."""
_EMPTY_IS_NOBODY: Final = ("Endpoints", "CIDR", "CIDRSet", "Entities", "Nodes")
_OUTSIDE: Final = (EntitySelector("world"), CidrSelector("0.0.0.0/0"), CidrSelector("::/0"))
"""Whom address blocks that are not known could mean: never pods or nodes."""
_NODES: Final = (EntitySelector("remote-node"),)
"""The nodes that a rule can name by their labels are the other ones."""
_AT_MOST: Final[dict[str, tuple[Selector, ...]]] = {
    "CIDRSet": _OUTSIDE,
    "Groups": _OUTSIDE,
    "Nodes": _NODES,
    "Services": (PodSelector(), *_OUTSIDE),
}
_ENTITY_NAMES: Final = (*_ENTITIES, "none", "cluster-mesh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """What of a policy its peers depend on."""

    namespace: str
    """Empty for a policy of the whole cluster."""
    init: bool
    """Its subject says something of ``reserved:init``."""
    around: Around
    deny: bool = False
    """Of a rule: whether it is in a deny section."""


def peers(field: Field, speaker: Speaker, prefix: str) -> tuple[Far, ...]:
    """The peers of a rule as alternatives: nobody for an empty tuple, ANY without an L3 member.

    Peers that are not known are in doubt. Raises NetpolError for what Cilium refuses.
    """
    kinds = MEMBERS if prefix == "to" else MEMBERS[:-2]
    given = [kind for kind in kinds if field[prefix + kind].given]
    if len(given) > 1:
        field[prefix + given[1]].refuse(f"not together with {prefix}{given[0]}")
    if any(field[prefix + kind].present and kind not in given for kind in _EMPTY_IS_NOBODY):
        return ()
    if not given:
        return (Far(ANY),)
    (kind,), member = given, field[prefix + given[0]]
    if kind == "Entities":
        return _entities(member)
    return _joined(far for entry in member.entries() for far in _known(kind, entry, speaker))


def _joined(found: Iterable[Far]) -> tuple[Far, ...]:
    """One alternative for all peers that are simply meant, and one for each of the others."""
    every = list(found)
    simple = [far for far in every if not far.without and far.doubt is None]
    if any(far.peers is ANY for far in simple):
        return (Far(ANY),)
    plain = [peer for far in simple for peer in far.peers or ()]
    return (
        *((Far(tuple(dict.fromkeys(plain))),) if plain else ()),
        *dict.fromkeys(far for far in every if far not in simple),
    )


def _known(kind: str, entry: Field, speaker: Speaker) -> tuple[Far, ...]:
    """One entry of a member; where it is not known who is meant, whom it could mean at most."""
    try:
        return tuple(_peer(kind, entry, speaker))
    except UndecidedError as doubt:
        widest = at_most(entry) if kind == "Endpoints" else Far(_AT_MOST[kind])
        return (replace(widest, doubt=doubt),)


def _peer(kind: str, entry: Field, speaker: Speaker) -> Iterator[Far]:
    match kind:
        case "Endpoints":
            yield from meant(entry, speaker.namespace, init=speaker.init)
        case "CIDR":
            yield Far((CidrSelector(_block(entry, bare=True)),))
        case "CIDRSet":
            yield Far(_cidr_set(entry, speaker.around))
        case "Nodes":
            yield _nodes(entry)
        case "Groups":
            undecided(entry, "what the provider of the cloud resolves the group to is not known")
        case "Services":
            if speaker.deny:
                undecided(entry, "Services are not resolved in deny rules")
            yield Far(speaker.around.behind(entry))
        case _:
            yield Far(tuple(FqdnSelector(name) for name in dns_names(entry)))


def _nodes(entry: Field) -> Far:
    """Nodes by their labels; each is asked for ``reserved:remote-node`` as well."""
    if requirements(entry, lambda field, name: label_key(field, name.replace(":", ".", 1))):
        undecided(entry, "which nodes have such labels is not known")
    return Far(_NODES)


def _cidr_set(field: Field, around: Around) -> tuple[CidrSelector, ...]:
    members = [field[name] for name in ("cidr", "cidrGroupRef", "cidrGroupSelector")]
    if sum(one.present and one.value != "" for one in members) != 1:
        field.refuse("exactly one of cidr, cidrGroupRef and cidrGroupSelector is needed")
    excluded = [_block(entry) for entry in field["except"].entries()]
    if not members[0].given:
        blocks = around.blocks(field)
        return tuple(one for cidr in blocks for one in excluding(cidr, excluded))
    cidr = _block(members[0])
    for entry in field["except"].entries():
        if not inside(entry.text().partition("/")[0], cidr):
            entry.expected(f"a block inside {cidr}")
    return excluding(cidr, excluded)


def _block(field: Field, *, bare: bool = False) -> str:
    """A CIDR; Go takes no length with a leading zero."""
    found = block(field, bare=bare)
    length = field.text().partition("/")[2]
    if length != "0" and length.startswith("0"):
        field.expected("a CIDR such as 10.0.0.0/8")
    return found


def _entities(field: Field) -> tuple[Far, ...]:
    names = [entry.choice(_ENTITY_NAMES) for entry in field.entries()]
    if "all" in names:
        return (Far(ANY),)
    # Of a mesh only this cluster is in the world that is judged.
    local = {"cluster" if name == "cluster-mesh" else name for name in names}
    found = tuple(EntitySelector(name) for name in sorted(local - {"none"}))
    return (Far(found),) if found else ()

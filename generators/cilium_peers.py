"""Cilium's L3 members of one rule (endpoints, CIDRs, entities, FQDNs) ↔ neutral selectors.

Keys of endpoint selectors carry the source of the label (``k8s:``, ``any:``); a selector without a
namespace of its own means the policy's namespace. Sources: Cilium "Layer 3" page and
``pkg/policy/api/{selector,ingress,egress}.go``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, assert_never

from generators.cilium_traffic import dns_names, written_dns
from generators.reading import block, excluding, inside, only, undecided
from generators.selectors import label_key, label_selector, positive, requirements
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.peers import ENTITIES
from netpol.policy import (
    ANY,
    NAMESPACE,
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Requirement,
    Selector,
    in_namespace,
)

__all__ = ["endpoints", "peers", "written_peers"]

_POD_NAMESPACE: Final = "io.kubernetes.pod.namespace"
_NAMESPACE_LABELS: Final = "io.cilium.k8s.namespace.labels."
_POLICY_LABELS: Final = "io.cilium.k8s.policy."
_IN_SOME_NAMESPACE: Final = Requirement(NAMESPACE, "Exists")
_ENTITIES: Final = (*ENTITIES, "cluster", "all")
_UNREAD_ENTITIES: Final = ("unmanaged", "cluster-mesh", "world-ipv4", "world-ipv6")


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
    if peer.namespaces == in_namespace(namespace):
        return label_selector(peer.pods)
    wanted = peer.namespaces
    if not positive(wanted):
        wanted = (_IN_SOME_NAMESPACE, *wanted)
    return label_selector(
        [*peer.pods, *(replace(one, key=_written_key(one.key)) for one in wanted)]
    )


def _written_key(key: str) -> str:
    return f"k8s:{_POD_NAMESPACE if key == NAMESPACE else _NAMESPACE_LABELS + key}"


# Reading


def peers(field: Field, namespace: str, prefix: str) -> tuple[Selector, ...] | None:
    """The peers of a rule; ANY when it has no L3 member, nobody for an explicitly empty list."""
    kinds = ("Endpoints", "CIDR", "CIDRSet", "Entities", *(("FQDNs",) if prefix == "to" else ()))
    present = [kind for kind in kinds if field[prefix + kind].present]
    if not present:
        return ANY
    if len(present) > 1:
        field[prefix + present[1]].refuse(f"not together with {prefix}{present[0]}")
    member = field[prefix + present[0]]
    if not member.entries() and present != ["Endpoints"]:
        undecided(member, "an empty list is not read here")
    if present == ["Entities"]:
        return _entities(member)
    return tuple(peer for entry in member.entries() for peer in _peer(present[0], entry, namespace))


def _peer(kind: str, entry: Field, namespace: str) -> tuple[Selector, ...]:
    match kind:
        case "Endpoints":
            return (endpoints(entry, namespace),)
        case "CIDR":
            return (CidrSelector(block(entry, bare=True)),)
        case "CIDRSet":
            return _cidr_set(entry)
        case _:
            return tuple(FqdnSelector(name) for name in dns_names(entry))


def _cidr_set(field: Field) -> tuple[CidrSelector, ...]:
    only(field, ("cidr", "except"))
    cidr = block(field["cidr"])
    excluded = []
    for entry in field["except"].entries():
        excluded.append(block(entry))
        if not inside(excluded[-1], cidr):
            entry.expected(f"a block inside {cidr}")
    return excluding(cidr, excluded)


def _entities(field: Field) -> tuple[Selector, ...] | None:
    names = []
    for entry in field.entries():
        if entry.value in _UNREAD_ENTITIES:
            undecided(entry, f"the entity {entry.value} is not read")
        names.append(entry.choice((*_ENTITIES, "none")))
    if "all" in names:
        return ANY
    return tuple(EntitySelector(name) for name in sorted(set(names) - {"none"}))


def endpoints(field: Field, namespace: str, *, own: bool = False) -> PodSelector | EntitySelector:
    """An endpoint selector of a policy in ``namespace``; ``own``: the policy's own subject,

    which lies in the policy's namespace whatever else it says.
    """
    wanted = requirements(field, _key)
    if any(one.key.startswith("reserved:") for one in wanted):
        return _reserved(field, wanted, own)
    pods, namespaces = [], set()
    for one in wanted:
        if one.key.startswith(_POLICY_LABELS):
            undecided(field, f"the label {one.key} is not read")
        if one.key == _POD_NAMESPACE:
            namespaces.add(replace(one, key=NAMESPACE))
        elif one.key.startswith(_NAMESPACE_LABELS):
            namespaces.add(replace(one, key=one.key.removeprefix(_NAMESPACE_LABELS)))
        else:
            pods.append(one)
    if own:
        # Cilium puts the policy's namespace in place of any other.
        namespaces = {one for one in namespaces if one.key != NAMESPACE}
    if own or not namespaces:
        namespaces.update(in_namespace(namespace))
    if not positive(namespaces):
        undecided(field, f"without {_POD_NAMESPACE} Exists it also matches what is no pod")
    namespaces.discard(_IN_SOME_NAMESPACE)
    return PodSelector(tuple(sorted(namespaces)), tuple(sorted(pods)))


def _key(field: Field, name: str) -> str:
    """A label key without the source prefix; ``reserved:`` ones as they are."""
    source, colon, rest = name.partition(":")
    if colon and source == "reserved":
        return name
    if colon and source not in ("k8s", "any"):
        undecided(field, f"labels from {source[:40]} are not read")
    return label_key(field, rest if colon else name)


def _reserved(field: Field, wanted: tuple[Requirement, ...], own: bool) -> EntitySelector:
    name = wanted[0].key.removeprefix("reserved:")
    alone = len(wanted) == 1 and (wanted[0].operator, wanted[0].values) in (
        ("In", ("",)),
        ("Exists", ()),
    )
    if own or not alone or name not in ENTITIES:
        undecided(field, "reserved labels are read alone and in peers only")
    return EntitySelector(name)

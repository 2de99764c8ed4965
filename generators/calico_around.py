"""The other documents that a Calico policy refers to: tiers, sets, Services and namespaces."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from generators.calico_sets import SET_FIELDS, NetworkSet, network_set, unclear
from generators.endpoints import KINDS, Backends, backends
from generators.metadata import name_of
from generators.naming import is_namespace
from generators.reading import UndecidedError, identity, taken, title_of
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.manifests import Document
from netpol.net import NO_PORTS, PORT_PROTOCOLS, PortSet
from netpol.notices import Notice, Tell
from netpol.policy import (
    DEFAULT_TIER,
    DENY_TIER,
    EntitySelector,
    PodSelector,
    Requirement,
    Selector,
    Tier,
    in_namespace,
)

__all__ = ["CONTEXT", "GROUPS", "Around", "Service", "around"]

GROUPS: Final = ("projectcalico.org/v3", "crd.projectcalico.org/v1")
"""The API of Calico, and the group in which its objects are stored."""
_BUILT_IN: Final = {
    one.name: one
    for one in (
        DEFAULT_TIER,
        Tier(1_000, "kube-admin", "pass"),
        Tier(10_000_000, "kube-baseline", "pass"),
        Tier(1_000, "adminnetworkpolicy", "pass"),
        Tier(10_000_000, "baselineadminnetworkpolicy", "pass"),
    )
}
"""Tiers that Calico makes itself and whose order is fixed (reference "Tier"; the last two are those
of the releases 3.29 to 3.31)."""
_READ: Final = ("Tier", *SET_FIELDS)
_CLUSTER_WIDE: Final = ("Tier", "GlobalNetworkSet", "HostEndpoint")
CONTEXT: Final = frozenset(
    {
        *((group, kind) for group in GROUPS for kind in _READ),
        *KINDS,
        ("v1", "Service"),
        ("v1", "Namespace"),
    }
)
"""(apiVersion, kind) of the objects that are no policies and that policies refer to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Who is behind a Service, and at which ports of theirs; no peers: somebody unknown."""

    peers: tuple[Selector, ...]
    ports: PortSet
    named_ports: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the documents say of tiers, of labelled things that are no pods, and of Services."""

    tiers: Mapping[str, Tier]
    sets: tuple[NetworkSet, ...] = ()
    services: Mapping[tuple[str, str], Service] = field(default_factory=dict)

    def used(self, names: Iterable[str]) -> tuple[Tier, ...]:
        """The tiers of every cluster, those that documents declare and those among ``names``."""
        kept = {DENY_TIER, DEFAULT_TIER, *(self.tiers[name] for name in names)}
        kept.update(one for name, one in self.tiers.items() if _BUILT_IN.get(name) != one)
        return tuple(sorted(kept))


def around(documents: Iterable[Document], tell: Tell) -> Around:
    """Read what is no policy; of equal objects the last counts (NP067).

    Objects that Calico refuses are told (NP063) and left out. A set with fields that are not read
    is told (NP064) and kept as one whose addresses are unknown.
    """
    documents = list(documents)
    wanted = _last(one for one in documents if identity(one) in CONTEXT - KINDS)
    addresses = backends(documents)
    spaces: dict[str, Mapping[str, str]] = {}
    tiers, services = dict(_BUILT_IN), dict[tuple[str, str], Service]()
    sets: list[NetworkSet] = []
    for (kind, namespace, name), found in wanted.items():
        if len(found) > 1 and kind in _READ:
            message = f"{_title(found[-1])} is there {len(found)} times; the last one counts"
            tell(Notice(code="NP067", message=message, where=found[-1].where))
        if kind == "Namespace":
            spaces[name] = _texts(_metadata(found[-1], "labels"))
        elif kind == "Service":
            _keep(services, (namespace, name), found[-1], addresses)
    for (kind, namespace, _), found in wanted.items():
        if kind == "Tier":
            tiers.update(_tier(found[-1], tell))
        elif kind in SET_FIELDS:
            sets += _set(kind, namespace, found[-1], spaces, tell)
    return Around(tiers=tiers, sets=tuple(sets), services=services)


def _last(documents: Iterable[Document]) -> dict[tuple[str, str, str], list[Document]]:
    found: dict[tuple[str, str, str], list[Document]] = {}
    for document in documents:
        kind = identity(document)[1]
        metadata = _texts(_metadata(document))
        namespace = "" if kind in _CLUSTER_WIDE else metadata.get("namespace", "default")
        found.setdefault((kind, namespace, metadata.get("name", "")), []).append(document)
    return found


def _metadata(document: Document, *names: str) -> Field:
    """A member of the metadata, which may be anything."""
    value: object = document.data.get("metadata")
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return Field(value)


def _texts(table: Field) -> dict[str, str]:
    """The members of an object that are texts; of anything else none."""
    if not isinstance(table.value, dict):
        return {}
    return {name: value for name, value in table.value.items() if isinstance(value, str)}


def _title(document: Document) -> str:
    return title_of(document, wide=identity(document)[1] in _CLUSTER_WIDE)


def _problem(error: NetpolError, document: Document, what: str) -> Notice:
    """The notice of an object that is left out: NP064 where its effect is undecided, else NP063."""
    unclear = isinstance(error, UndecidedError)
    end = f"the {what} is left out" + (", its effect is undecided" if unclear else "")
    message = f"{_title(document)}: {error.where}: {error.what}; {end}"
    return Notice(code="NP064" if unclear else "NP063", message=message, where=document.where)


# Tiers


def _tier(document: Document, tell: Tell) -> dict[str, Tier]:
    """The Tier of a document by name; none where Calico refuses it."""
    try:
        found = _checked_tier(taken(document, tell, wide=True))
    except NetpolError as error:
        tell(_problem(error, document, "tier"))
        return {}
    return {found.name: found}


def _checked_tier(body: Field) -> Tier:
    """Refuses what ``validateTier`` refuses beyond the CRD."""
    name, spec = name_of(body["metadata"]), body["spec"]
    if not is_namespace(name):
        body["metadata"]["name"].expected("a DNS label")
    order = spec["order"].number() if spec["order"].present else math.inf
    found = Tier(order, name, "pass" if spec["defaultAction"].value == "Pass" else "deny")
    fixed = _BUILT_IN.get(found.name, found)
    if found.order != fixed.order:
        spec["order"].refuse(f"the order of this tier is {fixed.order:.0f}")
    if found != fixed:
        spec["defaultAction"].refuse(f"the default of this tier is {fixed.default.title()}")
    return found


# Sets


def _set(
    kind: str,
    namespace: str,
    document: Document,
    spaces: Mapping[str, Mapping[str, str]],
    tell: Tell,
) -> list[NetworkSet]:
    """The set of a document; none where Calico refuses it."""
    text = _title(document)
    try:
        body = taken(document, tell, wide=kind in _CLUSTER_WIDE)
        try:
            return [network_set(kind, namespace, body, spaces, text)]
        except UndecidedError as error:
            tell(_problem(error, document, "set"))
            return [unclear(kind, namespace, body, spaces, text)]
    except NetpolError as error:
        tell(_problem(error, document, "set"))
        return []


# Services


def _keep(
    services: dict[tuple[str, str], Service],
    key: tuple[str, str],
    one: Document,
    addresses: Mapping[tuple[str, str], Backends],
) -> None:
    """Services that cannot be read are as good as absent: whoever needs them is undecided."""
    try:
        services[key] = _service(key, Field(one.data)["spec"], addresses.get(key))
    except NetpolError:
        services.pop(key, None)


def _service(key: tuple[str, str], spec: Field, known: Backends | None) -> Service:
    """Pods by the selector; without one the addresses that somebody else keeps, at their ports."""
    numbers, names = [], set[tuple[str, str]]()
    for port in spec["ports"].entries():
        protocol = port["protocol"].choice(PORT_PROTOCOLS) if port["protocol"].given else "TCP"
        # A targetPort of 0 is the default, too.
        target = (
            port["targetPort"] if port["targetPort"].value not in (None, 0, "") else port["port"]
        )
        if isinstance(target.value, str):
            names.add((protocol, target.value))
        else:
            numbers.append(PortSet.of(protocol, target.whole(1, 65535)))
    labels = {name: spec["selector"][name].text() for name in spec["selector"].table()}
    if spec["type"].text("ClusterIP") == "ExternalName":
        return Service(peers=(), ports=NO_PORTS, named_ports=())
    if labels:
        wanted = sorted(Requirement(name, "In", (value,)) for name, value in labels.items())
        peers: tuple[Selector, ...] = (PodSelector(in_namespace(key[0]), tuple(wanted)),)
        return Service(peers=peers, ports=PortSet.union(numbers), named_ports=tuple(sorted(names)))
    # The API servers keep the endpoints of this one themselves.
    servers = (EntitySelector("kube-apiserver"),) if key == ("default", "kubernetes") else ()
    if known is None:
        return Service(
            peers=servers, ports=PortSet.union(numbers), named_ports=tuple(sorted(names))
        )
    return Service(peers=(*servers, *known.addresses), ports=known.ports, named_ports=())

"""What is no pod but has labels: NetworkSets, GlobalNetworkSets and host endpoints.

A selector of a rule matches them like pods, by labels; their address blocks are then peers. That is
settled while reading, from the sets among the same documents.

Sources: Calico "NetworkSet", "GlobalNetworkSet" and "Host endpoint" references;
``updateprocessors/networksetprocessor.go`` (namespace labels are inherited).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from generators.calico_labels import NAME, POD_NAMESPACE
from generators.calico_selectors import Conjunction
from generators.reading import block, only
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.policy import NAMESPACE, Requirement

__all__ = ["SET_FIELDS", "NetworkSet", "matching", "network_set", "unclear"]

SET_FIELDS: Final = {
    "NetworkSet": "nets",
    "GlobalNetworkSet": "nets",
    "HostEndpoint": "expectedIPs",
}
"""Kind → the field of its spec that lists addresses."""
_HOST_FIELDS: Final = ("node", "interfaceName", "expectedIPs", "profiles", "ports")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSet:
    """Address blocks with labels (its own, and those of its namespace under ``pcns.``)."""

    title: str
    labels: Mapping[str, str]
    nets: tuple[str, ...] = ()
    complete: bool = True
    """Whether all its labels are known: False where its namespace was not among the documents."""
    reason: str = ""
    """Why its addresses are not known; empty where they are."""


def network_set(
    kind: str, namespace: str, body: Field, spaces: Mapping[str, Mapping[str, str]], title: str
) -> NetworkSet:
    """One set as the API server keeps it; ``spaces`` are the labels of the known namespaces.

    Raises NetpolError for what Calico refuses beyond that, UndecidedError for fields not read.
    """
    labels = {name: one.text() for name, one in body["metadata"]["labels"].children()}
    if POD_NAMESPACE in labels:
        body["metadata"]["labels"][POD_NAMESPACE].refuse("not a label that a set may have")
    spec = body["spec"]
    nets = tuple(block(entry, bare=True) for entry in spec[SET_FIELDS[kind]].entries())
    only(spec, _HOST_FIELDS if kind == "HostEndpoint" else ("nets",))
    labels.update(_inherited(namespace, spaces))
    complete = not namespace or namespace in spaces
    return NetworkSet(title=title, labels=labels, nets=nets, complete=complete)


def unclear(
    kind: str, namespace: str, body: Field, spaces: Mapping[str, Mapping[str, str]], title: str
) -> NetworkSet:
    """A set with fields that are not read: who matches it is undecided."""
    bare = {**body.table(), "spec": {}}
    return replace(
        network_set(kind, namespace, Field(bare), spaces, title), reason=f"{title} is not read"
    )


def _inherited(namespace: str, spaces: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    if not namespace:
        return {}
    known = {**spaces.get(namespace, {}), NAMESPACE: namespace, NAME: namespace}
    return {POD_NAMESPACE: namespace, **{f"pcns.{key}": value for key, value in known.items()}}


def matching(sets: Iterable[NetworkSet], wanted: Conjunction) -> tuple[str, ...]:
    """The blocks of all sets that meet a conjunction, sorted.

    Raises NetpolError (without a place) when it is not known whether a set does, or what it holds.
    """
    found = set[str]()
    for one in sets:
        met = _meets(one, wanted)
        if met is None:
            raise NetpolError(f"whether {one.title} is meant depends on its namespace's labels")
        if met and one.reason:
            raise NetpolError(one.reason)
        found.update(one.nets if met else ())
    return tuple(sorted(found))


def _meets(one: NetworkSet, wanted: Conjunction) -> bool | None:
    verdicts = [_requirement(one, each) for each in wanted]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _requirement(one: NetworkSet, wanted: Requirement) -> bool | None:
    value = one.labels.get(wanted.key)
    if value is None and wanted.key.startswith("pcns.") and not one.complete:
        return None
    return wanted.holds(value)

"""One object for a list of addresses that several policies have: written once, changed once.

Calico has GlobalNetworkSets, which a rule means by their labels under ``namespaceSelector:
global()``; Cilium has CiliumCIDRGroups, which it means by name. Both are read back into the blocks
themselves, so that nothing but the text is different.

A list is named after the first policy that has it, so that the name stays when an address is added.

Sources: Calico "GlobalNetworkSet" reference; Cilium "CIDRGroup" page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from generators.generator import Manifest

__all__ = ["CALICO_SETS", "CILIUM_GROUPS", "Lists", "with_shared_lists"]

_LEAST: Final = 3
"""Blocks that a list must have to be worth an object of its own."""

_LABEL: Final = "netpol/list"

Spot: TypeAlias = tuple[dict[str, Any], str]
"""A table and the key in it under which a list of blocks stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """How one dialect writes lists, and refers to them."""

    spots: Callable[[dict[str, Any]], Iterator[Spot]]
    """Where the spec of a policy has lists."""
    refer: Callable[[dict[str, Any], str, str], None]
    """Put a reference to the name in the place of a list."""
    define: Callable[[str, list[str]], dict[str, object]]


def with_shared_lists(manifests: Iterable[Manifest], lists: Lists) -> tuple[Manifest, ...]:
    """The same policies, with objects for the lists that several of them have."""
    copies = deepcopy(tuple(manifests))
    uses: dict[tuple[str, ...], list[tuple[str, Spot]]] = defaultdict(list)
    for manifest in sorted(copies, key=lambda one: one.path):
        for document in manifest.documents:
            for table, key in (spot for spec in _specs(document) for spot in lists.spots(spec)):
                if len(table[key]) >= _LEAST:
                    uses[tuple(table[key])].append((manifest.path, (table, key)))
    shared = {
        blocks: found for blocks, found in uses.items() if len({path for path, _ in found}) > 1
    }
    taken: dict[str, int] = defaultdict(int)
    objects = []
    for blocks, found in shared.items():
        first = found[0][0].removesuffix(".yaml").replace("/", "-")
        taken[first] += 1
        name = f"{first}-outside" + (f"-{taken[first]}" if taken[first] > 1 else "")
        objects.append(
            Manifest(path=f"lists/{name}.yaml", documents=(lists.define(name, list(blocks)),))
        )
        for _, (table, key) in found:
            lists.refer(table, key, name)
    return (*copies, *objects)


def _specs(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [document["spec"]] if "spec" in document else document["specs"]


def _calico_spots(spec: dict[str, Any]) -> Iterator[Spot]:
    for direction, side in (("ingress", "source"), ("egress", "destination")):
        for rule in spec.get(direction, ()):
            entity = rule.get(side, {})
            if "nets" in entity and "notNets" not in entity:
                yield entity, "nets"


def _calico_refer(entity: dict[str, Any], key: str, name: str) -> None:
    del entity[key]
    entity |= {"selector": f"{_LABEL} == '{name}'", "namespaceSelector": "global()"}


def _calico_set(name: str, blocks: list[str]) -> dict[str, object]:
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "GlobalNetworkSet",
        "metadata": {"name": name, "labels": {_LABEL: name}},
        "spec": {"nets": blocks},
    }


def _cilium_spots(spec: dict[str, Any]) -> Iterator[Spot]:
    for direction, key in (("ingress", "fromCIDR"), ("egress", "toCIDR")):
        yield from ((rule, key) for rule in spec.get(direction, ()) if key in rule)


def _cilium_refer(rule: dict[str, Any], key: str, name: str) -> None:
    rest = {other: rule.pop(other) for other in tuple(rule)}
    del rest[key]
    rule |= {f"{key}Set": [{"cidrGroupRef": name}], **rest}


def _cilium_group(name: str, blocks: list[str]) -> dict[str, object]:
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumCIDRGroup",
        "metadata": {"name": name},
        "spec": {"externalCIDRs": blocks},
    }


CALICO_SETS: Final = Lists(spots=_calico_spots, refer=_calico_refer, define=_calico_set)
CILIUM_GROUPS: Final = Lists(spots=_cilium_spots, refer=_cilium_refer, define=_cilium_group)

"""The facts of a profile, one by one, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from netpol.profile.model import Profile, Source

__all__ = ["FACTS", "Fact", "facts"]

FACTS: Final = {
    "cidr_matches_pods": "CIDRs match pods",
    "cidr_matches_nodes": "CIDRs match nodes",
    "before_dnat": "egress is policed before Services are translated",
    "node_to_pod": "own node always reaches pods",
    "pod_to_node": "pods always reach their own node",
    "icmp_rule": "ICMP of isolated pods is covered by",
    "icmp_open": "ICMP types that always pass",
    "identity_labels_only": "selectors see only identity labels",
    "identity_filter": "labels of an identity by its settings",
    "end_port": "port ranges (endPort)",
    "sctp": "SCTP",
    "named_ports": "named ports",
    "excepts": "except takes addresses out of",
    "one_family": "one IP family",
    "port_entries": "ports and ranges per address",
}
"""Fields of Profile, in the order in which they are shown, with what they are called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One field, for a person."""

    field: str
    title: str
    value: str
    source: Source


def facts(profile: Profile) -> Iterator[Fact]:
    """Every fact of a profile."""
    for name, title in FACTS.items():
        value = _value(getattr(profile, name))
        yield Fact(field=name, title=title, value=value, source=profile.source(name))


def _value(value: object) -> str:
    match value:
        case bool(yes):
            return "yes" if yes else "no"
        case None:
            return "no limit"
        case "":
            return "as by default"
        case tuple(items):
            return ", ".join(map(str, items)) or "none"
        case _:
            return str(value)

"""What AdminNetworkPolicies and their kin say, read from the documents.

By the comments of kubernetes-sigs/network-policy-api ``apis/``;
docs/semantics.md#admin-baseline-and-clusternetworkpolicy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from oracles.ends import End, meets
from oracles.kubernetes import Engine, Kubernetes


@dataclass(frozen=True)
class Admin:
    documents: list[dict[str, Any]]
    engine: Engine

    def allows(
        self, direction: str, me: End, other: End, server: End, protocol: str, number: int
    ) -> bool:
        """Admin, NetworkPolicy, Baseline, allow."""
        asked = direction, me, other, server, protocol, number
        first = self.ask("Admin", *asked)
        if first in ("Allow", "Accept", "Deny"):
            return first != "Deny"
        said = Kubernetes(self.documents, self.engine).says(*asked)
        if said is not None:
            return said
        return self.ask("Baseline", *asked) != "Deny"

    def ask(
        self,
        tier: str,
        direction: str,
        me: End,
        other: End,
        server: End,
        protocol: str,
        number: int,
    ) -> str | None:
        side = "from" if direction == "ingress" else "to"
        for one in sorted(self.of_tier(tier), key=priority):
            if not pods(one["spec"]["subject"], me):
                continue
            for rule in one["spec"].get(direction) or []:
                if any(peer(each, other) for each in rule[side]) and on_ports(
                    rule, server, protocol, number
                ):
                    return str(rule["action"])
        return None

    def of_tier(self, tier: str) -> Iterator[dict[str, Any]]:
        fixed = {"AdminNetworkPolicy": "Admin", "BaselineAdminNetworkPolicy": "Baseline"}
        for one in self.documents:
            if one["apiVersion"].startswith("policy.networking.k8s.io/") and tier == (
                fixed.get(one["kind"]) or one["spec"]["tier"]
            ):
                yield one


def priority(one: dict[str, Any]) -> int:
    """The baseline policy that has none comes after those that have."""
    return int(one["spec"].get("priority", 1_000_000))


def pods(wanted: dict[str, Any], end: End) -> bool:
    if not end.pod:
        return False
    if "namespaces" in wanted:
        return meets(wanted["namespaces"], end.namespace_labels)
    return meets(wanted["pods"].get("namespaceSelector"), end.namespace_labels) and meets(
        wanted["pods"]["podSelector"], end.labels
    )


def peer(wanted: dict[str, Any], other: End) -> bool:
    """Networks match any destination, pods included."""
    if "networks" in wanted:
        return other.within(*wanted["networks"])
    if "nodes" in wanted:
        return other.node
    if "domainNames" in wanted:
        return not other.node and any(
            named(pattern, name) for pattern in wanted["domainNames"] for name in other.names
        )
    return pods(wanted, other)


def named(pattern: str, name: str) -> bool:
    pattern = pattern.lower().rstrip(".")
    if pattern.startswith("*."):
        return name.endswith(pattern[1:]) and len(name) > len(pattern) - 1
    return name == pattern


def on_ports(rule: dict[str, Any], server: End, protocol: str, number: int) -> bool:
    ports = rule.get("ports") or rule.get("protocols")
    return not ports or any(on_port(one, server, protocol, number) for one in ports)


def on_port(one: dict[str, Any], server: End, protocol: str, number: int) -> bool:
    (kind, port), *_ = one.items()
    match kind:
        case "portNumber":
            return (port.get("protocol", "TCP"), port["port"]) == (protocol, number)
        case "portRange":
            low, high = port["start"], port["end"]
            return port.get("protocol", "TCP") == protocol and low <= number <= high
        case "namedPort" | "destinationNamedPort":
            return server.listens(protocol, port, number)
        case _:
            if kind.upper() != protocol:
                return False
            wanted = port["destinationPort"]
            if "number" in wanted:
                return bool(wanted["number"] == number)
            return bool(wanted["range"]["start"] <= number <= wanted["range"]["end"])

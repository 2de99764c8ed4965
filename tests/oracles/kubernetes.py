"""What NetworkPolicies say, read from the documents by the rules of the API.

Kubernetes networking/v1; docs/semantics.md#kubernetes-networkpolicy.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any

from oracles.ends import End, meets


@dataclass(frozen=True)
class Engine:
    """What the specification leaves to the engine."""

    name: str
    pods_at_blocks: bool = True
    """Whether an ipBlock matches pods, and nodes (docs/semantics.md#address-blocks)."""
    identity_labels: bool = False
    """Whether it knows identity-relevant labels alone (docs/semantics.md#identity-labels)."""

    def labels(self, pod: End) -> dict[str, str]:
        if not self.identity_labels:
            return pod.labels
        return {key: value for key, value in pod.labels.items() if relevant(key)}


ENGINES = {
    one.name: one
    for one in (
        Engine("kubernetes"),
        Engine("calico"),
        Engine("cilium", pods_at_blocks=False, identity_labels=True),
    )
}


def relevant(key: str) -> bool:
    """Cilium's default filter of labels (cilium/cilium ``pkg/labelsfilter``)."""
    kept = r"io\.kubernetes\.pod\.namespace|io\.cilium\.k8s|app\.kubernetes\.io"
    lost = (
        r"io.kubernetes|kubernetes.io|.*beta.kubernetes.io|k8s.io|pod-template-(generation|hash)"
        r"|controller-(revision-hash|uid)|statefulset.kubernetes.io/pod-name|annotation"
        r"|apps.kubernetes.io/pod-index|batch.kubernetes.io/(job-completion-index|controller-uid)"
        r"|etcd_node|topology.kubernetes.io"
    )
    return bool(re.match(kept, key)) or not re.match(lost, key)


@dataclass(frozen=True)
class Kubernetes:
    documents: list[dict[str, Any]]
    engine: Engine

    def allows(
        self, direction: str, me: End, other: End, server: End, protocol: str, number: int
    ) -> bool:
        return self.says(direction, me, other, server, protocol, number) is not False

    def says(
        self, direction: str, me: End, other: End, server: End, protocol: str, number: int
    ) -> bool | None:
        """None where no policy selects the pod in this direction."""
        mine = [one for one in self.documents if self.selects(one, direction, me)]
        if not mine:
            return None
        side = "from" if direction == "ingress" else "to"
        return any(
            self.peers(one["metadata"].get("namespace") or "default", rule.get(side), other)
            and self.ports(rule.get("ports"), server, protocol, number)
            for one in mine
            for rule in one["spec"].get(direction) or []
        )

    def selects(self, one: dict[str, Any], direction: str, me: End) -> bool:
        if one["kind"] != "NetworkPolicy" or one["apiVersion"] != "networking.k8s.io/v1":
            return False
        if refused(one["spec"]):
            return False
        here = (one["metadata"].get("namespace") or "default") == me.namespace
        return (
            here
            and direction in types(one["spec"])
            and meets(one["spec"].get("podSelector"), self.engine.labels(me))
        )

    def peers(self, namespace: str, peers: list[Any] | None, other: End) -> bool:
        return not peers or any(self.peer(namespace, one, other) for one in peers)

    def peer(self, namespace: str, peer: dict[str, Any], other: End) -> bool:
        """docs/semantics.md#one-peer-or-two, docs/semantics.md#address-blocks."""
        if peer.get("ipBlock") is not None:
            block = peer["ipBlock"]
            known = not (other.pod or other.node) or self.engine.pods_at_blocks
            hidden = other.entities & {"health", "ingress", "init"}
            if not known or (hidden and not self.engine.pods_at_blocks):
                return False
            return other.within(block["cidr"]) and not other.within(*(block.get("except") or []))
        if not other.pod:
            return False
        spaces = peer.get("namespaceSelector")
        home = (
            other.namespace == namespace
            if spaces is None
            else meets(spaces, other.namespace_labels)
        )
        return home and meets(peer.get("podSelector"), self.engine.labels(other))

    def ports(self, ports: list[Any] | None, server: End, protocol: str, number: int) -> bool:
        return not ports or any(on_port(one, server, protocol, number) for one in ports)


def types(spec: dict[str, Any]) -> list[str]:
    """docs/semantics.md#kubernetes-defaults."""
    given = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return [one.lower() for one in given]


def on_port(one: dict[str, Any], server: End, protocol: str, number: int) -> bool:
    """docs/semantics.md#ports."""
    if (one.get("protocol") or "TCP") != protocol:
        return False
    port = one.get("port")
    if port is None:
        return True
    if isinstance(port, str):
        return server.listens(protocol, port, number)
    return port <= number <= (port if one.get("endPort") is None else one["endPort"])


# --- docs/semantics.md#what-the-api-server-refuses


def refused(spec: dict[str, Any]) -> bool:
    rules = [(side, r) for way, side in (("ingress", "from"), ("egress", "to"))
             for r in spec.get(way) or []]  # fmt: skip
    return (
        bad_selector(spec.get("podSelector"))
        or len(spec.get("policyTypes") or []) > 2
        or any(bad_peer(peer) for side, rule in rules for peer in rule.get(side) or [])
        or any(bad_port(port) for _, rule in rules for port in rule.get("ports") or [])
    )


def bad_selector(selector: dict[str, Any] | None) -> bool:
    return any(
        bool(one.get("values")) != (one["operator"] in ("In", "NotIn"))
        for one in (selector or {}).get("matchExpressions") or []
    )


def bad_peer(peer: dict[str, Any]) -> bool:
    given = {name for name, value in peer.items() if value is not None}
    if not given or ("ipBlock" in given and len(given) > 1):
        return True
    if any(bad_selector(peer.get(name)) for name in ("podSelector", "namespaceSelector")):
        return True
    return "ipBlock" in given and bad_block(peer["ipBlock"])


def bad_block(block: dict[str, Any]) -> bool:
    whole = ipaddress.ip_network(block["cidr"], strict=False)
    holes = [ipaddress.ip_network(one, strict=False) for one in block.get("except") or []]
    return any(
        hole.version != whole.version or hole == whole or not hole.subnet_of(whole)  # type: ignore[arg-type]
        for hole in holes
    )


def bad_port(port: dict[str, Any]) -> bool:
    number, end = port.get("port"), port.get("endPort")
    if (port.get("protocol") or "TCP") not in ("TCP", "UDP", "SCTP"):
        return True
    if end is not None and (not isinstance(number, int) or not number <= end <= 65535):
        return True
    if isinstance(number, str):
        tidy = re.fullmatch(r"(?=.{1,15}\Z)(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*", number)
        return tidy is None
    return number is not None and not 1 <= number <= 65535

"""What Cilium policies say, read from the documents by Cilium's own rules.

cilium/cilium ``pkg/policy/api`` and the "Policy Language" pages; docs/semantics.md#cilium-policies.

Every end has labels with a source, as Cilium's identities have: ``k8s:`` those of pods,
``reserved:`` the entities. What is learned of DNS names is taken as given: the rule of a name
matches who has the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from oracles.ends import End, expression, meets
from oracles.kubernetes import Engine, Kubernetes

NAMESPACE = "io.kubernetes.pod.namespace"
SPACE_LABELS = "io.cilium.k8s.namespace.labels."
INSIDE = {"host", "remote-node", "health", "init", "ingress", "unmanaged", "kube-apiserver"}


@dataclass(frozen=True)
class Cilium:
    documents: list[dict[str, Any]]
    engine: Engine

    def allows(
        self, direction: str, me: End, other: End, server: End, protocol: str, number: int
    ) -> bool:
        """Any deny, then any allow, then isolation of whatever kind."""
        mine = [
            (namespace, spec) for namespace, spec in self.specs if self.is_for(spec, namespace, me)
        ]
        asked = direction, other, server, protocol, number
        if any(self.hits(s, f"{direction}Deny", namespace, *asked) for namespace, s in mine):
            return False
        plain = Kubernetes(self.documents, self.engine)
        said = plain.says(direction, me, other, server, protocol, number)
        if said or any(self.hits(s, direction, namespace, *asked) for namespace, s in mine):
            return True
        return said is None and not any(isolates(spec, direction) for _, spec in mine)

    @cached_property
    def specs(self) -> list[tuple[str, dict[str, Any]]]:
        """(namespace, empty for the whole cluster; spec) of every rule envelope about pods."""
        found = []
        for one in self.documents:
            if one["apiVersion"] != "cilium.io/v2" or not one["kind"].endswith("NetworkPolicy"):
                continue
            wide = one["kind"] == "CiliumClusterwideNetworkPolicy"
            namespace = "" if wide else one["metadata"].get("namespace") or "default"
            specs = [*([one["spec"]] if one.get("spec") else []), *(one.get("specs") or [])]
            found += [(namespace, s) for s in specs if s.get("endpointSelector") is not None]
        return found

    def is_for(self, spec: dict[str, Any], namespace: str, me: End) -> bool:
        """A policy of a namespace stays in it, whatever its selector says."""
        return namespace in ("", me.namespace) and self.matches(spec["endpointSelector"], me)

    def hits(
        self,
        spec: dict[str, Any],
        section: str,
        namespace: str,
        direction: str,
        other: End,
        server: End,
        protocol: str,
        number: int,
    ) -> bool:
        side = "from" if direction == "ingress" else "to"
        return any(
            said(rule, side)
            and self.peers(rule, side, namespace, other)
            and on_ports(rule, server, protocol, number)
            for rule in spec.get(section) or []
        )

    # --- L3: docs/semantics.md#cilium-peers

    def peers(self, rule: dict[str, Any], side: str, namespace: str, other: End) -> bool:
        members = {
            name: value
            for name, value in rule.items()
            if name.startswith(side) and name != "toPorts" and value is not None
        }
        return all(
            any(self.peer(name.removeprefix(side), one, namespace, other) for one in value)
            for name, value in members.items()
        )

    def peer(self, kind: str, wanted: Any, namespace: str, other: End) -> bool:
        match kind:
            case "Endpoints":
                return self.matches(scoped(wanted, namespace), other)
            case "Entities":
                return entity(wanted, other)
            case "CIDR":
                return outside(other) and other.within(wanted)
            case "CIDRSet":
                return outside(other) and self.block(wanted, other)
            case "FQDNs":
                return not (other.pod or other.node) and any(
                    named(wanted, name) for name in other.names
                )
            case "Services":
                return other.pod and any(self.backs(one, other) for one in self.services(wanted))
        raise AssertionError(kind)

    def block(self, wanted: dict[str, Any], other: End) -> bool:
        if wanted.get("cidr"):
            blocks = [wanted["cidr"]]
        else:
            groups = [d for d in self.documents if d["kind"] == "CiliumCIDRGroup"]
            blocks = [
                cidr
                for d in groups
                if d["metadata"]["name"] == wanted.get("cidrGroupRef")
                or (
                    wanted.get("cidrGroupSelector")
                    and meets(wanted["cidrGroupSelector"], d["metadata"].get("labels") or {})
                )
                for cidr in d["spec"]["externalCIDRs"]
            ]
        return other.within(*blocks) and not other.within(*(wanted.get("except") or []))

    def services(self, wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
        one, many = wanted.get("k8sService") or {}, wanted.get("k8sServiceSelector")
        namespace = (many or one).get("namespace")
        for d in self.documents:
            metadata = d["metadata"]
            if d["kind"] == "Service" and namespace in (None, "", metadata["namespace"]):
                if many and meets(many["selector"], metadata.get("labels") or {}):
                    yield d
                if not many and metadata["name"] == one["serviceName"]:
                    yield d

    def backs(self, service: dict[str, Any], other: End) -> bool:
        labels = self.labels(other)
        return other.namespace == service["metadata"]["namespace"] and all(
            labels.get(f"k8s:{key}") == value for key, value in service["spec"]["selector"].items()
        )

    # --- labels with their sources: docs/semantics.md#identity-labels

    def matches(self, selector: dict[str, Any], end: End) -> bool:
        labels = self.labels(end)
        selector = selector or {}
        wanted = [
            {"key": key, "operator": "In", "values": [value]}
            for key, value in (selector.get("matchLabels") or {}).items()
        ]
        return all(
            sourced(one, labels) for one in [*wanted, *(selector.get("matchExpressions") or [])]
        )

    def labels(self, end: End) -> dict[str, str]:
        if not end.pod:
            return {f"reserved:{name}": "" for name in end.entities}
        own = {f"k8s:{key}": value for key, value in self.engine.labels(end).items()}
        spaces = {f"k8s:{SPACE_LABELS}{k}": v for k, v in end.namespace_labels.items()}
        return {
            **own,
            **spaces,
            f"k8s:{NAMESPACE}": end.namespace,
            "k8s:io.cilium.k8s.policy.serviceaccount": end.account,
            "k8s:io.cilium.k8s.policy.cluster": "default",
        }


def sourced(one: dict[str, Any], labels: dict[str, str]) -> bool:
    """A condition whose key may name the source of the label; without one it is any source."""
    source, colon, key = one["key"].partition(":")
    if not colon or source == "any":
        key = key if colon else one["key"]
        labels = {name.partition(":")[2]: value for name, value in labels.items()}
        return expression({**one, "key": key}, labels)
    return expression(one, labels)


def scoped(selector: dict[str, Any], namespace: str) -> dict[str, Any]:
    """A peer without a namespace of its own: in a policy of a namespace that one, else some."""
    expressions = selector.get("matchExpressions") or []
    keys = [*(selector.get("matchLabels") or {}), *(one["key"] for one in expressions)]
    bare = [key.removeprefix("k8s:").removeprefix("any:") for key in keys]
    if any(key.startswith("reserved:") for key in keys) or NAMESPACE in bare:
        return selector
    if namespace and any(key.startswith(SPACE_LABELS) for key in bare):
        return selector
    home: dict[str, Any] = {"key": f"k8s:{NAMESPACE}", "operator": "Exists"}
    if namespace:
        home = {"key": f"k8s:{NAMESPACE}", "operator": "In", "values": [namespace]}
    return {**selector, "matchExpressions": [*expressions, home]}


def isolates(spec: dict[str, Any], direction: str) -> bool:
    given = spec.get(direction) or spec.get(f"{direction}Deny")
    return bool(given) and (spec.get("enableDefaultDeny") or {}).get(direction, True) is not False


def said(rule: dict[str, Any], side: str) -> bool:
    """Whether a rule says anything: an empty one selects nothing."""
    empty = ("Endpoints", "CIDR", "CIDRSet", "Entities", "Nodes")
    if any(rule.get(side + kind) == [] for kind in empty):
        return False
    return any(value for value in rule.values())


def entity(name: str, end: End) -> bool:
    match name:
        case "all":
            return True
        case "none":
            return False
        case "cluster":
            return end.pod or bool(end.entities & INSIDE)
    return name in end.entities


def outside(end: End) -> bool:
    """Whom rules about blocks can match."""
    return not end.pod and not end.node and not end.entities & {"health", "ingress", "init"}


def named(wanted: dict[str, Any], name: str) -> bool:
    if wanted.get("matchName"):
        return bool(wanted["matchName"].lower().rstrip(".") == name)
    pattern = wanted["matchPattern"].lower().rstrip(".")
    if set(pattern) == {"*"}:
        return True
    deep = r"([^.]+\.)+" if pattern.startswith("**.") else ""
    rest = re.escape(pattern.removeprefix("**.")).replace(r"\*", "[^.]*")
    return re.fullmatch(deep + rest, name) is not None


# --- L4: docs/semantics.md#cilium-ports-and-services

OTHERS = {"VRRP": 112, "IGMP": 2}
FAMILIES = {"IPv4": "ICMP", "IPv6": "ICMPv6"}
TYPES = {"EchoRequest": {"IPv4": 8, "IPv6": 128}, "EchoReply": {"IPv4": 0, "IPv6": 129},
         "DestinationUnreachable": {"IPv4": 3, "IPv6": 1}}  # fmt: skip


def on_ports(rule: dict[str, Any], server: End, protocol: str, number: int) -> bool:
    if rule.get("icmps"):
        fields = [field for one in rule["icmps"] for field in one.get("fields") or []]
        return any(icmp(field, protocol, number) for field in fields)
    if not rule.get("toPorts"):
        return True
    ports = [port for item in rule["toPorts"] for port in item.get("ports") or []]
    return any(on_port(port, server, protocol, number) for port in ports)


def icmp(field: dict[str, Any], protocol: str, number: int) -> bool:
    family = field.get("family") or "IPv4"
    kind = field["type"]
    if isinstance(kind, str):
        kind = int(kind) if kind.isdigit() else TYPES[kind][family]
    return protocol == FAMILIES[family] and number // 256 == kind


def on_port(port: dict[str, Any], server: End, protocol: str, number: int) -> bool:
    kind, text = port.get("protocol") or "ANY", port.get("port") or "0"
    if kind in OTHERS:
        return protocol == "OTHER" and number == OTHERS[kind]
    if protocol not in (("TCP", "UDP", "SCTP") if kind == "ANY" else (kind,)):
        return False
    if not text.isdigit():
        return server.listens(protocol, text, number)
    low, end = int(text), port.get("endPort") or 0
    if low == 0:
        return True  # Whatever endPort says.
    return low <= number <= max(low, end)

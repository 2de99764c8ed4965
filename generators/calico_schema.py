"""What the CRDs of Calico say of their objects.

Source: ``projectcalico.org/v3`` and ``crd.projectcalico.org/v1`` of release 3.32, which differ in
nothing but that the former need ``metadata`` and ``spec``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from generators.schema import (
    ANY,
    FLAG,
    NUMBER,
    SELECTOR,
    WHOLE,
    Rule,
    Schema,
    Value,
    listed,
    mapped,
    table,
    text,
    whole,
    whole_or_text,
)

__all__ = ["SCHEMAS"]


def _elsewhere(*names: str) -> tuple[Rule, ...]:
    """``global()`` is for the namespaceSelector of a rule alone."""

    def rule(name: str) -> Rule:
        why = "global() is for the namespaceSelector of a rule"
        return name, why, lambda value: "global(" not in value.get(name, "")

    return tuple(rule(name) for name in names)


# Rules


def _apart(name: str) -> Rule:
    """What does not go with a Service."""
    return (
        name,
        "not together with services",
        lambda side: "services" not in side or not side.get(name),
    )


def _apart_in(name: str) -> Rule:
    """Ports that do not go with a Service as the destination."""

    def holds(rule: Value) -> bool:
        side = rule.get("destination", {})
        return "services" not in side or not side.get(name)

    return f"destination.{name}", "not together with services", holds


def _fits(version: int, name: str) -> Rule:
    """ICMP is for IPv4, ICMPv6 for IPv6."""
    family = {4: ("ICMP", 1), 6: ("ICMPv6", 58)}[version]

    def holds(rule: Value) -> bool:
        return rule.get(name) not in family or rule.get("ipVersion", version) == version

    return "ipVersion", f"does not go with {name} {family[0]}", holds


_SELECTOR: Final = text(most=1024)
_NETS: Final = listed(text(), most=256, unique=True)
_PORTS: Final = listed(whole_or_text(), most=50)
_SIDE: Final = table(
    {
        **dict.fromkeys(("selector", "notSelector", "namespaceSelector"), _SELECTOR),
        "nets": _NETS,
        "notNets": _NETS,
        "ports": _PORTS,
        "notPorts": _PORTS,
        "serviceAccounts": table({"names": listed(text(), unique=True), "selector": text()}),
        "services": table({"name": text(most=253), "namespace": text(most=253)}),
        # Of Calico Enterprise alone; to drop it would make the rule match everybody.
        "domains": ANY,
    },
    rules=(
        *_elsewhere("selector"),
        *map(_apart, ("namespaceSelector", "selector", "notSelector", "nets", "notNets")),
        (
            "serviceAccounts",
            "not together with services",
            lambda side: not ("services" in side and "serviceAccounts" in side),
        ),
        (
            "services.name",
            "is required",
            lambda side: "services" not in side or side["services"].get("name"),
        ),
    ),
)
_ICMP: Final = table(
    {"type": whole(0, 254), "code": whole(0, 255)},
    rules=(("code", "needs a type", lambda icmp: "code" not in icmp or "type" in icmp),),
)
_PATH: Final = table({"exact": text(most=1024), "prefix": text(most=1024)})
_RULE: Final = table(
    {
        "action": text(among=("Allow", "Deny", "Pass", "Log")),
        "ipVersion": whole(among=(4, 6)),
        "protocol": whole_or_text(),
        "notProtocol": whole_or_text(),
        "icmp": _ICMP,
        "notICMP": _ICMP,
        "source": _SIDE,
        "destination": _SIDE,
        "http": table({"methods": listed(text(), most=20), "paths": listed(_PATH, most=20)}),
        "metadata": table({"annotations": mapped(text())}),
    },
    "action",
    rules=(
        (
            "http",
            "needs the protocol TCP, or none",
            lambda rule: "http" not in rule or rule.get("protocol", 6) in ("TCP", 6),
        ),
        (
            "http",
            "goes with the action Allow alone",
            lambda rule: "http" not in rule or rule["action"] == "Allow",
        ),
        *map(_apart_in, ("ports", "notPorts")),
        (
            "icmp",
            "needs the protocol ICMP or ICMPv6",
            lambda rule: "icmp" not in rule or rule.get("protocol") in ("ICMP", "ICMPv6", 1, 58),
        ),
        *(_fits(version, name) for version in (4, 6) for name in ("protocol", "notProtocol")),
    ),
)

# Policies

_POLICY: Final[dict[str, Schema]] = {
    "tier": text(default="default"),
    "order": NUMBER,
    "selector": _SELECTOR,
    "serviceAccountSelector": _SELECTOR,
    "types": listed(text(among=("Ingress", "Egress")), 1, 2, unique=True),
    "ingress": listed(_RULE, most=1024),
    "egress": listed(_RULE, most=1024),
    "performanceHints": listed(text(among=("AssumeNeededOnEveryNode",)), unique=True),
}
_GLOBAL: Final[dict[str, Schema]] = {
    **_POLICY,
    "namespaceSelector": _SELECTOR,
    **dict.fromkeys(("applyOnForward", "doNotTrack", "preDNAT"), FLAG),
}
_STAGED: Final[dict[str, Schema]] = {
    "stagedAction": text(among=("Set", "Delete", "Learn", "Ignore"), default="Set")
}
_EVERYWHERE: Final = _elsewhere("selector", "serviceAccountSelector")
_WIDELY: Final[tuple[Rule, ...]] = (
    (
        "preDNAT",
        "not together with doNotTrack",
        lambda spec: not (spec.get("doNotTrack") and spec.get("preDNAT")),
    ),
    (
        "preDNAT",
        "not together with egress",
        lambda spec: (
            not spec.get("preDNAT") or not (spec.get("egress") or "Egress" in spec.get("types", ()))
        ),
    ),
    (
        "applyOnForward",
        "must be true with preDNAT or doNotTrack",
        lambda spec: (
            spec.get("applyOnForward") or not (spec.get("doNotTrack") or spec.get("preDNAT"))
        ),
    ),
    *_EVERYWHERE,
    *_elsewhere("namespaceSelector"),
)

# Policies of Kubernetes, staged

_KUBERNETES_PEERS: Final = listed(
    table(
        {
            "podSelector": SELECTOR,
            "namespaceSelector": SELECTOR,
            "ipBlock": table({"cidr": text(), "except": listed(text())}, "cidr"),
        }
    )
)
_KUBERNETES_PORTS: Final = listed(
    table({"protocol": text(), "port": whole_or_text(), "endPort": WHOLE})
)
_KUBERNETES: Final[dict[str, Schema]] = {
    **_STAGED,
    "podSelector": SELECTOR,
    "policyTypes": listed(text(), 1, 2, unique=True),
    "ingress": listed(table({"from": _KUBERNETES_PEERS, "ports": _KUBERNETES_PORTS})),
    "egress": listed(table({"to": _KUBERNETES_PEERS, "ports": _KUBERNETES_PORTS})),
}

# What is no policy


def _tier(name: str, order: float, action: str) -> tuple[Rule, ...]:
    """Tiers that Calico makes have a fixed order and default."""

    def spec(tier: Value) -> Value:
        return tier.get("spec", {}) if tier["metadata"].get("name") == name else {}

    return (
        (
            "spec.defaultAction",
            f"the default of this tier is {action}",
            lambda tier: spec(tier).get("defaultAction", action) == action,
        ),
        (
            "spec.order",
            f"the order of this tier is {order:.0f}",
            lambda tier: not spec(tier) or spec(tier).get("order") == order,
        ),
    )


# The domains are of Calico Enterprise alone; without them the set would be smaller than it is.
_NET_SET: Final = table({"nets": listed(text(), unique=True), "allowedEgressDomains": ANY})
_HOST: Final = table(
    {
        "node": text(most=253),
        "interfaceName": text(most=15),
        "expectedIPs": listed(text(), unique=True),
        "profiles": listed(text(), unique=True),
        "ports": listed(
            table(
                {"name": text(), "protocol": whole_or_text(), "port": whole(1, 65535)},
                "name",
                "port",
                "protocol",
            )
        ),
    },
    rules=(
        (
            "",
            "interfaceName or expectedIPs is required",
            lambda spec: spec.get("interfaceName") or spec.get("expectedIPs"),
        ),
        ("node", "is required", lambda spec: spec.get("node")),
    ),
)


_TIER: Final = table(
    {"order": NUMBER, "defaultAction": text(among=("Pass", "Deny"), default="Deny")}
)
_SPECS: Final[dict[str, Schema]] = {
    "NetworkPolicy": table(_POLICY, rules=_EVERYWHERE),
    "GlobalNetworkPolicy": table(_GLOBAL, rules=_WIDELY),
    "StagedNetworkPolicy": table({**_POLICY, **_STAGED}, rules=_EVERYWHERE),
    "StagedGlobalNetworkPolicy": table({**_GLOBAL, **_STAGED}, rules=_WIDELY),
    "StagedKubernetesNetworkPolicy": table(_KUBERNETES),
    "NetworkSet": _NET_SET,
    "GlobalNetworkSet": _NET_SET,
    "HostEndpoint": _HOST,
}
_HEAD: Final[dict[str, Schema]] = {"apiVersion": text(), "kind": text(), "metadata": ANY}


def _group(version: str, *required: str) -> Mapping[tuple[str, str], Schema]:
    tier = table(
        {**_HEAD, "spec": _TIER, "status": ANY},
        "metadata",
        "spec",
        rules=(
            *_tier("default", 1_000_000, "Deny"),
            *_tier("kube-admin", 1_000, "Pass"),
            *_tier("kube-baseline", 10_000_000, "Pass"),
        ),
    )
    others = {
        (version, kind): table({**_HEAD, "spec": spec}, *required) for kind, spec in _SPECS.items()
    }
    return {**others, (version, "Tier"): tier}


SCHEMAS: Final[Mapping[tuple[str, str], Schema]] = {
    **_group("projectcalico.org/v3", "metadata", "spec"),
    **_group("crd.projectcalico.org/v1"),
}
"""(apiVersion, kind) → schema."""

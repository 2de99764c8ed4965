"""What the CRDs of policy.networking.k8s.io say of their objects.

Source: network-policy-api v0.1.8 (v1alpha1) and v0.2.0 (v1alpha2), experimental channel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_network
from typing import Final

from generators.schema import ANY, SELECTOR, Rule, Schema, Value, listed, table, text, union, whole

__all__ = ["SCHEMAS"]

# The class [A-z], with its six odd characters, is the CRD's.
_LABEL: Final = r"[a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?"
_DOMAIN: Final = rf"(\*\.)?({_LABEL}\.)+{_LABEL}\.?"


def _is_cidr(value: str) -> bool:
    """CEL's ``isCIDR``: host bits may be set; IPv4 in IPv6, zones and leading zeros may not be."""
    address, slash, length = value.partition("/")
    plain = length.isascii() and length.isdecimal() and not (length[0] == "0" and length != "0")
    if not (slash and plain) or "%" in address:
        return False
    try:
        first = ip_network(value, strict=False).network_address
    except ValueError:
        return False
    return not (isinstance(first, IPv6Address) and _mapped(address))


def _mapped(address: str) -> bool:
    return IPv6Address(address).ipv4_mapped is not None


_CIDR: Final = text(most=43, rules=(("", "expected a CIDR such as 10.0.0.0/8", _is_cidr),))
_NETWORKS: Final = listed(_CIDR, 1, 25, unique=True)
_NAME: Final = text(
    rules=(
        (
            "",
            "expected a domain name such as example.org or *.example.org",
            re.compile(_DOMAIN).fullmatch,
        ),
    )
)
_DOMAINS: Final = listed(_NAME, 1, 25, unique=True)
_PORT: Final = whole(1, 65535)


def _pods(*required: str) -> Schema:
    return table({"namespaceSelector": SELECTOR, "podSelector": SELECTOR}, *required)


def _peer(pods: Schema, more: Mapping[str, Schema]) -> Schema:
    """Of a peer of no known type the reader knows more: it may have been stored by a newer CRD."""
    return table({"namespaces": SELECTOR, "pods": pods, **more}, most=1)


def _unnamed(ports: str, named: str, *without: str) -> Rule:
    """Named ports are for pods."""

    def holds(rule: Value) -> bool:
        far = any(name in peer for peer in rule["to"] for name in without)
        return not (far and any(named in port for port in rule.get(ports, ())))

    return ports, f"{', '.join(without)} have no named ports", holds


def _spec(pods: Schema, rules: Mapping[str, Schema], *required: str, **more: Schema) -> Schema:
    subject = union({"namespaces": SELECTOR, "pods": pods})
    return table({"subject": subject, **rules, **more}, "subject", *required)


def _rules(
    pods: Schema, actions: tuple[str, ...], ports: tuple[str, Schema], far: Schema, rule: Rule
) -> dict[str, Schema]:
    most = 100 if ports[0] == "ports" else 25
    said = {
        "name": text(most=100),
        "action": text(among=actions),
        ports[0]: listed(ports[1], 1, most),
    }
    sources, targets = listed(_peer(pods, {}), 1, most), listed(far, 1, most)
    return {
        "ingress": listed(table({**said, "from": sources}, "action", "from"), most=most),
        "egress": listed(table({**said, "to": targets}, "action", "to", rules=(rule,)), most=most),
    }


def _object(spec: Schema) -> Schema:
    members = {"apiVersion": text(), "kind": text(), "metadata": ANY, "spec": spec, "status": ANY}
    return table(members, "metadata", "spec")


# v1alpha1

_FIRST_PODS: Final = _pods("namespaceSelector", "podSelector")
_FIRST_PORT: Final = union(
    {
        "portNumber": table({"protocol": text(default="TCP"), "port": _PORT}, "port"),
        "portRange": table(
            {"protocol": text(default="TCP"), "start": _PORT, "end": _PORT}, "start", "end"
        ),
        "namedPort": text(),
    }
)


def _first(actions: tuple[str, ...], **more: Schema) -> dict[str, Schema]:
    far = {"networks": _NETWORKS, "nodes": SELECTOR, **more}
    return _rules(
        _FIRST_PODS,
        actions,
        ("ports", _FIRST_PORT),
        _peer(_FIRST_PODS, far),
        _unnamed("ports", "namedPort", *far),
    )


# v1alpha2

_SECOND_PODS: Final = _pods("podSelector")
_RANGE: Final = table(
    {"start": _PORT, "end": _PORT},
    "start",
    "end",
    rules=(
        ("start", "start must be less than end", lambda range_: range_["start"] < range_["end"]),
    ),
)
_NUMBERED: Final = table(
    {"destinationPort": union({"number": _PORT, "range": _RANGE})}, "destinationPort"
)
_SECOND_PORT: Final = union(
    {**dict.fromkeys(("tcp", "udp", "sctp"), _NUMBERED), "destinationNamedPort": text()}
)
_SECOND_FAR: Final = {"networks": _NETWORKS, "nodes": SELECTOR, "domainNames": _DOMAINS}
_SECOND: Final = _rules(
    _SECOND_PODS,
    ("Accept", "Deny", "Pass"),
    ("protocols", _SECOND_PORT),
    _peer(_SECOND_PODS, _SECOND_FAR),
    _unnamed("protocols", "destinationNamedPort", *_SECOND_FAR),
)
_PRIORITY: Final = whole(0, 1000)

_GROUP: Final = "policy.networking.k8s.io"
SCHEMAS: Final[dict[tuple[str, str], Schema]] = {
    (f"{_GROUP}/v1alpha1", "AdminNetworkPolicy"): _object(
        _spec(
            _FIRST_PODS,
            _first(("Allow", "Deny", "Pass"), domainNames=_DOMAINS),
            "priority",
            priority=_PRIORITY,
        )
    ),
    (f"{_GROUP}/v1alpha1", "BaselineAdminNetworkPolicy"): _object(
        _spec(_FIRST_PODS, _first(("Allow", "Deny")))
    ),
    (f"{_GROUP}/v1alpha2", "ClusterNetworkPolicy"): _object(
        _spec(
            _SECOND_PODS,
            _SECOND,
            "priority",
            "tier",
            priority=_PRIORITY,
            tier=text(among=("Admin", "Baseline")),
        )
    ),
}
"""(apiVersion, kind) → schema."""

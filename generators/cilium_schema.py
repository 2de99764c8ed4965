"""What the CRDs of Cilium say of their objects.

Source: cilium.io/v2 of 1.18 to 1.20, with what each of them has. Forms of addresses, DNS names and
ports are not here as far as the agent wants more of them: that the reader checks.
"""

from __future__ import annotations

from typing import Final

from generators.naming import is_name
from generators.schema import (
    ANY,
    FLAG,
    Schema,
    listed,
    mapped,
    table,
    text,
    whole,
    whole_or_text,
)

__all__ = ["SCHEMAS"]

_OPERATORS: Final = ("In", "NotIn", "Exists", "DoesNotExist")
_VALUE: Final = text(most=63, pattern=r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_EXPRESSION: Final = table(
    {"key": text(), "operator": text(among=_OPERATORS), "values": listed(text())},
    "key",
    "operator",
)
_SELECTOR: Final = table({"matchLabels": mapped(_VALUE), "matchExpressions": listed(_EXPRESSION)})
_ENTITIES: Final = (
    *("all", "world", "cluster", "cluster-mesh", "host", "remote-node", "kube-apiserver"),
    *("init", "ingress", "unmanaged", "health", "none"),
)
_PROTOCOLS: Final = (
    *("TCP", "UDP", "SCTP", "ANY"),
    *("VRRP", "IGMP", "GRE", "IPIP", "IPV6", "ESP", "AH"),
)

# Peers

_CIDR_SET: Final = table(
    {
        "cidr": text(),
        "cidrGroupRef": text(most=253, rules=(("", "expected a DNS name", is_name),)),
        "cidrGroupSelector": _SELECTOR,
        "except": listed(text()),
    },
    one_of=("cidr", "cidrGroupRef", "cidrGroupSelector"),
)
_AWS: Final = table(
    {
        "labels": mapped(text()),
        "region": text(),
        "securityGroupsIds": listed(text()),
        "securityGroupsNames": listed(text()),
    }
)
_SERVICE: Final = table(
    {
        "k8sService": table({"serviceName": text(), "namespace": text()}),
        "k8sServiceSelector": table({"selector": _SELECTOR, "namespace": text()}, "selector"),
    }
)
_NAME: Final = table(
    {"matchName": text(most=255), "matchPattern": text(most=255)},
    one_of=("matchName", "matchPattern"),
)


def _peers(prefix: str) -> dict[str, Schema]:
    return {
        f"{prefix}Endpoints": listed(_SELECTOR),
        f"{prefix}Requires": listed(ANY),
        f"{prefix}CIDR": listed(text()),
        f"{prefix}CIDRSet": listed(_CIDR_SET),
        f"{prefix}Entities": listed(text(among=_ENTITIES)),
        f"{prefix}Groups": listed(table({"aws": _AWS})),
        f"{prefix}Nodes": listed(_SELECTOR),
        **({"toServices": listed(_SERVICE)} if prefix == "to" else {}),
    }


# Traffic

_PORTS: Final = listed(
    table({"port": text(), "endPort": whole(0, 65535), "protocol": text(among=_PROTOCOLS)}),
    most=40,
)
_ICMP: Final = table(
    {"family": text(among=("IPv4", "IPv6"), default="IPv4"), "type": whole_or_text()}, "type"
)
_ICMPS: Final = listed(table({"fields": listed(_ICMP, most=40)}))
_SECRET: Final = table({"name": text(), "namespace": text()}, "name")
_TLS: Final = table(
    {"secret": _SECRET, **dict.fromkeys(("trustedCA", "certificate", "privateKey"), text())},
    "secret",
)
_HEADER: Final = table(
    {
        "mismatch": text(among=("LOG", "ADD", "DELETE", "REPLACE")),
        "name": text(1),
        "secret": _SECRET,
        "value": text(),
    },
    "name",
)
_HTTP: Final = table(
    {
        **dict.fromkeys(("host", "method", "path"), text()),
        "headers": listed(text()),
        "headerMatches": listed(_HEADER),
    }
)
_KAFKA: Final = table(
    {
        **dict.fromkeys(("apiKey", "apiVersion", "clientID"), text()),
        "role": text(among=("produce", "consume")),
        "topic": text(most=255),
    }
)
_RULES: Final = table(
    {
        "http": listed(_HTTP),
        "dns": listed(_NAME),
        "kafka": listed(_KAFKA),
        "l7": listed(mapped(text())),
        "l7proto": text(),
    },
    one_of=("http", "kafka", "dns", "l7proto"),
)
_LISTENER: Final = table(
    {
        "name": text(1),
        "priority": whole(1, 100),
        "envoyConfig": table(
            {
                "kind": text(among=("CiliumEnvoyConfig", "CiliumClusterwideEnvoyConfig")),
                "name": text(1),
            },
            "name",
        ),
    },
    "envoyConfig",
    "name",
)
# The CRD's pattern in a form that takes linear time.
_SERVER: Final = text(most=255, pattern=r"^[-a-zA-Z0-9_*]+(\.[-a-zA-Z0-9_*]+)*\.?$")
_PROXIED: Final = table(
    {
        "ports": _PORTS,
        "rules": _RULES,
        "terminatingTLS": _TLS,
        "originatingTLS": _TLS,
        "serverNames": listed(_SERVER, 1, unique=True),
        "listener": _LISTENER,
    }
)
_MODES: Final = ("disabled", "required", "test-always-fail")

# Policies


def _deny(prefix: str) -> dict[str, Schema]:
    ports = listed(table({"ports": _PORTS}))
    return {**_peers(prefix), "toPorts": ports, "icmps": _ICMPS}


def _allow(prefix: str) -> dict[str, Schema]:
    return {
        **_deny(prefix),
        **({"toFQDNs": listed(_NAME)} if prefix == "to" else {}),
        "toPorts": listed(_PROXIED),
        "authentication": table({"mode": text(among=_MODES)}, "mode"),
    }


_SECTIONS: Final[dict[str, Schema]] = {
    "ingress": listed(table(_allow("from"))),
    "ingressDeny": listed(table(_deny("from"))),
    "egress": listed(table(_allow("to"))),
    "egressDeny": listed(table(_deny("to"))),
}
_LABEL: Final = table({"key": text(), "value": text(), "source": text()}, "key")
_SPEC: Final = table(
    {
        **_SECTIONS,
        "endpointSelector": _SELECTOR,
        "nodeSelector": _SELECTOR,
        "enableDefaultDeny": table({"ingress": FLAG, "egress": FLAG}),
        "labels": listed(_LABEL),
        "description": text(),
        "log": table({"value": text(most=32)}),
    },
    any_of=tuple(_SECTIONS),
)
_POLICY: Final = table(
    {
        **dict.fromkeys(("apiVersion", "kind"), text()),
        "metadata": ANY,
        "spec": _SPEC,
        "specs": listed(_SPEC),
        "status": ANY,
    },
    "metadata",
    any_of=("spec", "specs"),
)
_GROUP: Final = table(
    {
        **dict.fromkeys(("apiVersion", "kind"), text()),
        "metadata": ANY,
        "spec": table({"externalCIDRs": listed(text())}, "externalCIDRs"),
    },
    "spec",
)

SCHEMAS: Final[dict[tuple[str, str], Schema]] = {
    ("cilium.io/v2", "CiliumNetworkPolicy"): _POLICY,
    ("cilium.io/v2", "CiliumClusterwideNetworkPolicy"): _POLICY,
    ("cilium.io/v2", "CiliumCIDRGroup"): _GROUP,
    ("cilium.io/v2alpha1", "CiliumCIDRGroup"): _GROUP,
}
"""(apiVersion, kind) → schema."""

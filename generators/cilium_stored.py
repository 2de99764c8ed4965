"""The fields that Cilium's policy kinds have: the API server keeps no others.

Source: the CRDs of cilium.io/v2 as of 1.18 to 1.20, with what each of them has.
"""

from __future__ import annotations

from typing import Final

from generators.stored import SELECTOR, Shape

__all__ = ["SHAPE"]

_PORTS: Final[Shape] = {"ports": {"port": None, "endPort": None, "protocol": None}}
_NAMES: Final[Shape] = {"matchName": None, "matchPattern": None}
_RULES: Final[Shape] = {
    "http": None,
    "kafka": None,
    "l7": None,
    "l7proto": None,
    "dns": _NAMES,
}
_PROXIED: Final[Shape] = {
    **_PORTS,
    "rules": _RULES,
    "terminatingTLS": None,
    "originatingTLS": None,
    "serverNames": None,
    "listener": None,
}
_ICMPS: Final[Shape] = {"fields": {"family": None, "type": None}}
_CIDR_SET: Final[Shape] = {
    "cidr": None,
    "cidrGroupRef": None,
    "cidrGroupSelector": SELECTOR,
    "except": None,
}
_SERVICE: Final[Shape] = {
    "k8sService": {"serviceName": None, "namespace": None},
    "k8sServiceSelector": {"selector": SELECTOR, "namespace": None},
}


def _l3(prefix: str) -> dict[str, Shape | None]:
    return {
        f"{prefix}Endpoints": SELECTOR,
        f"{prefix}CIDR": None,
        f"{prefix}CIDRSet": _CIDR_SET,
        f"{prefix}Entities": None,
        f"{prefix}Nodes": SELECTOR,
        f"{prefix}Groups": None,
        f"{prefix}Requires": None,
        **({"toServices": _SERVICE} if prefix == "to" else {}),
    }


def _deny(prefix: str) -> dict[str, Shape | None]:
    return {**_l3(prefix), "toPorts": _PORTS, "icmps": _ICMPS}


def _allow(prefix: str) -> dict[str, Shape | None]:
    names: dict[str, Shape | None] = {"toFQDNs": _NAMES} if prefix == "to" else {}
    return {**_deny(prefix), **names, "toPorts": _PROXIED, "authentication": None}


_SPEC: Final[Shape] = {
    "endpointSelector": SELECTOR,
    "nodeSelector": SELECTOR,
    "ingress": _allow("from"),
    "ingressDeny": _deny("from"),
    "egress": _allow("to"),
    "egressDeny": _deny("to"),
    "enableDefaultDeny": {"ingress": None, "egress": None},
    "labels": None,
    "description": None,
    "log": {"value": None},
}
SHAPE: Final[Shape] = {
    "apiVersion": None,
    "kind": None,
    "metadata": None,
    "spec": _SPEC,
    "specs": _SPEC,
    "status": None,
}
"""CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy."""

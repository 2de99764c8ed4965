"""Random NetworkPolicies for the lab's pods: every field, and little that is sensible."""

from __future__ import annotations

from typing import Any

from lab import describe as d
from wild.dice import Dice, label_selector

__all__ = ["policies"]

_LABELS = {
    "app": ("frontend", "redis", "prometheus"),
    "tier": ("front", "back"),
    "k8s-app": ("kube-dns",),
}
_SPACES = {"kubernetes.io/metadata.name": ("shop", "data"), "team": ("red", "blue")}
_PORTS = (53, 3868, 5432, 6379, 7000, 8080, 8125, 9090, 9091, 9100, 9999)
_NAMES = ("http", "dns", "dns-tcp", "nobody-has-it")
_BLOCKS = {
    "0.0.0.0/0": ("10.244.0.0/16", "10.244.2.0/24", "172.30.0.0/24", "198.51.100.66/32"),
    "10.244.0.0/16": ("10.244.1.0/24", "10.244.2.8/30"),
    "10.244.1.0/29": ("10.244.1.4/32",),
    "172.30.0.11/32": (),
    "198.51.100.0/24": ("198.51.100.64/26",),
    "::/0": ("fd00:10:244:1::/64", "2001:db8::/32"),
    "fd00:10:244:2::/64": ("fd00:10:244:2::8/125",),
}


def policies(dice: Dice, number: int) -> list[dict[str, Any]]:
    return [_policy(dice, f"wild-{n}") for n in range(number)]


def _policy(dice: Dice, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"podSelector": label_selector(dice, _LABELS)}
    dice.maybe(spec, "policyTypes", lambda: dice.few(("Ingress", "Egress"), 1, 2))
    for direction, side in (("ingress", "from"), ("egress", "to")):
        dice.maybe(spec, direction, lambda side=side: dice.some(lambda: _rule(dice, side), 0, 3))
    spaces = [one for one in d.NAMESPACES if one != "default"]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": dice.choice(spaces)},
        "spec": spec,
    }


def _rule(dice: Dice, side: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not dice.one_in(5):
        found[side] = dice.some(lambda: _peer(dice), 1, 3)
    if not dice.one_in(3):
        found["ports"] = dice.some(lambda: _port(dice), 1, 3)
    return found


def _peer(dice: Dice) -> dict[str, Any]:
    if dice.one_in(3):
        cidr = dice.choice(list(_BLOCKS))
        holes = dice.few(_BLOCKS[cidr], 0, 2)
        return {"ipBlock": {"cidr": cidr, **({"except": holes} if holes else {})}}
    found: dict[str, Any] = {}
    dice.maybe(found, "podSelector", lambda: label_selector(dice, _LABELS))
    if not found or dice.one_in(2):
        found["namespaceSelector"] = label_selector(dice, _SPACES)
    return found


def _port(dice: Dice) -> dict[str, Any]:
    found: dict[str, Any] = {}
    dice.maybe(found, "protocol", lambda: dice.choice(("TCP", "UDP", "SCTP")))
    if dice.one_in(8):
        return found
    if dice.one_in(3):
        return {**found, "port": dice.choice(_NAMES)}
    low, high = sorted((dice.choice(_PORTS), dice.choice(_PORTS)))
    found["port"] = low
    dice.maybe(found, "endPort", high, 3)
    return found

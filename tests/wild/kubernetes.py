"""Random NetworkPolicies: every field, absent and empty and null, and some that are refused."""

from __future__ import annotations

from typing import Any

from wild.dice import BLOCKS, NAMESPACES, PORT_NAMES, PORTS, Dice, label_selector, space_selector


def policy(dice: Dice, name: str, spoilt: bool = False) -> dict[str, Any]:
    """``spoilt``: now and then with something that the API server refuses."""
    spec: dict[str, Any] = {}
    dice.maybe(spec, "podSelector", lambda: label_selector(dice, spoilt=spoilt), 1)
    if dice.one_in(10):
        spec["podSelector"] = dice.choice(({}, None))
    types = ([], None, ["Ingress"], ["Egress"], ["Ingress", "Egress"], ["Egress", "Ingress"])
    dice.maybe(spec, "policyTypes", lambda: dice.choice(types))
    for direction, side in (("ingress", "from"), ("egress", "to")):
        if not dice.one_in(3):
            rules = dice.some(lambda side=side: rule(dice, side, spoilt), 0, 3)
            spec[direction] = rules if rules or dice.one_in(2) else None
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": dice.choice(NAMESPACES)},
        "spec": spec,
    }


def rule(dice: Dice, side: str, spoilt: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not dice.one_in(5):
        found[side] = dice.some(lambda: peer(dice, spoilt), 1, 3) if dice.randrange(8) else []
    if not dice.one_in(3):
        found["ports"] = dice.some(lambda: port(dice, spoilt), 1, 3) if dice.randrange(8) else None
    return found


def peer(dice: Dice, spoilt: bool) -> dict[str, Any]:
    if spoilt and dice.one_in(80):
        return dice.choice(({}, {"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}}))
    if dice.one_in(3):
        return {"ipBlock": block(dice, spoilt)}
    found: dict[str, Any] = {}
    if dice.one_in(2):
        found["podSelector"] = label_selector(dice, spoilt=spoilt)
    if not found or dice.one_in(2):
        found["namespaceSelector"] = space_selector(dice, spoilt)
    if len(found) == 1 and dice.one_in(10):
        found["ipBlock"] = None
    return found


def block(dice: Dice, spoilt: bool) -> dict[str, Any]:
    version = dice.choice((4, 4, 6))
    found: dict[str, Any] = {"cidr": dice.choice(BLOCKS[version])}
    if dice.one_in(3):
        inner = [one for one in BLOCKS[version] if length(one) > length(found["cidr"])]
        if spoilt and dice.one_in(10):
            inner = list(BLOCKS[4])
        found["except"] = dice.few([one for one in inner if spoilt or below(one, found)], 0, 2)
    return found


def length(cidr: str) -> int:
    return int(cidr.partition("/")[2])


def below(inner: str, outer: dict[str, Any]) -> bool:
    """Only what is surely inside: everything is in the block of all addresses."""
    return length(outer["cidr"]) == 0


def port(dice: Dice, spoilt: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    dice.maybe(found, "protocol", lambda: dice.choice(("TCP", "TCP", "UDP", "SCTP", None)))
    if dice.one_in(8):
        return found
    if dice.one_in(3):
        return {**found, "port": dice.choice(PORT_NAMES)}
    low, high = sorted((dice.choice(PORTS), dice.choice(PORTS)))
    found["port"] = low
    dice.maybe(found, "endPort", high, 3)
    if spoilt and dice.one_in(100):
        found.update(dice.choice(({"endPort": low - 1}, {"port": 0}, {"protocol": "ICMP"})))
    return found

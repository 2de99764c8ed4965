"""Random AdminNetworkPolicies, BaselineAdminNetworkPolicies and ClusterNetworkPolicies."""

from __future__ import annotations

from typing import Any

from wild import kubernetes
from wild.dice import BLOCKS, NAMES, PORT_NAMES, PORTS, Dice, label_selector, space_selector


def documents(dice: Dice) -> list[dict[str, Any]]:
    """Priorities differ within a tier, for the order of equal ones is not defined."""
    priorities = dice.sample(range(1001), 8)
    found = [
        cluster(dice, f"c{n}", priority) if dice.one_in(2) else first(dice, f"p{n}", priority)
        for n, priority in enumerate(priorities[: dice.randint(1, 3)])
    ]
    if dice.one_in(3):
        found.append(policy(dice, "v1alpha1", "BaselineAdminNetworkPolicy", "default", {}, "Pass"))
    plain = dice.randint(0, 2)
    return [*found, *(kubernetes.policy(dice, f"k{number}") for number in range(plain))]


def cluster(dice: Dice, name: str, priority: int) -> dict[str, Any]:
    where = {"tier": dice.choice(("Admin", "Baseline")), "priority": priority}
    return policy(dice, "v1alpha2", "ClusterNetworkPolicy", name, where)


def first(dice: Dice, name: str, priority: int) -> dict[str, Any]:
    return policy(dice, "v1alpha1", "AdminNetworkPolicy", name, {"priority": priority})


def policy(
    dice: Dice, version: str, kind: str, name: str, where: dict[str, Any], never: str = ""
) -> dict[str, Any]:
    second = version == "v1alpha2"
    actions = ("Accept" if second else "Allow", "Deny", "Pass")
    allowed = [one for one in actions if one != never]
    spec: dict[str, Any] = {**where, "subject": pods(dice, second)}
    for direction, side in (("ingress", "from"), ("egress", "to")):
        if not dice.one_in(3):
            spec[direction] = [
                rule(dice, side, dice.choice(allowed), second, baseline=bool(never))
                for _ in range(dice.randint(0, 3))
            ]
    return {
        "apiVersion": f"policy.networking.k8s.io/{version}",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def pods(dice: Dice, second: bool) -> dict[str, Any]:
    if dice.one_in(2):
        return {"namespaces": space_selector(dice)}
    found: dict[str, Any] = {"podSelector": label_selector(dice)}
    if not second or dice.one_in(2):
        found["namespaceSelector"] = space_selector(dice)
    return {"pods": found}


def rule(dice: Dice, side: str, action: str, second: bool, baseline: bool) -> dict[str, Any]:
    kinds = ["pods", "pods", *(["networks", "networks", "nodes"] if side == "to" else [])]
    if side == "to" and not baseline and action in ("Allow", "Accept"):
        kinds.append("domainNames")
    peers = [peer(dice, dice.choice(kinds), second) for _ in range(dice.randint(1, 3))]
    found: dict[str, Any] = {"action": action, side: peers}
    dice.maybe(found, "name", "some words", 4)
    nameless = any({"networks", "nodes", "domainNames"} & one.keys() for one in peers)
    if dice.one_in(2):
        found["protocols" if second else "ports"] = dice.some(
            lambda: (second_port if second else first_port)(dice, named=not nameless), 1, 3
        )
    return found


def peer(dice: Dice, kind: str, second: bool) -> dict[str, Any]:
    match kind:
        case "networks":
            return {"networks": dice.few(BLOCKS[4] + BLOCKS[6], 1, 3)}
        case "nodes":
            return {"nodes": {}}
        case "domainNames":
            return {"domainNames": dice.few((*NAMES, "*.example.org", "*.Example.NET."), 1, 2)}
    return pods(dice, second)


def first_port(dice: Dice, named: bool) -> dict[str, Any]:
    protocol = {"protocol": dice.choice(("TCP", "UDP", "SCTP"))}
    low, high = sorted((dice.choice(PORTS), dice.choice(PORTS)))
    forms: list[dict[str, Any]] = [
        {"portNumber": {**protocol, "port": low}},
        {"portRange": {**protocol, "start": low, "end": high}},
        {"namedPort": dice.choice(PORT_NAMES)},
    ]
    return dice.choice(forms if named else forms[:2])


def second_port(dice: Dice, named: bool) -> dict[str, Any]:
    low, high = sorted(dice.sample(PORTS, 2))
    wanted = dice.choice(({"number": low}, {"range": {"start": low, "end": high}}))
    if named and dice.one_in(3):
        return {"destinationNamedPort": dice.choice(PORT_NAMES)}
    return {dice.choice(("tcp", "udp", "sctp")): {"destinationPort": wanted}}

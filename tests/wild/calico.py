"""Random Calico policies, with the tiers, sets, Services and namespaces that they refer to."""

from __future__ import annotations

from typing import Any

from wild import kubernetes
from wild.dice import ACCOUNTS, BLOCKS, LABELS, NAMESPACES, PORT_NAMES, PORTS, TEAMS, Dice
from wild.worlds import Wild

V3 = "projectcalico.org/v3"
OWN = {**LABELS, "role": ("ext", "int"), "projectcalico.org/namespace": NAMESPACES,
       "projectcalico.org/serviceaccount": ACCOUNTS,
       "projectcalico.org/orchestrator": ("k8s", "cni")}  # fmt: skip
SPACES = {"team": TEAMS, "projectcalico.org/name": NAMESPACES,
          "kubernetes.io/metadata.name": NAMESPACES}  # fmt: skip
SERVED = {"projectcalico.org/name": ACCOUNTS}


def documents(dice: Dice, wild: Wild) -> list[dict[str, Any]]:
    tiers = dice.few(("early", "late"), 0, 2)
    names = ["default", "default", *tiers, *(["kube-admin"] if dice.one_in(6) else [])]
    found = [policy(dice, f"p{n}", dice.choice(names)) for n in range(dice.randint(1, 4))]
    if dice.one_in(3):
        found.append(kubernetes.policy(dice, "k"))
    return [
        *(tier(dice, name) for name in tiers),
        *(around(dice, wild)),
        *dice.sample(found, len(found)),
    ]


def tier(dice: Dice, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"order": dice.choice((100, 500.5, 2_000_000, 20_000_000))}
    spec["order"] += len(name)  # Never two alike.
    dice.maybe(spec, "defaultAction", lambda: dice.choice(("Deny", "Pass", "Pass")))
    return named(V3, "Tier", name, spec)


def around(dice: Dice, wild: Wild) -> list[dict[str, Any]]:
    """What is no policy: namespaces as in the world, sets, host endpoints and Services."""
    found = [
        {"apiVersion": "v1", "kind": "Namespace",
         "metadata": {"name": one.name, "labels": dict(one.labels)}}
        for one in wild.inventory.namespaces.values()
    ]  # fmt: skip
    for kind in dice.few(("NetworkSet", "GlobalNetworkSet", "HostEndpoint"), 0, 3):
        labels = {key: dice.choice(OWN[key]) for key in dice.few(("app", "role", "tier"), 1, 2)}
        blocks = dice.few(BLOCKS[4] + BLOCKS[6], 0, 3)
        spec: dict[str, Any] = {"nets": blocks}
        if kind == "HostEndpoint":
            spec = {"node": "n", "expectedIPs": ["10.2.0.1", "fd00:2::1"], "interfaceName": "eth0"}
        space = dice.choice(NAMESPACES) if kind == "NetworkSet" else ""
        found.append(named(V3, kind, f"set-{kind.lower()}", spec, space, labels))
    return [*found, *(service(dice, name) for name in NAMESPACES)]


def service(dice: Dice, namespace: str) -> dict[str, Any]:
    port: dict[str, Any] = {"port": dice.choice(PORTS)}
    dice.maybe(port, "protocol", lambda: dice.choice(("TCP", "UDP")))
    dice.maybe(port, "targetPort", lambda: dice.choice((80, 443, "http", "db")))
    key = dice.choice(("app", "tier"))
    spec = {"selector": {key: dice.choice(LABELS[key])}, "ports": [port]}
    return named("v1", "Service", "svc", spec, namespace, {"of": "svc"})


def named(
    version: str,
    kind: str,
    name: str,
    spec: dict[str, Any],
    namespace: str = "",
    labels: dict[str, str] | None = None,
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, **({"namespace": namespace} if namespace else {})}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


# --- policies


def policy(dice: Dice, name: str, tier: str) -> dict[str, Any]:
    wide = dice.one_in(2)
    stored = dice.one_in(5)
    kind = "GlobalNetworkPolicy" if wide else "NetworkPolicy"
    kind = f"Staged{kind}" if dice.one_in(12) else kind
    spec: dict[str, Any] = {}
    if tier != "default" or dice.one_in(2):
        spec["tier"] = tier
    dice.maybe(spec, "order", lambda: dice.choice((10, 20.5, 999, 2000, -1)), 2)
    dice.maybe(spec, "selector", lambda: selector(dice, OWN))
    dice.maybe(spec, "serviceAccountSelector", lambda: selector(dice, SERVED), 6)
    if wide:
        dice.maybe(spec, "namespaceSelector", lambda: selector(dice, SPACES), 3)
        if dice.one_in(15):
            spec.update(dice.choice(({"doNotTrack": True}, {"applyOnForward": True})))
            spec["applyOnForward"] = True
    types = (["Ingress"], ["Egress"], ["Ingress", "Egress"])
    dice.maybe(spec, "types", lambda: list(dice.choice(types)))
    for direction in ("ingress", "egress"):
        if not dice.one_in(3):
            spec[direction] = [rule(dice, direction, wide) for _ in range(dice.randint(0, 4))]
    dice.maybe(spec, "performanceHints", ["AssumeNeededOnEveryNode"], 20)
    version = "crd.projectcalico.org/v1" if stored else V3
    space = "" if wide else dice.choice(NAMESPACES)
    return named(version, kind, f"{tier}.{name}" if stored else name, spec, space)


def rule(dice: Dice, direction: str, wide: bool) -> dict[str, Any]:
    far, near = ("source", "destination") if direction == "ingress" else ("destination", "source")
    actions = (*("Allow",) * 5, "Deny", "Pass", "Log")
    found: dict[str, Any] = {"action": dice.choice(actions)}
    version = dice.choice((4, 4, 6))
    dice.maybe(found, far, lambda: entity(dice, version, wide), 1)
    dice.maybe(found, near, lambda: labelled(dice, 6), 6)
    if dice.one_in(10):
        found.setdefault(near, {})["nets"] = dice.few(BLOCKS[version], 1, 2)
    traffic(dice, found, direction == "egress" and "services" in found[far])
    forbidden = {4: ("ICMPv6", 58), 6: ("ICMP", 1)}[version]
    if {found.get("protocol"), found.get("notProtocol")}.isdisjoint(forbidden):
        dice.maybe(found, "ipVersion", version, 10)
    dice.maybe(found, "metadata", {"annotations": {"why": "because"}}, 15)
    if found["action"] == "Allow" and direction == "ingress" and found.get("protocol") == "TCP":
        dice.maybe(found, "http", {"methods": ["GET"]}, 15)
    return found


def entity(dice: Dice, version: int, wide: bool) -> dict[str, Any]:
    if dice.one_in(12):
        space = {"namespace": dice.choice(NAMESPACES)} if wide or dice.one_in(2) else {}
        return {"services": {"name": "svc", **space}}
    found = labelled(dice, 3)
    dice.maybe(found, "nets", lambda: dice.few(BLOCKS[version], 1, 3), 5)
    dice.maybe(found, "notNets", lambda: dice.few(BLOCKS[version][1:], 1, 2), 8)
    return found


def labelled(dice: Dice, number: int) -> dict[str, Any]:
    """Conditions on labels; each is there one time in ``number`` or more."""
    found: dict[str, Any] = {}
    dice.maybe(found, "selector", lambda: selector(dice, OWN), number)
    dice.maybe(found, "notSelector", lambda: selector(dice, OWN), 2 * number + 2)
    dice.maybe(found, "namespaceSelector", lambda: spaces(dice), number + 1)
    if dice.one_in(3 * number):
        accounts: dict[str, Any] = {}
        dice.maybe(accounts, "names", lambda: dice.few((*ACCOUNTS, "nobody"), 1, 2))
        dice.maybe(accounts, "selector", lambda: selector(dice, SERVED))
        found["serviceAccounts"] = accounts
    return found


def spaces(dice: Dice) -> str:
    return "global()" if dice.one_in(6) else selector(dice, SPACES)


def traffic(dice: Dice, found: dict[str, Any], served: bool) -> None:
    protocols = ("TCP", "TCP", "UDP", "SCTP", "ICMP", "ICMPv6", "UDPLite", 6, 17, 1, 47, 112)
    dice.maybe(found, "protocol", lambda: dice.choice(protocols))
    dice.maybe(found, "notProtocol", lambda: dice.choice(protocols), 10)
    protocol = found.get("protocol")
    if protocol in ("ICMP", "ICMPv6", 1):
        dice.maybe(found, "icmp", lambda: message(dice))
        dice.maybe(found, "notICMP", lambda: message(dice), 4)
    if protocol in ("TCP", "UDP", "SCTP", 6, 17) and not served:
        target = found.setdefault("destination", {})
        if "services" in target:
            return
        ported = [one for one in ("ports", "ports", "notPorts") if dice.one_in(2)][:1]
        for name in ported:
            target[name] = dice.some(lambda name=name: port(dice, name == "ports"), 1, 3)


def message(dice: Dice) -> dict[str, Any]:
    found: dict[str, Any] = {"type": dice.choice((0, 3, 8, 128))}
    dice.maybe(found, "code", lambda: dice.choice((0, 1, 3)), 3)
    return found


def port(dice: Dice, named: bool) -> int | str:
    low, high = sorted((dice.choice(PORTS), dice.choice(PORTS)))
    forms: list[int | str] = [low, f"{low}:{high}", str(low)]
    return dice.choice([*forms, dice.choice(PORT_NAMES)] if named else forms)


# --- selectors


def selector(dice: Dice, keys: dict[str, Any], depth: int = 0) -> str:
    """Text of the grammar, with every form of it."""
    if dice.one_in(8):
        return dice.choice(("all()", "", "all()")) if depth == 0 else "all()"
    if depth < 2 and dice.one_in(3):
        sign = dice.choice((" && ", " || ", "&&"))
        parts = [selector(dice, keys, depth + 1) for _ in range(2)]
        whole = sign.join(parts)
        return (
            f"!({whole})" if dice.one_in(5) else f"({whole})" if dice.one_in(2) or depth else whole
        )
    found = comparison(dice, keys)
    return f"!{found}" if dice.one_in(6) else found


def comparison(dice: Dice, keys: dict[str, Any]) -> str:
    key = dice.choice(list(keys))
    values = [*keys[key], "elsewhere"]
    quote = dice.choice("'\"")
    one = f"{quote}{dice.choice(values)}{quote}"
    many = ", ".join(f"'{value}'" for value in dice.few(values, 0, 2))
    part = f"'{dice.choice(values)[:2]}'"
    comma = "," if many and dice.one_in(5) else ""
    if dice.one_in(10):
        return f"{key} {dice.choice(('contains', 'starts with', 'ends with'))} {part}"
    forms = (
        *(f"{key} == {one}", f"{key}=={one}", f"{key} != {one}", f"has({key})", f"!has({key})"),
        *(f"{key} in {{{many}{comma}}}", f"{key} not in {{{many}}}", f"{key} notin {{{many}}}"),
    )
    return dice.choice(forms)

"""Random Cilium policies, with the CIDR groups and Services that they refer to."""

from __future__ import annotations

from typing import Any

from wild import kubernetes
from wild.calico import named, service
from wild.dice import (
    ACCOUNTS,
    BLOCKS,
    LABELS,
    NAMES,
    NAMESPACES,
    PORT_NAMES,
    PORTS,
    TEAMS,
    Dice,
    label_selector,
)

V2 = "cilium.io/v2"
SPACE = "io.kubernetes.pod.namespace"
TEAM = "io.cilium.k8s.namespace.labels.team"
ENTITIES = ("host", "remote-node", "kube-apiserver", "cluster", "world", "all", "ingress", "health",
            "init", "unmanaged", "none")  # fmt: skip
PATTERNS = (
    "*.example.org",
    "**.example.org",
    "*",
    "api.*.org",
    "*.org",
    "Example.org.",
    "a*i.example.org",
)


def documents(dice: Dice) -> list[dict[str, Any]]:
    found = [policy(dice, f"p{n}") for n in range(dice.randint(1, 3))]
    plain = [kubernetes.policy(dice, "k")] if dice.one_in(3) else []
    services = [service(dice, name) for name in NAMESPACES]
    return [*services, *groups(dice), *found, *plain]


def groups(dice: Dice) -> list[dict[str, Any]]:
    return [
        named(V2, "CiliumCIDRGroup", name, {"externalCIDRs": [one]}, labels={"g": name})
        for name, one in (("g4", dice.choice(BLOCKS[4])), ("g6", dice.choice(BLOCKS[6])))
    ]


def policy(dice: Dice, name: str) -> dict[str, Any]:
    wide = dice.one_in(3)
    kind = "CiliumClusterwideNetworkPolicy" if wide else "CiliumNetworkPolicy"
    found = named(V2, kind, name, {}, "" if wide else dice.choice(NAMESPACES))
    del found["spec"]
    if not dice.one_in(4):
        found["spec"] = spec(dice, wide)
    if "spec" not in found or dice.one_in(6):
        found["specs"] = dice.some(lambda: spec(dice, wide), 1, 2)
    return found


def spec(dice: Dice, wide: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"endpointSelector": endpoints(dice, wide)}
    sections = ("ingress", "egress", "ingressDeny", "egressDeny")
    wanted = [one for one in sections if dice.one_in(4 if one.endswith("Deny") else 2)]
    for section in wanted or [dice.choice(sections[:2])]:
        found[section] = dice.some(lambda section=section: rule(dice, section, wide), 1, 3)
    if dice.one_in(5):
        ways = dice.few(("ingress", "egress"), 1, 2)
        found["enableDefaultDeny"] = {way: dice.one_in(3) for way in ways}
    dice.maybe(found, "description", "words", 10)
    return found


def endpoints(dice: Dice, wide: bool) -> dict[str, Any]:
    """The subject; in a policy of a namespace its selector says nothing of namespaces."""
    keys = {f"{dice.choice(('', 'k8s:', 'any:'))}{key}": LABELS[key] for key in LABELS}
    if wide:
        keys = {**keys, f"k8s:{SPACE}": NAMESPACES, f"k8s:{TEAM}": TEAMS}
    return label_selector(dice, keys)


def rule(dice: Dice, section: str, wide: bool) -> dict[str, Any]:
    deny, egress = section.endswith("Deny"), section.startswith("egress")
    side = "to" if egress else "from"
    kinds = ["Endpoints", "Endpoints", "Entities", "CIDR", "CIDRSet", "", "empty"]
    kinds += ["FQDNs", "Services"] if egress and not deny else []
    kind = dice.choice(kinds)
    found = {} if not kind else member(dice, kind, side)
    if dice.one_in(2) or kind == "FQDNs":
        if dice.one_in(5):
            found["icmps"] = [{"fields": dice.some(lambda: icmp(dice), 0, 3)}]
        else:
            found["toPorts"] = dice.some(lambda: ports(dice, egress, deny), 1, 2)
    return found


def member(dice: Dice, kind: str, side: str) -> dict[str, Any]:
    match kind:
        case "empty":
            kind = dice.choice(("Endpoints", "CIDR", "CIDRSet", "Entities"))
            return {side + kind: []}
        case "Endpoints":
            return {side + kind: dice.some(lambda: peer(dice), 1, 2)}
        case "Entities":
            return {side + kind: dice.few(ENTITIES, 1, 2)}
        case "CIDR":
            bare = ("192.0.2.9", "2001:db8::9")
            return {side + kind: dice.few((*BLOCKS[4], *BLOCKS[6], *bare), 1, 3)}
        case "CIDRSet":
            return {side + kind: dice.some(lambda: block(dice), 1, 2)}
        case "FQDNs":
            return {side + kind: dice.some(lambda: fqdn(dice), 1, 2)}
    space = {"namespace": dice.choice(NAMESPACES)} if dice.one_in(2) else {}
    one: dict[str, Any] = {"k8sService": {"serviceName": "svc", **space}}
    many = {"k8sServiceSelector": {"selector": {"matchLabels": {"of": "svc"}}, **space}}
    return {side + kind: [dice.choice((one, many))]}


def peer(dice: Dice) -> dict[str, Any]:
    if dice.one_in(12):
        return {"matchLabels": {f"reserved:{dice.choice(('host', 'world', 'kube-apiserver'))}": ""}}
    source = dice.choice(("", "k8s:", "any:"))
    keys: dict[str, Any] = {f"{source}{key}": values for key, values in LABELS.items()}
    if dice.one_in(3):
        keys[f"{source}{SPACE}"] = NAMESPACES
        keys[f"{source}{TEAM}"] = TEAMS
    dice.maybe(keys, f"{source}io.cilium.k8s.policy.serviceaccount", ACCOUNTS, 4)
    dice.maybe(keys, "io.cilium.k8s.policy.cluster", ("default",), 8)
    return label_selector(dice, keys)


def block(dice: Dice) -> dict[str, Any]:
    version = dice.choice((4, 4, 6))
    found: dict[str, Any] = dice.choice(
        (
            {"cidr": dice.choice(BLOCKS[version])},
            {"cidr": BLOCKS[version][0]},
            {"cidrGroupRef": f"g{version}"},
            {"cidrGroupSelector": {"matchLabels": {"g": f"g{version}"}}},
        )
    )
    if "cidr" not in found or found["cidr"] == BLOCKS[version][0]:
        dice.maybe(found, "except", lambda: dice.few(BLOCKS[version][1:], 1, 2))
    return found


def fqdn(dice: Dice) -> dict[str, Any]:
    if dice.one_in(2):
        return {"matchName": dice.choice(NAMES)}
    return {"matchPattern": dice.choice(PATTERNS)}


def ports(dice: Dice, egress: bool, deny: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"ports": dice.some(lambda: port(dice), 1, 3)}
    if egress and not deny and dice.one_in(8):
        dns = {"dns": [{"matchPattern": "*"}]}
        return {"ports": [{"port": "53", "protocol": dice.choice(("ANY", "UDP"))}], "rules": dns}
    if not deny and dice.one_in(12):
        http = {"http": dice.choice(([{}], [{"method": "GET", "path": "/a"}]))}
        return {"ports": [{"port": "80", "protocol": "TCP"}], "rules": http}
    return found


def port(dice: Dice) -> dict[str, Any]:
    found: dict[str, Any] = {}
    dice.maybe(found, "protocol", lambda: dice.choice(("TCP", "TCP", "UDP", "SCTP", "ANY")), 1)
    if dice.one_in(5):
        del found["protocol"]
    if dice.one_in(12):
        return {"protocol": dice.choice(("VRRP", "IGMP"))}
    if dice.one_in(4):
        return {**found, "port": dice.choice(PORT_NAMES)}
    low, high = sorted((dice.choice(PORTS), dice.choice(PORTS)))
    dice.maybe(found, "endPort", high, 3)
    return {**found, "port": dice.choice((str(low), str(low), "0"))}


def icmp(dice: Dice) -> dict[str, Any]:
    found: dict[str, Any] = {"type": dice.choice((0, 3, 8, 128, "8", "EchoRequest", "EchoReply"))}
    dice.maybe(found, "family", lambda: dice.choice(("IPv4", "IPv6")))
    return found

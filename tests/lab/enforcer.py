"""NetworkPolicy as nftables rules, as a network plugin does it, from the specification alone.

https://kubernetes.io/docs/concepts/services-networking/network-policies/ and the comments of the
API types (networking.k8s.io/v1). Nothing of netpol is used: this is to be an opinion of its own.

Where the specification leaves something open, this engine

* goes by addresses: an ``ipBlock`` covers pods and nodes too;
* asks about the addresses behind a Service, after their translation;
* lets a node reach its own pods, and asks a pod about its own node as about any other;
* refuses with an ICMP error, so that a client knows at once, and that it was no accident;
* believes no pod that uses an address of somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from typing import Any

__all__ = ["SPOOFED", "ruleset"]

SPOOFED = "spoofed"
"""The counter of packets that came from a pod under an address that is not its own."""

Object = dict[str, Any]


def ruleset(
    policies: Iterable[Object], objects: Iterable[Object], veths: dict[str, str], masquerade: int
) -> str:
    """What ``nft -f`` of one node reads; again and again, each time in place of all before.

    ``veths``: by the name of each pod on the node the interface that leads to it. ``masquerade``:
    the bit of the packet's mark by which kube-proxy says that the packet will leave as the node's.
    """
    cluster = _Cluster(policies, objects)
    pods = [one for one in cluster.pods if one["metadata"]["name"] in veths]
    chains = "".join(_chains(cluster, pod) for pod in pods)
    names = [(veths[one["metadata"]["name"]], _chain(one)) for one in pods]
    leaving = ", ".join(f'"{veth}" : jump from-{chain}' for veth, chain in names)
    coming = ", ".join(f'"{veth}" : jump to-{chain}' for veth, chain in names)
    # What is masqueraded comes to a pod from its own node, which may always reach it.
    return f"""
table inet enforcer
delete table inet enforcer
table inet enforcer {{
counter {SPOOFED} {{ }}
chain refuse {{ reject with icmpx type admin-prohibited; }}
{chains}
chain forward {{
  type filter hook forward priority filter;
  iifname vmap {{ {", ".join(f'"{veth}" : jump own-{chain}' for veth, chain in names)} }}
  ct state established,related accept
  iifname vmap {{ {leaving} }}
  meta mark and {masquerade} == {masquerade} accept
  oifname vmap {{ {coming} }}
}}
chain input {{
  type filter hook input priority filter;
  ct state established,related accept
  icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit }} accept
  iifname vmap {{ {leaving} }}
}}
}}
"""


class _Cluster:
    def __init__(self, policies: Iterable[Object], objects: Iterable[Object]):
        kept = list(objects)
        self.policies = [one for one in policies if one["kind"] == "NetworkPolicy"]
        self.spaces = {
            one["metadata"]["name"]: one["metadata"].get("labels") or {}
            for one in kept
            if one["kind"] == "Namespace"
        }
        # Pods on the host's network are nodes; pods that are over have no address any more.
        self.pods = [
            one
            for one in kept
            if one["kind"] == "Pod"
            and not one["spec"].get("hostNetwork")
            and one["status"].get("phase") not in ("Succeeded", "Failed")
        ]


def _chain(pod: Object) -> str:
    return f"{pod['metadata']['namespace']}-{pod['metadata']['name']}"


def _addresses(pod: Object) -> list[str]:
    return [one["ip"] for one in pod["status"]["podIPs"]]


def _chains(cluster: _Cluster, pod: Object) -> str:
    """Three chains for a pod: returning from one means that it has no objection."""
    name = _chain(pod)
    own = [
        f"{family} saddr != {{ {', '.join(mine)} }} counter name {SPOOFED} drop"
        for family, mine in _by_family(_addresses(pod)).items()
    ]
    # The pod's link-local address is its own, and no router forwards it.
    bodies = {
        f"own-{name}": own,
        f"from-{name}": list(_side(cluster, pod, "egress")),
        f"to-{name}": list(_side(cluster, pod, "ingress")),
    }
    texts = ((chain, "\n  ".join(body)) for chain, body in bodies.items())
    return "".join(f"chain {chain} {{\n  {text}\n}}\n" for chain, text in texts)


def _by_family(addresses: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"ip": [], "ip6": []}
    for one in addresses:
        found["ip6" if ":" in one else "ip"].append(one)
    return {family: some for family, some in found.items() if some}


def _side(cluster: _Cluster, pod: Object, direction: str) -> Iterator[str]:
    """The rules for one direction: none where no policy isolates the pod in it."""
    meta = pod["metadata"]
    isolating = [
        one
        for one in cluster.policies
        if one["metadata"].get("namespace", "default") == meta["namespace"]
        and _matches(one["spec"].get("podSelector"), meta.get("labels") or {})
        and direction in _types(one["spec"])
    ]
    for policy in isolating:
        for rule in policy["spec"].get(direction) or ():
            space = meta["namespace"]
            yield from _rule(cluster, rule, pod, space, direction)
    if isolating:
        yield "goto refuse"


def _types(spec: Object) -> set[str]:
    """policyTypes as the API server fills them in."""
    told = spec.get("policyTypes")
    if told:
        return {one.lower() for one in told}
    return {"ingress", "egress"} if spec.get("egress") else {"ingress"}


def _rule(
    cluster: _Cluster, rule: Object, pod: Object, space: str, direction: str
) -> Iterator[str]:
    """One line for each combination of a peer and a port; an absent list is every one."""
    peers = rule.get("from" if direction == "ingress" else "to")
    word = "saddr" if direction == "ingress" else "daddr"
    ports = rule.get("ports") or [None]
    for where, other in _peers(cluster, peers, space, word):
        for port in ports:
            # Ports are those of the server: this pod's, or the peer's if that is a pod.
            server = pod if direction == "ingress" else other
            for which in _ports(cluster, port, server, where):
                yield " ".join(part for part in (*which, "return") if part)


def _peers(
    cluster: _Cluster, peers: list[Object] | None, space: str, word: str
) -> Iterator[tuple[str, Object | None]]:
    """Matches on the address of the other side, with the pod that has it."""
    if not peers:
        yield "", None
        return
    for peer in peers:
        block = peer.get("ipBlock")
        if block:
            yield _block(block, word), None
            continue
        for pod in cluster.pods:
            if _is_peer(cluster, pod, peer, space):
                for family, addresses in _by_family(_addresses(pod)).items():
                    yield f"{family} {word} {{ {', '.join(addresses)} }}", pod


def _is_peer(cluster: _Cluster, pod: Object, peer: Object, space: str) -> bool:
    meta = pod["metadata"]
    spaces = peer.get("namespaceSelector")
    if spaces is None:
        here = meta["namespace"] == space
    else:
        labels = {"kubernetes.io/metadata.name": meta["namespace"]}
        here = _matches(spaces, {**cluster.spaces.get(meta["namespace"], {}), **labels})
    return here and _matches(peer.get("podSelector"), meta.get("labels") or {})


def _block(block: Object, word: str) -> str:
    family = "ip6" if ip_network(block["cidr"]).version == 6 else "ip"
    holes = ", ".join(block.get("except") or ())
    match = f"{family} {word} {block['cidr']}"
    return f"{match} {family} {word} != {{ {holes} }}" if holes else match


def _ports(
    cluster: _Cluster, port: Object | None, server: Object | None, where: str
) -> Iterator[tuple[str, str]]:
    """Where, with matches on the port."""
    if port is None:
        yield where, ""
        return
    protocol = (port.get("protocol") or "TCP").lower()
    number = port.get("port")
    match number:
        case None:
            yield where, f"meta l4proto {protocol}"
        case int():
            end = f"-{port['endPort']}" if port.get("endPort") else ""
            yield where, f"{protocol} dport {number}{end}"
        case str():
            for pod in [server] if server else cluster.pods:
                for named in _named(pod, number, protocol):
                    # Everybody and blocks of addresses: each pod by what the name means there.
                    yield from ((at, f"{protocol} dport {named}") for at in _at(pod, server, where))


def _at(pod: Object, server: Object | None, where: str) -> Iterator[str]:
    """Where, cut down to the addresses of a pod if it is not known to be that pod."""
    if server:
        yield where
        return
    for family, addresses in _by_family(_addresses(pod)).items():
        if not where or where.startswith(f"{family} "):
            yield f"{where} {family} daddr {{ {', '.join(addresses)} }}"


def _named(pod: Object, name: str, protocol: str) -> set[int]:
    return {
        port["containerPort"]
        for container in pod["spec"]["containers"]
        for port in container.get("ports") or ()
        if port.get("name") == name and (port.get("protocol") or "TCP").lower() == protocol
    }


def _matches(selector: Object | None, labels: dict[str, str]) -> bool:
    """A label selector: all conditions hold; an empty one, or none, has no conditions."""
    selector = selector or {}
    plain = (selector.get("matchLabels") or {}).items()
    return all(labels.get(key) == value for key, value in plain) and all(
        _holds(one, labels) for one in selector.get("matchExpressions") or ()
    )


def _holds(condition: Object, labels: dict[str, str]) -> bool:
    key, values = condition["key"], condition.get("values") or ()
    match condition["operator"]:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    raise ValueError(condition)

"""A second evaluator, slow and plain: pod by pod, address by address, port by port, rule by rule.

It is written from the reference (the semantics page and ``netpol/policy.py``) and shares no code
with ``netpol.evaluate``: no bit sets, no classes, no cut space. What the two agree on is right, or
wrong in the reference.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from netpol.inventory import Inventory, Pod
from netpol.net import PortSet
from netpol.peers import Cidr, Entity, Fqdn, Peer, Workload
from netpol.policy import (
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Policy,
    PolicySet,
    Requirement,
    Rule,
    Selector,
)


@dataclass(frozen=True)
class Side:
    """One pod at one of its addresses, or one address of a party that is no pod."""

    pod: Pod | None
    address: Any = None
    names: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Oracle:
    """``outside`` holds objects with peer, addresses, names and entities; ``profile`` likewise."""

    policies: PolicySet
    inventory: Inventory
    outside: tuple[Any, ...]
    profile: Any

    doubt: str = "ignored"
    """What becomes of what something undecided might change: ignored, allowed or denied."""

    def allowed(self, client: Peer, server: Peer, ports: PortSet) -> bool:
        """Every pod, every address, every port, both directions."""
        return all(
            self.passes(a, b, protocol, number)
            for a, b in self.pairs(client, server)
            for protocol, number in self.numbers(ports)
        )

    def certain(self, client: Peer, server: Peer, ports: PortSet) -> bool:
        """Whether it is the same, whatever the undecided entries mean."""
        best, worst = replace(self, doubt="allowed"), replace(self, doubt="denied")
        return best.allowed(client, server, ports) == worst.allowed(client, server, ports)

    def somehow(self, client: Peer, server: Peer, protocol: str, number: int) -> bool:
        """Some pair of pods — for a party outside, with every address of it."""
        if isinstance(client, Workload) and isinstance(server, Workload):
            possible = self.possible(client, server)
            return any(self.passes(a, b, protocol, number) for a, b in possible)
        if isinstance(client, Workload):
            return any(
                all(self.passes(a, b, protocol, number) for b in self.sides(server))
                for a in self.sides(client)
            )
        return any(
            all(self.passes(a, b, protocol, number) for a in self.sides(client))
            for b in self.sides(server)
        )

    def unknown(self, client: Peer, server: Peer, protocol: str, number: int) -> bool:
        """Whether :meth:`somehow` depends on what the undecided entries mean."""
        best, worst = replace(self, doubt="allowed"), replace(self, doubt="denied")
        asked = client, server, protocol, number
        return best.somehow(*asked) and not worst.somehow(*asked)

    # --- who takes part

    def possible(self, client: Peer, server: Peer) -> list[tuple[Side, Side]]:
        """Pairs of one IP version; only where pods are told apart by address does it matter."""
        placed = any(rule.at is not None for rule in self.rules())
        return [
            (a, b)
            for a in self.sides(client)
            for b in self.sides(server)
            if not ((placed or (a.pod and b.pod)) and a.address and b.address)
            or not self.looks_at_pods()
            or a.address.version == b.address.version
        ]

    def pairs(self, client: Peer, server: Peer) -> list[tuple[Side, Side]]:
        every = [(a, b) for a in self.sides(client) for b in self.sides(server)]
        return self.possible(client, server) or every

    def looks_at_pods(self) -> bool:
        return bool(self.profile.cidr_matches_pods and list(self.cidrs()))

    def sides(self, peer: Peer) -> list[Side]:
        if isinstance(peer, Workload):
            pods = [p for p in self.inventory.pods.values() if p.workload == peer]
            if all(pod.host_network for pod in pods):
                return self.sides(Entity("remote-node"))
            return [side for pod in pods if not pod.host_network for side in self.of_pod(pod)]
        return list(self.of_party(peer))

    def of_pod(self, pod: Pod) -> list[Side]:
        """At each of its addresses; a pod that has none now is taken to get those of its twins."""
        addresses = set(self.current(pod))
        if not addresses:
            twins = (p for p in self.inventory.pods.values() if self.alike(p, pod))
            addresses = {address for twin in twins for address in self.current(twin)}
        return [Side(pod, ipaddress.ip_address(a)) for a in addresses] or [Side(pod)]

    def current(self, pod: Pod) -> tuple[str, ...]:
        return () if pod.finished or pod.template or pod.host_network else pod.addresses

    def alike(self, one: Pod, other: Pod) -> bool:
        def names(pod: Pod) -> set[tuple[str, str, int]]:
            return {(p.protocol, p.name, p.port) for p in pod.ports if p.name}

        return (
            one.workload == other.workload
            and one.namespace == other.namespace
            and one.labels == other.labels
            and names(one) == names(other)
            and one.service_account == other.service_account
        )

    def of_party(self, peer: Peer) -> Iterator[Side]:
        given = [party for party in self.outside if party.peer == peer]
        addresses = {text for party in given for text in party.addresses}
        names = frozenset(name for party in given for name in party.names)
        entities = frozenset(entity for party in given for entity in party.entities)
        if isinstance(peer, Entity):
            entities |= {peer.name}
        else:
            entities |= {"world"}
        if isinstance(peer, Cidr):
            addresses.add(peer.cidr)
        if isinstance(peer, Fqdn):
            names |= {peer.name}
        if peer in (Entity("host"), Entity("remote-node")):
            addresses |= self.nodes()
        if peer == Entity("kube-apiserver"):
            addresses |= set(self.inventory.api_servers)
        if not addresses:
            yield Side(None, None, names, entities)
        for block in map(ipaddress.ip_network, addresses):
            here = self.known(block, entities)
            yield from (Side(None, address, names, here) for address in self.telling(block))

    def known(self, block: Any, entities: frozenset[str]) -> frozenset[str]:
        """The inventory knows by address what is a node, and what is an API server."""
        one = str(block.network_address) if block.num_addresses == 1 else ""
        if one in self.inventory.api_servers:
            entities |= {"kube-apiserver"}
        if one in self.nodes() and "host" not in entities:
            entities = entities - {"world"} | {"remote-node"}
        return entities

    def nodes(self) -> set[str]:
        found = {a for node in self.inventory.nodes.values() for a in node.addresses}
        for pod in self.inventory.pods.values():
            if pod.host_network and not pod.finished:
                found |= set(pod.addresses)
        return found

    def telling(self, block: Any) -> Iterator[Any]:
        """Of a block the addresses at which some CIDR begins or ends, or the next one."""
        low, high = int(block.network_address), int(block.broadcast_address)
        found = {low, high}
        for text in self.cidrs():
            net = ipaddress.ip_network(text)
            if net.version == block.version:
                first, last = int(net.network_address), int(net.broadcast_address)
                found |= {first - 1, first, last, last + 1}
        kind = type(block.network_address)
        return (kind(n) for n in found if low <= n <= high)

    def cidrs(self) -> Iterator[str]:
        for selector in self.selectors():
            if isinstance(selector, CidrSelector):
                yield selector.cidr
                yield from selector.excluded

    def selectors(self) -> Iterator[Selector]:
        for rule in self.rules():
            yield from rule.peers or ()
            yield from rule.without
            yield from rule.at or ()

    def rules(self) -> Iterator[Rule]:
        for policy in self.policies.policies:
            yield from policy.ingress or ()
            yield from policy.egress or ()

    def numbers(self, ports: PortSet) -> Iterator[tuple[str, int]]:
        """Of a set of ports those at which some rule begins or ends, or the next one."""
        edges = {n for rule in self.rules() for _, a, b in rule.ports for n in (a - 1, a, b, b + 1)}
        for pod in self.inventory.pods.values():
            edges |= {n for p in pod.ports for n in (p.port - 1, p.port, p.port + 1)}
        for protocol, low, high in ports:
            for number in {low, high} | {n for n in edges if low <= n <= high}:
                yield protocol, number

    # --- what happens

    def passes(self, client: Side, server: Side, protocol: str, number: int) -> bool:
        return self.check("egress", client, server, server, protocol, number) and self.check(
            "ingress", server, client, server, protocol, number
        )

    def check(
        self, direction: str, me: Side, other: Side, server: Side, protocol: str, number: int
    ) -> bool:
        if me.pod is None:
            return True
        if direction == "ingress" and "host" in other.entities:
            return True
        known = {tier.name for tier in self.policies.tiers}
        for tier in sorted(self.policies.tiers, key=lambda t: (t.order, t.name)):
            unsure = any(
                (one.tier == tier.name or one.tier not in known)
                and direction in one.directions
                and self.selects(one.subject, me)
                for one in self.policies.undecided
            )
            if unsure and self.doubt != "ignored":
                return self.doubt == "allowed"
            mine = [
                policy
                for policy in self.policies.policies
                if policy.tier == tier.name
                and policy.rules(direction) is not None
                and self.selects(policy.subject, me)
            ]
            mine.sort(key=rank)
            verdict = self.ask(mine, direction, me, other, server, protocol, number)
            if verdict in ("allow", "deny"):
                return verdict == "allow"
            isolated = any(policy.isolates for policy in mine)
            if verdict is None and tier.default == "deny" and isolated:
                return False
        return True

    def ask(
        self,
        policies: Iterable[Policy],
        direction: str,
        me: Side,
        other: Side,
        server: Side,
        protocol: str,
        number: int,
    ) -> str | None:
        for policy in policies:
            for rule in policy.rules(direction) or ():
                if rule.subject is not None and not self.selects(rule.subject, me):
                    continue
                if rule.at is not None and not any(self.selects(s, me) for s in rule.at):
                    continue
                if any(self.selects(s, other) for s in rule.without):
                    continue
                peer = rule.peers is None or any(self.selects(s, other) for s in rule.peers)
                if peer and self.on_port(rule, server, protocol, number):
                    return rule.action
        return None

    def on_port(self, rule: Rule, server: Side, protocol: str, number: int) -> bool:
        if (protocol, number) in rule.ports:
            return True
        declared = server.pod.ports if server.pod else ()
        return any(
            port.protocol == protocol == wanted and port.port == number and port.name == name
            for wanted, name in rule.named_ports
            for port in declared
        )

    def selects(self, selector: Selector, side: Side) -> bool:
        if isinstance(selector, PodSelector):
            return side.pod is not None and self.is_pod(selector, side.pod)
        if isinstance(selector, CidrSelector):
            return side.address is not None and self.is_at(selector, side)
        if isinstance(selector, FqdnSelector):
            on_node = side.entities & {"host", "remote-node"}
            return not on_node and any(matches_name(selector.name, n) for n in side.names)
        assert isinstance(selector, EntitySelector)
        if selector.name == "all":
            return True
        if selector.name == "cluster":
            inside = {
                "host",
                "remote-node",
                "health",
                "init",
                "ingress",
                "unmanaged",
                "kube-apiserver",
            }
            return side.pod is not None or bool(side.entities & inside)
        return selector.name in side.entities

    def is_pod(self, selector: PodSelector, pod: Pod) -> bool:
        known = self.inventory.namespaces.get(pod.namespace)
        namespace = dict(known.labels) if known else {}
        namespace["kubernetes.io/metadata.name"] = pod.namespace
        labels = dict(pod.labels)
        if self.profile.identity_labels_only:
            labels.pop("pod-template-hash", None)
        labels["netpol/serviceaccount"] = pod.service_account
        return all(meets(r, namespace) for r in selector.namespaces) and all(
            meets(r, labels) for r in selector.pods
        )

    def is_at(self, selector: CidrSelector, side: Side) -> bool:
        if side.pod is not None and not self.profile.cidr_matches_pods:
            return False
        if side.entities & {"health", "ingress", "init"} and not self.profile.cidr_matches_pods:
            return bool(side.entities & {"host", "remote-node"}) and self.profile.cidr_matches_nodes
        if side.entities & {"host", "remote-node"} and not self.profile.cidr_matches_nodes:
            return False
        return side.address in ipaddress.ip_network(selector.cidr) and not any(
            side.address in ipaddress.ip_network(hole) for hole in selector.excluded
        )


def rank(policy: Policy) -> tuple[float, str]:
    """Order, then name and namespace as one text; ``name#2`` is a part of ``name``."""
    return policy.order, "/".join((policy.name.partition("#")[0], policy.namespace, ""))


def meets(requirement: Requirement, labels: dict[str, str]) -> bool:
    """The truth table of metav1.LabelSelector, and Calico's three tests of text."""
    if requirement.key not in labels:
        return requirement.operator in ("NotIn", "DoesNotExist")
    value = labels[requirement.key]
    if requirement.operator in ("Exists", "DoesNotExist"):
        return requirement.operator == "Exists"
    if requirement.operator in ("In", "NotIn"):
        return (value in requirement.values) == (requirement.operator == "In")
    ways = {"Contains": str.__contains__, "StartsWith": str.startswith, "EndsWith": str.endswith}
    return any(ways[requirement.operator](value, part) for part in requirement.values)


def matches_name(pattern: str, name: str) -> bool:
    """Label by label; only ``**.`` in front may stand for several."""
    if pattern == "*":
        return True
    wanted, given = pattern.split("."), name.split(".")
    if wanted[0] == "**":
        wanted = wanted[1:]
        if len(given) <= len(wanted):
            return False
        given = given[len(given) - len(wanted) :]
    return len(wanted) == len(given) and all(
        re.fullmatch(re.escape(w).replace(r"\*", ".*"), g)
        for w, g in zip(wanted, given, strict=True)
    )

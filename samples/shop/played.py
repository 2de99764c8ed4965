"""What was played, in nobody's words: every conversation with its packets, its questions, its fate.

The other eyes (`speak_*.py`) tell the hour from here, each with what it can see; Hubble's words
(`records.py`) are written while it is played and are no source of anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from chance import number
from describe import API_PORT, CONTROL, NODES
from needs import API, IMAGING, POSTGRES, PROMETHEUS
from pods import PODS, Pod
from services import KUBERNETES, KUBERNETES_PORT, LOAD_BALANCER, LOAD_BALANCER6, SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from describe import Node
    from services import Service, ServicePort
    from sides import Side, Talk

SYN = ("SYN",)
BY_NAME = {pod.key: pod for pod in PODS}
ICMP = ("ICMP", "ICMPv6")


@dataclass(frozen=True, kw_only=True)
class Packet:
    """One packet, at the moment at which its sender sends it."""

    at: int
    flags: tuple[str, ...] = ()
    reply: bool = False


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """One question to CoreDNS and the answer, `took` nanoseconds later."""

    at: int
    took: int
    query: str
    kind: str
    ips: tuple[str, ...] = ()
    cnames: tuple[str, ...] = ()
    rcode: int = 0


@dataclass(frozen=True, kw_only=True)
class Dialled:
    """The Service address that the client called."""

    ip: str
    port: int
    namespace: str
    name: str
    port_name: str

    @property
    def outside(self) -> bool:
        """Say whether it is that of the load balancer: known on the server's node only."""
        return self.ip in (LOAD_BALANCER, LOAD_BALANCER6)


@dataclass(kw_only=True)
class Conversation:
    """All of one conversation. `stopped` is where its first packet ended, if it did."""

    talk: Talk
    packets: list[Packet] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    stopped: str = ""  # EGRESS or INGRESS: by a policy there; ROUTE: there is no way
    forbidden: bool = False  # by a rule that denies, not for want of one that allows
    audited: bool = False

    @property
    def begin(self) -> int:
        return min(packet.at for packet in self.packets)

    @property
    def end(self) -> int:
        return max(packet.at for packet in self.packets)

    @property
    def opens(self) -> bool:
        """Say whether its first packet is in the hour."""
        return self.talk.protocol != "TCP" or self.packets[0].flags == SYN

    @property
    def replied(self) -> bool:
        return any(packet.reply for packet in self.packets)

    @property
    def refused(self) -> bool:
        return any(packet.reply and "RST" in packet.flags for packet in self.packets)

    @property
    def ip6(self) -> bool:
        return ":" in self.talk.client.ip

    @cached_property
    def client_pod(self) -> Pod | None:
        return pod_of(self.talk.client)

    @cached_property
    def server_pod(self) -> Pod | None:
        return pod_of(self.talk.server)

    @cached_property
    def client_node(self) -> Node | None:
        return node_of(self.talk.client)

    @cached_property
    def server_node(self) -> Node | None:
        return node_of(self.talk.server)

    @property
    def masqueraded(self) -> bool:
        """Say whether it leaves under its node's address; the office network knows pods."""
        inside = self.server_node or self.talk.server.ip.startswith("10.")
        return self.client_pod is not None and not inside

    @cached_property
    def dialled(self) -> Dialled | None:
        return _dialled(self)


def ident(one: Conversation) -> int:
    """Give the identifier of a ping, or the port that a masquerading node takes."""
    return number(f"{one.talk.client.ip}>{one.talk.server.ip}@{one.begin}", 1024, 32767)


def pod_of(side: Side) -> Pod | None:
    return BY_NAME.get(f"{side.near.get('namespace')}/{side.near.get('pod_name')}")


def node_of(side: Side) -> Node | None:
    """Give the node that has this address, or hands it out to its pods."""
    if side.node:
        return side.node
    for node in NODES:
        if side.ip in (node.ip4, node.ip6):
            return node
        if ":" not in side.ip and ip_address(side.ip) in ip_network(f"10.244.{node.index}.0/24"):
            return node
    return None


def is_node(side: Side) -> bool:
    """Say whether this is a node itself, by one of its addresses."""
    node = node_of(side)
    return node is not None and side.ip in (node.ip4, node.ip6, node.router)


def _dialled(one: Conversation) -> Dialled | None:
    """Decide whether the client called a Service: whoever must reach one certain pod does not."""
    talk, client = one.talk, one.client_pod
    if talk.server.ip == CONTROL.ip4 and talk.port == API_PORT:
        return Dialled(
            ip=KUBERNETES,
            port=KUBERNETES_PORT,
            namespace="default",
            name="kubernetes",
            port_name="https",
        )
    if one.server_pod is None:
        return None
    if client is None and one.client_node and talk.client.ip != CONTROL.ip4:
        return None  # kubelets probe pods
    server = one.server_pod.workload.key
    who = client.workload.key if client else ""
    if who in (PROMETHEUS, POSTGRES, IMAGING) or (who, server) == (API, POSTGRES):
        return None
    for service, port in _services(one):
        ip = service.cluster_ip6 if one.ip6 else service.cluster_ip
        if client is None and one.client_node is None:
            ip = LOAD_BALANCER6 if one.ip6 else LOAD_BALANCER
        return Dialled(
            ip=ip,
            port=port.port,
            namespace=service.namespace,
            name=service.name,
            port_name=port.name,
        )
    return None


def _services(one: Conversation) -> Iterator[tuple[Service, ServicePort]]:
    pod, talk = one.server_pod, one.talk
    assert pod is not None
    known = {port.name: port.number for port in pod.workload.ports}
    for service in SERVICES:
        fits = service.workload == pod.workload.key and service.ip
        if not fits or (service.role and pod.labels["role"] != service.role):
            continue
        if one.ip6 and not service.dual:
            continue
        for port in service.ports:
            target = port.target if isinstance(port.target, int) else known[port.target]
            if (target, port.protocol) == (talk.port, talk.protocol):
                yield service, port


@dataclass
class Tape:
    """Records conversations while they are played."""

    by_talk: dict[int, Conversation] = field(default_factory=dict)

    def of(self, talk: Talk) -> Conversation:
        # A conversation keeps its talk alive, so no two have the same id.
        return self.by_talk.setdefault(id(talk), Conversation(talk=talk))

    def packet(self, at: int, talk: Talk, flags: tuple[str, ...] = (), *, reply: bool) -> None:
        self.of(talk).packets.append(Packet(at=at, flags=flags, reply=reply))

    def stopped(self, at: int, talk: Talk, where: str, *, forbidden: bool = False) -> None:
        """Lose the first packet on the way."""
        self.packet(at, talk, SYN, reply=False)
        one = self.of(talk)
        one.stopped, one.forbidden = where, forbidden

    @property
    def conversations(self) -> list[Conversation]:
        """Give all of which there are packets, by their beginning."""
        for one in self.by_talk.values():
            one.packets.sort(key=lambda packet: packet.at)
        found = (one for one in self.by_talk.values() if one.packets)
        return sorted(found, key=lambda one: one.begin)

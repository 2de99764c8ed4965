"""What Felix, Calico's node agent, knows of a conversation before it is put into a log's words.

Both ends tell: `Src` what the policies of the client said on the way out, `Dst` those of the server
on the way in. Nodes are host endpoints; anything that is neither a pod nor a node has no name.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from clock import SECOND
from describe import HOUR
from needs import API
from played import Conversation, Dialled, is_node
from traffic import GUARDED, LEASHED
from wire import sizes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from describe import Node
    from pods import Pod
    from sides import Side

WINDOW = 300
PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
PROTOCOLS = {"TCP": "tcp", "UDP": "udp", "ICMP": "icmp", "ICMPv6": "icmp6"}


@dataclass(frozen=True, kw_only=True)
class End:
    """One side: a workload endpoint, a host endpoint, or a network without a name."""

    kind: str  # wep, hep, net
    name: str
    family: str  # the name with what differs between pods of one make left out
    namespace: str
    ip: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Hit:
    """What one policy said: `rule` is -1 at the end of a tier."""

    kind: str  # np, staged, profile, end
    namespace: str
    name: str
    action: str  # allow or deny
    rule: int = 0


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one end tells of one conversation."""

    one: Conversation
    reporter: str  # src or dst
    source: End
    dest: End
    action: str
    hits: tuple[Hit, ...]
    pending: tuple[Hit, ...]
    service: Dialled | None
    host: str

    @property
    def window(self) -> int:
        return (self.one.begin // SECOND - HOUR) // WINDOW * WINDOW + HOUR

    @property
    def port(self) -> int:
        return 0 if self.one.talk.protocol.startswith("ICMP") else self.one.talk.port

    @property
    def counters(self) -> tuple[int, int, int, int]:
        """Count packets in and out, then bytes, as seen from the end that reports."""
        sent, answered = sizes(self.one, reply=False), sizes(self.one, reply=True)
        into, out = (answered, sent) if self.reporter == "src" else (sent, answered)
        return len(into), len(out), sum(into), sum(out)

    @property
    def started(self) -> int:
        return int(self.one.opens)

    @property
    def completed(self) -> int:
        return int(any("FIN" in packet.flags for packet in self.one.packets))

    @property
    def live(self) -> int:
        """Say whether the connection is still known when the window is closed."""
        return int(not (self.completed or self.one.stopped or self.one.refused))


def family(pod: Pod) -> str:
    """Give the name that a controller generates from, which for a bare pod is its own."""
    return pod.name if pod.workload.kind in ("Pod", "Static") else f"{pod.owner}-*"


def end(side: Side, pod: Pod | None, node: Node | None) -> End:
    if pod:
        labels = tuple(f"{key}={value}" for key, value in sorted(pod.labels.items()))
        return End(
            kind="wep",
            name=pod.name,
            family=family(pod),
            namespace=pod.workload.namespace,
            ip=side.ip,
            labels=labels,
        )
    if node and is_node(side):
        labels = (f"kubernetes.io/hostname={node.name}", "kubernetes.io/os=linux")
        return End(
            kind="hep", name=node.name, family=node.name, namespace="-", ip=side.ip, labels=labels
        )
    private = ":" not in side.ip and any(ip_address(side.ip) in block for block in PRIVATE)
    name = "pvt" if private else "pub"
    return End(kind="net", name="-", family=name, namespace="-", ip=side.ip)


def _said(where: End, key: str, own: dict[str, str], one: Conversation, *, here: bool) -> Hit:
    """Tell which policy decided; without one the profile of the namespace lets everything pass."""
    if where.kind == "hep":
        return Hit(kind="profile", namespace="", name="projectcalico-default-allow", action="allow")
    if key not in own:
        return Hit(kind="profile", namespace="", name=f"kns.{where.namespace}", action="allow")
    namespace, name = own[key].split("/")
    if not here or not one.stopped:
        return Hit(kind="np", namespace=namespace, name=name, action="allow")
    if one.forbidden:
        return Hit(kind="np", namespace=namespace, name=name, action="deny", rule=1)
    return Hit(kind="end", namespace=namespace, name=name, action="deny", rule=-1)


def _drafted(one: Conversation) -> tuple[Hit, ...]:
    """Tell what the staged draft for the API would have done."""
    if not one.server_pod or one.server_pod.workload.key != API:
        return ()
    kind, action, rule = ("staged-end", "deny", -1) if one.audited else ("staged", "allow", 0)
    return (Hit(kind=kind, namespace="shop", name="api-callers", action=action, rule=rule),)


def reports(one: Conversation) -> Iterator[Report]:
    """Tell a conversation as its ends do."""
    client, server = one.client_pod, one.server_pod
    source = end(one.talk.client, client, one.client_node)
    dest = end(one.talk.server, server, one.server_node)
    away = one.dialled is not None and one.dialled.outside
    if source.kind != "net" and one.client_node:
        key = client.workload.key if client else ""
        hit = _said(source, key, LEASHED, one, here=one.stopped == "EGRESS")
        yield Report(
            one=one,
            reporter="src",
            source=source,
            dest=dest,
            action=hit.action,
            hits=(hit,),
            pending=(hit,),
            service=one.dialled,
            host=one.client_node.name,
        )
    if dest.kind != "net" and one.server_node and one.stopped in ("", "INGRESS"):
        key = server.workload.key if server else ""
        hit = _said(dest, key, GUARDED, one, here=one.stopped == "INGRESS")
        translated = away or one.client_node == one.server_node
        yield Report(
            one=one,
            reporter="dst",
            source=source,
            dest=dest,
            action=hit.action,
            hits=(hit,),
            pending=_drafted(one) or (hit,),
            service=one.dialled if translated else None,
            host=one.server_node.name,
        )

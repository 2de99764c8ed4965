"""The lab's cluster, described once: the network, the inventory and the tests are made from this.

Two nodes, fourteen pods and two pods on the host's network, Services of every kind, and an internet
that is a namespace, too. All of it dual-stack.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = [
    "API_SERVER",
    "CUSTOMER",
    "EVIL",
    "HOSTED",
    "INTERNET",
    "INTERNET_ZONE",
    "KUBERNETES",
    "LAN_GATEWAY",
    "METADATA",
    "NAMESPACES",
    "NODES",
    "PARTNER",
    "PODS",
    "RESOLVER",
    "SERVICES",
    "TEAMS",
    "UPSTREAM",
    "Node",
    "Pod",
    "Port",
    "Service",
    "backends",
    "target",
    "zone",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """Something that listens, and what it speaks (``lab.speech``)."""

    number: int
    speaks: str
    protocol: str = "TCP"
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    number: int

    @property
    def name(self) -> str:
        return f"worker-{self.number}"

    @property
    def addresses(self) -> tuple[str, str]:
        """On the network of the nodes: IPv4, IPv6."""
        return f"172.30.0.{10 + self.number}", f"fd00:172:30::{10 + self.number}"

    @property
    def pod_cidrs(self) -> tuple[str, str]:
        return f"10.244.{self.number}.0/24", f"fd00:10:244:{self.number}::/64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    namespace: str
    name: str
    kind: str
    owner: str
    node: Node
    number: int
    """The last part of its addresses; 0: it uses the host's network."""
    labels: dict[str, str]
    ports: tuple[Port, ...] = ()

    @property
    def host(self) -> bool:
        return not self.number

    @property
    def addresses(self) -> tuple[str, str]:
        if self.host:
            return self.node.addresses
        four, six = (block.rpartition("/")[0] for block in self.node.pod_cidrs)
        return f"{four.removesuffix('0')}{self.number}", f"{six}{self.number:x}"

    @property
    def veth(self) -> str:
        """The node's end of its cable."""
        return f"veth-{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    namespace: str
    name: str
    selector: dict[str, str]
    addresses: tuple[str, ...]
    """None of them: it is headless."""
    ports: tuple[tuple[str, int, int | str, int], ...]
    """(protocol, port, target, node port or 0)."""


NODES: Final = tuple(Node(number=number) for number in (1, 2))
_ONE, _TWO = NODES
NAMESPACES: Final = ("default", "kube-system", "shop", "data", "monitoring", "tools")
TEAMS: Final = {"shop": "red", "data": "red", "monitoring": "blue"}
"""By namespace its label ``team``; the others have none."""
LAN_GATEWAY: Final = ("172.30.0.1", "fd00:172:30::1")
RESOLVER: Final = "10.96.0.10"
METADATA: Final = "169.254.169.254"
API_SERVER: Final = (_ONE.addresses[0], 6443)
PARTNER: Final = ("203.0.113.10", "203.0.113.11", "203.0.113.12")
UPSTREAM: Final = "203.0.113.53"
EVIL: Final = ("198.51.100.66", "2001:db8:66::1")
CUSTOMER: Final = "198.51.100.200"

_TIERS = {
    **dict.fromkeys(("frontend", "jump"), "front"),
    **dict.fromkeys(("cart", "checkout", "redis", "db", "ledger", "statsd"), "back"),
}
"""A label that pods of several namespaces share, and some have not."""
_HTTP = Port(number=8080, speaks="http", name="http")
_DNS = tuple(
    Port(number=53, speaks="dns", protocol=protocol, name=name)
    for protocol, name in (("UDP", "dns"), ("TCP", "dns-tcp"))
)


def _pod(space: str, owner: str, node: Node, number: int, *ports: Port, kind: str = "Deployment"):
    labels = {"app": owner} if owner != "coredns" else {"k8s-app": "kube-dns"}
    if tier := _TIERS.get(owner):
        labels["tier"] = tier
    suffix = f"7d9f8b6c5-{number:05d}" if kind == "Deployment" else str(node.number - 1)
    name = f"{owner}-{suffix}"
    return Pod(
        namespace=space,
        name=name,
        kind=kind,
        owner=owner,
        node=node,
        number=number,
        labels=labels,
        ports=ports,
    )


PODS: Final = (
    _pod("kube-system", "coredns", _ONE, 2, *_DNS),
    _pod("kube-system", "coredns", _TWO, 3, *_DNS),
    _pod("shop", "frontend", _ONE, 4, _HTTP),
    _pod("shop", "frontend", _TWO, 5, _HTTP),
    _pod("shop", "cart", _ONE, 6, _HTTP),
    _pod("shop", "checkout", _TWO, 7, Port(number=9090, speaks="http", name="http")),
    _pod("data", "redis", _ONE, 8, Port(number=6379, speaks="redis"), kind="StatefulSet"),
    _pod("data", "db", _ONE, 9, Port(number=5432, speaks="postgres"), kind="StatefulSet"),
    _pod("data", "db", _TWO, 10, Port(number=5432, speaks="postgres"), kind="StatefulSet"),
    _pod("data", "ledger", _TWO, 11, Port(number=7000, speaks="http")),
    _pod("monitoring", "prometheus", _TWO, 12, Port(number=9091, speaks="http")),
    _pod(
        "monitoring", "statsd", _ONE, 13, Port(number=8125, speaks="echo", protocol="UDP")
    ),
    _pod("tools", "jump", _TWO, 14),
    _pod(
        "shop", "charging", _ONE, 15,
        Port(number=3868, speaks="who", protocol="SCTP", name="diameter"),
    ),
)  # fmt: skip
"""jump talks to nobody: it is there to be taken over."""

HOSTED: Final = tuple(
    _pod("monitoring", "exporter", node, 0, Port(number=9100, speaks="http"), kind="DaemonSet")
    for node in NODES
)
SERVICES: Final = (
    Service(
        namespace="kube-system",
        name="kube-dns",
        selector={"k8s-app": "kube-dns"},
        addresses=(RESOLVER,),
        ports=(("UDP", 53, "dns", 0), ("TCP", 53, "dns-tcp", 0)),
    ),
    Service(
        namespace="shop",
        name="frontend",
        selector={"app": "frontend"},
        addresses=("10.96.0.20",),
        ports=(("TCP", 80, "http", 30080),),
    ),
    Service(
        namespace="shop",
        name="cart",
        selector={"app": "cart"},
        addresses=("10.96.0.21",),
        ports=(("TCP", 80, "http", 0),),
    ),
    Service(
        namespace="shop",
        name="checkout",
        selector={"app": "checkout"},
        addresses=("10.96.0.22",),
        ports=(("TCP", 80, 9090, 0),),
    ),
    Service(
        namespace="shop",
        name="charging",
        selector={"app": "charging"},
        addresses=("10.96.0.23",),
        ports=(("SCTP", 3869, "diameter", 0),),
    ),
    Service(
        namespace="data",
        name="redis",
        selector={"app": "redis"},
        addresses=("10.96.0.30",),
        ports=(("TCP", 6379, 6379, 0),),
    ),
    Service(
        namespace="data",
        name="db",
        selector={"app": "db"},
        addresses=(),
        ports=(("TCP", 5432, 5432, 0),),
    ),
    Service(
        namespace="data",
        name="ledger",
        selector={"app": "ledger"},
        addresses=("fd00:10:96::40",),
        ports=(("TCP", 70, 7000, 0),),
    ),
    Service(
        namespace="monitoring",
        name="statsd",
        selector={"app": "statsd"},
        addresses=("10.96.0.50",),
        ports=(("UDP", 8125, 8125, 0),),
    ),
)
KUBERNETES: Final = Service(
    namespace="default",
    name="kubernetes",
    selector={},
    addresses=("10.96.0.1",),
    ports=(("TCP", 443, 6443, 0),),
)
"""Its backend is the API server, which is no pod."""

INTERNET: Final[tuple[tuple[str, tuple[Port, ...]], ...]] = (
    *((address, (Port(number=443, speaks="http"),)) for address in PARTNER),
    (UPSTREAM, _DNS),
    (METADATA, (Port(number=80, speaks="http"),)),
    *(
        (
            address,
            (
                Port(number=443, speaks="http"),
                Port(number=3868, speaks="who", protocol="SCTP"),
                *_DNS,
            ),
        )
        for address in EVIL
    ),
    (CUSTOMER, ()),
)
"""Every address out there, and what listens on it."""


def backends(service: Service) -> list[Pod]:
    """The pods behind a Service."""
    wanted = service.selector.items()
    return [
        one for one in PODS if one.namespace == service.namespace and wanted <= one.labels.items()
    ]


def target(pod: Pod, protocol: str, wanted: int | str) -> int:
    """The number of a target port at a pod."""
    if isinstance(wanted, int):
        return wanted
    return next(p.number for p in pod.ports if (p.name, p.protocol) == (wanted, protocol))


def zone() -> dict[str, list[str]]:
    """What the cluster's resolver knows: Services by name, headless ones by their pods."""
    found: dict[str, list[str]] = {}
    for one in (KUBERNETES, *SERVICES):
        pods = [pod.addresses[0] for pod in backends(one)]
        found[f"{one.name}.{one.namespace}.svc.cluster.local"] = list(one.addresses) or pods
    return found


INTERNET_ZONE: Final = {"api.partner.example": list(PARTNER)}
"""What the resolver of the internet knows."""

"""The lab's network: namespaces, cables, routes, and what kube-proxy does about Services.

Nothing of it is in the namespace that the tests run in. Each namespace belongs to a process
(``lab.agent``); a veth is made in a node's namespace and its other end given to a pod's.

Pods are routed as with Calico: every pod has its addresses alone, everything goes by the node. The
nodes share a bridge in the namespace of the internet, which routes between them and the world.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from lab import describe as d
from lab.kube_proxy import rules
from lab.member import Member, environment, search_path
from lab.sctp import HUSH

__all__ = ["Lab", "missing"]

_GATEWAY = ("169.254.1.1", "fe80::1")


def missing() -> str:
    """Why there can be no lab here; empty: there can."""
    if not sys.platform.startswith("linux") or os.geteuid():
        return "the lab needs root on Linux"
    tools = ("ip", "nft", "unshare", "nsenter", "setpriv")
    absent = [name for name in tools if not shutil.which(name, path=search_path())]
    if absent:
        return f"the lab needs {' and '.join(absent)} (Debian: iproute2, nftables, util-linux)"
    attempt = (
        "ip link add lab0 type veth peer name lab1 && ip link add lab2 type bridge &&"
        " nft 'add table inet lab; add chain inet lab nat { type nat hook prerouting priority"
        " dstnat; }; add rule inet lab nat fib daddr type local tcp dport 1 dnat ip to 192.0.2.1:2'"
    )
    done = subprocess.run(
        ("unshare", "--net", "--pid", "--fork", "--mount-proc", "sh", "-c", attempt),
        capture_output=True,
        text=True,
        env=environment(),
    )
    return f"no network for the lab: {done.stderr.strip()[:200]}" if done.returncode else ""


class Lab:
    """The cluster, up while the ``with`` block runs."""

    def __init__(self) -> None:
        self._all: list[Member] = []
        self.nodes: dict[str, Member] = {}
        self.pods: dict[str, Member] = {}

    def __enter__(self) -> Self:
        try:
            self._up()
        except BaseException:
            self._down()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._down()

    def of(self, name: str) -> Member:
        """A node, a pod, or the internet."""
        return self.nodes.get(name) or self.pods.get(name) or self.internet

    def all_together(self, orders: Iterable[tuple[str, str, dict[str, Any]]]) -> list[Any]:
        """(who, what, with what): all of them at once; what each of them told, in order."""
        sent = []
        for who, do, given in orders:
            self.of(who).send(do, **given)
            sent.append(who)
        return [self.of(who).receive() for who in sent]

    def _new(self, *, on: Member | None = None, node: bool = False) -> Member:
        self._all.append(Member(on=on, node=node))
        return self._all[-1]

    def _down(self) -> None:
        for one in reversed(self._all):
            one.end()

    def _up(self) -> None:
        self.internet = self._new()
        self.nodes = {one.name: self._new(node=True) for one in d.NODES}
        self.pods = {one.name: self._new(on=self.nodes[one.node.name]) for one in d.PODS}
        for one in self._all:
            one.nft(HUSH)
            one.order("sysctl", values=_SETTINGS)
            one.ip(["link set lo up"])
        self._lan()
        for pod in d.PODS:
            self._plug(pod)
        for node in d.NODES:
            self.nodes[node.name].nft(rules())
        self._serve()

    def _lan(self) -> None:
        """The bridge, the nodes on it, and the addresses of the internet."""
        lines = ["link add lan type bridge", *_addressed("lan", d.LAN_GATEWAY, 24, 64)]
        for address, _ in d.INTERNET:
            lines.append(f"addr add {address}/{_length(address)} dev lo")
        for node in d.NODES:
            cable, process = f"to-{node.number}", self.nodes[node.name].pid
            lines += [
                f"link add {cable} type veth peer name eth0 netns {process}",
                f"link set {cable} master lan up",
                # Nobody hides the pods from whoever is on the nodes' network.
                *(
                    f"route add {block} via {by}"
                    for block, by in zip(node.pod_cidrs, node.addresses, strict=True)
                ),
            ]
        # Routes need the cables to be up: they come last.
        routes = [one for one in lines if one.startswith("route")]
        self.internet.ip([one for one in lines if one not in routes])
        for node in d.NODES:
            others = [one for one in d.NODES if one is not node]
            self.nodes[node.name].ip(
                [
                    *_addressed("eth0", node.addresses, 24, 64),
                    *(f"route add default via {one}" for one in d.LAN_GATEWAY),
                    *(
                        f"route add {block} via {by}"
                        for other in others
                        for block, by in zip(other.pod_cidrs, other.addresses, strict=True)
                    ),
                ]
            )
        self.internet.ip(routes)

    def _plug(self, pod: d.Pod) -> None:
        node, (four, six) = self.nodes[pod.node.name], pod.addresses
        mine, other = pod.node.addresses
        node.ip(
            [
                f"link add {pod.veth} type veth peer name eth0 netns {self.pods[pod.name].number}",
                f"addr add {_GATEWAY[0]}/32 dev {pod.veth}",
                f"link set {pod.veth} up",
                f"addr add {_GATEWAY[1]}/64 dev {pod.veth} nodad",
                f"route add {four} dev {pod.veth} src {mine}",
                f"route add {six} dev {pod.veth} src {other}",
            ]
        )
        self.pods[pod.name].ip(
            [
                f"addr add {four}/32 dev eth0",
                "link set eth0 up",
                f"addr add {six}/128 dev eth0 nodad",
                f"route add {_GATEWAY[0]} dev eth0 scope link",
                f"route add default via {_GATEWAY[0]}",
                f"route add default via {_GATEWAY[1]} dev eth0",
            ]
        )

    def _serve(self) -> None:
        for pod in d.PODS:
            member = self.pods[pod.name]
            zone, upstream = (d.zone(), d.UPSTREAM) if pod.owner == "coredns" else ({}, "")
            member.order("setup", me=pod.name, zone=zone, upstream=upstream, resolver=d.RESOLVER)
            # One way or the other: what IPv6 alone reaches listens to nothing else.
            hosts = ["::"] if pod.owner == "ledger" else ["0.0.0.0", "::"]
            member.order("serve", servers=_rows(hosts, pod.ports))
        for pod in d.HOSTED:
            node = self.nodes[pod.node.name]
            node.order("setup", me=pod.name, zone={}, upstream="", resolver="")
            node.order("serve", servers=_rows(pod.addresses, pod.ports))
        api = d.Port(number=d.API_SERVER[1], speaks="http")
        self.nodes[d.NODES[0].name].order("serve", servers=_rows([d.API_SERVER[0]], [api]))
        self.internet.order(
            "setup", me="internet", zone=d.INTERNET_ZONE, upstream="", resolver=d.UPSTREAM
        )
        for address, ports in d.INTERNET:
            self.internet.order("serve", servers=_rows([address], ports))


_SETTINGS = {
    "ipv4/ip_forward": 1,
    "ipv4/ping_group_range": "0 0",
    "ipv6/conf/all/forwarding": 1,
    "ipv6/conf/default/accept_dad": 0,
    "ipv6/conf/all/accept_dad": 0,
    "ipv6/bindv6only": 1,
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    "ipv4/conf/all/send_redirects": 0,
    # Every refusal is told, however many there are in a second.
    "ipv4/icmp_ratemask": 0,
    "ipv4/icmp_ratelimit": 0,
    "ipv6/icmp/ratelimit": 0,
    "ipv6/icmp/ratemask": 128,
}


def _length(address: str) -> int:
    return 128 if ":" in address else 32


def _addressed(link: str, addresses: tuple[str, str], four: int, six: int) -> list[str]:
    return [
        f"link set {link} up",
        f"addr add {addresses[0]}/{four} dev {link}",
        f"addr add {addresses[1]}/{six} dev {link} nodad",
    ]


def _rows(hosts: Iterable[str], ports: Iterable[d.Port]) -> list[tuple[str, int, str, str]]:
    return [(host, p.number, p.protocol, p.speaks) for host in hosts for p in ports]

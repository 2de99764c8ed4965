"""Turns the names of the needs table into the two sides of one conversation at one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from describe import CONTROL, HOUR, LENGTH, ONE, TWO
from needs import API_SERVER, HEALTH, HOST, NAMES, NEEDED, PAY_API, REMOTE, RESOLVER, WORLD
from pods import PODS, Pod
from services import SERVICES
from sides import Side, entity, outside, pod_side

if TYPE_CHECKING:
    from chance import Dice
    from describe import Node
    from needs import Need, Never

# Nobody starts a conversation in the first seconds of a pod or finishes one in the last.
SETTLING = 5

CUSTOMERS = tuple(
    [f"203.0.113.{host}" for host in range(5, 71, 2)]
    + [f"198.51.100.{host}" for host in range(12, 130, 4)]
)
CUSTOMERS6 = tuple(f"2001:db8:{site:x}::{site * 7:x}" for site in range(16, 30))


def alive(key: str, second: int) -> list[Pod]:
    return [pod for pod in PODS if pod.workload.key == key and pod.alive(second, SETTLING)]


def moments(row: Need | Never, dice: Dice) -> list[int]:
    """Spread the conversations of a row over the hour, or over the runs of a CronJob."""
    if "/CronJob/" not in row.client:
        first = max([1, *(_born(side) for side in (row.client, row.server))])
        step = (LENGTH - first) / row.times
        return [
            HOUR + first + int((i + dice.between(0, 99) / 100) * step) for i in range(row.times)
        ]
    pods = [pod for pod in PODS if pod.workload.key == row.client]
    spread = []
    for i in range(row.times):
        pod = pods[i % len(pods)]
        spread.append(dice.between(pod.start + SETTLING, pod.end - SETTLING - 1))
    return spread


def _born(key: str) -> int:
    pods = [pod.start - HOUR + SETTLING for pod in PODS if pod.workload.key == key]
    return min(pods, default=0)


def sides(need: Need, second: int, dice: Dice) -> tuple[Side, Side]:
    """Choose who talks to whom: pods that live at that moment, over one address family."""
    ip6 = need.protocol == "ICMPv6" or dice.chance(need.ip6)
    servers = alive(need.server, second)
    if need.primary:
        servers = [pod for pod in servers if pod.labels.get("role") == "primary"]
    clients = [
        pod
        for pod in alive(need.client, second)
        if need.client != need.server or pod.labels.get("role") != "primary"
    ]
    client = dice.pick(clients) if clients else None
    server = dice.pick(servers) if servers else None
    return (
        pod_side(client, ip6=ip6)
        if client
        else _opener(need.client, server.node if server else ONE, dice, ip6=ip6),
        pod_side(server, ip6=ip6)
        if server
        else _target(need.server, client.node if client else ONE),
    )


def _opener(name: str, near: Node, dice: Dice, *, ip6: bool) -> Side:
    """Give the client that is no pod, as the agent on the node `near` knows it."""
    if name == WORLD:
        return outside(dice.pick(CUSTOMERS6 if ip6 else CUSTOMERS))
    if name == HOST:  # kubelet probes come from the address of cilium_host
        return entity(near.router, "host")
    return _target(name, near)


def _target(name: str, near: Node) -> Side:
    """Give the server that is no pod."""
    if name == HOST:
        return entity(near.ip4, "host")
    if name == REMOTE:
        return entity((TWO if near == ONE else ONE).ip4, "remote-node")
    if name == API_SERVER:
        return entity(CONTROL.ip4, "kube-apiserver")
    return address(name.removesuffix("/32"))


def address(ip: str) -> Side:
    if ip in NAMES[PAY_API]:
        return outside(ip, f"fqdn:{PAY_API}", PAY_API)
    if f"{ip}/32" == RESOLVER:
        return outside(ip, f"cidr:{RESOLVER}")
    return outside(ip)


def health(node: Node) -> Side:
    """Give Cilium's health endpoint; it is an endpoint of its node but no pod."""
    known = entity(node.health, HEALTH.removeprefix("entity:"))
    return Side(ip=known.ip, node=node, near=known.near, far=known.far, bare=known.bare)


def server_names(client: str) -> list[str]:
    """List the Services that this client asks CoreDNS for."""
    wanted = {need.server for need in NEEDED if need.client == client}
    return [s.dns for s in SERVICES if s.workload in wanted and s.name != "kube-dns"]

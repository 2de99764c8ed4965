"""What the lab's pods want of each other, and what somebody who took one of them over would try."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from lab import describe as d

__all__ = ["ATTACKS", "LIES", "WANTED", "Case"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One connection, or one for each pod of a workload, and what it shows."""

    name: str
    client: str
    """The name of a pod or node, or internet."""
    to: str
    port: int
    speaks: str
    protocol: str = "TCP"
    source: str = ""

    @property
    def order(self) -> dict[str, Any]:
        """As an agent wants it."""
        return {
            "to": self.to,
            "port": self.port,
            "speaks": self.speaks,
            "protocol": self.protocol,
            "source": self.source,
        }


def _pods(owner: str) -> list[d.Pod]:
    return [one for one in d.PODS if one.owner == owner]


def _each(name: str, owner: str, to: str, port: int, speaks: str, protocol: str = "TCP"):
    for pod in _pods(owner):
        yield Case(name=name, client=pod.name, to=to, port=port, speaks=speaks, protocol=protocol)


def _service(name: str, space: str) -> str:
    return f"{name}.{space}.svc.cluster.local"


def _from_outside() -> Iterator[Case]:
    for pod in d.PODS:
        for port in pod.ports:
            if port.speaks == "http":  # the port that is called http, or the only one
                version = int(pod.owner == "ledger")
                to = pod.addresses[version]
                yield Case(
                    name="kubelet's probe",
                    client=pod.node.name,
                    to=to,
                    port=port.number,
                    speaks="http",
                )
    first = d.PODS[0]
    yield Case(
        name="ICMP of the node", client=first.node.name, to=first.addresses[0], port=8,
        speaks="ping", protocol="ICMP",
    )  # fmt: skip
    for node in d.NODES:
        yield Case(
            name=f"NodePort with SNAT at {node.name}",
            client="internet",
            to=node.addresses[0],
            port=30080,
            speaks="http",
            source=d.CUSTOMER,
        )


def _of_each_other() -> Iterator[Case]:
    for to, port, space in (("cart", 80, "shop"), ("checkout", 80, "shop")):
        yield from _each("Service", "frontend", _service(to, space), port, "http")
    yield from _each("Service", "cart", _service("redis", "data"), 6379, "redis")
    yield from _each("headless Service", "checkout", _service("db", "data"), 5432, "postgres")
    yield from _each("IPv6", "checkout", _service("ledger", "data"), 70, "http")
    for owner in ("frontend", "checkout"):
        yield from _each(
            "UDP and its reply", owner, _service("statsd", "monitoring"), 8125, "echo", "UDP"
        )
    yield from _each("SCTP", "checkout", _service("charging", "shop"), 3869, "who", "SCTP")
    yield from _each(
        "SCTP by IPv6", "checkout", _pods("charging")[0].addresses[1], 3868, "who", "SCTP"
    )
    for version in (0, 1):
        to = _pods("checkout")[0].addresses[version]
        yield from _each("ICMP", "prometheus", to, 8, "ping", "ICMP")
    yield from _each("DNS over UDP", "prometheus", d.RESOLVER, 53, "dns", "UDP")
    yield from _each("DNS over TCP", "cart", d.RESOLVER, 53, "dns")
    yield from _each(
        "several addresses of one name", "checkout", "api.partner.example", 443, "http"
    )
    yield from _each("API server", "prometheus", _service("kubernetes", "default"), 443, "http")
    for node in d.NODES:
        yield from _each(
            f"hostNetwork at {node.name}", "prometheus", node.addresses[0], 9100, "http"
        )
    for owner, port in (("frontend", 8080), ("cart", 8080), ("checkout", 9090)):
        for pod in _pods(owner):
            yield from _each("pod by its address", "prometheus", pod.addresses[0], port, "http")


def _lateral() -> Iterator[Case]:
    redis, ledger = _pods("redis")[0], _pods("ledger")[0]
    yield from _each(
        "lateral: by the Service", "frontend", _service("redis", "data"), 6379, "redis"
    )
    yield from _each("lateral: by the address", "frontend", redis.addresses[0], 6379, "redis")
    yield from _each("lateral: IPv6", "frontend", ledger.addresses[1], 7000, "http")
    yield from _each("lateral: IPv6 where IPv4 was used", "jump", redis.addresses[1], 6379, "redis")
    for pod in _pods("db"):
        for owner in ("frontend", "cart", "jump", "redis"):
            yield from _each("lateral: database", owner, pod.addresses[0], 5432, "postgres")
    for owner in ("cart", "jump", "redis"):
        yield from _each("lateral: upstream", owner, _service("checkout", "shop"), 80, "http")
    yield from _each("lateral: backwards", "cart", _pods("frontend")[0].addresses[0], 8080, "http")
    first, second = _pods("db")
    yield Case(
        name="lateral: replica", client=second.name, to=first.addresses[1], port=5432,
        speaks="postgres",
    )  # fmt: skip
    yield from _each("lateral: UDP", "jump", _service("statsd", "monitoring"), 8125, "echo", "UDP")
    charging = _pods("charging")[0]
    for owner in ("jump", "cart", "frontend"):
        yield from _each("lateral: SCTP", owner, charging.addresses[0], 3868, "who", "SCTP")
    yield from _each("lateral: SCTP", "jump", _service("charging", "shop"), 3869, "who", "SCTP")
    yield from _each("lateral: SCTP by IPv6", "cart", charging.addresses[1], 3868, "who", "SCTP")
    yield from _each(
        "lateral: SCTP, a closed port", "cart", charging.addresses[0], 22, "who", "SCTP"
    )
    yield from _each("lateral: API server", "cart", _service("kubernetes", "default"), 443, "http")
    for node in d.NODES:
        yield from _each("lateral: hostNetwork", "cart", node.addresses[0], 9100, "http")
        yield from _each("lateral: by the NodePort", "cart", node.addresses[0], 30080, "http")
    yield Case(
        name="lateral: another node", client=d.NODES[1].name, to=redis.addresses[0], port=6379,
        speaks="redis",
    )  # fmt: skip


def _scan() -> Iterator[Case]:
    """Every pod on the ports that somebody here listens on, from the pod that nobody needs."""
    for pod in d.PODS:
        for to in pod.addresses:
            if pod.owner != "jump":
                yield from _each("ping sweep", "jump", to, 8, "ping", "ICMP")
        for number in (22, 80, 53, 5432, 6379, 7000, 8080, 9090, 9091):
            # Names may be asked for wherever there are policies.
            if pod.owner != "jump" and (pod.owner, number) != ("coredns", 53):
                yield from _each("scan", "jump", pod.addresses[0], number, "knock")


def _out() -> Iterator[Case]:
    for owner in ("frontend", "checkout", "db", "coredns", "jump"):
        for to in d.EVIL:
            yield from _each("exfiltration", owner, to, 443, "http")
            yield from _each("exfiltration: ICMP", owner, to, 8, "ping", "ICMP")
            yield from _each("exfiltration: SCTP", owner, to, 3868, "who", "SCTP")
        yield from _each("metadata address", owner, d.METADATA, 80, "http")
    for protocol in ("UDP", "TCP"):
        yield from _each("exfiltration: DNS", "checkout", d.EVIL[0], 53, "dns", protocol)
    yield from _each("exfiltration: another port", "checkout", d.PARTNER[0], 22, "knock")
    yield from _each("exfiltration: another pod", "cart", d.PARTNER[0], 443, "http")
    for pod in (_pods("cart")[0], _pods("ledger")[0]):
        for version, source in enumerate(d.EVIL):
            yield Case(
                name="from outside, past the Services",
                client="internet",
                to=pod.addresses[version],
                port=pod.ports[0].number,
                speaks="knock",
                source=source,
            )


WANTED: Final = (*_from_outside(), *_of_each_other())
ATTACKS: Final = (*_lateral(), *_scan(), *_out())
LIES: Final = tuple(
    (pod.name, _pods(victim)[0].addresses[0], _pods("statsd")[0].addresses[0], 8125)
    for pod in (*_pods("jump"), *_pods("redis"))
    for victim in ("frontend", "checkout")
)
"""(liar, whose address it uses, to whom, port): datagrams that the victim might send."""

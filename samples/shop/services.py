"""The Services of the shop cluster: how a name and a port lead to pods."""

from __future__ import annotations

from dataclasses import dataclass

# ClusterIPs come from 10.96.0.0/16 and fd00:10:96::/112.
KUBERNETES, KUBERNETES_PORT = "10.96.0.1", 443
LOAD_BALANCER, LOAD_BALANCER6 = "192.0.2.200", "2001:db8:ffff::200"


@dataclass(frozen=True, kw_only=True)
class ServicePort:
    name: str
    port: int
    target: int | str
    protocol: str = "TCP"


@dataclass(frozen=True, kw_only=True)
class Service:
    """A Service; `ip` is the last part of its ClusterIP, 0 for a headless one."""

    namespace: str
    name: str
    workload: str
    ports: tuple[ServicePort, ...]
    ip: int
    dual: bool = False
    role: str = ""  # only pods with this role
    balancer: bool = False

    @property
    def cluster_ip(self) -> str:
        return f"10.96.{self.ip // 256}.{self.ip % 256}"

    @property
    def cluster_ip6(self) -> str:
        return f"fd00:10:96::{self.ip:x}"

    @property
    def dns(self) -> str:
        return f"{self.name}.{self.namespace}.svc.cluster.local."


def service(name: str, workload: str, ip: int, *ports: ServicePort, **more: bool | str) -> Service:
    namespace = workload.split("/")[0]
    return Service(
        namespace=namespace,
        name=name,
        workload=workload,
        ports=ports,
        ip=ip,
        dual=bool(more.get("dual")),
        role=str(more.get("role", "")),
        balancer=bool(more.get("balancer")),
    )


def at(port: int, target: int | str, name: str = "", protocol: str = "TCP") -> ServicePort:
    return ServicePort(name=name, port=port, target=target, protocol=protocol)


NGINX = "ingress/Deployment/ingress-nginx-controller"
SERVICES = (
    service("storefront", "shop/Deployment/storefront", 3001, at(80, 8080), dual=True),
    service("api", "shop/Deployment/api", 3002, at(80, "http", "http"), dual=True),
    service("cart", "shop/Deployment/cart", 3003, at(7070, 7070)),
    service("checkout", "shop/Deployment/checkout", 3004, at(5050, "grpc", "grpc")),
    service("imaging", "shop/Deployment/imaging", 3005, at(80, 8080)),
    service("rates", "shop/Deployment/rates", 3006, at(7777, 7777, "quotes", "UDP")),
    service("payments", "payments/Deployment/payments", 4001, at(443, "https", "https")),
    service("postgres", "data/StatefulSet/postgres", 0, at(5432, 5432, "postgresql")),
    service(
        "postgres-rw",
        "data/StatefulSet/postgres",
        5001,
        at(5432, "postgresql", "postgresql"),
        role="primary",
    ),
    service("redis-cart", "data/StatefulSet/redis-cart", 5002, at(6379, "redis", "tcp-redis")),
    service(
        "redis-session", "data/StatefulSet/redis-session", 5003, at(6379, "redis", "tcp-redis")
    ),
    service(
        "ingress-nginx-controller",
        NGINX,
        6001,
        at(80, "http", "http"),
        at(443, "https", "https"),
        dual=True,
        balancer=True,
    ),
    service("ingress-nginx-controller-admission", NGINX, 6002, at(443, "webhook", "https-webhook")),
    service("prometheus", "monitoring/StatefulSet/prometheus-main", 7001, at(9090, "web", "web")),
    service(
        "kube-state-metrics",
        "monitoring/Deployment/kube-state-metrics",
        0,
        at(8080, "http", "http"),
    ),
    service(
        "node-exporter", "monitoring/DaemonSet/node-exporter", 0, at(9100, "metrics", "metrics")
    ),
    service(
        "log-store",
        "monitoring/Deployment/log-store",
        7002,
        at(24224, "forward", "forward"),
        at(24224, "heartbeat", "heartbeat", "UDP"),
    ),
    service(
        "blackbox-exporter",
        "monitoring/Deployment/blackbox-exporter",
        7003,
        at(9115, "http", "http"),
    ),
    service(
        "kube-dns",
        "kube-system/Deployment/coredns",
        10,
        at(53, 53, "dns", "UDP"),
        at(53, 53, "dns-tcp"),
        at(9153, 9153, "metrics"),
    ),
)

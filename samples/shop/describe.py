"""The shop cluster, as data: what runs, where, under which labels.

Everything else in this folder follows from here, `services.py` and `needs.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

CLUSTER = "prod"
HOUR = int(datetime(2026, 11, 2, 9, tzinfo=UTC).timestamp())
MINUTE = 60
LENGTH = 60 * MINUTE
API_PORT = 6443


@dataclass(frozen=True, kw_only=True)
class Node:
    """A machine. `agent` is the age of its Cilium: the cluster is in the middle of an upgrade.

    "old" writes only `reply`, "middle" `reply` and `is_reply`, "new" only `is_reply`.
    """

    name: str
    index: int
    agent: str

    @property
    def ip4(self) -> str:
        return f"172.18.0.{self.index + 2}"

    @property
    def ip6(self) -> str:
        return f"fd00:172:18::{self.index + 2}"

    def pod_ip4(self, host: int) -> str:
        return f"10.244.{self.index}.{host}"

    def pod_ip6(self, host: int) -> str:
        return f"fd00:10:244:{self.index}::{host:x}"

    @property
    def router(self) -> str:
        """Give the address of cilium_host: what a kubelet probe comes from."""
        return self.pod_ip4(1)

    @property
    def health(self) -> str:
        return self.pod_ip4(2)

    @property
    def seen_as(self) -> str:
        """Give the name in Hubble's records; old agents leave the cluster out."""
        return self.name if self.agent == "old" else f"{CLUSTER}/{self.name}"


CONTROL = Node(name="control-plane", index=0, agent="old")
ONE = Node(name="worker-1", index=1, agent="middle")
TWO = Node(name="worker-2", index=2, agent="new")
NODES = (CONTROL, ONE, TWO)

NAMESPACES: dict[str, dict[str, str]] = {
    "data": {"team": "platform"},
    "default": {},
    "ingress": {"team": "platform"},
    "kube-node-lease": {},
    "kube-public": {},
    "kube-system": {},
    "monitoring": {"team": "platform", "pod-security.kubernetes.io/enforce": "privileged"},
    "payments": {"team": "payments"},
    "shop": {"team": "shop"},
}


@dataclass(frozen=True, kw_only=True)
class Port:
    """A port that a container declares; a sidecar's port names its container."""

    name: str
    number: int
    protocol: str = "TCP"
    container: str = ""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Something that owns pods; `nodes` places them, one entry a pod."""

    namespace: str
    kind: str
    name: str
    labels: dict[str, str]
    nodes: tuple[Node, ...]
    image: str
    selector: tuple[str, ...] = ()  # label keys; empty: all labels
    ports: tuple[Port, ...] = ()
    probes: tuple[int, ...] = ()
    metrics: int = 0  # the port that Prometheus scrapes
    account: str = "default"
    host_network: bool = False
    resolves: bool = True  # through CoreDNS
    schedule: str = ""  # CronJobs
    runs: tuple[int, ...] = ()  # CronJobs: start of each run, in seconds after HOUR
    forgotten: tuple[int, ...] = ()  # runs before, each deleted when one of `runs` is done
    born: int = -9 * 24 * 3600  # seconds after HOUR
    replaced: int = 0  # a rollout at this second: pods before it carry `old_version`
    old_version: str = ""
    roles: tuple[str, ...] = ()  # a label that differs between pods of one workload

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.kind}/{self.name}"

    @property
    def selector_labels(self) -> dict[str, str]:
        return {key: self.labels[key] for key in self.selector or self.labels}


METRICS = Port(name="metrics", number=9102)
NAME = "app.kubernetes.io/name"
INSTANCE = "app.kubernetes.io/instance"
COMPONENT = "app.kubernetes.io/component"


def web(name: str, version: str) -> dict[str, str]:
    return {NAME: name, "app.kubernetes.io/part-of": "shop", "version": version}


def helm(name: str, release: str, component: str, version: str, chart: str) -> dict[str, str]:
    return {
        NAME: name,
        INSTANCE: release,
        COMPONENT: component,
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/version": version,
        "helm.sh/chart": chart,
    }


def redis(release: str, node: Node) -> Workload:
    """Two of these stand side by side: only the release tells them apart."""
    return Workload(
        namespace="data",
        kind="StatefulSet",
        name=release,
        labels=helm("redis", release, "master", "7.4.1", "redis-20.6.1"),
        selector=(NAME, INSTANCE, COMPONENT),
        nodes=(node,),
        image="redis:7.4.1",
        ports=(
            Port(name="redis", number=6379),
            Port(name="metrics", number=9121, container="exporter"),
        ),
        metrics=9121,
    )


SHOP = (
    Workload(
        namespace="shop",
        kind="Deployment",
        name="storefront",
        labels=web("storefront", "5.1.0"),
        selector=(NAME,),
        nodes=(ONE, TWO),
        image="registry.example.org/shop/storefront:5.1.0",
        ports=(Port(name="http", number=8080), METRICS),
        probes=(8080,),
        metrics=9102,
        account="storefront",
    ),
    Workload(
        namespace="shop",
        kind="Deployment",
        name="api",
        labels=web("api", "2.4.0"),
        selector=(NAME,),
        nodes=(ONE, TWO, TWO),
        image="registry.example.org/shop/api:2.4.0",
        ports=(Port(name="http", number=8080), METRICS),
        probes=(8080,),
        metrics=9102,
        account="api",
        replaced=30 * MINUTE,
        old_version="2.3.7",
    ),
    Workload(
        namespace="shop",
        kind="Deployment",
        name="cart",
        labels=web("cart", "1.19.2"),
        selector=(NAME,),
        nodes=(ONE, TWO),
        image="registry.example.org/shop/cart:1.19.2",
        ports=(Port(name="http", number=7070), METRICS),
        probes=(7070,),
        metrics=9102,
        account="cart",
    ),
    Workload(
        namespace="shop",
        kind="Deployment",
        name="checkout",
        labels=web("checkout", "3.0.4"),
        selector=(NAME,),
        nodes=(TWO, ONE),
        image="registry.example.org/shop/checkout:3.0.4",
        ports=(Port(name="grpc", number=5050), Port(name="health", number=8086), METRICS),
        probes=(8086,),
        metrics=9102,
        account="checkout",
    ),
    Workload(
        namespace="shop",
        kind="Deployment",
        name="imaging",
        labels={"app": "imaging"},
        nodes=(TWO,),
        image="registry.example.org/shop/imaging:0.9.1",
        ports=(Port(name="http", number=8080),),
        probes=(8080,),
    ),
    Workload(
        namespace="shop",
        kind="Deployment",
        name="rates",
        labels={"app": "rates"},
        nodes=(ONE,),
        image="registry.example.org/shop/rates:1.2.0",
        ports=(
            Port(name="quotes", number=7777, protocol="UDP"),
            Port(name="health", number=8081),
        ),
        probes=(8081,),
    ),
    Workload(
        namespace="shop",
        kind="CronJob",
        name="order-digest",
        labels={"app": "order-digest"},
        nodes=(ONE, TWO, TWO, ONE, ONE, TWO),
        image="registry.example.org/shop/order-digest:1.0.3",
        schedule="*/10 * * * *",
        runs=tuple(minute * MINUTE for minute in (0, 10, 20, 30, 40, 50)),
        forgotten=tuple(minute * MINUTE for minute in (-60, -50, -40, -30, -20, -10)),
    ),
    Workload(
        namespace="shop",
        kind="Pod",
        name="debug",
        labels={"run": "debug"},
        nodes=(ONE,),
        image="registry.example.org/tools/curl:8.9",
        born=41 * MINUTE,
    ),
)

PAYMENTS = (
    Workload(
        namespace="payments",
        kind="Deployment",
        name="payments",
        labels={"app": "payments", "component": "gateway"},
        nodes=(ONE, TWO),
        image="registry.example.org/payments/gateway:4.7.0",
        ports=(Port(name="https", number=8443), METRICS),
        probes=(8443,),
        metrics=9102,
        account="payments",
    ),
    Workload(
        namespace="payments",
        kind="Deployment",
        name="ledger-sync",
        labels={"app": "payments", "component": "ledger-sync"},
        nodes=(TWO,),
        image="registry.example.org/payments/ledger-sync:4.7.0",
        ports=(Port(name="health", number=8080),),
        probes=(8080,),
        account="ledger-sync",
    ),
)

DATA = (
    Workload(
        namespace="data",
        kind="StatefulSet",
        name="postgres",
        labels={NAME: "postgres", INSTANCE: "orders-db"},
        nodes=(ONE, TWO, ONE),
        image="postgres:16.4",
        ports=(
            Port(name="postgresql", number=5432),
            Port(name="metrics", number=9187, container="exporter"),
        ),
        metrics=9187,
        account="postgres",
        roles=("primary", "replica", "replica"),
    ),
    redis("redis-cart", ONE),
    redis("redis-session", TWO),
    Workload(
        namespace="data",
        kind="CronJob",
        name="postgres-backup",
        labels={"app": "postgres-backup"},
        nodes=(TWO,),
        image="postgres:16.4",
        schedule="0 2 * * *",
        runs=(-7 * 60 * MINUTE,),
    ),
)

INGRESS = (
    Workload(
        namespace="ingress",
        kind="Deployment",
        name="ingress-nginx-controller",
        labels=helm(
            "ingress-nginx", "ingress-nginx", "controller", "1.11.2", "ingress-nginx-4.11.2"
        ),
        selector=(NAME, INSTANCE, COMPONENT),
        nodes=(ONE, TWO),
        image="registry.k8s.io/ingress-nginx/controller:v1.11.2",
        ports=(
            Port(name="http", number=80),
            Port(name="https", number=443),
            Port(name="webhook", number=8443),
            Port(name="metrics", number=10254),
        ),
        probes=(10254,),
        metrics=10254,
        account="ingress-nginx",
    ),
)

MONITORING = (
    Workload(
        namespace="monitoring",
        kind="StatefulSet",
        name="prometheus-main",
        labels={
            NAME: "prometheus",
            INSTANCE: "main",
            "app.kubernetes.io/managed-by": "prometheus-operator",
            "app.kubernetes.io/version": "2.54.1",
            "operator.prometheus.io/name": "main",
        },
        selector=(NAME, INSTANCE, "operator.prometheus.io/name"),
        nodes=(ONE,),
        image="quay.io/prometheus/prometheus:v2.54.1",
        ports=(Port(name="web", number=9090),),
        probes=(9090,),
        account="prometheus",
    ),
    Workload(
        namespace="monitoring",
        kind="Deployment",
        name="kube-state-metrics",
        labels=helm(
            "kube-state-metrics", "monitoring", "metrics", "2.13.0", "kube-state-metrics-5.25.1"
        ),
        selector=(NAME, INSTANCE),
        nodes=(TWO,),
        image="registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.13.0",
        ports=(Port(name="http", number=8080),),
        probes=(8080,),
        metrics=8080,
        account="kube-state-metrics",
    ),
    Workload(
        namespace="monitoring",
        kind="DaemonSet",
        name="node-exporter",
        labels=helm(
            "node-exporter", "monitoring", "metrics", "1.8.2", "prometheus-node-exporter-4.39.0"
        ),
        selector=(NAME, INSTANCE),
        nodes=NODES,
        image="quay.io/prometheus/node-exporter:v1.8.2",
        ports=(Port(name="metrics", number=9100),),
        host_network=True,
        resolves=False,
    ),
    Workload(
        namespace="monitoring",
        kind="DaemonSet",
        name="log-agent",
        labels=helm("fluent-bit", "log-agent", "agent", "3.1.7", "fluent-bit-0.47.9"),
        selector=(NAME, INSTANCE),
        nodes=NODES,
        image="fluent/fluent-bit:3.1.7",
        ports=(Port(name="http", number=2020),),
        probes=(2020,),
        metrics=2020,
        account="log-agent",
    ),
    Workload(
        namespace="monitoring",
        kind="Deployment",
        name="log-store",
        labels={"app": "log-store"},
        nodes=(TWO,),
        image="fluent/fluentd:v1.17",
        ports=(
            Port(name="forward", number=24224),
            Port(name="heartbeat", number=24224, protocol="UDP"),
            Port(name="health", number=24220),
        ),
        probes=(24220,),
    ),
    Workload(
        namespace="monitoring",
        kind="Deployment",
        name="blackbox-exporter",
        labels={NAME: "blackbox-exporter", "app.kubernetes.io/version": "0.25.0"},
        selector=(NAME,),
        nodes=(ONE,),
        image="quay.io/prometheus/blackbox-exporter:v0.25.0",
        ports=(Port(name="http", number=9115),),
        probes=(9115,),
        metrics=9115,
    ),
)


def static(name: str, port: int) -> Workload:
    """Pods that the kubelet of the control plane starts from files: their owner is the Node."""
    return Workload(
        namespace="kube-system",
        kind="Static",
        name=name,
        labels={"component": name, "tier": "control-plane"},
        nodes=(CONTROL,),
        image=f"registry.k8s.io/{name}:v1.31.1",
        ports=(Port(name="https", number=port),),
        host_network=True,
        resolves=False,
    )


SYSTEM = (
    Workload(
        namespace="kube-system",
        kind="Deployment",
        name="coredns",
        labels={"k8s-app": "kube-dns"},
        nodes=(ONE, TWO),
        image="registry.k8s.io/coredns/coredns:v1.11.3",
        ports=(
            Port(name="dns", number=53, protocol="UDP"),
            Port(name="dns-tcp", number=53),
            Port(name="metrics", number=9153),
            Port(name="liveness", number=8080),
            Port(name="readiness", number=8181),
        ),
        probes=(8080, 8181),
        metrics=9153,
        account="coredns",
        resolves=False,  # it is the resolver
    ),
    Workload(
        namespace="kube-system",
        kind="DaemonSet",
        name="cilium",
        labels={"k8s-app": "cilium", NAME: "cilium-agent", "app.kubernetes.io/part-of": "cilium"},
        selector=("k8s-app",),
        nodes=NODES,
        image="quay.io/cilium/cilium:v1.19.4",
        account="cilium",
        host_network=True,
        resolves=False,
    ),
    static("etcd", 2379),
    static("kube-apiserver", API_PORT),
    static("kube-controller-manager", 10257),
    static("kube-scheduler", 10259),
)

WORKLOADS = (*SHOP, *PAYMENTS, *DATA, *INGRESS, *MONITORING, *SYSTEM)
BY_KEY = {workload.key: workload for workload in WORKLOADS}

"""Who needs whom in the shop cluster, and why; and what happens there that nobody needs.

This table is the truth. It is written by hand from what the programs do; `truth.json` is printed
from it and the traffic is made from it, so neither is ever computed from the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from describe import API_PORT, WORKLOADS

STOREFRONT = "shop/Deployment/storefront"
API = "shop/Deployment/api"
CART = "shop/Deployment/cart"
CHECKOUT = "shop/Deployment/checkout"
IMAGING = "shop/Deployment/imaging"
RATES = "shop/Deployment/rates"
DIGEST = "shop/CronJob/order-digest"
DEBUG = "shop/Pod/debug"
PAYMENTS = "payments/Deployment/payments"
LEDGER = "payments/Deployment/ledger-sync"
POSTGRES = "data/StatefulSet/postgres"
REDIS_CART = "data/StatefulSet/redis-cart"
REDIS_SESSION = "data/StatefulSet/redis-session"
BACKUP = "data/CronJob/postgres-backup"
NGINX = "ingress/Deployment/ingress-nginx-controller"
PROMETHEUS = "monitoring/StatefulSet/prometheus-main"
STATE_METRICS = "monitoring/Deployment/kube-state-metrics"
LOG_AGENT = "monitoring/DaemonSet/log-agent"
LOG_STORE = "monitoring/Deployment/log-store"
BLACKBOX = "monitoring/Deployment/blackbox-exporter"
COREDNS = "kube-system/Deployment/coredns"

WORLD, HOST, REMOTE, API_SERVER, HEALTH = (
    f"entity:{name}" for name in ("world", "host", "remote-node", "kube-apiserver", "health")
)
PAY_API = "api.pay.example.org"
NAMES = {PAY_API: ["192.0.2.10", "192.0.2.11", "192.0.2.12"]}
RESOLVER = "10.200.0.53/32"
DNS_PORT = 53


@dataclass(frozen=True, kw_only=True)
class Need:
    """One row: this client needs this server. `times` connections in the hour, 0: none was seen."""

    client: str
    server: str
    port: int  # where the server's pods listen; for ICMP the type
    times: int
    why: str
    protocol: str = "TCP"
    ip6: float = 0.0  # share of the connections over IPv6
    primary: bool = False  # only the server pod with the role primary


def need(client: str, server: str, port: int, times: int, why: str, protocol: str = "TCP") -> Need:
    return Need(client=client, server=server, port=port, times=times, why=why, protocol=protocol)


def dual(client: str, server: str, port: int, times: int, why: str, *, ip6: float) -> Need:
    return Need(client=client, server=server, port=port, times=times, why=why, ip6=ip6)


def writes(client: str, times: int, why: str) -> Need:
    return Need(client=client, server=POSTGRES, port=5432, times=times, why=why, primary=True)


APPLICATION = (
    dual(WORLD, NGINX, 443, 620, "Customers reach the shop over HTTPS.", ip6=0.15),
    need(WORLD, NGINX, 80, 50, "Plain HTTP is redirected to HTTPS."),
    need(NGINX, STOREFRONT, 8080, 340, "Pages of the shop."),
    need(NGINX, API, 8080, 180, "Paths under /api go to the API."),
    dual(STOREFRONT, API, 8080, 340, "Pages are filled by the API; both families.", ip6=0.3),
    need(STOREFRONT, REDIS_SESSION, 6379, 260, "Sessions of customers."),
    need(STOREFRONT, RATES, 7777, 40, "Prices in other currencies.", "UDP"),
    need(API, CART, 7070, 190, "The basket."),
    need(API, IMAGING, 8080, 35, "Pictures are scaled on demand."),
    need(IMAGING, API, 8080, 10, "Imaging reports a finished picture."),
    need(API, CHECKOUT, 5050, 90, "An order is placed."),
    need(API, POSTGRES, 5432, 210, "Products are read from any PostgreSQL pod."),
    need(CART, REDIS_CART, 6379, 260, "Baskets are kept in their own Redis release."),
    need(CHECKOUT, CART, 7070, 50, "The basket of an order."),
    need(CHECKOUT, PAYMENTS, 8443, 60, "The order is paid."),
    need(CHECKOUT, RATES, 7777, 25, "The exchange rate of an order.", "UDP"),
    writes(CHECKOUT, 50, "The order is stored on the primary."),
    writes(PAYMENTS, 45, "Payments are stored on the primary."),
    need(PAYMENTS, "192.0.2.10/32", 443, 20, f"One address of {PAY_API}."),
    need(PAYMENTS, "192.0.2.11/32", 443, 16, f"One address of {PAY_API}."),
    need(PAYMENTS, "192.0.2.12/32", 443, 12, f"One address of {PAY_API}."),
    need(LEDGER, PAYMENTS, 8443, 12, "The day's payments are fetched for the ledger."),
    need(LEDGER, "10.200.7.20/32", 8443, 11, "The ledger on premises; it has no DNS name."),
    need(LEDGER, "10.200.7.21/32", 8443, 3, "The standby of the ledger, used now and then."),
    writes(DIGEST, 14, "Each run reads the orders since the last one."),
    need(DIGEST, API, 8080, 6, "Each run publishes its digest."),
    Need(
        client=POSTGRES,
        server=POSTGRES,
        port=5432,
        times=6,
        primary=True,
        why="Replicas stream the log from the primary.",
    ),
    writes(BACKUP, 0, "The nightly dump; it runs at 02:00, outside this hour."),
)

PLATFORM = (
    need(COREDNS, RESOLVER, 53, 60, "Names outside the cluster are forwarded.", "UDP"),
    need(COREDNS, RESOLVER, 53, 4, "Truncated answers are asked for again over TCP."),
    need(COREDNS, API_SERVER, API_PORT, 8, "CoreDNS watches Services and EndpointSlices."),
    need(NGINX, API_SERVER, API_PORT, 10, "The ingress controller watches Ingresses."),
    need(STATE_METRICS, API_SERVER, API_PORT, 18, "It lists every object of the cluster."),
    need(PROMETHEUS, API_SERVER, API_PORT, 6, "Prometheus discovers its targets."),
    need(API_SERVER, NGINX, 8443, 5, "The API server asks the admission webhook."),
    need(PROMETHEUS, HOST, 9100, 10, "The node agent of Prometheus's own node."),
    need(PROMETHEUS, REMOTE, 9100, 10, "The node agents of other nodes."),
    need(
        PROMETHEUS,
        API_SERVER,
        9100,
        10,
        "The node agent of the control plane, whose address is the API server's.",
    ),
    need(LOG_AGENT, LOG_STORE, 24224, 36, "Log lines are forwarded."),
    need(LOG_AGENT, LOG_STORE, 24224, 80, "Heartbeats, which the log store answers.", "UDP"),
    need(BLACKBOX, STOREFRONT, 8080, 12, "The shop is probed as a customer sees it."),
    need(BLACKBOX, POSTGRES, 8, 36, "The database pods are pinged.", "ICMP"),
    need(BLACKBOX, STOREFRONT, 128, 12, "The storefront is pinged over IPv6.", "ICMPv6"),
)

# A few resolvers had answers that did not fit into one datagram.
ASKED_OVER_TCP = (API, PAYMENTS, PROMETHEUS)


def names_of(key: str, times: int) -> tuple[Need, Need]:
    over_tcp = 3 if key in ASKED_OVER_TCP else 0
    return (
        need(key, COREDNS, 53, times, "Names are resolved by CoreDNS.", "UDP"),
        need(key, COREDNS, 53, over_tcp, "Answers too long for UDP are asked for over TCP."),
    )


def _rows() -> list[Need]:
    rows = [*APPLICATION, *PLATFORM]
    for workload in WORKLOADS:
        pods = len(workload.nodes)
        if workload.resolves and workload.key != DEBUG:
            rows += names_of(workload.key, 0 if workload.key == BACKUP else 18 + 8 * pods)
        if workload.metrics:
            why = "Prometheus scrapes its metrics."
            rows.append(need(PROMETHEUS, workload.key, workload.metrics, 8 * pods, why))
        for port in workload.probes:
            rows.append(need(HOST, workload.key, port, 10 * pods, "The kubelet probes it."))
    return rows


NEEDED = _rows()


@dataclass(frozen=True, kw_only=True)
class Never:
    """One row that occurs in the traffic and must not become a rule."""

    kind: str
    client: str
    server: str
    ports: str
    times: int
    why: str
    protocol: str = "TCP"


def never(
    kind: str, client: str, server: str, ports: str, times: int, why: str, protocol: str = "TCP"
) -> Never:
    return Never(
        kind=kind,
        client=client,
        server=server,
        ports=ports,
        times=times,
        why=why,
        protocol=protocol,
    )


# 200 ports; 5050 and 7070 happen to be open somewhere.
SWEPT = "20-119,3300-3319,5040-5059,7060-7079,8000-8019,9200-9219"
_SWEEP = "A compromised imaging pod sweeps 200 ports"
_BY_HAND = "A person tried it with curl from a pod made by kubectl run."

NEVER = (
    never("scan", IMAGING, CART, SWEPT, 1, f"{_SWEEP}; 7070 answers because it is open."),
    never("scan", IMAGING, CHECKOUT, SWEPT, 1, f"{_SWEEP}; 5050 answers because it is open."),
    never("scan", IMAGING, RATES, SWEPT, 1, f"{_SWEEP}; all of them refuse."),
    never(
        "failed-connect",
        CHECKOUT,
        "192.0.2.99/32",
        "9000",
        6,
        "A fraud service that was switched off: no answer.",
    ),
    never(
        "failed-connect",
        API,
        POSTGRES,
        "6432",
        6,
        "The pooler of an old configuration: packets are ignored.",
    ),
    never(
        "failed-connect",
        IMAGING,
        "203.0.113.77/32",
        "4444",
        8,
        "The compromised pod calls home and is not answered.",
    ),
    never("refused", STOREFRONT, IMAGING, "8081", 8, "Nothing listens there: answered by RST."),
    never(
        "unanswered",
        CART,
        LOG_STORE,
        "8125",
        30,
        "StatsD lines of an old configuration: nothing listens, nothing answers.",
        "UDP",
    ),
    never("denied", STOREFRONT, PAYMENTS, "8443", 8, "Only checkout and ledger-sync may pay."),
    never("denied", DEBUG, REDIS_CART, "6379", 4, "A policy lets only cart in."),
    never(
        "denied",
        LOG_STORE,
        "198.51.100.200/32",
        "443",
        10,
        "Telemetry of the vendor; an egress policy stops it.",
    ),
    never("explicit-deny", IMAGING, POSTGRES, "5432", 6, "A deny rule keeps imaging out."),
    never("debug-pod", DEBUG, API, "8080", 4, _BY_HAND),
    never("debug-pod", DEBUG, STOREFRONT, "8080", 2, _BY_HAND),
    never("debug-pod", DEBUG, CART, "7070", 2, _BY_HAND),
    never(
        "unknown-identity",
        "10.244.2.250/32",
        API,
        "8080",
        1,
        "An address of the pod range that belongs to no pod.",
    ),
    never(
        "infrastructure",
        PROMETHEUS,
        "10.244.1.199/32",
        "9102",
        5,
        "A target that is gone: STALE_OR_UNROUTABLE_IP.",
    ),
    never("health", REMOTE, HEALTH, "4240", 40, "Cilium checks its own nodes."),
    never("health", API_SERVER, HEALTH, "4240", 20, "The same, from the control plane's node."),
)

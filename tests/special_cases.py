"""A small cluster that has every case in which network plugins differ, and what was seen in it."""

from __future__ import annotations

from collections.abc import Iterable

from netpol.graph import Connection, Evidence, ServiceGraph
from netpol.inventory import Inventory, Namespace, Node, Pod, Service, ServicePort
from netpol.learn import Learned, Records
from netpol.peers import Cidr, Entity, Labels, Peer, Workload

__all__ = ["API", "CLUSTER", "DB", "SEEN", "SPARE", "WEB", "WORKER", "of"]

WEB, API, WORKER, SIGNAL = (
    Workload("shop", "Deployment", name) for name in ("web", "api", "worker", "signal")
)
DB, SPARE = (Workload("shop", "StatefulSet", name) for name in ("db", "db-replica"))
COREDNS = Workload("kube-system", "Deployment", "coredns")
_LABELS: dict[Workload, dict[str, str]] = {
    WEB: {"app": "web"},
    API: {"app": "api", "tier": "back"},
    WORKER: {"app": "worker"},
    SIGNAL: {"app": "signal"},
    DB: {"app": "db", "role": "primary"},
    SPARE: {"app": "db", "role": "replica"},
    COREDNS: {"k8s-app": "kube-dns"},
}
_SERVICES = (
    ("shop", "web", {"app": "web"}, 80, 8080, "10.96.0.11", "LoadBalancer"),
    # Translated: 80 becomes 8080. Its selector is not the shortest one that names the pods.
    ("shop", "api", {"tier": "back"}, 80, 8080, "10.96.0.12", "ClusterIP"),
    # Leads to the replica too: no label of its selector tells the primary apart.
    ("shop", "db", {"app": "db"}, 5432, 5432, "10.96.0.13", "ClusterIP"),
)


def _labels(pairs: dict[str, str]) -> Labels:
    return tuple(sorted(pairs.items()))


def _pods() -> Iterable[Pod]:
    for number, (workload, labels) in enumerate(_LABELS.items(), 10):
        yield Pod(
            namespace=workload.namespace,
            name=f"{workload.name}-0",
            workload=workload,
            labels=_labels(labels),
            addresses=(f"10.244.0.{number}",),
            node="node-1",
        )


def _service(
    namespace: str, name: str, selector: dict[str, str], port: int, target: int, ip: str, kind: str
) -> Service:
    return Service(
        namespace=namespace,
        name=name,
        type=kind,
        selector=_labels(selector),
        cluster_ips=(ip,),
        ports=(ServicePort(port=port, target=target),),
    )


_DNS = Service(
    namespace="kube-system",
    name="kube-dns",
    selector=(("k8s-app", "kube-dns"),),
    cluster_ips=("10.96.0.10",),
    ports=(ServicePort(protocol="UDP", port=53), ServicePort(protocol="TCP", port=53)),
)
CLUSTER = Inventory(
    pods={(one.namespace, one.name): one for one in _pods()},
    services={
        ("kube-system", "kube-dns"): _DNS,
        **{(one[0], one[1]): _service(*one) for one in _SERVICES},
    },
    namespaces={
        name: Namespace(name=name, labels=(("kubernetes.io/metadata.name", name),))
        for name in ("shop", "kube-system")
    },
    # One node has a public address, beside that of a client outside.
    nodes={
        "node-1": Node(
            name="node-1",
            addresses=("172.18.0.2", "203.0.113.2"),
            pod_cidrs=("10.244.0.0/24",),
        )
    },
    selectors={API: (("app", "api"),)},
    api_servers=("172.18.0.2",),
)

_RANGE = range(9000, 9003)
_SCATTERED = range(10_000, 10_260, 10)
"""26 ports: two more than Amazon's plugin takes."""
_SEEN: tuple[tuple[Peer, Peer, str, int, Evidence], ...] = (
    (WEB, API, "TCP", 8080, Evidence(records=1, services=frozenset({"shop/api"}))),
    (API, DB, "TCP", 5432, Evidence(records=1, services=frozenset({"shop/db"}))),
    (WEB, COREDNS, "UDP", 53, Evidence(records=1, services=frozenset({"kube-system/kube-dns"}))),
    (Entity("host"), API, "TCP", 8080, Evidence(records=1)),
    (API, Entity("host"), "TCP", 9100, Evidence(records=1)),
    (Entity("remote-node"), WEB, "TCP", 8443, Evidence(records=1)),
    (Cidr("203.0.113.3/32"), WEB, "TCP", 8443, Evidence(records=1)),
    (Cidr("198.51.100.9/32"), WEB, "TCP", 8080, Evidence(records=1)),
    (
        WEB,
        Cidr("198.51.100.20/32"),
        "TCP",
        443,
        Evidence(records=1, names=frozenset({"x.example.org"})),
    ),
    (API, Cidr("2001:db8::5/128"), "TCP", 443, Evidence(records=1)),
    (API, Entity("kube-apiserver"), "TCP", 6443, Evidence(records=1)),
    (WEB, API, "ICMP", 8 * 256, Evidence(records=1)),
    (API, SIGNAL, "SCTP", 36412, Evidence(records=1)),
    *((WEB, WORKER, "TCP", port, Evidence(records=1)) for port in _RANGE),
    *((API, WORKER, "TCP", port, Evidence(records=1)) for port in _SCATTERED),
)


def of(edges: Iterable[tuple[Connection, Evidence]], inventory: Inventory = CLUSTER) -> Learned:
    """What was learned from these connections alone."""
    graph = ServiceGraph.of(edges)
    return Learned(
        accepted=graph,
        held=(),
        unattributed=(),
        inventory=inventory,
        records=Records(read=len(graph), connections=len(graph), held=0, other=0),
        lost_events=0,
    )


SEEN = of((Connection(c, s, protocol, port), evidence) for c, s, protocol, port, evidence in _SEEN)
"""Everything that was seen, every case once."""

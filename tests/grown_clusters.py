"""Three clusters as they grow, with what was learned about them: one a label habit each.

``plain``     one label a workload, few namespaces, everything calls everything a little
``charts``    Helm's recommended labels, the same charts installed twice in a namespace,
              StatefulSets whose pods carry their own names, versions
``teams``     labels for team and tier on many workloads, canaries beside stable tracks, pods of one
              workload with different labels after a rollout, Jobs

Equal arguments give equal clusters; ``edges`` connections go to few servers mostly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from netpol.graph import Connection, Evidence, ServiceGraph
from netpol.inventory import Inventory, Namespace, Node, Pod
from netpol.learn import Learned, Records
from netpol.peers import Cidr, Entity, Workload

Labels = dict[str, str]
Rows = Iterator[tuple[Workload, list[Labels]]]
NAME, INSTANCE, COMPONENT = (
    f"app.kubernetes.io/{one}" for one in ("name", "instance", "component")
)
PORTS = (80, 443, 5432, 6379, 8080, 8081, 8082, 9090)
OUTSIDE = (
    Cidr("198.51.100.7/32"),
    Cidr("198.51.100.6/32"),
    Cidr("2001:db8::5/128"),
    Entity("kube-apiserver"),
)


def plain(random: Random) -> Rows:
    for number in range(120):
        owner = Workload(f"space-{number % 4}", "Deployment", f"svc-{number:03}")
        yield owner, [{"app": owner.name}] * random.randint(1, 4)


def charts(random: Random) -> Rows:
    for space in range(12):
        for release in ("blue", "green"):
            for chart in ("redis", "api", "worker", "web"):
                kind = "StatefulSet" if chart == "redis" else "Deployment"
                owner = Workload(f"shop-{space:02}", kind, f"{release}-{chart}")
                labels = {NAME: chart, INSTANCE: release, COMPONENT: random.choice("ab")}
                version = {"app.kubernetes.io/version": f"1.{random.randrange(9)}.0"}
                yield owner, [labels | version | own(owner, n) for n in range(random.randint(1, 3))]


def own(owner: Workload, number: int) -> Labels:
    """What controllers write on each pod."""
    if owner.kind == "StatefulSet":
        return {"statefulset.kubernetes.io/pod-name": f"{owner.name}-{number}"}
    return {"pod-template-hash": "6d4b75cb6d"}


def teams(random: Random) -> Rows:
    for number in range(150):
        name, space = f"svc-{number // 2:03}", f"team-{number // 2 % 10}"
        labels = {"app": name, "team": space, "tier": ("front", "back", "data")[number // 20 % 3]}
        if number % 2:
            canary = labels | {"track": "canary"}
            yield Workload(space, "Deployment", f"{name}-canary"), [canary]
            continue
        rolled = labels | ({"revision": "new"} if number % 10 == 0 else {})
        kind = "Job" if number % 14 == 0 else "Deployment"
        yield (
            Workload(space, kind, name),
            [labels, rolled, *([rolled] if random.random() < 0.5 else [])],
        )


CLUSTERS: dict[str, tuple[Callable[[Random], Rows], int]] = {
    "plain": (plain, 900),
    "charts": (charts, 700),
    "teams": (teams, 800),
}


def grown(name: str, seed: int = 5) -> Learned:
    """What was learned about one of the clusters."""
    rows, edges = CLUSTERS[name]
    random = Random(seed)
    pods: dict[tuple[str, str], Pod] = {}
    for owner, each in rows(random):
        for number, labels in enumerate(each):
            key = (owner.namespace, f"{owner.name}-{number}")
            high, low = divmod(len(pods), 250)
            pods[key] = Pod(
                namespace=key[0],
                name=key[1],
                workload=owner,
                labels=tuple(sorted(labels.items())),
                addresses=(f"10.244.{high}.{low + 1}",),
            )
    inventory = Inventory(
        pods=pods,
        namespaces={one: Namespace(name=one) for one, _ in pods},
        nodes={"n": Node(name="n", addresses=("172.18.0.9",), pod_cidrs=("10.244.0.0/16",))},
        api_servers=("172.18.0.9",),
    )
    found = list(_connections(random, list(inventory.workloads), edges))
    return Learned(
        accepted=ServiceGraph.of((one, Evidence(records=1)) for one in found),
        held=(),
        unattributed=(),
        inventory=inventory,
        records=Records(read=len(found), connections=len(found), held=0, other=0),
        lost_events=0,
    )


def _connections(random: Random, workloads: list[Workload], edges: int) -> Iterator[Connection]:
    servers = random.sample(workloads, len(workloads))
    weights = [1 / (place + 4) for place in range(len(servers))]
    for _ in range(edges):
        client, (server,) = random.choice(workloads), random.choices(servers, weights)
        kind = random.random()
        if kind < 0.06:
            yield Connection(client, random.choice(OUTSIDE), "TCP", 443)
        elif kind < 0.1:
            yield Connection(client, server, "UDP", random.randrange(9000, 9006))
        else:
            first = sum(map(ord, server.name))
            yield Connection(client, server, "TCP", PORTS[(first + random.choice((0, 0, 3))) % 8])

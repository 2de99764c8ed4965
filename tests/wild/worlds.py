"""Random clusters: several pods a workload that differ, nodes, and somebody outside."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

from wild.dice import ACCOUNTS, LABELS, NAMES, NAMESPACES, TEAMS, Dice

from netpol.graph import Connection
from netpol.inventory import ContainerPort, Inventory, Namespace, Node, Pod
from netpol.peers import Cidr, Entity, Fqdn, Peer, Workload
from netpol.world import Outside

HOSTED = Workload("a", "DaemonSet", "agent")
NODE = {4: "10.2.0.1", 6: "fd00:2::1"}
API = {4: ("10.2.0.1", "192.0.2.9"), 6: ("fd00:2::1", "2001:db8::9")}
OUTSIDE = {
    4: ("192.0.2.9/32", "192.0.2.16/32", "198.51.100.7/32", "10.2.0.1/32", "10.9.0.0/30",
        "192.0.2.8/30"),
    6: ("2001:db8::9/128", "2001:db8::1:0/127", "fd00:2::1/128", "fd00:3::/64"),
}  # fmt: skip


@dataclass(frozen=True)
class Wild:
    """``versions``: the IP versions of its pods."""

    inventory: Inventory
    parties: tuple[Outside, ...]
    versions: tuple[int, ...]

    @property
    def connections(self) -> list[Connection]:
        """Everything that can be asked: at least one side is a workload."""
        parties = dict.fromkeys(one.peer for one in self.parties)
        peers: list[Peer] = [*self.inventory.workloads, *parties]
        return [
            Connection(*pair, *asked)
            for pair in product(peers, peers)
            if any(isinstance(peer, Workload) for peer in pair)
            for asked in asked_of(self.versions)
        ]


def asked_of(versions: tuple[int, ...]) -> list[tuple[str, int | None]]:
    """Protocols and ports. ICMP only where all addresses are of the IP version that it is for."""
    found: list[tuple[str, int | None]] = [
        *(("TCP", port) for port in (1, 53, 79, 80, 443, 8080, 65535)),
        *(("UDP", port) for port in (53, 80, 443)),
        *(("SCTP", port) for port in (53, 443)),
        ("OTHER", None),
        ("OTHER", 112),
    ]
    if len(versions) == 1:
        protocol = "ICMP" if versions == (4,) else "ICMPv6"
        found += [(protocol, kind * 256) for kind in (0, 3, 8, 128)]
    return found


def wild(dice: Dice, addressed: bool = True) -> Wild:
    """``addressed``: everybody has an address."""
    versions = dice.choice(((4,), (4,), (6,), (4, 6)))
    known = addressed or not dice.one_in(5)
    pods: dict[tuple[str, str], Pod] = {}
    for number in range(dice.randint(2, 4)):
        owner = Workload(dice.choice(NAMESPACES), "Deployment", f"w{number}")
        for place in range(dice.randint(1, 3)):
            one = pod(dice, owner, f"w{number}-{place}", versions if known else ())
            pods[one.namespace, one.name] = one
    node = tuple(NODE[version] for version in versions)
    if dice.one_in(2):
        pods["a", "agent"] = Pod(
            namespace="a", name="agent", workload=HOSTED, host_network=True, addresses=node
        )
    inventory = Inventory(
        pods=pods,
        namespaces={name: space(dice, name) for name in NAMESPACES},
        nodes={"n": Node(name="n", addresses=node)},
        api_servers=tuple(dice.choice(API[version]) for version in versions),
    )
    return Wild(inventory, tuple(parties(dice, versions)), versions)


def space(dice: Dice, name: str) -> Namespace:
    team = () if dice.one_in(4) else (("team", dice.choice(TEAMS)),)
    return Namespace(name=name, labels=(("kubernetes.io/metadata.name", name), *team))


def pod(dice: Dice, owner: Workload, name: str, versions: tuple[int, ...]) -> Pod:
    here = {4: f"10.1.0.{dice.randrange(16)}", 6: f"fd00:1::{dice.randrange(16):x}"}
    named = {("TCP", "http"): (80, 8080), ("UDP", "http"): (80,), ("TCP", "db"): (443, 53),
             ("SCTP", "db"): (443,)}  # fmt: skip
    return Pod(
        namespace=owner.namespace,
        name=name,
        workload=owner,
        labels=tuple(sorted((k, dice.choice(LABELS[k])) for k in dice.few(list(LABELS), 0, 4))),
        addresses=tuple(here[version] for version in versions),
        service_account=dice.choice(ACCOUNTS),
        ports=tuple(
            ContainerPort(name=key[1], protocol=key[0], port=dice.choice(named[key]))
            for key in dice.few(list(named), 0, 3)
        ),
    )


def parties(dice: Dice, versions: tuple[int, ...]) -> list[Outside]:
    blocks = [block for version in versions for block in OUTSIDE[version]]
    entities = ("host", "remote-node", "kube-apiserver", "ingress", "health")
    peers: list[Any] = [
        *map(Cidr, dice.few(blocks, 1, 2)),
        *map(Fqdn, dice.few(NAMES, 0, 1)),
        *map(Entity, dice.few(entities, 1, 2)),
    ]
    own = {Entity("host"), Entity("remote-node"), Entity("kube-apiserver")}
    return [
        Outside(
            peer=one,
            addresses=() if isinstance(one, Cidr) or one in own else (dice.choice(blocks),),
            names=frozenset(dice.few(NAMES, 0, 1)),
        )
        for one in peers
    ]

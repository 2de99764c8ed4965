"""Hypothesis strategies for small worlds, policies over them, and connections in them.

The pools are small on purpose: labels, ports and addresses of rules and of pods come from the same
few values, so that rules match often and the allowed side is drawn from too.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from itertools import product

from hypothesis import strategies as st

from netpol.graph import Connection
from netpol.inventory import ContainerPort, Inventory, Namespace, Node, Pod
from netpol.net import ALL_PORTS, PortSet
from netpol.peers import Cidr, Entity, Fqdn, Labels, Peer, Workload
from netpol.policy import (
    ANY,
    NAMESPACE,
    SERVICE_ACCOUNT,
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Policy,
    PolicySet,
    Requirement,
    Rule,
    Selector,
    Tier,
    Undecided,
)
from netpol.world import Outside, World, world

KEYS = ("app", "tier", "pod-template-hash")
VALUES = ("web", "db", "")
NAMESPACES = ("a", "b", "c")
ACCOUNTS = ("default", "robot")
PORTS = (53, 80, 443, 8080)
NODE_ADDRESSES = ("10.2.0.1", "10.2.0.2", "fd00:2::1")
NAMES = ("example.org", "api.example.org", "a.api.example.org", "api.example.com")
BLOCKS = ("10.1.0.0/28", "10.2.0.0/29", "192.0.2.0/28", "fd00:1::/124", "2001:db8::/124")


# --- labels and selectors


def label_sets() -> st.SearchStrategy[Labels]:
    return st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3).map(
        lambda found: tuple(sorted(found.items()))
    )


@st.composite
def requirements(draw, keys=KEYS, values=VALUES) -> Requirement:
    key = draw(st.sampled_from(keys))
    operator = draw(st.sampled_from(("In", "In", "NotIn", "Exists", "DoesNotExist", "text")))
    if operator in ("Exists", "DoesNotExist"):
        return Requirement(key, operator)
    if operator == "text":
        operator = draw(st.sampled_from(("Contains", "StartsWith", "EndsWith")))
        values = ("w", "b", "d", "we", "red")
    chosen = draw(st.sets(st.sampled_from(values), min_size=1, max_size=2))
    return Requirement(key, operator, tuple(sorted(chosen)))


def conjunctions(one: st.SearchStrategy[Requirement]) -> st.SearchStrategy[tuple]:
    several = st.sets(one, max_size=2).map(lambda found: tuple(sorted(found)))
    return st.one_of(st.just(()), one.map(lambda found: (found,)), several)


def pod_selectors() -> st.SearchStrategy[PodSelector]:
    by_name = requirements((NAMESPACE,), NAMESPACES)
    by_team = requirements(("team",), ("red", "blue"))
    by_account = requirements((SERVICE_ACCOUNT,), ACCOUNTS)
    pods = st.one_of(requirements(), requirements(), requirements(), by_account)
    return st.builds(PodSelector, conjunctions(st.one_of(by_name, by_team)), conjunctions(pods))


@st.composite
def blocks(draw, within: str | None = None) -> str:
    """A CIDR at least as narrow as one of the pools; strictly inside ``within`` when given."""
    outer = ipaddress.ip_network(within or draw(st.sampled_from(BLOCKS)))
    deeper = draw(st.integers(0 if within is None else 1, outer.max_prefixlen - outer.prefixlen))
    place = draw(st.integers(0, 2**deeper - 1))
    step = 2 ** (outer.max_prefixlen - outer.prefixlen - deeper)
    kind = type(outer.network_address)
    start = kind(int(outer.network_address) + place * step)
    return str(ipaddress.ip_network((start, outer.prefixlen + deeper)))


@st.composite
def cidr_selectors(draw) -> CidrSelector:
    cidr = draw(st.one_of(st.sampled_from((*BLOCKS, "0.0.0.0/0", "::/0")), blocks()))
    inner = [c for c in BLOCKS if _strictly_inside(c, cidr)]
    holes = st.sampled_from(inner) if inner else blocks(cidr)
    single = ipaddress.ip_network(cidr).num_addresses == 1
    excluded = () if single else draw(st.sets(holes, max_size=2))
    return CidrSelector(cidr, tuple(sorted(excluded)))


def _strictly_inside(inner: str, outer: str) -> bool:
    one, other = ipaddress.ip_network(inner), ipaddress.ip_network(outer)
    return one.version == other.version and one != other and one.subnet_of(other)


def fqdn_selectors() -> st.SearchStrategy[FqdnSelector]:
    patterns = ("*", "*.example.org", "**.example.org", "api.example.*", "a*.example.org")
    return st.sampled_from((*NAMES, *patterns)).map(FqdnSelector)


def entity_selectors() -> st.SearchStrategy[EntitySelector]:
    names = ("world", "host", "remote-node", "kube-apiserver", "ingress", "all", "cluster")
    return st.sampled_from(names).map(EntitySelector)


def selectors() -> st.SearchStrategy[Selector]:
    pods = pod_selectors()
    return st.one_of(
        pods, pods, pods, cidr_selectors(), cidr_selectors(), fqdn_selectors(), entity_selectors()
    )


# --- ports


@st.composite
def some_ports(draw) -> PortSet:
    """One protocol's port, range, ICMP type or everything of it."""
    protocol = draw(st.sampled_from(("TCP", "TCP", "TCP", "UDP", "ICMP", "OTHER")))
    if protocol == "ICMP":
        return PortSet.icmp("ICMP", draw(st.sampled_from((0, 8))), draw(st.sampled_from((None, 0))))
    if protocol == "OTHER":
        return PortSet.of("OTHER", *draw(st.sampled_from(((), (47,), (40, 50)))))
    low, high = sorted((draw(st.sampled_from(PORTS)), draw(st.sampled_from(PORTS))))
    return draw(
        st.sampled_from((PortSet.of(protocol, low), PortSet.of(protocol, low, high)) * 3)
        | st.just(PortSet.of(protocol))
    )


def port_sets() -> st.SearchStrategy[PortSet]:
    mixed = st.lists(some_ports(), min_size=1, max_size=3).map(PortSet.union)
    return st.one_of(mixed, mixed, st.just(ALL_PORTS), st.just(ALL_PORTS), st.just(PortSet()))


# --- policies

PLAIN = ("allow",)
"""What rules of Kubernetes do; they have no conditions either."""
ONE = st.sampled_from((1, 1, 1, 0))
"""How many at least: most lists are not empty."""


@st.composite
def rules(draw, actions=("allow", "allow", "allow", "deny", "pass")) -> Rule:
    anyone = draw(st.integers(0, 4)) == 0
    named = st.sampled_from((("TCP", "http"), ("TCP", "db"), ("UDP", "http")))
    return Rule(
        action=draw(st.sampled_from(actions)),
        peers=ANY if anyone else tuple(draw(st.lists(selectors(), min_size=draw(ONE), max_size=3))),
        ports=draw(port_sets()),
        named_ports=tuple(sorted(draw(st.sets(named, max_size=1)))),
        **(draw(conditions()) if actions != PLAIN else {}),
    )


def conditions() -> st.SearchStrategy[dict]:
    """Often none; else whom a rule leaves out, and for which of the policed pods it is."""
    without = st.lists(selectors(), min_size=1, max_size=2).map(tuple)
    where = st.lists(cidr_selectors(), min_size=1, max_size=2).map(tuple)
    some = st.fixed_dictionaries(
        {}, optional={"without": without, "subject": pod_selectors(), "at": where}
    )
    return st.one_of(st.just({}), some)


@st.composite
def policies(draw, tiers=("default",), actions=PLAIN) -> Policy:
    some = st.lists(rules(actions), min_size=draw(ONE), max_size=4).map(tuple)
    lists = st.one_of(st.none(), some, some, some)
    return Policy(
        name=draw(st.sampled_from("pqrs")),
        namespace=draw(st.sampled_from(NAMESPACES)),
        subject=draw(st.one_of(st.just(PodSelector()), pod_selectors())),
        ingress=draw(lists),
        egress=draw(lists),
        tier=draw(st.sampled_from(tiers)),
        order=draw(st.sampled_from((100, 1000))),
        isolates=draw(st.integers(0, 4)) > 0,
    )


def allow_policies() -> st.SearchStrategy[PolicySet]:
    """What Kubernetes can say: one tier, allow rules only."""
    found = st.lists(policies(), min_size=1, max_size=4).map(tuple)
    return st.builds(lambda chosen: PolicySet(policies=chosen), found)


@st.composite
def policy_sets(draw, unread: bool = False) -> PolicySet:
    """Up to three tiers with allow, deny and pass rules; or, one in three, the plain kind.

    With ``unread``: something in them was not understood.
    """
    if not unread and draw(st.integers(0, 2)) == 0:
        return draw(allow_policies())
    defaults = draw(st.lists(st.sampled_from(("deny", "pass")), min_size=1, max_size=3))
    tiers = tuple(Tier(10.0 - n, f"t{n}", default) for n, default in enumerate(defaults))
    names = tuple(tier.name for tier in tiers)
    every = policies(names, ("allow", "allow", "deny", "pass"))
    chosen = draw(st.lists(every, min_size=1, max_size=5, unique_by=_rank))
    entries = st.lists(undecided((*names, "nowhere")), min_size=1, max_size=2)
    lost = draw(entries) if unread else ()
    return PolicySet(policies=tuple(chosen), tiers=tiers, undecided=tuple(lost))


def undecided(tiers: tuple[str, ...]) -> st.SearchStrategy[Undecided]:
    """Something that nobody understood, perhaps in a tier that does not exist."""
    both = st.sampled_from((("ingress",), ("egress",), ("egress", "ingress")))
    return st.builds(
        Undecided,
        subject=pod_selectors(),
        directions=both,
        tier=st.sampled_from(tiers),
        reason=st.just("not understood"),
        origin=st.sampled_from(("one.yaml", "two.yaml")),
    )


def _rank(policy: Policy) -> tuple[object, ...]:
    return policy.tier, policy.order, policy.name, policy.namespace


# --- worlds


@st.composite
def pods(draw, workload: Workload, number: int) -> Pod:
    four = st.integers(0, 15).map(lambda n: f"10.1.0.{n}")
    six = st.integers(0, 15).map(lambda n: f"fd00:1::{n:x}")
    named = st.sampled_from((("http", 80), ("http", 8080), ("db", 443)))
    return Pod(
        namespace=workload.namespace,
        name=f"{workload.name}-{number}",
        workload=workload,
        labels=draw(label_sets()),
        addresses=draw(st.one_of(st.just(()), st.tuples(four), st.tuples(four, six))),
        host_network=draw(st.integers(0, 14)) == 0,
        finished=draw(st.integers(0, 9)) == 0,
        service_account=draw(st.sampled_from(ACCOUNTS)),
        ports=tuple(
            ContainerPort(name=name, port=port)
            for name, port in sorted(draw(st.sets(named, max_size=2)))
        ),
    )


@st.composite
def inventories(draw) -> Inventory:
    found: dict[tuple[str, str], Pod] = {}
    for n in range(draw(st.integers(1, 4))):
        workload = Workload(draw(st.sampled_from(NAMESPACES)), "Deployment", f"w{n}")
        for number in range(draw(st.integers(1, 3))):
            pod = draw(pods(workload, number))
            found[pod.namespace, pod.name] = pod
    teams = draw(
        st.dictionaries(st.sampled_from(NAMESPACES), st.sampled_from(("red", "blue")), max_size=2)
    )
    return Inventory(
        pods=found,
        namespaces={n: Namespace(name=n, labels=(("team", team),)) for n, team in teams.items()},
        nodes={"n": Node(name="n", addresses=draw(st.sampled_from(((), NODE_ADDRESSES))))},
        api_servers=draw(st.sampled_from(((), ("10.2.0.1",), ("192.0.2.9",)))),
    )


@st.composite
def outsides(draw) -> Outside:
    addresses = draw(st.lists(blocks(), max_size=2))
    peer: Cidr | Fqdn | Entity = draw(
        st.one_of(
            blocks().map(Cidr),
            st.sampled_from(NAMES).map(Fqdn),
            st.sampled_from(("host", "remote-node", "kube-apiserver", "world", "ingress")).map(
                Entity
            ),
        )
    )
    return Outside(
        peer=peer,
        addresses=() if isinstance(peer, Cidr) else tuple(addresses),
        names=draw(st.frozensets(st.sampled_from(NAMES), max_size=1)),
        entities=draw(st.frozensets(st.sampled_from(("remote-node", "kube-apiserver")), max_size=1))
        if isinstance(peer, Entity)
        else frozenset(),
    )


def worlds() -> st.SearchStrategy[World]:
    return st.builds(world, inventories(), st.lists(outsides(), max_size=3))


@dataclass(frozen=True)
class Scene:
    """An inventory, the parties outside, and policies over them."""

    inventory: Inventory
    outside: tuple[Outside, ...]
    policies: PolicySet

    @property
    def world(self) -> World:
        return world(self.inventory, self.outside)

    @property
    def peers(self) -> tuple[Peer, ...]:
        """Everyone: workloads, then parties."""
        return (*self.inventory.workloads, *dict.fromkeys(one.peer for one in self.outside))


def scenes(unread: bool = False) -> st.SearchStrategy[Scene]:
    parties = st.lists(outsides(), min_size=1, max_size=3).map(tuple)
    return st.builds(Scene, inventories(), parties, policy_sets(unread))


# --- connections

ASKED = (
    *(("TCP", port) for port in (53, 79, 80, 443, 8080)),
    ("UDP", 53),
    ("UDP", 80),
    ("ICMP", 8 * 256),
    ("OTHER", None),
)


@st.composite
def connections(draw, peers: tuple[Peer, ...]) -> Connection:
    """Between two of ``peers``, at least one of them a workload."""
    return draw(st.sampled_from(every_connection(peers)))


def every_connection(peers: tuple[Peer, ...]) -> list[Connection]:
    """All that can be asked about these peers; at least one side is a workload."""
    pairs = [pair for pair in product(peers, peers) if any(isinstance(p, Workload) for p in pair)]
    return [Connection(*pair, *asked) for pair in pairs for asked in ASKED]

"""The proof that comes with generated policies: computed from their YAML, after it was read back.

Sufficient: no accepted connection is denied. Tight: in-cluster tuples that are allowed without
having been observed are listed with the reason. Minimal: every rule has a witness, a connection
that would be denied without it. Honest: workloads without traffic, and what the dialect does not
decide.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Final, TypeAlias

from netpol.choices import Choice, Generalised, Patterned, Siblings, Widened
from netpol.enforced import as_enforced
from netpol.evaluate import Decision, Judge, decides
from netpol.families import families, in_family, only
from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory
from netpol.learn import Learned
from netpol.net import ICMP_PROTOCOLS, NO_PORTS, PortSet
from netpol.parties import outside
from netpol.peers import Cidr, Entity, Fqdn, Peer, Workload, label
from netpol.policy import PolicySet
from netpol.profile import Profile
from netpol.quarantine import Held
from netpol.virtual import dialled
from netpol.world import world

__all__ = [
    "Certificate",
    "Denied",
    "Opened",
    "certify",
    "denied_under",
    "is_declared",
    "is_outside",
    "judge_of",
    "silent",
    "translated",
]


Edge: TypeAlias = tuple[Connection, Evidence]

_Tried: TypeAlias = tuple[Connection, Peer]
"""A connection to judge, and whom a rule that allows it means by its client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """An accepted connection that the policies deny, and what denies it."""

    connection: Connection
    evidence: Evidence
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Ports that are allowed between two workloads without having been observed, and why."""

    client: Peer
    server: Peer
    ports: PortSet
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What was proved about one set of policies."""

    profile: Profile
    accepted: int
    """Accepted connections that the dialect decides; all of them were evaluated."""
    undecided: tuple[Connection, ...]
    """Accepted connections of a kind that the dialect does not decide (ICMP in Kubernetes)."""
    denied: tuple[Denied, ...]
    opened: tuple[Opened, ...]
    rules: int
    without_witness: tuple[str, ...]
    silent: tuple[Workload, ...]
    """Workloads under default deny for which nothing was accepted: not seen is not not needed."""
    policed: frozenset[str]
    """Namespaces that the policies are for."""
    open_namespaces: tuple[str, ...]
    """Namespaces of which nothing was accepted and that have no policies: all is allowed there."""
    allowed: dict[tuple[Peer, Peer], PortSet]
    """Every in-cluster pair with what may pass."""
    held: tuple[Held, ...] = ()
    """What was learned and is in no rule, with the reason."""
    choices: tuple[Choice, ...] = ()
    """What is otherwise than it would be for another CNI."""
    widened: tuple[Widened, ...] = ()
    """Lists of outside addresses that hold more than was seen."""
    patterned: tuple[Patterned, ...] = ()
    """Patterns of DNS names, which match more than was seen."""


def judge_of(
    policies: PolicySet, learned: Learned, profile: Profile, more: Iterable[Edge] = ()
) -> Judge:
    """What the CNI makes of the policies, in the inventory and with everybody who was observed.

    ``more``: connections whose parties are there too.
    """
    known = learned.inventory
    parties = outside([*learned.accepted, *more], known)
    if profile.one_family:
        versions = families(known)
        known = only(known, versions)
        # A party of the other family alone stays as it is: nothing allows it.
        parties = [
            replace(one, addresses=in_family(one.addresses, versions) or one.addresses)
            for one in parties
        ]
    return Judge(
        policies=as_enforced(policies, profile, known),
        world=world(known, parties),
        profile=profile,
    )


def certify(
    policies: PolicySet,
    learned: Learned,
    profile: Profile,
    declared: Iterable[Connection] = (),
    policed: frozenset[str] | None = None,
    choices: tuple[Choice, ...] = (),
    generalised: Generalised | None = None,
    siblings: Siblings | None = None,
    widened: tuple[Widened, ...] = (),
    patterned: tuple[Patterned, ...] = (),
    calls: Mapping[Connection, str] | None = None,
) -> Certificate:
    """Prove what ``policies`` do to what was learned.

    ``declared`` connections count as needed when rules look for a witness and give the reason of
    what they open. ``policed`` limits the workloads without traffic to these namespaces; None
    takes the namespaces in which a policy is. ``choices``, ``generalised`` and ``siblings`` explain
    what they open; ``widened`` is what lists of outside addresses open, ``patterned`` what patterns
    of names. ``calls``: what declares those that do not resolve names.
    """
    declared = frozenset(declared)
    accepted = [(c, e) for c, e in learned.accepted if decides(profile, c)]
    edges = [*accepted, *translated(accepted, profile, learned.inventory)]
    needed = [(c, Evidence()) for c in declared]
    asked = [*needed, *translated(needed, profile, learned.inventory)]
    names = _by_name(accepted) if profile.fqdn else []
    judge = judge_of(policies, learned, profile, [*edges, *asked, *names])
    allowed = {(client, server): ports for client, server, ports in judge.connections()}
    for one in (o for c in choices if c.field == "before_dnat" for o in c.opens):
        # Through the address of a Service, which a judge of pods does not see.
        allowed[one.client, one.server] = (
            allowed.get((one.client, one.server), PortSet()) | one.ports
        )
    passes = judge.replay(connection for connection, _ in edges)
    denied = tuple(
        Denied(connection=connection, evidence=evidence, decision=judge.decide(connection))
        for (connection, evidence), passed in zip(edges, passes, strict=True)
        if not passed
    )
    coarse = [one for one in (generalised, siblings) if one is not None]
    if policed is None:
        policed = frozenset(policy.namespace for policy in policies.policies)
    return Certificate(
        profile=profile,
        accepted=len(accepted),
        undecided=tuple(c for c, _ in learned.accepted if not decides(profile, c)),
        denied=denied,
        opened=tuple(
            _opened(
                {**allowed, **_abroad(judge, [*_asked(declared), *_beside(coarse, judge)])},
                learned,
                declared,
                policed,
                choices,
                coarse,
                calls or {},
            )
        ),
        rules=sum(len(p.ingress or ()) + len(p.egress or ()) for p in policies.policies),
        without_witness=_without_witness(
            judge, policies, [c for c, _ in (*edges, *asked, *names)], declared
        ),
        silent=silent(learned, policed),
        policed=policed,
        open_namespaces=_open_namespaces(learned, policed),
        allowed=allowed,
        held=learned.held,
        choices=choices,
        widened=widened,
        patterned=patterned,
    )


def _by_name(edges: Iterable[Edge]) -> list[Edge]:
    """Calls to an address with several names, once by each: any of them may have been meant.

    So each name has its own witness, though one of them would do for the address.
    """
    return [
        (replace(connection, server=Fqdn(name)), Evidence())
        for connection, evidence in edges
        if isinstance(connection.server, Cidr) and len(evidence.names) > 1
        for name in sorted(evidence.names)
    ]


_HOST: Final = Entity("host")
_DECLARED: Final = "declared"


def is_declared(opened: Opened) -> bool:
    """Whether it is open because somebody declared that it is needed."""
    return opened.reason.startswith(_DECLARED)


def denied_under(policies: PolicySet, learned: Learned, profile: Profile) -> tuple[Connection, ...]:
    """The accepted connections that a CNI denies, of those that it decides; sorted."""
    edges = [(c, e) for c, e in learned.accepted if decides(profile, c)]
    edges += translated(edges, profile, learned.inventory)
    passes = judge_of(policies, learned, profile, edges).replay(one for one, _ in edges)
    return tuple(one for (one, _), passed in zip(edges, passes, strict=True) if not passed)


def translated(edges: Iterable[Edge], profile: Profile, inventory: Inventory) -> list[Edge]:
    """What clients ask Services for, where that is policed before it is translated."""
    if not profile.before_dnat:
        return []
    return [
        (way, evidence)
        for connection, evidence in edges
        if isinstance(connection.client, Workload)
        for one in dialled(connection.server, connection.ports, inventory, evidence.services)
        for way in one.from_client(connection.client)
    ]


def _asked(declared: Iterable[Connection]) -> Iterator[_Tried]:
    """What is declared, as it is."""
    yield from ((one, one.client) for one in declared)


def _beside(coarse: Iterable[Generalised | Siblings], judge: Judge) -> Iterator[_Tried]:
    """What workloads may do with somebody who is no pod, because others of theirs were seen to.

    Not with their own node, where that is no matter of policies.
    """
    there = {one.peer for one in judge.world.outside}
    for one in coarse:
        within: dict[Peer, list[Peer]] = defaultdict(list)
        for workload, groups in one.subjects.items():
            for group in groups if workload not in judge.world.on_host else ():
                within[group].append(workload)
        for (client, server), ports in one.ports.items():
            exempt = (judge.profile.node_to_pod and client == _HOST) or (
                judge.profile.pod_to_node and server == _HOST
            )
            if exempt or len(there & {client, server}) != 1:
                continue
            both = list(product(within.get(client, [client]), within.get(server, [server])))
            for some in _singles(ports):
                who = one.ruled(replace(some, client=client, server=server)).client
                for pair in both:
                    shown = who if client in there else pair[0]
                    yield replace(some, client=pair[0], server=pair[1]), shown


def _singles(ports: PortSet) -> Iterator[Connection]:
    """A connection between nobody for each port, or type of ICMP."""
    nobody = Entity("world")
    for protocol, low, high in ports:
        step = 256 if protocol in ICMP_PROTOCOLS else 1
        for port in range(low, high + 1, step):
            yield Connection(nobody, nobody, protocol, port)


def is_outside(opened: Opened) -> bool:
    """Whether one of the sides is no pod."""
    return not (isinstance(opened.client, Workload) and isinstance(opened.server, Workload))


def _abroad(judge: Judge, some: Iterable[_Tried]) -> dict[tuple[Peer, Peer], PortSet]:
    """What is allowed of these connections with somebody who is no pod, for some pod at least."""
    found = [one for one in some if not all(isinstance(p, Workload) for p in _ends(one[0]))]
    passes = list(judge.replay(one for one, _ in found))
    some_may: dict[tuple[Peer, Peer], PortSet] = {}
    if not all(passes):  # for all pods of the workload, that is: a few of them may
        some_may = {(row.client, row.server): row.ports for row in judge.outside_connections()}
    allowed: dict[tuple[Peer, Peer], PortSet] = defaultdict(PortSet)
    for (one, client), passed in zip(found, passes, strict=True):
        if passed or one.ports <= some_may.get(_ends(one), NO_PORTS):
            allowed[client, one.server] |= one.ports
    return allowed


def _ends(one: Connection) -> tuple[Peer, Peer]:
    return one.client, one.server


def _opened(
    allowed: dict[tuple[Peer, Peer], PortSet],
    learned: Learned,
    declared: frozenset[Connection],
    policed: frozenset[str],
    choices: Iterable[Choice],
    coarse: Iterable[Generalised | Siblings],
    calls: Mapping[Connection, str],
) -> Iterable[Opened]:
    seen = _ports(c for graph in (learned.accepted, learned.ruled) for c, _ in graph)
    promised = _ports(one for one in declared if one not in calls)
    chosen: dict[tuple[Peer, Peer], list[tuple[PortSet, str]]] = defaultdict(list)
    for call, why in calls.items():
        chosen[call.client, call.server].append((call.ports, f"{_DECLARED} need: {why}"))
    for one in choices:
        for opening in one.opens:
            reason = f"{one.field}: {one.what}"
            chosen[opening.client, opening.server].append((opening.ports, reason))
    # Most pairs are allowed just what was seen between them.
    wider = [pair for pair, ports in allowed.items() if ports != seen.get(pair)]
    for client, server in sorted(wider, key=lambda pair: (label(pair[0]), label(pair[1]))):
        if not _inside(client, policed) and not _inside(server, policed):
            continue
        ports = allowed[client, server]
        rest = ports - seen[client, server]
        reasons = [(promised[client, server], f"{_DECLARED} need: name resolution")]
        reasons += chosen.get((client, server), [])
        reasons += ((one.opens(client, server), one.says(client, server)) for one in coarse)
        for some, reason in (*reasons, (ports, _why_open(client, server, policed))):
            if part := rest & some:
                yield Opened(client=client, server=server, ports=part, reason=reason)
            rest -= some


def _why_open(client: Peer, server: Peer, policed: frozenset[str]) -> str:
    for peer in (client, server):
        if not _inside(peer, policed):
            return f"{label(peer)} is not policed"
    return "a selector or rule is wider than what was observed"


def _inside(peer: Peer, policed: frozenset[str]) -> bool:
    return isinstance(peer, Workload) and peer.namespace in policed


def _ports(connections: Iterable[Connection]) -> dict[tuple[Peer, Peer], PortSet]:
    table: dict[tuple[Peer, Peer], PortSet] = defaultdict(PortSet)
    for connection in connections:
        table[(connection.client, connection.server)] |= connection.ports
    return table


def _without_witness(
    judge: Judge,
    policies: PolicySet,
    accepted: list[Connection],
    declared: frozenset[Connection],
) -> tuple[str, ...]:
    """Rules whose removal would deny nothing that is needed, by name."""
    witnessed = judge.witnesses([*accepted, *sorted(declared, key=lambda c: c.key)])
    return tuple(
        f"{policy.namespace}/{policy.name} {direction} rule {number + 1}"
        for index, policy in enumerate(policies.policies)
        for direction in ("ingress", "egress")
        for number, _ in enumerate(policy.rules(direction) or ())
        if (index, direction, number) not in witnessed
    )


def silent(learned: Learned, policed: frozenset[str] | None = None) -> tuple[Workload, ...]:
    """The workloads of these namespaces, or of all, for which nothing was accepted."""
    busy = _busy(learned)
    return tuple(
        one
        for one in _policeable(learned)
        if (policed is None or one.namespace in policed) and one not in busy
    )


def _open_namespaces(learned: Learned, policed: frozenset[str]) -> tuple[str, ...]:
    busy = {one.namespace for one in _busy(learned) if isinstance(one, Workload)}
    return tuple(sorted({one.namespace for one in _policeable(learned)} - busy - policed))


def _busy(learned: Learned) -> set[Peer]:
    """Whoever was seen, but for probes."""
    return {
        p for c, _ in learned.accepted for p in (c.client, c.server) if c.client != Entity("host")
    }


def _policeable(learned: Learned) -> Iterator[Workload]:
    """Workloads with pods that are not on their nodes' network."""
    for workload, pods in learned.inventory.workloads.items():
        if not all(pod.host_network for pod in pods):
            yield workload

"""The proof that comes with generated policies: computed from their YAML, after it was read back.

Sufficient: no accepted connection is denied. Tight: in-cluster tuples that are allowed without
having been observed are listed with the reason. Minimal: every rule has a witness, a connection
that would be denied without it. Honest: workloads without traffic, and what the dialect does not
decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from netpol.choices import Choice, Generalised, Patterned, Siblings, Widened
from netpol.enforced import as_enforced
from netpol.evaluate import Decision, Judge, decides
from netpol.families import families, in_family, only
from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory
from netpol.learn import Learned
from netpol.net import PortSet
from netpol.opened import Opened, abroad, opened
from netpol.parties import outside
from netpol.peers import Cidr, Fqdn, Peer, Workload
from netpol.policy import PolicySet
from netpol.profile import Profile
from netpol.quarantine import Held
from netpol.silence import open_namespaces, silent
from netpol.virtual import dialled
from netpol.world import world

__all__ = [
    "Certificate",
    "Denied",
    "certify",
    "denied_under",
    "judge_of",
    "translated",
]


Edge: TypeAlias = tuple[Connection, Evidence]


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """An accepted connection that the policies deny, and what denies it."""

    connection: Connection
    evidence: Evidence
    decision: Decision


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
            opened(
                {**allowed, **abroad(judge, declared, coarse)},
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
        open_namespaces=open_namespaces(learned, policed),
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


def _without_witness(
    judge: Judge,
    policies: PolicySet,
    accepted: list[Connection],
    declared: frozenset[Connection],
) -> tuple[str, ...]:
    """Rules whose removal would deny nothing that is needed, by name."""
    witnessed = judge.witnesses([*accepted, *sorted(declared, key=lambda c: c.key)])
    return tuple(
        f"{policy.namespace}/{policy.name} {direction} rule {policy.number(direction, place)}"
        for index, policy in enumerate(policies.policies)
        for direction in ("ingress", "egress")
        for place, _ in enumerate(policy.rules(direction) or ())
        if (index, direction, place) not in witnessed
    )

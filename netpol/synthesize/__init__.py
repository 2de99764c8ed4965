"""The smallest allow-list for what was observed, on top of default deny.

Per namespace: ``default-deny`` and ``allow-dns``. Per workload: one policy with the fewest rules
``peers × ports`` that cover what was accepted and nothing else. The result is a neutral PolicySet
in what the given profile can say; everything it contains was observed, or is a declared need.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from operator import itemgetter

from netpol.choices import Choices, Named, listed
from netpol.errors import NetpolError
from netpol.families import families, in_family, only
from netpol.graph import Connection, Evidence
from netpol.learn import Learned
from netpol.notices import Notice, Tell
from netpol.parties import entity_blocks
from netpol.peers import Cidr, Entity, Fqdn, Peer, Workload
from netpol.policy import PodSelector, Policy, PolicySet, in_namespace
from netpol.profile import Profile
from netpol.quarantine import Held
from netpol.synthesize import dns
from netpol.synthesize.builder import Edge, Selectors
from netpol.synthesize.declared import declared_calls
from netpol.synthesize.levels import LEVELS, Grouping, Level
from netpol.synthesize.names import object_names
from netpol.synthesize.options import Options, Synthesis
from netpol.synthesize.outside import Outsiders
from netpol.synthesize.patterns import Patterns
from netpol.synthesize.refused import Refusals, needs_a_rule, note_names
from netpol.synthesize.resolving import Resolving
from netpol.synthesize.rules import Rules
from netpol.synthesize.through import Through
from netpol.synthesize.widening import Bound

__all__ = ["LEVELS", "Bound", "Level", "Options", "Patterns", "Synthesis", "synthesize"]


def synthesize(learned: Learned, profile: Profile, options: Options, tell: Tell) -> Synthesis:
    """Policies for everything accepted in ``learned``.

    Raises NetpolError for a namespace in the options in which nobody was seen.
    """
    policed = _policed(learned.accepted, options)
    choices = Choices(profile=profile)
    learned = _without_refused(learned, policed, choices, tell)
    grouping = Grouping.of(options.level, learned.inventory, _apart(learned, policed, options))
    inventory = grouping.inventory
    selectors = Selectors(inventory=inventory, profile=profile, tell=tell)
    learned = _without_nameless(learned, policed, selectors, grouping)
    edges = [edge for edge in learned.accepted if needs_a_rule(edge[0], choices)]
    refusals = Refusals(profile=profile, inventory=learned.inventory)
    found = dns.resolvers(edges, learned.inventory) if options.dns else {}
    serving = {one: ports for one, ports in found.items() if not refusals.unreachable(one)}
    asking = dns.clients(serving, inventory, policed)
    declared = (
        dns.needs(edges, learned.inventory, policed) if options.dns else frozenset[Connection]()
    )
    calls = _calls(learned, policed, options, choices, tell)
    calls = {
        one: why
        for one, why in calls.items()
        if one not in declared
        and all(
            selectors.can_name(side)
            for side in map(grouping.subject, (one.client, one.server))
            if isinstance(side, Workload)
        )
    }
    own = grouping.edges(edge for edge in edges if edge[0] not in declared)
    asked = frozenset(name for name, workloads in asking.items() if workloads)
    versions = families(inventory) if profile.one_family else frozenset({4, 6})
    known = only(inventory, versions) if profile.one_family else inventory
    outsiders = Outsiders(
        inventory=known,
        profile=profile,
        blocks={
            name: in_family(found, versions)
            for name, found in entity_blocks(
                (*learned.accepted, *((one, Evidence()) for one in (*declared, *calls))), known
            ).items()
        },
        inspected=asked if profile.fqdn else frozenset(),
        choices=choices,
        bound=options.bound,
        patterns=options.patterns,
        allow_world=options.allow_world,
        tell=tell,
    )
    through = Through(selectors=selectors, choices=choices, policed=policed)
    rules = Rules(
        selectors=selectors,
        outsiders=outsiders,
        through=through,
        choices=choices,
        resolvers=serving,
        port_gap=options.port_gap,
    )
    resolving = Resolving(
        serving=serving,
        asking=asking,
        upstream={}
        if refusals.unreachable(Entity("remote-node"))
        else dns.upstream(serving, learned.inventory, policed),
        through=through,
        outsiders=outsiders,
    )
    subjects = _subjects(own, policed, resolving, asked)
    promised = _subjects(
        grouping.edges((one, Evidence()) for one in calls), policed, resolving, asked
    )
    apart = {one: f"{name}-declared" for one, name in object_names(sorted(promised)).items()}
    taken = [(one.namespace, name) for one, name in (*resolving.names().items(), *apart.items())]
    taken += selectors.parts(subjects)
    names = object_names(sorted(subjects), taken)
    policies = PolicySet(
        policies=(
            *(_default_deny(namespace) for namespace in sorted(policed)),
            *resolving.ask(_named_servers(own, outsiders)),
            *resolving.serve(),
            *map(_touched, _workload_policies(promised, apart, rules)),
            *_workload_policies(subjects, names, rules),
        )
    )
    _tell_unused(options.patterns, outsiders, tell)
    return Synthesis(
        policies=policies,
        learned=learned,
        policed=policed,
        declared=declared | calls.keys(),
        calls=calls,
        shared=selectors.shared,
        choices=grouping.spelled_out(choices.all()),
        generalised=grouping.generalised(
            (*learned.accepted, *((one, Evidence()) for one in calls))
        ),
        names=grouping.named(names),
        widened=tuple(outsiders.widened),
        patterned=tuple(outsiders.patterned),
        named=tuple(_named(own, names)),
    )


def _named(edges: Iterable[Edge], names: Mapping[Workload, str]) -> Iterator[Named]:
    """Everybody outside who is known by names, for each workload that has a policy."""
    for connection, evidence in edges:
        for subject, peer in (
            (connection.client, connection.server),
            (connection.server, connection.client),
        ):
            if isinstance(subject, Workload) and subject in names and isinstance(peer, Cidr | Fqdn):
                told = frozenset({peer.name}) if isinstance(peer, Fqdn) else evidence.names
                yield Named(
                    policy=(subject.namespace, names[subject]),
                    block=peer.cidr if isinstance(peer, Cidr) else "",
                    names=told,
                    first=evidence.first,
                )


def _tell_unused(wanted: Patterns, outsiders: Outsiders, tell: Tell) -> None:
    """Patterns of the user's that stand for nothing (NP056)."""
    for pattern in set(wanted.chosen) - {one.pattern for one in outsiders.patterned}:
        tell(Notice(code="NP056", message=f"{pattern} is in no rule"))


def _calls(
    learned: Learned, policed: frozenset[str], options: Options, choices: Choices, tell: Tell
) -> dict[Connection, str]:
    """What is declared and can be written; what cannot is told (NP052)."""
    if not options.declared:
        return {}
    found = declared_calls(learned.accepted, learned.inventory, policed)
    refusals = Refusals(
        profile=choices.profile,
        inventory=learned.inventory,
        blocks=entity_blocks([(one, Evidence()) for one in found], learned.inventory),
    )
    wanted = {}
    for connection, why in found.items():
        if not needs_a_rule(connection, choices):
            continue
        if (reason := refusals.of(connection)[1]) == "":
            wanted[connection] = why
        else:
            message = f"{listed(connection)}: {reason}"
            tell(Notice(code="NP052", where=why, message=message))
    return wanted


def _apart(learned: Learned, policed: frozenset[str], options: Options) -> frozenset[Peer]:
    """Those that no level groups with others: they resolve names for everybody."""
    if options.level == "workload" or not options.dns:
        return frozenset()
    found = dns.resolvers(learned.accepted, learned.inventory)
    return frozenset({*found, *dns.upstream(found, learned.inventory, policed)})


def _without_nameless(
    learned: Learned, policed: frozenset[str], selectors: Selectors, grouping: Grouping
) -> Learned:
    """Hold what would need a rule about pods that no label names."""

    def nameless(connection: Connection) -> bool:
        sides = map(grouping.subject, (connection.client, connection.server))
        pods = [peer for peer in sides if isinstance(peer, Workload)]
        return _about(connection, policed) and not all(map(selectors.can_name, pods))

    kept = [edge for edge in learned.accepted if not nameless(edge[0])]
    if len(kept) == len(learned.accepted):
        return learned
    held = (
        Held(connection=connection, reason="no label names one of the sides", evidence=evidence)
        for connection, evidence in learned.accepted
        if nameless(connection)
    )
    return learned.holding(held)


def _about(connection: Connection, policed: frozenset[str]) -> bool:
    """Whether one of the sides is in a policed namespace."""
    sides = (connection.client, connection.server)
    return any(isinstance(peer, Workload) and peer.namespace in policed for peer in sides)


def _without_refused(
    learned: Learned, policed: frozenset[str], choices: Choices, tell: Tell
) -> Learned:
    """Hold what no rule can be written or is enforced about."""
    refusals = Refusals(
        profile=choices.profile,
        inventory=learned.inventory,
        blocks=entity_blocks(learned.accepted, learned.inventory),
    )
    held = []
    for connection, evidence in learned.accepted:
        if not _about(connection, policed) or not needs_a_rule(connection, choices):
            continue
        note_names(connection, evidence.names, choices)
        name, reason = refusals.of(connection)
        if name:
            held.append(Held(connection=connection, reason=reason, evidence=evidence))
            choices.add(name, f"held: {reason}", listed(connection))
            message = f"{listed(connection)} is held: {reason}"
            tell(Notice(code="NP026", where=choices.profile.name, message=message))
    return learned.holding(held) if held else learned


def _policed(edges: Iterable[Edge], options: Options) -> frozenset[str]:
    """Namespaces with traffic, the same for every dialect; probes alone are no traffic."""
    seen = {
        peer.namespace
        for connection, _ in edges
        for peer in (connection.client, connection.server)
        if isinstance(peer, Workload) and connection.client != Entity("host")
    }
    wanted = seen if options.namespaces is None else options.namespaces
    unknown = sorted((wanted | options.exclude) - seen)
    if unknown:
        raise NetpolError(
            f"nothing was learned about the namespace {unknown[0]}",
            hint=f"traffic was seen in {', '.join(sorted(seen)) or 'none at all'}",
        )
    return frozenset(wanted - options.exclude)


def _default_deny(namespace: str) -> Policy:
    return Policy(
        name="default-deny",
        namespace=namespace,
        subject=PodSelector(in_namespace(namespace)),
        ingress=(),
        egress=(),
    )


def _named_servers(edges: Iterable[Edge], outsiders: Outsiders) -> frozenset[str]:
    """Namespaces whose pods are allowed destinations by name: their DNS must be inspected."""
    return frozenset(
        connection.client.namespace
        for connection, evidence in edges
        if isinstance(connection.client, Workload)
        and isinstance(connection.server, Cidr | Fqdn)
        and outsiders.names(connection, evidence)
    )


def _subjects(
    edges: list[Edge], policed: frozenset[str], resolving: Resolving, asked: frozenset[str]
) -> dict[Workload, tuple[list[Edge], list[Edge]]]:
    """For everyone who gets a policy the connections towards it, and its own."""
    # allow-dns is for every pod of a namespace: also for a resolver that asks a resolver.
    asking = [one for one in edges if not dns.asks(one[0], resolving.serving, asked)]
    egress = _by_side(asking, lambda connection: connection.client)
    ingress = _by_side(edges, lambda connection: connection.server)
    return {
        one: (ingress.get(one, []), egress.get(one, []))
        for one in {*egress, *ingress}
        if one.namespace in policed
    }


def _workload_policies(
    subjects: Mapping[Workload, tuple[list[Edge], list[Edge]]],
    names: Mapping[Workload, str],
    rules: Rules,
) -> Iterable[Policy]:
    for workload, (ingress, egress) in sorted(subjects.items(), key=itemgetter(0)):
        policy = Policy(
            name=names[workload],
            namespace=workload.namespace,
            subject=PodSelector(),
            ingress=rules.of(ingress, subject=workload, ingress=True),
            egress=rules.of(egress, subject=workload, ingress=False),
        )
        yield from rules.selectors.policies(workload, policy)


def _touched(policy: Policy) -> Policy:
    """The same in the directions in which it allows something; the others are not its concern."""
    return replace(policy, ingress=policy.ingress or None, egress=policy.egress or None)


def _by_side(
    edges: Iterable[Edge], side: Callable[[Connection], object]
) -> dict[Workload, list[Edge]]:
    groups: dict[Workload, list[Edge]] = defaultdict(list)
    for edge in edges:
        workload = side(edge[0])
        if isinstance(workload, Workload):
            groups[workload].append(edge)
    return groups

"""The smallest allow-list for what was observed, on top of default deny.

Per namespace: ``default-deny`` and ``allow-dns``. Per workload: one policy with the fewest rules
``peers × ports`` that cover what was accepted and nothing else. The result is a neutral PolicySet
in what the given profile can say; everything it contains was observed, or is a declared need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from netpol.choices import Choices, Named
from netpol.families import families, in_family, only
from netpol.graph import Connection, Evidence
from netpol.learn import Learned
from netpol.notices import Notice, Tell
from netpol.parties import entity_blocks
from netpol.peers import Cidr, Entity, Fqdn, Workload
from netpol.policy import PolicySet
from netpol.profile import Profile
from netpol.synthesize import dns
from netpol.synthesize.builder import Edge, Selectors
from netpol.synthesize.levels import LEVELS, Grouping, Level
from netpol.synthesize.names import object_names
from netpol.synthesize.options import Options, Synthesis
from netpol.synthesize.outside import Outsiders
from netpol.synthesize.patterns import Patterns
from netpol.synthesize.refused import Refusals, needs_a_rule
from netpol.synthesize.resolving import Resolving
from netpol.synthesize.rules import Rules
from netpol.synthesize.scope import (
    kept_apart,
    policed_namespaces,
    promised_calls,
    without_nameless,
    without_refused,
    without_world,
)
from netpol.synthesize.spaces import Spaces
from netpol.synthesize.subjects import (
    default_deny,
    joined,
    subjects_of,
    touched,
    workload_policies,
)
from netpol.synthesize.through import Through
from netpol.synthesize.widening import Bound

__all__ = ["LEVELS", "Bound", "Level", "Options", "Patterns", "Synthesis", "synthesize"]


def synthesize(learned: Learned, profile: Profile, options: Options, tell: Tell) -> Synthesis:
    """Policies for everything accepted in ``learned``.

    Raises NetpolError for a namespace in the options in which nobody was seen.
    """
    policed = policed_namespaces(learned, options)
    choices = Choices(profile=profile)
    learned = without_refused(learned, policed, choices, tell)
    learned = without_world(learned, policed, options, profile, tell)
    grouping = Grouping.of(options.level, learned.inventory, kept_apart(learned, policed, options))
    inventory = grouping.inventory
    spaces = Spaces(keys=options.namespace_labels, inventory=inventory, choices=choices)
    selectors = Selectors(inventory=inventory, profile=profile, tell=tell, spaces=spaces)
    learned = without_nameless(learned, policed, selectors, grouping)
    edges = [edge for edge in learned.accepted if needs_a_rule(edge[0], choices)]
    refusals = Refusals(profile=profile, inventory=learned.inventory)
    found = dns.resolvers(edges, learned.inventory) if options.dns else {}
    serving = {one: ports for one, ports in found.items() if not refusals.unreachable(one)}
    asking = dns.clients(serving, inventory, policed)
    declared = (
        dns.needs(edges, learned.inventory, policed) if options.dns else frozenset[Connection]()
    )
    calls = promised_calls(learned, policed, options, choices, tell)
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
    subjects = subjects_of(own, policed, resolving, asked)
    promised = subjects_of(
        grouping.edges((one, Evidence()) for one in calls), policed, resolving, asked
    )
    apart = {one: f"{name}-declared" for one, name in object_names(sorted(promised)).items()}
    taken = [(one.namespace, name) for one, name in (*resolving.names().items(), *apart.items())]
    taken += selectors.parts(subjects)
    into = joined(subjects, selectors)
    own_names = object_names(sorted(set(into.values())), taken)
    names = {one: own_names[first] for one, first in into.items()}
    policies = PolicySet(
        policies=(
            *(default_deny(namespace) for namespace in sorted(policed)),
            *resolving.ask(_named_servers(own, outsiders)),
            *resolving.serve(),
            *map(touched, workload_policies(promised, apart, rules)),
            *workload_policies(subjects, names, rules),
        )
    )
    _tell_unused(options.patterns, outsiders, tell)
    spaces.tell_unused(tell)
    allowed = (*learned.accepted, *((one, Evidence()) for one in (*declared, *calls)))
    return Synthesis(
        policies=policies,
        learned=learned,
        policed=policed,
        declared=declared | calls.keys(),
        calls=calls,
        siblings=grouping.siblings(selectors.shared, allowed, choices.all()),
        choices=grouping.spelled_out(choices.all()),
        generalised=grouping.generalised(allowed),
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
                told = evidence.names or evidence.claimed  # a comment may well say what clients say
                told = frozenset({peer.name}) if isinstance(peer, Fqdn) else told
                yield Named(
                    policy=(subject.namespace, names[subject]),
                    block=peer.cidr if isinstance(peer, Cidr) else "",
                    names=told,
                )


def _tell_unused(wanted: Patterns, outsiders: Outsiders, tell: Tell) -> None:
    """Patterns of the user's that stand for nothing (NP056)."""
    for pattern in set(wanted.chosen) - {one.pattern for one in outsiders.patterned}:
        tell(Notice(code="NP056", message=f"{pattern} is in no rule"))


def _named_servers(edges: Iterable[Edge], outsiders: Outsiders) -> frozenset[str]:
    """Namespaces whose pods are allowed destinations by name: their DNS must be inspected."""
    return frozenset(
        connection.client.namespace
        for connection, evidence in edges
        if isinstance(connection.client, Workload)
        and isinstance(connection.server, Cidr | Fqdn)
        and outsiders.names(connection, evidence)
    )
